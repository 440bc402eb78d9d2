import dataclasses
import pathlib
import xml.etree.ElementTree as ET

import making_videos
import numpy as np
import pytest
from fake_models import BrightnessModel
from fake_models import make_settings

from stclr_jax.data.listings.listing import Item
from stclr_jax.inference.videos import predicting
from stclr_jax.inference.videos import prediction
from stclr_jax.viewing import predicted_views
from stclr_jax.viewing.predicted_views import Wanted

ALL = Wanted(page=True, annotated=True, elan=True)


@pytest.fixture
def predicted(tmp_path):
  """Three seconds that become bright in the middle, and what is said of it."""
  path = tmp_path / 'anna.mkv'
  levels = [20] * 15 + [240] * 15
  frames = [np.full((48, 64, 3), level, np.uint8) for level in levels]
  making_videos.write_video(path, frames, rate=10)
  item = Item('anna', pathlib.Path(path))
  return predicting.predict(BrightnessModel(), item, make_settings())


def test_a_view_says_what_was_predicted(predicted):
  view = predicted_views.make_view(predicted, video='v.mp4', files=('a.csv',))
  (face,) = view.faces
  assert (view.title, view.labels) == ('anna', ('dark', 'bright'))
  assert (view.start_s, view.end_s) == pytest.approx((0.0, 3.0), abs=0.11)
  np.testing.assert_array_equal(face.start_s, predicted.windows.start_s)
  np.testing.assert_array_equal(
    face.probabilities, predicted.windows.probabilities
  )
  named = [segment.label for segment in face.segments]
  assert named[0] == 'dark' and named[-1] == 'bright'
  # Segments fill the windows' time, one after another.
  assert face.segments[0].start_s == face.start_s[0]
  assert face.segments[-1].end_s == face.end_s[-1]
  for one, following in zip(face.segments, face.segments[1:], strict=False):
    assert one.end_s == pytest.approx(following.start_s)
  assert 'It is made up.' in [note.text for note in view.notes]


def test_a_part_is_shown_on_the_clock_of_its_video(predicted, tmp_path):
  item = Item('anna', tmp_path / 'anna.mkv', start=2.0)
  part = predicting.predict(BrightnessModel(), item, make_settings())
  view = predicted_views.make_view(part)
  assert (view.start_s, view.end_s) == pytest.approx((2.0, 3.0), abs=0.11)
  assert view.faces[0].start_s[0] >= 2


def test_all_that_is_asked_for_is_written(predicted, tmp_path):
  folder = tmp_path / 'anna'
  predicted.write(folder)
  told = []
  paths = predicted_views.write(
    predicted, folder, ALL, report=lambda text, _: told.append(text)
  )
  # A picture each of both copies, so that it can be given up in either.
  begun = [text.split()[0] for text in told]
  assert begun == ['Drew'] * 30 + ['Copied'] * 30
  assert {path.name for path in paths} == {
    'viewer.html', 'playable.mp4', 'annotated.mp4', 'segments.eaf',
  }  # fmt: skip
  assert all(path.stat().st_size > 500 for path in paths)
  page = (folder / 'viewer.html').read_text()
  for name in ('windows.csv', 'playable.mp4', 'annotated.mp4', 'segments.eaf'):
    assert f'"./{name}"' in page
  (media,) = (
    ET.parse(folder / 'segments.eaf').getroot().iter('MEDIA_DESCRIPTOR')
  )
  assert media.get('RELATIVE_MEDIA_URL') == './playable.mp4'


def test_nothing_is_written_unasked(predicted, tmp_path):
  assert predicted_views.write(predicted, tmp_path, Wanted()) == []


def test_of_pictures_in_a_folder_there_is_a_page_without_video(tmp_path):
  folder = tmp_path / 'frames'
  folder.mkdir()
  making_videos.write_frames(folder, 20)
  item = Item('frames', folder, frames=tuple(sorted(folder.iterdir())))
  one = predicting.predict(BrightnessModel(), item, make_settings())
  wanted = Wanted(page=True, annotated=True)
  paths = predicted_views.write(one, tmp_path, wanted)
  assert [path.name for path in paths] == ['viewer.html']


def test_how_far_it_is_is_told_and_can_end_it(tmp_path):
  path = tmp_path / 'a.mkv'
  making_videos.write_video(path, making_videos.level_frames(30), rate=10)
  told = []

  class Enough(BaseException):  # as `local_jobs.Cancelled`
    pass

  def report(text, share):
    told.append((text, share))
    if share == 1.0 or len(told) > 200:
      raise Enough

  with pytest.raises(Enough):
    predicting.predict(
      BrightnessModel(), Item('a', path), make_settings(), report
    )
  # Its clock first, then its frames: each is a moment to give up.
  done = [text.split()[0] for text, share in told if share is None]
  assert done == ['Read'] * 30 + ['Looked'] * 30
  shares = [share for _, share in told if share is not None]
  assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 1)


def test_a_box_goes_when_its_face_goes(predicted):
  made_boxes = prediction.Boxes(
    frame=np.array([0, 1, 2, 6, 7]),
    time_s=np.array([0.0, 0.1, 0.2, 0.6, 0.7]),
    face=np.ones(5, int),
    box=np.full([5, 4], 9.0),
    score=np.ones(5),
    interpolated=np.zeros(5, bool),
  )
  windows = dataclasses.replace(
    predicted.windows, face=np.ones_like(predicted.windows.face)
  )
  face = dataclasses.replace(predicted.faces[0], face=1)
  one = dataclasses.replace(
    predicted, boxes=made_boxes, windows=windows, faces=(face,)
  )
  (seen,) = predicted_views.make_view(one).faces
  np.testing.assert_allclose(seen.box_time_s, [0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
  gone = np.isnan(seen.boxes).any(1)
  assert gone.tolist() == [False] * 3 + [True, False, False, True]
