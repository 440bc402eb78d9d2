"""Parts of a batch compute what as many devices do that share nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from stclr_jax.learning import losses
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.learning.negatives import Negatives
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder
from stclr_jax.models.normalization import BatchNorm

NUM_VIDEOS = 16
AXIS = parallel.DEVICE_AXIS


class SmallEncoder(nn.Module):
  """All of an encoder that groups change, and seconds to compile."""

  groups: int
  axis_name: str | None = None

  @nn.compact
  def __call__(self, clips, *, train):
    norm = functools.partial(
      BatchNorm, dtype=jnp.float64, groups=self.groups, axis_name=self.axis_name
    )
    x = nn.Dense(6, name='first')(clips)
    y = norm(name='first_norm')(x, train=train, relu=True)
    y = norm(name='second_norm')(
      nn.Dense(6, name='second')(y), train=train, residual=x, relu=True
    )
    return y.mean((1, 2, 3))


def make_network(groups):
  return heads.PretrainNetwork(
    SmallEncoder(groups), heads.ProjectionHead(16, 8)
  )


def make_pair():
  """First and second views, [2, n, t, h, w, 3]."""
  rng = np.random.default_rng(0)
  return rng.standard_normal((2, NUM_VIDEOS, 2, 4, 4, 3))


@functools.cache
def make_state():
  variables = jax.jit(
    lambda: make_network(1).init(
      jax.random.key(0), make_pair()[0, :1], train=False
    )
  )()
  # Minus the learning rate times this direction is the gradient itself.
  return states.create_state(
    jax.tree.map(lambda x: np.asarray(x, np.float64), variables),
    optax.identity(),
  )


def update(pair, *, devices=1, norm_groups=1, negative_groups=1, **options):
  """One step; returns loss, accuracy, gradients and running statistics."""
  step = steps.make_contrastive_update(
    make_network(norm_groups),
    optax.identity(),
    contrastive_loss=losses.NTXent(0.1, Negatives(negative_groups)),
    axis_name=AXIS,
    **options,
  )
  clips = pair.reshape(2, devices, -1, *pair.shape[2:]).swapaxes(0, 1)
  clips = clips.reshape(devices, -1, *pair.shape[2:])
  before = make_state()
  after, metrics = jax.pmap(
    step,
    axis_name=AXIS,
    in_axes=(None, 0, None),
    out_axes=None,
    devices=jax.devices()[:devices],
  )(before, clips, np.float64(1))
  gradients = jax.tree.map(
    lambda a, b: np.asarray(a) - np.asarray(b), before.params, after.params
  )
  found = metrics['loss'], metrics['contrastive_accuracy']
  return jax.device_get((*found, gradients, after.batch_stats))


def mean_of(results):
  return jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *results)


def largest_difference(a, b):
  differences = jax.tree.map(lambda a, b: np.abs(a - b).max(), a, b)
  return max(jax.tree.leaves(differences))


@pytest.fixture(autouse=True)
def exact(float64):
  """Two programs agree to 1e-9."""


@pytest.mark.parametrize('devices', [1, 2])
def test_four_groups_are_four_devices_that_share_nothing(devices):
  pair = make_pair()
  alone = [update(part) for part in np.split(pair, 4, axis=1)]
  grouped = update(
    pair, devices=devices, norm_groups=4 // devices, negative_groups=4
  )
  assert largest_difference(grouped, mean_of(alone)) < 1e-9
  if devices == 1:  # otherwise this would prove nothing about either
    shared_negatives = update(pair, norm_groups=4)
    shared_statistics = update(pair, negative_groups=4)
    assert abs(grouped[0] - shared_negatives[0]) > 0.1
    assert largest_difference(grouped[3], shared_statistics[3]) > 1e-4


def test_views_apart_are_two_passes():
  pair, network, state = make_pair(), make_network(1), make_state()

  def loss_fn(params):
    passes = [
      network.apply(
        {'params': params, 'batch_stats': state.batch_stats},
        clips,
        train=True,
        mutable=['batch_stats'],
      )
      for clips in pair
    ]
    (z_1, one), (z_2, other) = passes
    return losses.nt_xent(z_1, z_2, 0.1).mean(), (one, other)

  (loss, updated), gradients = jax.jit(
    jax.value_and_grad(loss_fn, has_aux=True)
  )(state.params)
  apart = update(pair, norm_groups=2, views_apart=True)
  np.testing.assert_allclose(apart[0], loss, rtol=1e-12)
  assert largest_difference(apart[2], jax.device_get(gradients)) < 1e-9
  statistics = mean_of([one['batch_stats'] for one in updated])
  assert largest_difference(apart[3], statistics) < 1e-12
  assert abs(apart[0] - update(pair)[0]) > 1e-3


def test_groups_and_views_apart_together():
  pair = make_pair()
  options = dict(views_apart=True)
  alone = [
    update(part, norm_groups=2, **options) for part in np.split(pair, 4, axis=1)
  ]
  grouped = update(pair, norm_groups=8, negative_groups=4, **options)
  assert largest_difference(grouped, mean_of(alone)) < 1e-9


def test_the_encoder_hands_its_groups_on(shallow_encoder):
  clips = make_pair()[0, :4].repeat(4, axis=2).repeat(4, axis=3)
  encoder = Encoder(width=1 / 16, dtype=jnp.float64)
  variables = encoder.init(jax.random.key(0), clips[:1], train=False)

  @functools.partial(jax.jit, static_argnums=0)
  def encode(groups, clips):
    return encoder.clone(groups=groups).apply(
      variables, clips, train=True, mutable=['batch_stats']
    )[0]

  halves = jnp.concatenate([encode(1, clips[:2]), encode(1, clips[2:])])
  np.testing.assert_allclose(encode(2, clips), halves, atol=1e-9)


def test_what_cannot_be_divided_is_refused():
  with pytest.raises(ValueError, match=r'of 16 videos.*3 groups'):
    update(make_pair(), negative_groups=3)
  with pytest.raises(ValueError, match=r'of 32 clips.*5 groups'):
    update(make_pair(), norm_groups=5)
  parallel.check_groups(1, 30, name='negatives.groups')
  parallel.check_groups(8, 32, name='negatives.groups')
  for groups, batch_size in ((4, 32), (8, 36), (0, 32)):
    with pytest.raises(ValueError, match=f'`n` .={groups}.*8 devices'):
      parallel.check_groups(groups, batch_size, name='n')
