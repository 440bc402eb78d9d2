import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from traced_for import traced_for

from stclr_jax.models import normalization
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


def plain_normalize(x, scale, bias, residual, epsilon, relu):
  """The definition, for automatic differentiation."""
  axes = tuple(range(x.ndim - 1))
  mean = x.mean(axes, keepdims=True)
  var = jnp.square(x - mean).mean(axes, keepdims=True)
  y = (x - mean) / jnp.sqrt(var + epsilon)
  y = y * jnp.broadcast_to(scale, y.shape) + jnp.broadcast_to(bias, y.shape)
  y = y if residual is None else y + residual
  return jnp.maximum(y, 0) if relu else y


@pytest.mark.parametrize('num_devices', [1, 4])
@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize('has_residual', [False, True])
def test_gradients_are_those_of_the_definition(
  has_residual, relu, num_devices, float64
):
  rng = np.random.default_rng(0)
  x, residual, weights = rng.standard_normal((3, 8, 2, 3, 5))
  scale, bias = rng.standard_normal((2, 5))
  inputs = [x, scale, bias, residual if has_residual else None]

  def plain_loss(*inputs):
    y = plain_normalize(*inputs, epsilon=1e-5, relu=relu)
    return jnp.sum(jnp.sin(y) * weights)

  def device_loss(x, scale, bias, residual, weights):
    y, _, _ = normalization.normalize_batch(
      x, scale, bias, residual, 1e-5, relu, 'devices'
    )
    return jnp.sum(jnp.sin(y) * weights)

  def split(array):
    return None if array is None else array.reshape(num_devices, -1, 2, 3, 5)

  argnums = (0, 1, 2, 3) if has_residual else (0, 1, 2)
  value_and_grad = jax.value_and_grad(device_loss, argnums)
  values, gradients = jax.jit(
    jax.vmap(
      value_and_grad,
      in_axes=(0, None, None, 0 if has_residual else None, 0),
      axis_name='devices',
    )
  )(split(x), scale, bias, split(inputs[3]), split(weights))
  expected_value, expected = jax.jit(jax.value_and_grad(plain_loss, argnums))(
    *inputs
  )
  np.testing.assert_allclose(values.sum(), expected_value, rtol=1e-12)
  dx, dscale, dbias, *dresidual = gradients
  # A parameter's gradient is each device's share.
  ours = [dx.reshape(x.shape), dscale.sum(0), dbias.sum(0)]
  ours += [d.reshape(x.shape) for d in dresidual]
  for a, b in zip(ours, expected, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_backward_keeps_the_input_and_statistics_only():
  x = jax.ShapeDtypeStruct((4, 2, 8, 8, 16), jnp.bfloat16)
  channel = jax.ShapeDtypeStruct((16,), jnp.float32)

  def kept(relu):
    def normalize(x, scale, bias):
      return normalization.normalize_batch(
        x, scale, bias, None, 1e-5, relu, None
      )[0]

    return jax.eval_shape(
      lambda *inputs: jax.vjp(normalize, *inputs)[1], x, channel, channel
    )

  for relu in (False, True):
    large = [r for r in jax.tree.leaves(kept(relu)) if r.size > 16]
    assert [(r.shape, r.dtype) for r in large] == [(x.shape, x.dtype)]


# A channel's mean against its deviation. Of the first, float32 keeps 1e-7;
# torch's error is 3e-7 (2e-5 at 100, 3e-4 at 1000, 1e-3 at 3000).
RATIOS = (1, 100, 1000, 3000)


def far_from_zero(ratio, shape=(8, 4, 12, 12, 6)):
  random = np.random.default_rng(0)
  return (random.standard_normal(shape) + ratio).astype(np.float32)


def error_of(y, x):
  """Largest deviation from the definition in float64."""
  flat = x.astype(np.float64).reshape(-1, x.shape[-1])
  expected = (x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
  return np.abs(np.asarray(y, np.float64) - expected).max()


@pytest.mark.parametrize(
  'ratio, kind', [*((ratio, 'cpu') for ratio in RATIOS), (3000, 'gpu')]
)
def test_a_mean_far_from_zero_takes_no_digits(ratio, kind):
  x = far_from_zero(ratio)
  one = jnp.ones(6)
  # An accelerator counts from the running means, a CPU from x itself.
  known = normalization.Known(None, one * ratio if kind == 'gpu' else 0 * one)

  def normalize(x):
    return normalization.normalize_batch(
      x, one, 0 * one, None, 1e-5, False, None, known
    )

  y, _, var = traced_for(kind, normalize)(x)
  assert error_of(y, x) < 2e-6 + 3e-7 * ratio
  expected = x.astype(np.float64).reshape(-1, 6).var(0)
  np.testing.assert_allclose(var, expected, rtol=2e-6)


def test_an_accelerator_counts_from_the_running_means():
  x = far_from_zero(3000)
  norm = BatchNorm()
  variables = norm.init(jax.random.key(0), x, train=False)

  def apply(x, mean):
    stats = variables['batch_stats'] | {'mean': mean}
    variables_then = variables | {'batch_stats': stats}
    return norm.apply(variables_then, x, train=True, mutable=['batch_stats'])[0]

  for share, largest in ((1.0, 1e-3), (0.99, 1e-3)):
    y = traced_for('gpu', apply)(x, np.full(6, share * 3000, np.float32))
    assert error_of(y, x) < largest


@pytest.mark.parametrize('ratio', [1, 3000])
def test_a_gradient_far_from_zero_keeps_its_digits(ratio):
  x = far_from_zero(ratio)
  weights = np.random.default_rng(1).standard_normal(x.shape)
  one = jnp.ones(6)

  def our_loss(x):
    y, _, _ = normalization.normalize_batch(
      x, one, 0 * one, None, 1e-5, False, None
    )
    return (jnp.sin(y) * weights.astype(np.float32)).sum()

  def plain_loss(x):
    y = plain_normalize(x, np.ones(6), np.zeros(6), None, 1e-5, False)
    return (jnp.sin(y) * weights).sum()

  found = jax.jit(jax.grad(our_loss))(x)
  with jax.enable_x64(True):
    expected = np.asarray(jax.jit(jax.grad(plain_loss))(x.astype(np.float64)))
  error = np.abs(found - expected).max() / np.abs(expected).max()
  assert error < 2e-6 + 3e-7 * ratio


@pytest.mark.parametrize('ratio', [1, 3000])
def test_devices_join_means_far_from_zero(ratio):
  x = far_from_zero(ratio)

  def normalize(part, pivot):
    one = jnp.ones(6)
    y, mean, var = normalization.normalize_batch(
      *(part, one, 0 * one, None, 1e-5, False, 'devices'),
      normalization.Known(None, pivot * one),
    )
    return y, (mean, var)

  normalize = jax.jit(jax.vmap(normalize, (0, None), axis_name='devices'))
  parts = x.reshape(4, 2, *x.shape[1:])
  # Running means, and the same when they are a hundredth away, after 44 steps.
  for share, tolerance in ((1.0, 3e-7), (0.99, 1e-6)):
    y, statistics = normalize(parts, np.float32(share * ratio))
    assert error_of(y.reshape(x.shape), x) < 2e-6 + tolerance * ratio
    for one in statistics:  # devices agree to the bit
      assert np.ptp(one, axis=0).max() == 0


def test_padding_stays_zero_and_has_no_parameters():
  x = make_input()
  padded = np.pad(x, ((0, 0),) * 4 + ((0, 2),))
  norm, padded_norm = BatchNorm(), BatchNorm(padding=2)
  variables = norm.init(jax.random.key(0), x, train=False)
  assert jax.tree.map(jnp.shape, variables) == jax.tree.map(
    jnp.shape, padded_norm.init(jax.random.key(0), padded, train=False)
  )
  for train in (False, True):
    apply = functools.partial(
      BatchNorm.apply, train=train, mutable=['batch_stats']
    )
    y, stats = apply(norm, variables, x)
    padded_y, padded_stats = apply(padded_norm, variables, padded)
    np.testing.assert_allclose(padded_y[..., :6], y, rtol=1e-6)
    assert not np.any(padded_y[..., 6:])
    jax.tree.map(np.testing.assert_array_equal, stats, padded_stats)


@pytest.mark.parametrize('shape, groups', [((1, 1, 1, 6), 1), ((2, 1, 6), 2)])
def test_one_value_a_channel_has_no_variance(shape, groups):
  x = np.ones(shape, np.float32)
  norm = BatchNorm(groups=groups)
  variables = norm.init(jax.random.key(0), x, train=True)
  norm.apply(variables, x, train=False)
  with pytest.raises(ValueError, match='1 value.*2 or more.*`batch_size`'):
    norm.apply(variables, x, train=True, mutable=['batch_stats'])
