"""A person's mean over a batch is that of a loop, on any devices."""

import functools

import jax
import numpy as np
import optax
import pytest
from made_encoders import OrderEncoder

from stclr_jax.learning import parallel
from stclr_jax.learning import person_means
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads

N = 16
# On eight devices of two clips nobody but 9 is on one device alone.
SUBJECT = np.array([4, 7, 4, 4, 9, 9, 7, 2, 2, 4, 7, 2, 4, 7, 5, 5], np.int32)
WEIGHT = np.ones(N, np.float32)
WEIGHT[[3, 14, 15]] = 0  # one of 4's fills up, and all that show 5
LABEL = np.arange(N, dtype=np.int32) % 3


@pytest.fixture(autouse=True)
def exact(float64):
  """Two programs agree to 1e-9."""


def rest_by_loop(h, subject=SUBJECT):
  rest = np.zeros_like(h)
  for i in range(N):
    theirs = [h[k] for k in range(N) if subject[k] == subject[i] and WEIGHT[k]]
    rest[i] = sum(theirs) / max(len(theirs), 1)
  return rest


@pytest.mark.parametrize('devices', [1, 2, 8])
def test_means_are_those_of_a_loop(devices):
  h = np.random.default_rng(0).normal(size=(N, 5))

  @functools.partial(jax.vmap, axis_name='devices')
  def rest(h, subject, weight):
    return person_means.rest_in_batch(subject, weight, 'devices')(h)

  def run(h, subject):
    parts = (x.reshape(devices, -1, *x.shape[1:]) for x in (h, subject, WEIGHT))
    return rest(*parts).reshape(h.shape)

  found = run(h, SUBJECT)
  np.testing.assert_allclose(found, rest_by_loop(h), atol=1e-12)
  assert not np.any(found[14:])  # of nobody who counts
  # Numbers name people, and mean nothing.
  np.testing.assert_array_equal(run(h, 100 - 3 * SUBJECT), found)
  # The gradient of a mean is its share, on whichever device a clip is.
  gradient = jax.grad(lambda h: run(h, SUBJECT)[0].sum())(h)
  counted = (SUBJECT == 4) & (WEIGHT > 0)
  np.testing.assert_allclose(
    gradient, np.where(counted, 1 / counted.sum(), 0)[:, None] + 0 * h
  )


def run_step(monkeypatch, what, trained, devices, order):
  """One step; returns network, state, clips, metrics and gradients."""
  clips = np.random.default_rng(1).normal(size=(N, 2, 2, 2, 3))
  monkeypatch.setattr(
    steps.views, 'draw_views', lambda frames, videos, *_, **__: frames[videos]
  )
  network = heads.ClassifierNetwork(
    OrderEncoder(axis_name=parallel.DEVICE_AXIS if devices > 1 else None),
    3,
    what,
    'person_mean',
  )
  made = jax.jit(lambda: network.init(jax.random.key(0), clips, train=False))()
  variables = jax.tree.map(lambda x: np.asarray(x + 0.1, np.float64), made)
  optimizer = optax.identity()
  names = states.trained_parameters(trained)
  state = states.create_state(variables, optimizer, trained=names)
  step = steps.make_finetune_step(
    network,
    optimizer,
    view_options=None,
    seed=0,
    trained=trained,
    axis_name=parallel.DEVICE_AXIS,
  )
  after, metrics = jax.pmap(
    step,
    axis_name=parallel.DEVICE_AXIS,
    in_axes=(None, None, 0, None, None),
    out_axes=None,
    devices=jax.devices()[:devices],
  )(
    state,
    steps.DeviceVideos(clips, LABEL, SUBJECT),
    jax.tree.map(
      lambda x: x.reshape(devices, -1),
      steps.Batch(order.astype(np.int32), WEIGHT[order]),
    ),
    np.int32(0),
    np.float64(1),
  )
  gradients = jax.tree.map(np.subtract, state.params, after.params)
  return network, variables, clips, *jax.device_get((metrics, gradients))


@pytest.mark.parametrize('what, devices', [('change_of_clip', 2), ('both', 8)])
def test_a_step_compares_with_the_mean_of_all_devices(
  what, devices, monkeypatch
):
  order = np.arange(N)
  network, variables, clips, metrics, gradients = run_step(
    monkeypatch, what, 'all', 1, order
  )
  h, _ = network.encoder.apply(
    {name: tree['encoder'] for name, tree in variables.items()},
    clips,
    train=True,
    mutable=['batch_stats'],
  )
  change = np.asarray(h) - rest_by_loop(np.asarray(h))
  read = np.concatenate([h, change], axis=1) if what == 'both' else change
  layer = variables['params']['classifier']
  logits = read @ layer['kernel'] + layer['bias']
  chosen = np.take_along_axis(logits, LABEL[:, None], axis=1)[:, 0]
  loss = np.log(np.exp(logits).sum(1)) - chosen
  assert metrics['loss'] == pytest.approx((loss * WEIGHT).sum() / WEIGHT.sum())
  right = (logits.argmax(1) == LABEL) * WEIGHT
  assert metrics['accuracy'] == pytest.approx(right.sum() / WEIGHT.sum())
  # Neither the devices nor who comes first makes a difference.
  shuffled = np.random.default_rng(2).permutation(N)
  *_, again, same = run_step(monkeypatch, what, 'all', devices, shuffled)
  assert again['loss'] == pytest.approx(metrics['loss'], abs=1e-9)
  assert np.abs(gradients['classifier']['kernel']).max() > 1e-4
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), same, gradients
  )


def test_a_frozen_encoder_stays(monkeypatch):
  *_, gradients = run_step(
    monkeypatch, 'change_of_clip', 'classifier', 2, np.arange(N)
  )
  assert not any(map(np.any, jax.tree.leaves(gradients['encoder'])))
  assert np.abs(gradients['classifier']['kernel']).max() > 1e-4
