"""Which views are negatives, and how much they weigh."""

import functools
import math

import jax
import numpy as np
import optax
import pytest
from jax import test_util
from made_encoders import OrderEncoder

from stclr_jax.errors import UserError
from stclr_jax.learning import losses
from stclr_jax.learning import negatives
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.learning.negatives import Negatives
from stclr_jax.models import heads

SUBJECT = np.array([4, 4, 7, 4, 9, 7, 7, 2], np.int32)  # 9 and 2 are alone
N = len(SUBJECT)
WEIGHTS = (1.0, 0.3, 0.0)
TEMPERATURE = 0.2


@pytest.fixture(autouse=True)
def exact(float64):
  """Two programs agree to 1e-9."""


def make_embeddings():
  """First views, second views, and two further of each video: [4, n, d]."""
  return np.random.default_rng(0).standard_normal((4, N, 5))


def loss_by_loop(z, weight, temperature=TEMPERATURE):
  """One embedding at a time; z [v, n, d], of which two are anchors."""
  z = z / np.linalg.norm(z, axis=-1, keepdims=True)
  loss, correct = np.zeros((2, N)), np.zeros((2, N), bool)
  for view, i in np.ndindex(2, N):
    positive = z[view, i] @ z[1 - view, i] / temperature
    total, rivals = math.exp(positive), []
    for other, k in np.ndindex(len(z), N):
      if (other, k) in ((view, i), (1 - view, i)):
        continue
      alike = z[view, i] @ z[other, k] / temperature
      its_weight = 1 if SUBJECT[i] == SUBJECT[k] else weight
      total += its_weight * math.exp(alike)
      if its_weight:
        rivals.append(alike)
    loss[view, i] = math.log(total) - positive
    correct[view, i] = all(positive > alike for alike in rivals)
  return loss.reshape(-1), correct.reshape(-1)


@functools.partial(jax.jit, static_argnums=1)
def contrast(z, weight):
  return losses.contrast(
    z[0],
    z[1],
    TEMPERATURE,
    further=z[2:] if len(z) > 2 else None,
    subject=SUBJECT,
    other_people=weight,
  )


@pytest.mark.parametrize('weight', WEIGHTS)
@pytest.mark.parametrize('views', [2, 3, 4])
def test_weighted_negatives_equal_a_loop(views, weight):
  z = make_embeddings()[:views]
  found = contrast(z, weight)
  loss, correct = loss_by_loop(z, weight)
  np.testing.assert_allclose(found.loss, loss, rtol=1e-9, atol=1e-12)
  np.testing.assert_array_equal(found.correct, correct)


def test_further_negatives_of_weight_1_equal_optax():
  z = make_embeddings()
  flat = (z / np.linalg.norm(z, axis=-1, keepdims=True)).reshape(4 * N, -1)
  logits = flat[: 2 * N] @ flat.T / TEMPERATURE
  logits[np.arange(2 * N), np.arange(2 * N)] = -np.inf
  pairs = np.roll(np.arange(2 * N), N)
  expected = optax.losses.softmax_cross_entropy_with_integer_labels(
    logits, pairs
  )
  np.testing.assert_allclose(contrast(z, 1.0).loss, expected, rtol=1e-9)


@pytest.mark.parametrize('weight', WEIGHTS)
def test_gradients_equal_finite_differences(weight):
  test_util.check_grads(
    lambda z: contrast(z, weight).loss, (make_embeddings(),), 1, ['rev']
  )


def test_without_a_negative_there_is_nothing_to_learn():
  z = make_embeddings()[:2]
  found = contrast(z, 0.0)
  gradient = jax.jit(jax.jacrev(lambda z: contrast(z, 0.0).loss))(z)
  alone = np.tile(np.isin(SUBJECT, (9, 2)), 2)
  assert (found.loss[alone] == 0).all() and found.correct[alone].all()
  assert np.isfinite(gradient).all() and not gradient[alone].any()
  assert (found.loss[~alone] > 0).all() and gradient[~alone].any()


@pytest.mark.parametrize('devices, weight', [(2, 0.3), (8, 1.0), (8, 0.0)])
def test_devices_see_the_people_of_all(devices, weight):
  z = make_embeddings()

  def loss_of_parts(z):
    # People and further negatives lie on any device.
    each = functools.partial(
      losses.contrast,
      temperature=TEMPERATURE,
      axis_name='devices',
      other_people=weight,
    )
    parts = z.reshape(4, devices, -1, 5).swapaxes(0, 1)
    loss = jax.vmap(
      lambda z, subject: each(z[0], z[1], further=z[2:], subject=subject).loss,
      axis_name='devices',
    )(parts, SUBJECT.reshape(devices, -1))
    return loss.reshape(devices, 2, -1).swapaxes(0, 1).reshape(-1)

  expected = loss_by_loop(z, weight)[0]
  found = jax.jit(loss_of_parts)(z)
  np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
  np.testing.assert_allclose(
    jax.jit(jax.grad(lambda z: loss_of_parts(z).mean()))(z),
    jax.jit(jax.grad(lambda z: contrast(z, weight).loss.mean()))(z),
    atol=1e-12,
  )


