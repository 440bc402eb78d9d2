import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax.models.normalization import BatchNorm


def make_input(seed=0, shape=(4, 2, 3, 5, 6)):
  rng = np.random.default_rng(seed)
  return (3 * rng.standard_normal(shape) + 1.5).astype(np.float32)


def test_train_mode_follows_torch():
  x = make_input()
  norm = BatchNorm()
  variables = norm.init(jax.random.key(0), x, train=False)
  y, updated = norm.apply(variables, x, train=True, mutable=['batch_stats'])
  flat = x.reshape(-1, 6).astype(np.float64)
  mean, var = flat.mean(0), flat.var(0)
  expected = (x - mean) / np.sqrt(var + 1e-5)
  np.testing.assert_allclose(y, expected, atol=2e-5)
  # torch's momentum 0.1, and its unbiased running variance.
  stats = updated['batch_stats']
  np.testing.assert_allclose(stats['mean'], 0.1 * mean, rtol=1e-5)
  np.testing.assert_allclose(
    stats['var'], 0.9 + 0.1 * flat.var(0, ddof=1), rtol=1e-5
  )


def test_eval_mode_uses_running_statistics_and_moves_nothing():
  x = make_input()
  norm = BatchNorm()
  variables = {
    'params': {'scale': jnp.full(6, 2.0), 'bias': jnp.full(6, -1.0)},
    'batch_stats': {'mean': jnp.arange(6.0), 'var': jnp.full(6, 4.0)},
  }
  y, updated = norm.apply(variables, x, train=False, mutable=['batch_stats'])
  expected = 2 * (x - np.arange(6)) / np.sqrt(4 + 1e-5) - 1
  np.testing.assert_allclose(y, expected, atol=1e-5)
  assert jax.tree.all(
    jax.tree.map(
      np.array_equal, updated, {'batch_stats': variables['batch_stats']}
    )
  )


def test_synchronised_statistics_are_those_of_the_whole_batch():
  x = make_input(shape=(8, 2, 3, 3, 6))
  alone = BatchNorm()
  variables = alone.init(jax.random.key(0), x, train=False)
  whole, stats = alone.apply(variables, x, train=True, mutable=['batch_stats'])

  def apply(part):
    return BatchNorm(axis_name='devices').apply(
      variables, part, train=True, mutable=['batch_stats']
    )

  parts, parts_stats = jax.vmap(apply, axis_name='devices')(
    x.reshape(4, 2, *x.shape[1:])
  )
  np.testing.assert_allclose(parts.reshape(x.shape), whole, atol=1e-5)
  for name in ('mean', 'var'):
    for device in parts_stats['batch_stats'][name]:
      np.testing.assert_allclose(
        device, stats['batch_stats'][name], rtol=1e-5, atol=1e-6
      )


def test_bfloat16_keeps_float32_statistics():
  x = make_input().astype(jnp.bfloat16)
  norm = BatchNorm(dtype=jnp.bfloat16)
  variables = norm.init(jax.random.key(0), x, train=False)
  y, updated = norm.apply(variables, x, train=True, mutable=['batch_stats'])
  assert y.dtype == jnp.bfloat16
  assert updated['batch_stats']['mean'].dtype == jnp.float32
