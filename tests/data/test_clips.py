import dataclasses

import jax
import numpy as np
import pytest

from stclr_jax.data import clips
from stclr_jax.views import augmentations
from stclr_jax.views import view_parameters
from stclr_jax.views import views

LENGTHS = np.array([9, 21, 1, 6, 30, 16], np.int32)


@pytest.mark.parametrize('variant', ['paper', 'author_code'])
def test_the_host_draws_the_frames_that_the_device_takes(variant):
  options = views.ViewOptions(
    num_frames=8, size=16, temporal=augmentations.Temporal(variant=variant)
  )
  shown = np.array([4, 0, 2, 5, 1, 3, 4])
  drawn = clips.draw_frame_indices(
    LENGTHS, shown, seed=3, epoch=7, view_numbers=(1, 2), options=options
  )
  assert drawn.shape == (7, 2, 8) and drawn.dtype == np.int32

  @jax.jit
  def on_device(video, length, view):
    key = view_parameters.view_key(3, 7, video, view)
    # The crop, too, is drawn: from another key, of the frames' true size.
    return view_parameters.draw_parameters(
      key, length, (24, 32), options=options
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
