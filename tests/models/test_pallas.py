"""Kernels of our own beside the operations that they stand for, on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.models import architectures
from stclr_jax.models import blocks as residual_blocks
from stclr_jax.models import convolutions
from stclr_jax.models import encoders
from stclr_jax.models import normalization
from stclr_jax.models.kernels import block_sizes
from stclr_jax.models.kernels import temporal_products
from stclr_jax.models.kernels import temporal_weights
from stclr_jax.models.kernels import tiles
from stclr_jax.models.kernels.blocks import Blocks
from stclr_jax.models.kernels.blocks import Geometry
from stclr_jax.models.kernels.blocks import WeightBlocks
from stclr_jax.models.kernels.normalized_convolution import Settings
from stclr_jax.models.kernels.normalized_convolution import (
  normalize_and_convolve,
)

EPSILON = 1e-5


def random(shape, seed, dtype='float32'):
  values = np.random.default_rng(seed).standard_normal(shape)
  return jnp.asarray(values.astype('float32')).astype(dtype)


def make_problem(shape, features, extent, dtype):
  """x, scale, bias, kernel; two channels are padding, as between blocks."""
  c = shape[-1]
  is_own = jnp.arange(c) < c - 2
  x = jnp.where(is_own, random(shape, 0) * 2 + 0.5, 0).astype(dtype)
  scale = jnp.where(is_own, random((c,), 1) + 1, 0)
  bias = jnp.where(is_own, random((c,), 2), 0)
  kernel = random((extent, c, features), 3, dtype) / c**0.5
  return x, scale, bias, jnp.where(is_own[:, None], kernel, 0).astype(dtype)


def ours(x, scale, bias, kernel, *, stride, axis_name=None):
  mean, var = normalization.batch_statistics(x, axis_name=axis_name)
  return normalize_and_convolve(
    x, mean, var, scale, bias, kernel, Settings(EPSILON, stride, axis_name)
  )


def plain(x, scale, bias, kernel, *, stride, axis_name=None):
  x, _, _ = normalization.normalize_batch(
    x, scale, bias, None, EPSILON, True, axis_name
  )
  y = convolutions.convolve(
    x, kernel[:, None, None], strides=(stride, 1, 1), lowering='convolution'
  )
  values = y.astype(jnp.float32)
  axes = tuple(range(y.ndim - 1))
  moments = jnp.stack([values.mean(axes), jnp.square(values).mean(axes)])
  return y, moments


def run_with_gradients(f, arguments):
  def run(arguments, dy):
    (y, moments), pull = jax.vjp(f, *arguments)
    return y, moments, pull((dy.astype(y.dtype), jnp.zeros_like(moments)))

  y = jax.eval_shape(f, *arguments)[0]
  return jax.jit(run)(arguments, random(y.shape, 9))


def check(found, expected, dtype):
  # Of bfloat16, a result on the border of two is rounded one way or the other.
  tolerance = 2e-5 if dtype == 'float32' else 2e-2
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    assert a.dtype == b.dtype
    a, b = (np.asarray(v, 'float64') for v in (a, b))
    np.testing.assert_allclose(a, b, atol=tolerance * np.abs(b).max())


CASES = [
  # clips, frames, height, width, channels, features, taps, stride
  ((2, 2, 6, 7, 24), 12, 3, 1, 'float32'),
  ((1, 7, 5, 3, 18), 16, 3, 2, 'float32'),
  ((2, 1, 3, 3, 10), 8, 3, 1, 'bfloat16'),
  ((1, 16, 5, 5, 34), 20, 3, 1, 'bfloat16'),
]
MORE_CASES = [
  ((2, frames, 4, 5, 24), 20, 3, stride, dtype)
  for frames in (1, 2, 3, 4, 5, 8, 9, 16)
  for stride in (1, 2)
  for dtype in ('float32', 'bfloat16')
] + [((2, 9, 4, 5, 24), 20, taps, 2, 'float32') for taps in (1, 5)]


def check_case(shape, features, extent, stride, dtype):
  arguments = make_problem(shape, features, extent, dtype)
  found, expected = (
    run_with_gradients(lambda *a, f=f: f(*a, stride=stride), arguments)
    for f in (ours, plain)
  )
  check(found, expected, dtype)


@pytest.mark.parametrize('case', CASES, ids=str)
def test_outputs_and_all_gradients_are_those_of_the_operations(case):
  check_case(*case)


@pytest.mark.slow
@pytest.mark.parametrize('case', MORE_CASES, ids=str)
def test_every_number_of_frames(case):
  check_case(*case)


def test_statistics_and_gradients_over_devices():
  x, *parameters = make_problem((4, 3, 3, 3, 10), 8, 3, 'float32')
  parts = x.reshape(2, 2, *x.shape[1:])

  def spread(f):
    def run(part):
      return run_with_gradients(
        lambda *a: f(*a, stride=1, axis_name='devices'), (part, *parameters)
      )

    return jax.vmap(run, axis_name='devices')(parts)

  check(spread(ours), spread(plain), 'float32')


# Pixels, channels, and chunks that fill no block; both ways to fetch kernels.
@pytest.mark.parametrize('resident', [True, False])
def test_blocks_change_nothing(resident):
  geometry = Geometry(2, 6, 13, 40, 24, 3, 1)
  x, kernel = random((2, 6, 13, 40), 0), random((3, 40, 24), 1)
  dy = random((2, 6, 13, 24), 2)
  norm = tiles.Normalization(*(random((40,), seed) for seed in range(3, 7)))

  def run(blocks, weight_blocks):
    return jax.jit(
      lambda: (
        temporal_products.convolve(
          x, norm, kernel, geometry, blocks, interpret=True
        ),
        temporal_products.input_gradient(
          dy, x, norm, kernel, geometry, blocks, interpret=True
        ),
        temporal_weights.kernel_gradient(
          x, dy, norm, geometry, weight_blocks, interpret=True
        ),
      )
    )()

  small = run(
    Blocks(16, 16, 16, resident, 4, 2), WeightBlocks(16, 16, 16, 9, 4, 2)
  )
  large = run(Blocks(32, 64, 64, True, 4, 2), WeightBlocks(32, 64, 64, 1, 4, 2))
  check(small, large, 'float32')


def train_block(kernels, channel_multiple=8):
  """A residual block of (2+1)D convolutions: outputs, statistics, gradients."""
  stage = architectures.Stage(8, 1, architectures.convolution_2plus1d)
  block = residual_blocks.ResidualBlock(
    architectures.make_block('block', stage, 6, 2),
    channel_multiple,
    convolutions.Conv,
    normalization.BatchNorm,
    kernels == 'pallas',
  )
  x = random((2, 3, 6, 6, 6), 0)
  variables = block.init(jax.random.key(0), x, train=False)

  def loss(params, x):
    y, moved = block.apply(
      {**variables, 'params': params}, x, train=True, mutable=['batch_stats']
    )
    return (y * random(y.shape, 1)).sum(), (y, moved)

  return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(variables['params'], x)


def test_a_block_learns_the_same():
  check(train_block('pallas'), train_block('xla'), 'float32')


@pytest.mark.slow
@pytest.mark.usefixtures('float64')
@pytest.mark.parametrize('remat', ['none', 'batch_norm', 'block'])
def test_an_encoder_learns_the_same(remat):
  # In float64: batch norms magnify what rounding leaves.
  clips = random((3, 4, 24, 24, 3), 0).astype('float64')
  plain = encoders.Encoder(
    width=1 / 16, channel_multiple=8, dtype=jnp.float64, lowering='convolution'
  )
  variables = plain.init(jax.random.key(0), clips, train=False)

  def learn(encoder):
    def loss(params):
      h, moved = encoder.apply(
        {**variables, 'params': params},
        clips,
        train=True,
        mutable=['batch_stats'],
      )
      return (h * random(h.shape, 1)).sum(), moved

    return jax.jit(jax.grad(loss, has_aux=True))(variables['params'])

  ours = plain.clone(kernels='pallas', remat=remat)
  for a, b in zip(
    jax.tree.leaves(learn(ours)), jax.tree.leaves(learn(plain)), strict=True
  ):
    np.testing.assert_allclose(a, b, atol=1e-8 * np.abs(b).max())


def test_groups_and_evaluation_are_left_to_xla():
  x = random((2, 1, 2, 2, 3), 0)
  for groups, train in ((2, True), (1, False)):
    norm = normalization.BatchNorm(groups=groups)
    variables = norm.init(jax.random.key(0), x, train=False)
    y, _ = norm.apply(
      variables, x, train=train, relu=True, defer=True, mutable=['batch_stats']
    )
    assert isinstance(y, jax.Array)


def test_other_kernels_and_devices_are_refused():
  clips = jnp.zeros((1, 2, 16, 16, 3))
  with pytest.raises(UserError, match=r'kernels.*xla, pallas'):
    encoders.Encoder(kernels='cuda').init(jax.random.key(0), clips, train=False)
  with targets.compiling_for('tpu'), pytest.raises(UserError, match='tpu'):
    jax.eval_shape(
      lambda *a: ours(*a, stride=1),
      *make_problem((1, 2, 3, 3, 10), 8, 3, 'float32'),
    )


def test_narrow_networks_have_no_block_beyond_their_channels():
  geometry = Geometry(1, 4, 9, 10, 4, 3, 1)
  assert block_sizes.forward(geometry)[1:3] == (16, 16)
  assert block_sizes.kernel_gradient(geometry)[1:3] == (16, 16)
