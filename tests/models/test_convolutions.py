import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stclr_jax.models import convolutions

CASES = [
  ((1, 3, 3), (1, 1, 1)),
  ((1, 3, 3), (1, 2, 2)),
  ((3, 1, 1), (1, 1, 1)),
  ((3, 1, 1), (2, 1, 1)),
  ((3, 3, 3), (1, 1, 1)),
  ((3, 3, 3), (2, 2, 2)),
  ((1, 7, 7), (1, 2, 2)),
  ((3, 7, 7), (1, 2, 2)),
  ((1, 1, 1), (2, 2, 2)),
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


def make_case(kernel_size, dtype=np.float32, seed=0):
  rng = np.random.default_rng(seed)
  x = rng.standard_normal((2, 5, 6, 7, 3)).astype(dtype)
  kernel = rng.standard_normal((*kernel_size, 3, 4)).astype(dtype)
  return x, kernel


@pytest.mark.parametrize('lowering', ['im2col', 'convolution'])
@pytest.mark.parametrize('kernel_size,strides', CASES)
def test_convolve_equals_definition(kernel_size, strides, lowering):
  x, kernel = make_case(kernel_size)
  convolve = jax.jit(
    functools.partial(convolutions.convolve, strides=strides, lowering=lowering)
  )
  y = convolve(x, kernel)
  expected = convolve_numpy(x, kernel, strides)
  np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('kernel_size,strides', CASES)
def test_lowerings_have_equal_gradients(kernel_size, strides, float64):
  x, kernel = make_case(kernel_size, np.float64)

  def loss(x, kernel, lowering):
    y = convolutions.convolve(x, kernel, strides=strides, lowering=lowering)
    return jnp.sum(jnp.sin(y))

  gradient = jax.jit(jax.grad(loss, (0, 1)), static_argnums=2)
  by_columns = gradient(x, kernel, 'im2col')
  by_xla = gradient(x, kernel, 'convolution')
  for a, b in zip(by_columns, by_xla, strict=True):
    assert a.dtype == np.float64
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_auto_avoids_columns_that_fill_the_memory(monkeypatch):
  x, kernel = make_case((1, 3, 3))
  programs = {}
  for limit in (0, 2**30):
    monkeypatch.setattr(convolutions, 'CACHED_COLUMNS_BYTES', limit)

    def convolve(x, kernel):
      return convolutions.convolve(x, kernel)

    programs[limit] = str(jax.make_jaxpr(convolve)(x, kernel))
  assert 'conv_general_dilated' in programs[0]
  assert 'conv_general_dilated' not in programs[2**30]


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
