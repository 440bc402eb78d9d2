"""Recordings as a model is shown them: on their clock, as an import does."""

import dataclasses
import pathlib
import tracemalloc

import making_videos
import numpy as np
import pytest
from fake_models import BrightnessModel
from fake_models import make_settings

from stclr_jax import making
from stclr_jax.data import sources
from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.imports import importing
from stclr_jax.data.imports.import_writer import Target
from stclr_jax.data.imports.recordings import Options
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Listing
from stclr_jax.inference.videos import predicting

CROP = making.FaceCrop(
  detector='hog',
  which='largest',
  margin=0.4,
  smoothing=5,
  min_support=3,
  min_face=1 / 6,
)
GREY, RED, GREEN = (90, 90, 90), (250, 20, 20), (20, 250, 20)


def predict(path, model=None, **changes):
  item = Item(pathlib.Path(path).stem, pathlib.Path(path))
  return predicting.predict(
    model or BrightnessModel(), item, make_settings(**changes)
  )


def level(bright, size=(48, 64)):
  return np.full((*size, 3), bright, np.uint8)


def test_windows_lie_on_the_clock_of_the_video(tmp_path):
  # Dark for a second at 10 pictures a second, then bright at 50; sound begins
  # half a second earlier than the picture.
  times = [*range(0, 1000, 100), *range(1000, 2000, 20)]
  frames = [level(20 if time < 1000 else 230) for time in times]
  path = tmp_path / 'a.mp4'
  making_videos.write_video(path, frames, times=times)
  found = predict(path, step_s=0.2)
  windows = found.windows
  np.testing.assert_allclose(windows.start_s, np.arange(6) / 5, atol=1e-6)
  np.testing.assert_allclose(windows.end_s, windows.start_s + 1, atol=1e-6)
  # Of four frames in a window, at 0, 0.3, 0.6 and 0.9 s, those after 1 s.
  share = [
    np.mean([start + at >= 0.999 for at in (0, 0.3, 0.6, 0.9)])
    for start in windows.start_s
  ]
  bright = (20 + 210 * np.array(share)) / 255
  np.testing.assert_allclose(windows.probabilities[:, 1], bright, atol=0.02)
  assert found.video.frames == 60 and found.video.fps_varies
  assert found.video.duration_s == pytest.approx(2.0)
  assert windows.label == ('dark', 'dark', 'unsure', 'bright', 'bright',
                           'bright') or 'unsure' in windows.label  # fmt: skip


def test_sound_that_begins_earlier_moves_the_windows(tmp_path):
  path = tmp_path / 'a.mp4'
  frames = [level(200)] * 30
  making_videos.write_video(path, frames, sound=0.5)
  found = predict(path)
  assert found.windows.start_s[0] == pytest.approx(0.5, abs=0.05)


def test_turned_videos_are_upright(tmp_path):
  frames = [level(20) for _ in range(30)]
  for frame in frames:
    frame[:, :32] = 230
  making_videos.write_video(tmp_path / 'a.mp4', frames, rotation=90)
  model = BrightnessModel()
  found = predict(tmp_path / 'a.mp4', model)
  assert (found.video.width_px, found.video.height_px) == (48, 64)
  assert abs(found.video.rotation_deg) == 90
  clip = model.shown[0][0].mean((0, 3))
  halves = clip[:8].mean(), clip[8:].mean()  # above and below, once turned
  assert abs(halves[0] - halves[1]) > 150


def blob_detector(name, *, min_face):
  """Finds squares of red and of green, the redder first, as sure as high."""
  del name, min_face

  def find(frame):
    found = []
    for channel in (0, 1):
      others = frame[..., 1 - channel].astype(int)
      seen = frame[..., channel] > others + 100
      if seen.sum() > 20:
        rows, columns = np.nonzero(seen)
        side = float(np.ptp(rows) + 1)
        place = float(rows.min()), float(columns.min()), side
        found.append(face_detection.Detection(*place, score=1 / place[0]))
    return found

  return find


