"""Directions of embeddings, and the loss that is made of them, at any length.

The oracle is the definition in float64, differentiated by JAX there: its
squares are good to lengths of 1e150.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stclr_jax.learning import losses
from stclr_jax.learning import unit_vectors

# 4e12: from here on the power 3/2 of a square is beyond float32; 2e19: the
# square itself.
LENGTHS = (1e-30, 1e-20, 1e-6, 1.0, 1e3, 4e12, 2e19, 1e30)


def make_embeddings(n=6, d=8, seed=0):
  random = np.random.default_rng(seed)
  return random.standard_normal((2, n, d)).astype(np.float32)


def plain_loss(z_1, z_2, temperature=0.1):
  """Eq. (1) as it is written."""
  z = jnp.concatenate([z_1, z_2])
  z = z / jnp.linalg.norm(z, axis=-1, keepdims=True)
  similarity = z @ z.T / temperature
  others = jnp.where(jnp.eye(len(z), dtype=bool), -jnp.inf, similarity)
  positive = jnp.roll(jnp.arange(len(z)), len(z_1))
  own = similarity[jnp.arange(len(z)), positive]
  return (jax.nn.logsumexp(others, axis=-1) - own).mean()


def our_loss(z_1, z_2):
  return losses.nt_xent(z_1, z_2, 0.1).mean()


def in_float64(function, *arguments):
  with jax.enable_x64(True):
    return function(*(jnp.asarray(a, jnp.float64) for a in arguments))


@pytest.mark.parametrize('length', LENGTHS)
def test_loss_and_gradient_are_right_at_any_length(length):
  z_1, z_2 = make_embeddings()
  z_1 = (z_1 * np.float64(length)).astype(np.float32)
  both = jax.value_and_grad(our_loss, (0, 1))
  loss, gradients = both(z_1, z_2)
  plain = jax.value_and_grad(plain_loss, (0, 1))
  expected, expected_gradients = in_float64(plain, z_1, z_2)
  np.testing.assert_allclose(loss, expected, rtol=1e-6)
  for found, wanted in zip(gradients, expected_gradients, strict=True):
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(
      found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max()
    )


def test_lengths_of_one_batch_may_differ():
  z_1, z_2 = make_embeddings()
  lengths = np.asarray(LENGTHS[: len(z_1)], np.float64)[:, None]
  scaled = (z_1 * lengths).astype(np.float32)
  np.testing.assert_allclose(
    unit_vectors.normalize(scaled),
    z_1 / np.linalg.norm(z_1, axis=-1, keepdims=True),
    rtol=1e-6,
  )
  gradient = jax.grad(our_loss)(scaled, z_2)
  # The longer a vector, the less a change of it turns it.
  np.testing.assert_allclose(
    np.asarray(gradient, np.float64) * lengths,
    jax.grad(our_loss)(z_1, z_2),
    atol=1e-6,
  )


@pytest.mark.parametrize('power', [-100, -7, 1, 100])
def test_a_power_of_two_changes_no_bit(power):
  z, _ = make_embeddings()
  np.testing.assert_array_equal(
    unit_vectors.normalize(np.ldexp(z, power)), unit_vectors.normalize(z)
  )


def test_zeros_stay_zeros_and_what_is_not_finite_is_seen():
  z = np.zeros((3, 4), np.float32)
  assert not np.asarray(unit_vectors.normalize(z)).any()
  for value in (np.nan, np.inf):
    z[1, 2] = value
    lost = ~np.isfinite(np.asarray(unit_vectors.normalize(z)))
    assert lost.any(-1).tolist() == [False, True, False]