def test_groups_keep_people_and_further_negatives_to_themselves():
  z = make_embeddings()
  loss = losses.NTXent(TEMPERATURE, Negatives(2, other_people=0.3))
  grouped = jax.jit(loss)(z[0], z[1], further=z[2:], subject=SUBJECT)
  grouped = grouped.loss.reshape(2, -1)
  for half in np.split(np.arange(N), 2):
    alone = jax.jit(losses.NTXent(TEMPERATURE, Negatives(other_people=0.3)))(
      *z[:2, half], further=z[2:, half], subject=SUBJECT[half]
    )
    np.testing.assert_allclose(grouped[:, half].reshape(-1), alone.loss)


@pytest.mark.parametrize('backwards', [False, True])
@pytest.mark.parametrize('groups', [1, 2])
@pytest.mark.parametrize('weight', WEIGHTS)
def test_chance_is_the_loss_of_embeddings_that_are_alike(
  weight, groups, backwards
):
  batches = [SUBJECT, SUBJECT[::-1], np.arange(N) // 2]
  chosen = Negatives(groups, weight, backwards)
  ones = np.ones((2, N, 3))
  expected = [
    jax.jit(losses.NTXent(TEMPERATURE, chosen))(
      *ones, further=ones if backwards else None, subject=subject
    ).loss.mean()
    for subject in batches
  ]
  found = negatives.loss_at_chance(chosen, batches)
  assert found == pytest.approx(np.mean(expected))
  if (weight, groups, backwards) == (1, 1, False):
    assert found == math.log(2 * N - 1)


def make_clips():
  return np.random.default_rng(1).standard_normal((2, N, 3, 2, 2, 3))


def init(network, clips):
  """Makes variables, float64."""
  made = jax.jit(lambda: network.init(jax.random.key(0), clips, train=False))()
  return jax.tree.map(lambda x: np.asarray(x, np.float64), made)


def update(clips, chosen, *, devices=1, **options):
  """One step; returns its metrics, gradients and running statistics."""
  encoder = OrderEncoder(
    2 if options.get('views_apart') else 1,
    parallel.DEVICE_AXIS if devices > 1 else None,
  )
  network = heads.PretrainNetwork(encoder, heads.ProjectionHead(7, 5))
  variables = init(network, clips[0])
  state = states.create_state(
    variables,
    optax.identity(),
  )
  step = steps.make_contrastive_update(
    network,
    optax.identity(),
    contrastive_loss=losses.NTXent(TEMPERATURE, chosen),
    axis_name=parallel.DEVICE_AXIS,
    **options,
  )
  parts = clips.reshape(2, devices, -1, *clips.shape[2:]).swapaxes(0, 1)
  after, metrics = jax.pmap(
    step,
    axis_name=parallel.DEVICE_AXIS,
    in_axes=(None, 0, None, 0),
    out_axes=None,
    devices=jax.devices()[:devices],
  )(
    state,
    parts.reshape(devices, -1, *clips.shape[2:]),
    np.float64(1),
    SUBJECT.reshape(devices, -1),
  )
  gradients = jax.tree.map(np.subtract, state.params, after.params)
  return jax.device_get((metrics, gradients, after.batch_stats))


def check_same(found, expected):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), found, expected
  )


def test_a_step_on_eight_devices_is_one_devices():
  chosen = Negatives(other_people=0.3, reversed=True)
  one, eight = (update(make_clips(), chosen, devices=n) for n in (1, 8))
  check_same(eight, one)
  assert one[0]['count'] == 2 * N  # played backwards, none is an anchor


def test_a_view_played_backwards_is_a_negative():
  clips = make_clips()
  forwards = np.concatenate([clips, clips[:, :, ::-1]])
  metrics, gradients, _ = update(clips, Negatives(reversed=True))
  network = heads.PretrainNetwork(OrderEncoder(), heads.ProjectionHead(7, 5))
  variables = init(network, clips[0])

  def loss_fn(params):
    z, _ = network.apply(
      {**variables, 'params': params},
      forwards.reshape(-1, *clips.shape[2:]),
      train=True,
      mutable=['batch_stats'],
    )
    return contrast(z.reshape(4, N, -1), 1.0).loss.mean()

  loss, expected = jax.jit(jax.value_and_grad(loss_fn))(variables['params'])
  check_same((metrics['loss'], gradients), (loss, expected))
  # Where frames are all alike, so are both ways, and chance is all there is.
  still = np.broadcast_to(clips[:, :, :1], clips.shape)
  turned = update(still, Negatives(reversed=True))[0]['loss']
  assert turned > update(still, Negatives())[0]['loss'] + 0.1


def test_twins_are_in_the_statistics_of_their_view():
  clips = make_clips()
  apart = update(clips, Negatives(reversed=True), views_apart=True)
  moments = []
  for view in clips:
    both = np.concatenate([view, view[:, ::-1]])
    moments.append(update(np.stack([both[:N], both[N:]]), Negatives())[2])
  expected = jax.tree.map(lambda *each: np.mean(each, axis=0), *moments)
  check_same(apart[2], expected)


def test_a_weight_outside_0_to_1_is_refused():
  for weight in (-0.1, 1.1, float('nan')):
    with pytest.raises(UserError, match=f'other_people` .={weight}.*between 0'):
      Negatives(other_people=weight)


def test_people_are_asked_for():
  with pytest.raises(UserError, match='`subject` .=None.*whom each video'):
    losses.contrast(*make_embeddings()[:2], 0.1, other_people=0.5)