@pytest.fixture
def blobs(monkeypatch):
  monkeypatch.setattr(face_detection, 'make_detector', blob_detector)


def paint(places, size=(48, 64)):
  """A frame with squares of 12 pixels: {colour: (top, left)}."""
  frame = np.zeros((*size, 3), np.uint8)
  frame[...] = GREY
  for colour, place in places.items():
    if place is not None:
      top, left = place
      frame[top : top + 12, left : left + 12] = colour
  return frame


@pytest.mark.parametrize('crop', [None, CROP])
def test_a_window_is_what_an_import_would_have_made(tmp_path, blobs, crop):
  path = tmp_path / 'a.mp4'
  frames = [paint({RED: (10 + i % 5, 8 + i)}) for i in range(24)]
  making_videos.write_video(path, frames, rate=30)
  item = Item('a', path)
  options = None
  if crop is not None:
    options = face_crops.FaceCropOptions(**dataclasses.asdict(crop))
  report = importing.import_items(
    Listing([item], [], {}),
    Target('mine', (), tmp_path / 'data'),
    origin=importing.Origin('here'),
    options=Options(fps=10.0, max_size=40, face_crop=options),
    progress=False,
  )
  store = sources.load_videos(
    'mine', split='videos', frame_size=(16, 16), data_dir=tmp_path / 'data'
  )
  model = BrightnessModel()
  made = store.making
  found = predict(
    path, model, face_crop=made.face_crop, max_size=made.max_size, window_s=0.8
  )
  (shown,) = model.shown
  expected = store.frames[model.frames_of(len(store.frames))]
  np.testing.assert_array_equal(shown[0], expected)
  (imported,) = report.videos
  assert found.windows.frames.tolist() == [imported.frames]
  if crop is not None:
    assert found.windows.coverage[0] == pytest.approx(imported.coverage)


def test_every_face_has_a_track_and_one_that_leaves_ends(tmp_path, blobs):
  path = tmp_path / 'a.mp4'
  frames = [
    paint({
      RED: (6, 4),
      # Comes after a second, is hidden for three frames, leaves after three.
      GREEN: (24, 44) if 10 <= i < 30 and i not in (15, 16, 17) else None,
    })
    for i in range(50)
  ]  # fmt: skip
  making_videos.write_video(path, frames, rate=10)
  found = predict(path, faces='all', face_crop=CROP)
  assert [one.face for one in found.faces] == [1, 2]
  red, green = found.faces
  assert red.coverage == 1 and red.windows_valid == red.windows == 9
  assert green.coverage == pytest.approx(17 / 50)
  second = found.windows.face == 2
  # Windows of a second, each half second, in which it is seen at all.
  np.testing.assert_allclose(
    found.windows.start_s[second], [0.5, 1, 1.5, 2, 2.5], atol=1e-6
  )
  # In the second one, of those behind the gap the last is alone too much.
  np.testing.assert_allclose(
    found.windows.coverage[second], [0.5, 0.6, 0.7, 1, 0.5], atol=0.01
  )
  own = found.boxes.face == 2
  assert found.boxes.frame[own].tolist() == list(range(10, 30))
  assert found.boxes.interpolated[own].sum() == 3
  scores = found.boxes.score[own]
  assert np.isnan(scores).tolist() == found.boxes.interpolated[own].tolist()
  np.testing.assert_allclose(scores[~np.isnan(scores)], 1 / 24, rtol=0.1)
  np.testing.assert_allclose(
    found.boxes.box[own], np.tile([44, 24, 12, 12], (20, 1)), atol=2
  )
  # In the other way the one that an import takes, in each window.
  alone = predict(path, face_crop=CROP)
  assert [one.face for one in alone.faces] == [1]
  np.testing.assert_allclose(alone.boxes.score, 1 / 6, rtol=0.3)


