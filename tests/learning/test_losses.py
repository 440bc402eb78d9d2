import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from stclr_jax.learning import losses
from stclr_jax.learning.negatives import Negatives


def make_embeddings(n=6, d=5, seed=0, dtype=np.float32):
  rng = np.random.default_rng(seed)
  return rng.standard_normal((2, n, d)).astype(dtype)


def nt_xent_numpy(z_1, z_2, temperature):
  """Eq. (1), one embedding at a time."""
  z = np.concatenate([z_1, z_2]).astype(np.float64)
  n = len(z_1)
  cosine = [
    [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in z] for a in z
  ]
  loss = []
  for i in range(2 * n):
    positive = (i + n) % (2 * n)
    others = [cosine[i][k] / temperature for k in range(2 * n) if k != i]
    loss.append(
      np.log(np.sum(np.exp(others))) - cosine[i][positive] / temperature
    )
  return np.array(loss)


@pytest.mark.parametrize('temperature', [0.1, 0.5, 1.0])
def test_nt_xent_equals_a_loop(temperature):
  z_1, z_2 = make_embeddings()
  loss = losses.nt_xent(z_1, z_2, temperature)
  assert loss.dtype == jnp.float32 and loss.shape == (12,)
  np.testing.assert_allclose(
    loss, nt_xent_numpy(z_1, z_2, temperature), rtol=1e-5, atol=1e-6
  )


def test_nt_xent_equals_optax():
  z_1, z_2 = make_embeddings(n=8, d=16)
  labels = jnp.tile(jnp.arange(8), 2)
  # optax broadcasts ranks inside.
  with jax.numpy_rank_promotion('allow'):
    expected = optax.losses.ntxent(jnp.concatenate([z_1, z_2]), labels, 0.07)
  ours = losses.nt_xent(z_1, z_2, 0.07).mean()
  np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.parametrize('dtype', [jnp.float16, jnp.bfloat16])
def test_small_temperatures_do_not_overflow(dtype):
  # exp(1 / 0.01) is infinite in float16, and in float32 too.
  z_1, z_2 = make_embeddings().astype(dtype)
  loss, gradient = jax.value_and_grad(
    lambda z: losses.nt_xent(z, z_2, 0.01).mean()
  )(z_1)
  assert loss.dtype == jnp.float32
  assert np.isfinite(loss) and np.isfinite(gradient.astype(np.float32)).all()


def test_loss_does_not_cast_down(float64):
  z_1, z_2 = make_embeddings(dtype=np.float64)
  loss = losses.nt_xent(z_1, z_2, 0.1)
  assert loss.dtype == jnp.float64
  np.testing.assert_allclose(loss, nt_xent_numpy(z_1, z_2, 0.1), rtol=1e-12)


def test_zero_embeddings_have_a_finite_gradient():
  z_1, z_2 = make_embeddings()
  z_1[0] = 0
  gradient = jax.grad(lambda z: losses.nt_xent(z, z_2, 0.1).mean())(z_1)
  assert np.isfinite(gradient).all()


def test_perfect_and_collapsed_embeddings():
  eye = jnp.eye(8)
  perfect = losses.contrast(eye, eye, 0.05)
  assert perfect.correct.all() and float(perfect.loss.max()) < 1e-6
  ones = jnp.ones((8, 4))
  collapsed = losses.contrast(ones, ones, 0.05)
  np.testing.assert_allclose(collapsed.loss, np.log(15), rtol=1e-5)


@pytest.mark.parametrize(
  'devices', [*(pytest.param(n, marks=pytest.mark.slow) for n in (2, 4)), 8]
)
def test_devices_see_the_global_batch(devices, float64):
  z = make_embeddings(n=16, dtype=np.float64)

  def loss_of_parts(z):
    parts = z.reshape(2, devices, -1, z.shape[-1])
    per_device = functools.partial(
      losses.nt_xent, temperature=0.1, axis_name='devices'
    )
    return jax.vmap(per_device, axis_name='devices')(*parts)

  def loss_of_whole(z):
    return losses.nt_xent(z[0], z[1], 0.1)

  parts = loss_of_parts(z).reshape(devices, 2, -1).swapaxes(0, 1).reshape(-1)
  np.testing.assert_allclose(parts, loss_of_whole(z), rtol=1e-12)
  np.testing.assert_allclose(
    jax.grad(lambda z: loss_of_parts(z).mean())(z),
    jax.grad(lambda z: loss_of_whole(z).mean())(z),
    rtol=1e-9,
    atol=1e-12,
  )


@pytest.mark.parametrize('temperature', [0, 0.0, -0.1, float('nan')])
def test_impossible_temperatures_are_refused(temperature):
  z_1, z_2 = make_embeddings()
  with pytest.raises(ValueError, match='temperature.*must be positive'):
    losses.nt_xent(z_1, z_2, temperature)


def test_unpaired_embeddings_are_refused():
  with pytest.raises(ValueError, match=r'\(3, 4\).*\(2, 4\)'):
    losses.nt_xent(jnp.ones((3, 4)), jnp.ones((2, 4)), 0.1)


def test_cross_entropy_is_the_log_probability():
  logits = np.array([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]], np.float32)
  labels = np.array([0, 2])
  expected = -np.log(
    (np.exp(logits) / np.exp(logits).sum(1, keepdims=True))[[0, 1], labels]
  )
  np.testing.assert_allclose(
    losses.cross_entropy(logits, labels), expected, rtol=1e-6
  )


@pytest.mark.parametrize('name', losses.CONTRASTIVE_LOSSES)
def test_every_registered_loss_can_be_a_steps(name):
  kind = losses.CONTRASTIVE_LOSSES[name]

  def make(temperature, groups):
    return kind(temperature, Negatives(groups))

  # Equal ones share a compiled step, see `compiled_steps`.
  assert make(0.1, 2) == make(0.1, 2) != make(0.2, 2)
  assert hash(make(0.1, 2)) == hash(make(0.1, 2))
  z_1, z_2 = np.random.default_rng(0).standard_normal((2, 4, 3))
  found = make(0.1, 1)(z_1, z_2, axis_name=None)
  assert found.loss.shape == found.correct.shape == (8,)
  # A group of negatives is a batch by itself.
  halves = [make(0.1, 1)(z_1[h], z_2[h]) for h in np.split(np.arange(4), 2)]
  grouped = make(0.1, 2)(z_1, z_2)
  for i, values in enumerate(grouped):
    expected = np.stack([half[i].reshape(2, 2) for half in halves], axis=1)
    np.testing.assert_allclose(values, expected.reshape(-1), rtol=1e-5)
  with pytest.raises(ValueError, match='`temperature` .=0. must be positive'):
    make(0, 1)
