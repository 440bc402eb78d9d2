import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from stclr_jax.models import convolutions
from stclr_jax.models import convolutions_cpu
from stclr_jax.models import convolutions_xla

KERNELS = [
  ((1, 3, 3), (1, 1, 1)),
  ((1, 3, 3), (1, 2, 2)),
  ((3, 1, 1), (1, 1, 1)),
  ((3, 1, 1), (2, 1, 1)),
  ((3, 3, 3), (2, 2, 2)),
  ((1, 7, 7), (1, 2, 2)),
  ((1, 1, 1), (2, 2, 2)),
  ((3, 3, 1), (1, 1, 2)),
]
SHAPE = (2, 5, 6, 7)
# (kernel, strides, shape): each kernel, and what is treated in its own way.
CASES = [(*case, SHAPE) for case in KERNELS] + [
  ((1, 3, 3), (1, 1, 1), (2, 3, 4, 3)),  # tiny images
  ((1, 3, 3), (1, 2, 2), (2, 3, 5, 4)),
  ((3, 1, 1), (1, 1, 1), (3, 2, 5, 4)),  # few frames
  ((3, 1, 1), (2, 1, 1), (3, 2, 5, 4)),
  ((3, 1, 1), (1, 1, 1), (2, 1, 5, 5)),
  ((3, 7, 7), (1, 2, 2), (1, 4, 8, 6)),  # foldable
]


