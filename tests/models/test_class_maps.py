import functools

import jax
import made_networks
import numpy as np
import pytest

from stclr_jax.models import class_maps
from stclr_jax.models import heads

RANDOM = np.random.default_rng(0)
CLIPS = RANDOM.normal(size=(2, 5, 24, 20, 3)).astype(np.float32)


@pytest.fixture
def make(shallow_encoder):
  """Makes a classifier with random arrays, and its maps of clips."""

  def make(**settings):
    drawn = made_networks.make(**settings)
    network = heads.ClassifierNetwork(
      drawn.encoder, len(drawn.labels), drawn.input, drawn.rest
    )
    made = jax.jit(functools.partial(class_maps.make_class_maps, network))
    return (
      network,
      drawn.variables,
      lambda clips: np.asarray(made(drawn.variables, clips)),
    )

  return make


@pytest.mark.parametrize(
  'what, architecture',
  [*((what, 'r3d_18') for what in heads.INPUTS), ('both', 'r2plus1d_18')],
)
def test_the_mean_of_a_map_and_the_bias_are_the_logits(
  make, what, architecture
):
  network, variables, maps = make(what=what, architecture=architecture)
  classify = jax.jit(functools.partial(network.apply, train=False))
  logits, found = np.asarray(classify(variables, CLIPS)), maps(CLIPS)
  bias = variables['params']['classifier']['bias']
  assert np.ptp(logits) > 0.1  # there is something to be explained
  assert found.std((1, 2, 3)).min() > 1e-3  # not by all places alike
  np.testing.assert_allclose(
    found.mean((1, 2, 3)) + bias, logits, rtol=1e-4, atol=1e-5
  )


def test_of_a_persons_mean_the_rest_is_missing(make):
  network, variables, maps = make(
    what='both', rest=heads.PERSON_MEAN, architecture='r3d_18'
  )
  encode = jax.jit(functools.partial(network.apply, method=network.encode))
  h = encode(variables, CLIPS)
  nothing = network.apply(variables, h, 0 * h, method=network.classify)
  bias = variables['params']['classifier']['bias']
  np.testing.assert_allclose(
    maps(CLIPS).mean((1, 2, 3)) + bias, nothing, rtol=1e-4, atol=1e-5
  )


def test_a_video_that_stands_still_adds_nothing_to_a_change(make):
  still = np.repeat(CLIPS[:, :1], 5, axis=1)
  _, _, maps = make(what='change_of_clip', architecture='r3d_18')
  assert np.abs(maps(CLIPS)).max() > 0.1
  np.testing.assert_allclose(maps(still), 0, atol=1e-5)


def test_a_map_moves_with_what_is_seen(make):
  _, _, maps = make(architecture='r3d_18')
  step = 4  # from one place to the next, of two stages
  clips = np.zeros((3, 4, 64, 64, 3), np.float32)
  spot = RANDOM.normal(size=(4, 8, 8, 3))
  clips[1, :, 24:32, 24:32] = spot
  clips[2, :, 24 + step : 32 + step, 24:32] = spot
  nothing, here, below = maps(clips)
  # A place sees 13 pixels each way; nearer the border it sees padding, too.
  np.testing.assert_allclose(
    here[:, 4:11, 4:12], below[:, 5:12, 4:12], rtol=1e-4, atol=1e-4
  )
  # The spot is seen where it is, and not from afar.
  changed = np.abs(here - nothing).max((0, 3)) > 1e-4
  rows, columns = np.nonzero(changed)
  assert rows.min() >= (24 - 13) / step and rows.max() <= (31 + 13) / step
  assert changed[7, 7] and changed.sum() > 9
  assert set(columns) == set(rows)


def test_places_are_as_far_apart_as_the_convolutions_step():
  for architecture in ('r2plus1d_18', 'r3d_18'):
    assert class_maps.find_strides(architecture) == (8, 16, 16)  # Table I
  assert class_maps.find_strides('mc3_18') == (1, 16, 16)


def test_spread_maps_meet_the_places_and_go_straight_between_them():
  maps = RANDOM.normal(size=(2, 2, 3, 3, 5))
  over = class_maps.spread(maps, (16, 12, 9), (8, 4, 4))
  assert over.shape == (2, 16, 12, 9, 5)
  np.testing.assert_allclose(over[:, ::8, ::4, ::4], maps)
  np.testing.assert_allclose(
    over[:, 4, 4, 8], (maps[:, 0, 1, 2] + maps[:, 1, 1, 2]) / 2
  )
  # Beyond the last place there is none to go to.
  np.testing.assert_allclose(over[:, 8:, :, 8], over[:, 8:9, :, 8].repeat(8, 1))
  flat = class_maps.spread(np.ones_like(maps), (16, 12, 9), (8, 4, 4))
  np.testing.assert_allclose(flat, 1)


def test_what_the_backward_pass_keeps_changes_no_map(make):
  network, variables, maps = make(architecture='r3d_18')
  encoder = network.encoder.clone(remat='block')
  other = network.clone(encoder=encoder)
  made = jax.jit(functools.partial(class_maps.make_class_maps, other))
  np.testing.assert_allclose(
    made(variables, CLIPS[:, :4]), maps(CLIPS[:, :4]), rtol=1e-4, atol=1e-5
  )
