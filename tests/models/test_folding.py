import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stclr_jax.models import architectures
from stclr_jax.models import folding
from stclr_jax.models.encoders import Encoder

CLIPS = (2, 4, 16, 20, 3)


def make_trained(architecture, dtype=np.float32, **options):
  """An encoder as training leaves it: no batch norm is the identity."""
  encoder = Encoder(
    architecture, width=1 / 16, dtype=dtype, epsilon=1e-3, **options
  )
  key = jax.random.key(0)
  clips = jnp.zeros(CLIPS, dtype)
  shapes = jax.eval_shape(lambda: encoder.init(key, clips, train=False))
  random = np.random.default_rng(0)

  def draw(path, leaf):
    low, high = {'mean': (-1, 1), 'var': (0.1, 4), 'bias': (-1, 1)}.get(
      path[-1].key, (-0.5, 1)
    )
    return random.uniform(low, high, leaf.shape).astype(dtype)

  return encoder, jax.tree_util.tree_map_with_path(draw, shapes)


def compare(architecture, dtype, **options):
  encoder, variables = make_trained(architecture, dtype, **options)
  clips = np.random.default_rng(1).normal(size=CLIPS).astype(dtype)
  folded, kernels = folding.fold(encoder, variables)
  assert set(kernels) == {'params'}
  h, again = (
    jax.jit(lambda v, x, e=one: e.apply(v, x, train=False))(values, clips)
    for one, values in ((encoder, variables), (folded, kernels))
  )
  return np.asarray(h), np.asarray(again)


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_a_folded_encoder_computes_the_same(architecture, shallow_encoder):
  for options in ({}, {'channel_multiple': 8}):
    h, again = compare(architecture, np.float32, **options)
    assert h.std() > 0.1  # nothing is dead
    np.testing.assert_allclose(again, h, rtol=1e-5, atol=1e-5 * abs(h).max())


def test_in_float64_it_is_the_same_to_rounding(shallow_encoder, float64):
  h, again = compare('r2plus1d_18', np.float64)
  np.testing.assert_allclose(again, h, rtol=1e-12)


def test_it_cannot_be_trained(shallow_encoder):
  folded, kernels = folding.fold(*make_trained('r3d_18'))
  with pytest.raises(ValueError, match='folded.*cannot be trained'):
    folded.apply(kernels, jnp.zeros(CLIPS), train=True)