def convolve_numpy(x, kernel, strides):
  """One output position at a time, straight from the definition."""
  b, t, h, w, _ = x.shape
  half = [k // 2 for k in kernel.shape[:3]]
  padded = np.pad(x, ((0, 0), *((p, p) for p in half), (0, 0)))
  out = [-(-n // s) for n, s in zip((t, h, w), strides, strict=True)]
  y = np.zeros((b, *out, kernel.shape[-1]))
  for position in itertools.product(*map(range, out)):
    window = tuple(
      slice(i * s, i * s + k)
      for i, s, k in zip(position, strides, kernel.shape[:3], strict=True)
    )
    y[:, *position] = np.tensordot(padded[:, *window], kernel, 4)
  return y


def make_case(kernel_size, dtype=np.float32, shape=SHAPE, features=4):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((*shape, 3)).astype(dtype)
  kernel = rng.standard_normal((*kernel_size, 3, features)).astype(dtype)
  return x, kernel


@pytest.fixture(params=['im2col', 'im2col of dy, chunked', 'convolution'])
def case(request, monkeypatch):
  """A lowering, and fewer or more features than the input has."""
  if 'chunked' not in request.param:
    return request.param, 4
  monkeypatch.setattr(convolutions_cpu, 'CHUNK_BYTES', 2**11)
  return 'im2col', 2


@pytest.mark.parametrize('lowering', ['im2col', 'convolution'])
@pytest.mark.parametrize('kernel_size,strides,shape', CASES)
def test_convolve_equals_definition(kernel_size, strides, shape, lowering):
  x, kernel = make_case(kernel_size, shape=shape)
  y = convolutions.convolve(x, kernel, strides=strides, lowering=lowering)
  expected = convolve_numpy(x, kernel, strides)
  np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def plain_convolve(x, kernel, strides):
  return lax.conv_general_dilated(
    x,
    kernel,
    strides,
    [(k // 2, k // 2) for k in kernel.shape[:3]],
    dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'),
  )


@pytest.mark.parametrize('kernel_size,strides,shape', CASES)
def test_gradients_equal_plain_convolutions(
  kernel_size, strides, shape, case, float64
):
  lowering, features = case
  x, kernel = make_case(kernel_size, np.float64, shape, features)

  def gradients(convolve):
    def loss(x, kernel):
      return jnp.sum(jnp.sin(convolve(x, kernel, strides=strides)))

    return jax.jit(jax.grad(loss, (0, 1)))(x, kernel)

  ours = gradients(functools.partial(convolutions.convolve, lowering=lowering))
  for a, b in zip(ours, gradients(plain_convolve), strict=True):
    assert a.dtype == np.float64
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def primitives(jaxpr):
  for equation in jaxpr.eqns:
    yield equation.primitive.name, [v.aval for v in equation.invars]
    for value in jax.tree.leaves(
      equation.params, is_leaf=lambda p: hasattr(p, 'eqns')
    ):
      if hasattr(value, 'eqns'):
        yield from primitives(value)
      elif hasattr(value, 'jaxpr'):
        yield from primitives(value.jaxpr)


def test_a_cpu_takes_the_gradient_of_kernels_by_matrix_products():
  x, kernel = jnp.ones((2, 3, 9, 9, 8)), jnp.ones((1, 3, 3, 8, 16))

  def kernel_gradient(x, kernel, lowering):
    return jax.grad(
      lambda k: convolutions.convolve(x, k, lowering=lowering).sum()
    )(kernel)

  def names(lowering):
    jaxpr = jax.make_jaxpr(kernel_gradient, static_argnums=2)
    return [n for n, _ in primitives(jaxpr(x, kernel, lowering).jaxpr)]

  # The default device of the tests is a CPU.
  assert names('auto') == names('im2col')
  assert names('convolution').count('conv_general_dilated') == 2
  assert 'dot_general' in names('auto')
  assert names('auto').count('conv_general_dilated') < 3


def test_columns_are_gathered_a_chunk_at_a_time(monkeypatch):
  monkeypatch.setattr(convolutions_cpu, 'CHUNK_BYTES', 2**16)
  for shape, kernel_size in [
    ((64, 8, 8, 16), (3, 3, 16, 24)),
    ((2, 8, 256, 16), (3, 1, 16, 24)),
  ]:
    x, dy = jnp.ones(shape), jnp.ones((*shape[:3], 24))
    jaxpr = jax.make_jaxpr(
      lambda x, dy, k=kernel_size: convolutions_cpu.kernel_gradient(
        x, dy, k, (1, 1)
      )
    )(x, dy)
    columns = [
      avals for name, avals in primitives(jaxpr.jaxpr) if name == 'dot_general'
    ]
    assert columns
    for avals in columns:
      assert all(4 * aval.size <= 2**16 for aval in avals)


@pytest.mark.parametrize(
  'kernel_size,strides,shape',
  [
    ((1, 7, 7), (1, 2, 2), (2, 3, 8, 6)),
    ((1, 5, 5), (1, 2, 2), (2, 3, 8, 6)),
    ((1, 3, 3), (1, 2, 2), (2, 3, 4, 10)),
    ((3, 7, 7), (1, 2, 2), (2, 5, 8, 6)),
    ((3, 7, 7), (2, 2, 2), (2, 4, 8, 6)),
  ],
)
def test_folding_changes_nothing(
  kernel_size, strides, shape, float64, monkeypatch
):
  x, kernel = make_case(kernel_size, np.float64, shape)

  def value_and_gradient():
    def loss(kernel):
      return jnp.sum(
        jnp.sin(
          convolutions.convolve(
            x, kernel, strides=strides, lowering='convolution'
          )
        )
      )

    return jax.value_and_grad(loss)(kernel)

  folded = value_and_gradient()
  monkeypatch.setattr(convolutions_xla, 'FOLDED_CHANNELS', 0)
  plain = value_and_gradient()
  for a, b in zip(folded, plain, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_folded_channels_fill_tensor_cores():
  x, kernel = make_case((1, 7, 7), shape=(1, 2, 8, 8))
  jaxpr = jax.make_jaxpr(
    lambda x, k: convolutions.convolve(
      x, k, strides=(1, 2, 2), lowering='convolution'
    )
  )(x, kernel)
  ((image, _),) = [
    avals
    for name, avals in primitives(jaxpr.jaxpr)
    if name == 'conv_general_dilated'
  ]
  assert image.shape == (2, 4, 4, 16)


def test_unknown_lowering_is_refused():
  x, kernel = make_case((1, 3, 3))
  with pytest.raises(ValueError, match="lowering.*'fast'.*im2col"):
    convolutions.convolve(x, kernel, lowering='fast')


def test_kernels_are_he_normal_over_fan_out():
  conv = convolutions.Conv(256, (1, 3, 3))
  params = conv.init(jax.random.key(0), jnp.zeros((1, 1, 4, 4, 64)))['params']
  expected = np.sqrt(2 / (256 * 9))
  assert abs(float(params['kernel'].std()) / expected - 1) < 0.02
  # Not truncated: torch's kaiming_normal_ has tails.
  assert float(jnp.abs(params['kernel']).max()) > 3.5 * expected
