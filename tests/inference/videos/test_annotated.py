import dataclasses

import making_videos
import numpy as np
import pytest
from fake_models import BrightnessModel
from fake_models import make_settings
from made_predictions import make_prediction

from stclr_jax.data.listings.listing import Item
from stclr_jax.data.video import video_files
from stclr_jax.errors import UserError
from stclr_jax.inference.videos import annotated
from stclr_jax.inference.videos import predicting
from stclr_jax.inference.videos import prediction

ORANGE, BLUE, GREY = (230, 159, 0), (86, 180, 233), (154, 161, 171)


def make_boxes(times, faces):
  """Boxes of 20 pixels, one at (10, 12), of a second face at (40, 12)."""
  left = np.where(np.asarray(faces) == 1, 10.0, 40.0)
  sides = np.full(len(times), 20.0)
  return prediction.Boxes(
    frame=np.round(10 * np.asarray(times)).astype(int),
    time_s=np.asarray(times, float),
    face=np.asarray(faces),
    box=np.stack([left, np.full(len(times), 12.0), sides, sides], 1),
    score=np.ones(len(times)),
    interpolated=np.zeros(len(times), bool),
  )


@pytest.mark.parametrize(
  ('seconds', 'colour'),
  [
    (0.2, ORANGE),  # dark, the first class
    (0.35, None),  # it has left
    (0.6, ORANGE),
    (1.0, GREY),  # unsure
    (1.9, BLUE),  # bright
    (2.5, None),  # behind its last box
  ],
)
def test_boxes_have_the_colour_of_the_label_until_the_face_leaves(
  seconds, colour
):
  times = np.setdiff1d(np.arange(0, 20), [3, 4, 5]) / 10
  one = dataclasses.replace(
    make_prediction(),
    boxes=make_boxes(times, [1] * len(times)),
    settings=make_settings(),
  )
  picture = np.zeros((48, 64, 3), np.uint8)
  shown = annotated.drawer(one)(seconds, picture)
  assert not picture.any()  # the caller's
  assert shown.any() == (colour is not None)
  if colour is not None:
    # Below the label, the left and the lower edge.
    assert tuple(shown[30, 10]) == tuple(shown[32, 20]) == colour


def test_each_face_has_its_box():
  one = dataclasses.replace(
    make_prediction(faces=2), boxes=make_boxes([0.0, 0.0], [1, 2])
  )
  shown = annotated.drawer(one)(0.0, np.zeros((48, 64, 3), np.uint8))
  assert tuple(shown[30, 10]) == tuple(shown[30, 40]) == ORANGE
  assert not shown[30:, 34:38].any()  # below the labels


def predict(path, **changes):
  item = Item(path.stem, path)
  return predicting.predict(BrightnessModel(), item, make_settings(**changes))


def test_a_prediction_is_rendered_as_a_video(tmp_path):
  path = tmp_path / 'a.mkv'
  frames = [np.full((96, 128, 3), 250, np.uint8)] * 30
  making_videos.write_video(path, frames, rate=10)
  predict(path, start_s=1.0).render(tmp_path / 'b.mp4')
  timed = list(video_files.read_timed(tmp_path / 'b.mp4', fps=None))
  # The part that was looked at, its times being the recording's.
  np.testing.assert_allclose(
    [time for time, _ in timed], [0, *np.arange(10, 30) / 10], atol=1e-3
  )
  # Whole frames: the label in the corner, in the second class's blue.
  corner = timed[5][1][:12, :60].reshape(-1, 3)
  assert (abs(corner.astype(int) - BLUE).max(1) < 30).mean() > 0.5
  assert timed[5][1][30:].mean() > 240


def test_what_cannot_be_rendered_is_refused(tmp_path):
  path = tmp_path / 'a.mp4'
  making_videos.write_video(path, making_videos.level_frames(12), rate=10)
  before = path.read_bytes()
  one = predict(path)
  with pytest.raises(UserError, match='the recording itself'):
    one.render(tmp_path / 'x' / '..' / 'a.mp4')
  with pytest.raises(UserError, match='b.avi.*written as .mp4'):
    one.render(tmp_path / 'b.avi')
  assert path.read_bytes() == before
  folder = making_videos.write_frames(tmp_path / 'f', 12)
  item = Item('f', folder, tuple(sorted(folder.iterdir())))
  of_pictures = predicting.predict(BrightnessModel(), item, make_settings())
  with pytest.raises(UserError, match='f is no video.*drawn'):
    of_pictures.render(tmp_path / 'b.mp4')
  assert not (tmp_path / 'b.mp4').exists()
