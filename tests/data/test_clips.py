import dataclasses

import jax
import numpy as np
import pytest

from stclr_jax.data import clips
from stclr_jax.views import augmentations
from stclr_jax.views import view_parameters
from stclr_jax.views import views

LENGTHS = np.array([9, 21, 1, 6, 30, 16], np.int32)


@pytest.mark.parametrize(
  'changes',
  [{'variant': 'paper'}, {'variant': 'author_code'}, {'distance': 0.1}],
)
def test_the_host_draws_the_frames_that_the_device_takes(changes):
  options = views.ViewOptions(
    num_frames=8, size=16, temporal=augmentations.Temporal(**changes)
  )
  shown = np.array([4, 0, 2, 5, 1, 3, 4])
  drawn = clips.draw_frame_indices(
    LENGTHS, shown, seed=3, epoch=7, view_numbers=(1, 2), options=options
  )
  assert drawn.shape == (7, 2, 8) and drawn.dtype == np.int32

  @jax.jit
  def on_device(video, length, view):
    where = 3, 7, video, view
    # The crop, too, is drawn: from another key, of the frames' true size.
    return view_parameters.draw_parameters(
      view_parameters.view_key(*where),
      length,
      (24, 32),
      options=options,
      partner=view_parameters.partner_key(*where, options=options),
    ).indices

  for i, video in enumerate(shown):
    for place, view in enumerate((1, 2)):
      expected = on_device(video, LENGTHS[video], view)
      np.testing.assert_array_equal(drawn[i, place], expected)


def test_the_frame_at_rest_comes_first_and_changes_no_other():
  options = views.ViewOptions(num_frames=4, size=16)
  resting = dataclasses.replace(options, rest=True)
  look = {'seed': 0, 'epoch': 2, 'view_numbers': (1, 2)}
  plain, rested = (
    clips.draw_frame_indices(LENGTHS, [4, 1], options=one, **look)
    for one in (options, resting)
  )
  assert (rested[..., 0] == 0).all() and (plain[..., 0] != 0).any()
  np.testing.assert_array_equal(rested[..., 1:], plain)
  evaluated = clips.evaluation_frame_indices(LENGTHS, [1], options=resting)
  assert evaluated.tolist() == [[[0, 0, 7, 13, 20]]]


def test_evaluation_takes_the_same_frames_in_every_epoch():
  options = views.ViewOptions(num_frames=4, size=16)
  taken = clips.evaluation_frame_indices(LENGTHS, [1, 2], options=options)
  assert taken.tolist() == [[[0, 7, 13, 20]], [[0, 0, 0, 0]]]


def draw_pairs(distance, *, view_numbers=(1, 2), probabilities=()):
  """Frames of the views of 300 videos, and the videos' lengths."""
  lengths = np.random.default_rng(0).integers(1, 73, 300).astype(np.int32)
  options = views.ViewOptions(
    num_frames=8,
    temporal=augmentations.Temporal(
      distance=distance, probabilities=probabilities
    ),
  )
  drawn = clips.draw_frame_indices(
    lengths,
    np.arange(300),
    seed=1,
    epoch=2,
    view_numbers=view_numbers,
    options=options,
  )
  return drawn, lengths


@pytest.mark.parametrize('distance', [0.0, 0.1, 0.4])
@pytest.mark.parametrize('probabilities', [(), (0.0, 0.0, 1.0)])
def test_the_clips_of_a_pair_are_no_further_apart(distance, probabilities):
  drawn, lengths = draw_pairs(distance, probabilities=probabilities)
  anywhere, _ = draw_pairs(1.0, probabilities=probabilities)
  apart, before = (
    np.abs(np.diff(pair.mean(-1), axis=1)[:, 0]) / lengths
    for pair in (drawn, anywhere)
  )
  assert apart.max() <= distance + 1e-6 and before.max() > 0.5
  # Nothing else moves: the first views, and the second ones that were near.
  np.testing.assert_array_equal(drawn[:, 0], anywhere[:, 0])
  near = before <= distance - 1e-6
  np.testing.assert_array_equal(drawn[near, 1], anywhere[near, 1])
  far = before > 0.4 + 1e-6
  if distance == 0.4:  # what was too far is drawn anew, and seldom given up
    given_up = (drawn[far, 0] == drawn[far, 1]).all(-1)
    assert far.sum() > 10 and given_up.mean() < 0.2


def test_views_that_are_no_pair_are_anywhere():
  for view_numbers in ((0,), (1,), (0, 3)):
    near, far = (
      draw_pairs(distance, view_numbers=view_numbers)[0]
      for distance in (0.1, 1.0)
    )
    np.testing.assert_array_equal(near, far)