def test_words_say_why_a_window_has_no_answer(tmp_path, blobs):
  path = tmp_path / 'a.mp4'
  frames = [
    paint({RED: (10, 20) if i < 14 else None}) for i in range(40)
  ]  # fmt: skip
  making_videos.write_video(path, frames, rate=10)
  found = predict(path, face_crop=CROP)
  assert found.windows.status == (
    'ok', 'ok', 'few_faces', 'no_face', 'no_face', 'no_face', 'no_face',
  )  # fmt: skip
  assert np.isnan(found.windows.probabilities[2:]).all()
  assert found.windows.label[2:] == ('',) * 5
  assert found.status == 'ok' and found.faces[0].windows_valid == 2
  nobody = predict(tmp_path / 'a.mp4', face_crop=CROP, start_s=2.0)
  assert nobody.status == 'no_face' and nobody.faces == ()
  small = predict(path, face_crop=CROP, frame_size=(64, 64))
  assert small.windows.status[0] == 'face_small' and small.windows.valid[0]
  making_videos.write_video(path, frames[:4], rate=10)
  short = predict(path)
  assert short.windows.status == ('too_short',) and short.status == 'too_short'


def test_a_part_is_looked_at_where_asked(tmp_path):
  path = tmp_path / 'a.mp4'
  frames = [level(20 + 5 * i) for i in range(40)]
  making_videos.write_video(path, frames, rate=10)
  found = predict(path, start_s=1.0, end_s=2.5)
  np.testing.assert_allclose(found.windows.start_s, [1, 1.5], atol=1e-6)


@pytest.mark.parametrize('content', [b'', b'no video', b'\x00' * 5000])
def test_what_is_no_video_ends_nothing(tmp_path, content):
  path = tmp_path / 'a.mp4'
  path.write_bytes(content)
  found = predict(path)
  assert found.status == 'unreadable' and found.note
  assert len(found.windows) == 0 and found.faces == ()
  assert found.windows.probabilities.shape == (0, 2)


def test_sound_alone_and_one_picture_have_no_answer(tmp_path):
  making_videos.write_sound(tmp_path / 'a.mp4')
  assert predict(tmp_path / 'a.mp4').status == 'unreadable'
  making_videos.write_video(tmp_path / 'b.mp4', [level(9)])
  assert predict(tmp_path / 'b.mp4').status == 'too_short'


def test_folders_of_pictures_and_pictures_that_move_are_recordings(tmp_path):
  folder = making_videos.write_frames(tmp_path / 'f', 12)
  frames = tuple(sorted(folder.iterdir()))
  item = Item('f', folder, frames)
  found = predicting.predict(BrightnessModel(), item, make_settings())
  assert found.windows.frames.tolist() == [10, 10]
  assert found.video.sha256 == '' and np.isnan(found.video.frames)
  making_videos.write_video(
    tmp_path / 'a.gif', making_videos.level_frames(12), rate=10
  )
  assert predict(tmp_path / 'a.gif').status == 'ok'


class Forgetful(BrightnessModel):
  """Keeps nothing of what it is shown."""

  def of_taken(self, taken):
    found = super().of_taken(taken)
    self.shown.clear()
    return found


def test_memory_does_not_grow_with_the_recording(tmp_path):
  frames = [level(i % 200, (240, 320)) for i in range(20)]
  for name, length in (('a', 30), ('b', 240)):
    making_videos.write_video(
      tmp_path / f'{name}.mp4',
      [frames[i % 20] for i in range(length)],
      rate=10,
    )
  predict(tmp_path / 'a.mp4', Forgetful())  # imports what it needs
  peaks = []
  for name in ('a', 'b'):
    tracemalloc.start()
    predict(tmp_path / f'{name}.mp4', Forgetful(), step_s=0.2)
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
  # Of 210 further frames of 230 kB none is held, nor of 105 windows any.
  assert peaks[1] < peaks[0] + 2 * frames[0].nbytes
