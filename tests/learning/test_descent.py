"""Steps whose loss or gradient is not finite, on several devices.

The network is one product, so that a step compiles in no time; what is asked is
what the step makes of its gradient.
"""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from stclr_jax.errors import UserError
from stclr_jax.learning import losses
from stclr_jax.learning import optimizers
from stclr_jax.learning import state as states
from stclr_jax.learning import steps

DEVICES = 2


class Product:
  """A network that multiplies; its batch statistics are a mean."""

  encoder = types.SimpleNamespace(groups=1, axis_name=None)

  def apply(self, variables, clips, *, train, mutable):
    del train, mutable
    x = clips.reshape(len(clips), -1)
    z = x @ variables['params']['head']['kernel']
    return z, {'batch_stats': {'encoder': {'mean': x.mean(0)}}}


def make_clips():
  """Views of 3 videos a device, float32 [devices, 6, t, h, w, c]."""
  random = np.random.default_rng(0)
  return random.standard_normal((DEVICES, 6, 1, 2, 2, 2)).astype(np.float32)


def make_state(optimizer):
  random = np.random.default_rng(1)
  kernel = random.standard_normal((8, 4)).astype(np.float32)
  variables = {
    'params': {'head': {'kernel': kernel}},
    'batch_stats': {'encoder': {'mean': np.zeros(8, np.float32)}},
  }
  return states.create_state(variables, optimizer)


@functools.cache
def make_update(non_finite, optimizer):
  update = steps.make_contrastive_update(
    Product(),  # pyright: ignore[reportArgumentType]
    optimizer,
    contrastive_loss=losses.NTXent(0.1),
    axis_name='devices',
    non_finite=non_finite,
  )
  return jax.jit(jax.vmap(update, in_axes=(None, 0, None), axis_name='devices'))


SGD = optimizers.sgd(momentum=0.9, weight_decay=1e-2)
ADAM = optimizers.adam()


def equal(one, other):
  return jax.tree.all(jax.tree.map(np.array_equal, one, other))


def first(tree):
  """What the first device has, after a look that all have the same."""
  for leaf in jax.tree.leaves(tree):
    np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
  return jax.tree.map(lambda leaf: leaf[0], tree)


@pytest.mark.parametrize('optimizer', [SGD, ADAM], ids=['sgd', 'adam'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_step_that_is_not_finite_can_be_skipped(value, optimizer):
  state = make_state(optimizer)
  update = make_update('skip', optimizer)
  rate = np.float32(0.1)
  good = make_clips()
  # A state that has moved, so that a skipped step has something to leave.
  state, metrics = map(first, update(state, good, rate))
  assert metrics['finite'] == 1 and int(state.step) == 1
  bad = make_clips()
  bad[1, 2, 0, 1, 1, 0] = value  # on one device only
  after, metrics = map(first, update(state, bad, rate))
  assert metrics['finite'] == 0 and not np.isfinite(metrics['loss'])
  assert equal(after, state)
  later, metrics = map(first, update(after, good, rate))
  assert metrics['finite'] == 1 and int(later.step) == 2
  assert equal(later, first(update(state, good, rate)[0]))


def test_a_gradient_beyond_float32_is_skipped_too():
  clips = make_clips()
  state = make_state(SGD)
  # Embeddings so short that the loss is right and its gradient is not finite.
  kernel = state.params['head']['kernel'] * np.float32(1e-38)
  state = state.replace(params={'head': {'kernel': kernel}})
  after, metrics = map(first, make_update('skip', SGD)(state, clips, 0.1))
  assert np.isfinite(metrics['loss'])
  assert not np.isfinite(metrics['gradient_norm']) and metrics['finite'] == 0
  assert equal(after, state)


def test_finite_steps_are_the_same_to_the_bit():
  state, clips = make_state(SGD), make_clips()
  found, metrics = make_update('skip', SGD)(state, clips, 0.1)
  expected, expected_metrics = make_update('stop', SGD)(state, clips, 0.1)
  assert equal(found, expected)
  assert metrics.keys() - expected_metrics.keys() == {'finite'}
  assert equal({n: metrics[n] for n in expected_metrics}, expected_metrics)


def test_alignment_is_the_mean_squared_distance_of_pairs_on_the_sphere():
  state, clips = make_state(SGD), make_clips()
  _, metrics = map(first, make_update('stop', SGD)(state, clips, 0.1))
  kernel = np.float64(state.params['head']['kernel'])
  distances = []
  for device in clips.astype(np.float64):
    z = device.reshape(6, -1) @ kernel
    for video in range(3):
      a, b = (view / np.linalg.norm(view) for view in (z[video], z[video + 3]))
      distances.append(np.sum((a - b) ** 2))
  assert metrics['alignment'] == pytest.approx(np.mean(distances), rel=1e-5)


def test_a_step_that_stops_the_run_says_so():
  clips = make_clips()
  clips[0, 0] = np.nan
  _, metrics = make_update('stop', SGD)(make_state(SGD), clips, 0.1)
  assert 'finite' not in metrics and np.isnan(metrics['loss']).all()


def test_other_words_are_refused():
  with pytest.raises(UserError, match="`non_finite` .='ignore'.*stop, skip"):
    make_update('ignore', SGD)


def test_gradients_are_clipped_as_optax_does():
  random = np.random.default_rng(0)
  params = {'a': {'w': np.ones((3, 2), np.float32)}, 'b': np.ones(4, 'f')}
  ours = optimizers.clipped(optimizers.by_part(SGD), 1.0)
  theirs = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.add_decayed_weights(1e-2),
    optax.trace(0.9),
  )
  state, their_state = ours.init(params), theirs.init(params)
  for size in (10.0, 0.01, 3.0):
    gradients = jax.tree.map(
      lambda p, size=size: size * random.standard_normal(p.shape).astype('f'),
      params,
    )
    found, state = ours.update(gradients, state, params)
    expected, their_state = theirs.update(gradients, their_state, params)
    # Over all parts at once, not each by its own norm.
    assert equal(found, expected)


def test_no_limit_changes_nothing():
  assert optimizers.clipped(SGD, 0) is SGD
  params = {'w': jnp.ones(3)}
  assert equal(optimizers.clipped(SGD, 1.0).init(params), SGD.init(params))
