import dataclasses
import itertools
import tracemalloc

import cv2
import making_videos
import numpy as np
import pytest

from stclr_jax.data.faces import face_crops
from stclr_jax.data.imports import recordings
from stclr_jax.data.imports.recordings import Options
from stclr_jax.data.imports.recordings import UnreadableError
from stclr_jax.data.listings.listing import Item
from stclr_jax.files import thread_maps

FACES = face_crops.FaceCropOptions()


def video_item(folder, num_frames, *, size=(48, 64), **options):
  frames = making_videos.level_frames(num_frames, size)
  path = making_videos.write_video(folder / 'v.mp4', frames)
  return Item('v', path, **options)


def folder_item(folder, num_frames, *, name='{:03d}.jpg', **options):
  making_videos.write_frames(folder, num_frames, name=name)
  return Item('f', folder, tuple(sorted(folder.iterdir())), **options)


def read(item, **options):
  return list(recordings.read_windows(item, Options(**options)))


def numbers(window):
  frames = [making_videos.decode(frame) for frame in window.frames]
  return making_videos.numbers_of(frames)


def test_windows_are_even_and_lose_nothing():
  for total, length in itertools.product(range(25), (0, 1, 4, 5)):
    case = f'{total} frames in windows of {length}'
    windows = list(recordings.cut_windows(range(total), length))
    assert [v for window in windows for v in window] == list(range(total)), case
    lengths = [len(window) for window in windows]
    assert lengths == recordings.window_lengths(total, length), case
    if length and len(windows) > 1:
      assert set(lengths[:-1]) == {length}, case
      assert 0.5 * length <= lengths[-1] <= 1.5 * length, case
    if total and (not length or total <= 1.5 * length):
      assert lengths == [total], case


def test_long_videos_become_windows(tmp_path):
  windows = read(video_item(tmp_path, 34), window_seconds=0.4)
  assert [len(w.frames) for w in windows] == [10, 10, 14]
  assert [w.start for w in windows] == pytest.approx([0, 0.4, 0.8])
  assert sum(map(numbers, windows), []) == list(range(34))
  (whole,) = read(video_item(tmp_path, 34), window_seconds=0)
  assert len(whole.frames) == 34 and whole.coverage is None


@pytest.mark.parametrize(
  'size, max_size, expected',
  [((48, 64), 24, (24, 32)), ((64, 48), 24, (32, 24)),
   ((48, 64), 99, (48, 64))],
)  # fmt: skip
def test_large_frames_are_shrunk_and_small_ones_are_not(
  tmp_path, size, max_size, expected
):
  (window,) = read(video_item(tmp_path, 3, size=size), max_size=max_size)
  assert {making_videos.decode(f).shape for f in window.frames} == {
    (*expected, 3)
  }


def test_frames_are_jpeg_with_full_colour(tmp_path):
  (window,) = read(video_item(tmp_path, 3))
  frame = window.frames[0]
  assert frame[:2] == b'\xff\xd8'
  start = frame.index(b'\xff\xc0')
  # Of each component after the frame's header: sampling factors 1x1.
  assert [frame[start + 11 + 3 * i] for i in range(3)] == [0x11] * 3


def test_images_keep_their_bytes(tmp_path):
  item = folder_item(tmp_path / 'f', 5)
  (window,) = read(item, max_size=16)
  assert window.frames == [path.read_bytes() for path in item.frames]
  large = making_videos.write_frames(tmp_path / 'g', 3, size=(40, 60))
  item = Item('g', large, tuple(sorted(large.iterdir())))
  (window,) = read(item, max_size=20, keep_bytes=False)
  assert making_videos.decode(window.frames[0]).shape == (20, 30, 3)


def test_folders_of_frames_are_resampled_where_their_rate_is_told(tmp_path):
  item = folder_item(tmp_path / 'f', 12)
  (window,) = read(item, source_fps=50)
  assert numbers(window) == list(range(0, 12, 2))
  (window,) = read(item)
  assert numbers(window) == list(range(12))
  (window,) = read(dataclasses.replace(item, start=0.08, end=0.2))
  assert numbers(window) == [2, 3, 4]
  with pytest.raises(UnreadableError, match='its frames last 0.48 s'):
    read(dataclasses.replace(item, start=3))


def test_notes_of_the_listing_are_on_every_window(tmp_path):
  item = video_item(tmp_path, 25, notes=('2 gaps',))
  windows = read(item, window_seconds=0.4)
  assert [w.notes for w in windows] == [['2 gaps']] * 2


def test_one_frame_is_no_video(tmp_path):
  with pytest.raises(UnreadableError, match='1 frame.*has 2 or more'):
    read(video_item(tmp_path, 1))
  with pytest.raises(UnreadableError, match='1 frame'):
    read(folder_item(tmp_path / 'f', 1))
  (window,) = read(video_item(tmp_path, 1), min_frames=1)
  assert len(window.frames) == 1


@pytest.mark.parametrize(
  'options, message',
  [
    ({'fps': 0}, 'fps.*=0'),
    ({'fps': float('nan')}, 'fps.*=nan'),
    ({'source_fps': -1}, 'source_fps.*=-1'),
    ({'max_size': 3}, 'max_size.*=3'),
    ({'jpeg_quality': 101}, 'jpeg_quality.*=101'),
    ({'window_seconds': 0.05}, 'window_seconds.*=0.05'),
    ({'window_seconds': -1}, 'window_seconds.*=-1'),
    ({'window_seconds': float('inf')}, 'window_seconds.*=inf.*0 never cuts'),
    ({'window_seconds': float('nan')}, 'window_seconds.*=nan'),
    ({'min_frames': 0}, 'min_frames.*=0'),
    ({'no_face': 'guess'}, "no_face.*'guess'"),
  ],
)
def test_impossible_options_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    Options(**options)


def test_memory_is_that_of_a_window(tmp_path):
  frames = making_videos.level_frames(10, size=(120, 160))
  path = making_videos.write_video(tmp_path / 'v.mp4', frames * 60)
  total = 600 * frames[0].nbytes

  def measure():
    tracemalloc.start()
    try:
      count = sum(
        len(w.frames)
        for w in recordings.read_windows(
          Item('v', path), Options(window_seconds=1)
        )
      )
      return count, tracemalloc.get_traced_memory()[1]
    finally:
      tracemalloc.stop()

  measure()  # imports
  count, peak = measure()
  assert count == 600
  assert peak < total / 8


class FakeTrack:
  """Finds the white square that a test drew, or nothing."""

  seen = []

  @classmethod
  def find_square(cls, frames, options):
    assert options is FACES
    boxes = []
    frames = list(frames)
    for frame in frames:
      rows, columns = np.nonzero(frame[..., 0] > 128)
      if len(rows):
        boxes.append((rows.min(), columns.min()))
    cls.seen.append(len(frames))
    square = None
    if boxes:
      top, left = np.median(boxes, 0)
      square = face_crops.Square(float(top), float(left), 16.0)
    return face_crops.FaceTrack(
      square, len(boxes) / len(frames), len(frames), ('seen',) if boxes else ()
    )


def moving_square(num_frames, empty=()):
  frames = []
  for i in range(num_frames):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:8, 2 * i : 2 * i + 8] = 99  # no two frames are equal
    if i not in empty:
      left = 8 if i < 10 else 40
      cv2.rectangle(frame, (left, 16), (left + 15, 31), (255,) * 3, -1)
    frames.append(frame)
  return frames


def test_each_window_has_its_own_square(tmp_path, monkeypatch):
  monkeypatch.setattr(face_crops, 'find_square', FakeTrack.find_square)
  FakeTrack.seen = []
  path = making_videos.write_video(tmp_path / 'v.mp4', moving_square(24))
  first, second = read(Item('v', path), window_seconds=0.4, face_crop=FACES)
  assert FakeTrack.seen == [10, 14]
  for window in (first, second):
    assert window.coverage == 1 and window.notes == ['seen']
    for frame in window.frames:
      frame = making_videos.decode(frame)
      assert frame.shape == (16, 16, 3) and frame.mean() > 240


@pytest.mark.parametrize('policy', recordings.NO_FACE)
def test_policies_where_there_is_no_face(tmp_path, monkeypatch, policy):
  monkeypatch.setattr(face_crops, 'find_square', FakeTrack.find_square)
  frames = moving_square(24, empty=range(10))
  item = Item('v', making_videos.write_video(tmp_path / 'v.mp4', frames))
  options = {'window_seconds': 0.4, 'face_crop': FACES, 'no_face': policy}
  if policy == 'stop':
    with pytest.raises(UnreadableError, match='no face from 0 s on'):
      read(item, **options)
    return
  first, second = read(item, **options)
  assert first.coverage == 0 and second.coverage == 1
  assert making_videos.decode(second.frames[0]).shape == (16, 16, 3)
  if policy == 'skip':
    assert first.frames == [] and first.notes == ['no face: left out']
  else:
    assert first.notes == ['no face: whole frames']
    assert making_videos.decode(first.frames[0]).shape == (48, 64, 3)


def test_faces_are_found_by_the_real_detector(tmp_path):
  from stclr_jax.data.drawn import synthetic_faces

  blank = np.full((120, 160, 3), 90, np.uint8)
  path = making_videos.write_video(tmp_path / 'v.mp4', [blank, blank - 9])
  (window,) = read(Item('v', path), face_crop=FACES)
  assert window.coverage == 0 and 'whole frames' in window.notes[-1]
  video = next(
    synthetic_faces.draw_videos(
      height=120, width=160, framing='scene', num_subjects=1
    )
  )
  path = making_videos.write_video(tmp_path / 'w.mp4', list(video.frames[:2]))
  (window,) = read(Item('w', path), face_crop=FACES)
  h, w, _ = making_videos.decode(window.frames[0]).shape
  assert (h == w) == (window.coverage > 0)


def test_faces_need_frames_of_one_size(tmp_path):
  item = folder_item(tmp_path / 'f', 3)
  making_videos.write_image(item.frames[1], np.zeros((20, 20, 3), np.uint8))
  with pytest.raises(UnreadableError, match='different sizes, 16x12 and 20x20'):
    read(item, face_crop=FACES)


def write_stills(folder, counts):
  """Writes a video in which picture i is shown counts[i] times."""
  levels = making_videos.level_frames(len(counts), step=20)
  frames = [f for f, n in zip(levels, counts, strict=True) for _ in range(n)]
  return Item('v', making_videos.write_video(folder / 'v.mp4', frames))


def test_pictures_are_counted_and_not_ticks(tmp_path):
  with pytest.raises(UnreadableError, match=r'1 different .* in 20 frame'):
    read(write_stills(tmp_path, [20]))
  item = write_stills(tmp_path, [10, 1, 9])
  first, second = read(item, window_seconds=0.4)
  assert first.frames == [] and len(second.frames) == 10
  (note,) = first.notes
  assert note.startswith('1 different') and note.endswith('left out')
  with pytest.raises(UnreadableError, match='3 different .* has 4 or more'):
    read(item, min_frames=4)
  # Files of a folder were meant as pictures: noted only.
  folder = folder_item(tmp_path / 'f', 1)
  copy = folder.path / '001.jpg'
  copy.write_bytes(folder.frames[0].read_bytes())
  (window,) = read(dataclasses.replace(folder, frames=(*folder.frames, copy)))
  assert window.notes == ['1 different picture(s) in 2 files']


def test_windows_begin_on_a_players_clock(tmp_path):
  path = making_videos.write_video(
    tmp_path / 'v.mkv', making_videos.level_frames(25), sound=0.8
  )
  windows = read(Item('v', path), window_seconds=0.4)
  assert [w.start for w in windows] == pytest.approx([0.8, 1.2], abs=0.04)
  (part,) = read(Item('v', path, start=1.0, end=1.4))
  assert numbers(part) == numbers(windows[0])[5:] + numbers(windows[1])[:5]


@pytest.mark.parametrize('suffix', ['png', 'webp', 'tif'])
def test_pictures_that_move_are_recordings(tmp_path, suffix):
  from PIL import Image

  frames = [Image.fromarray(f) for f in making_videos.level_frames(12)]
  path = tmp_path / f'v.{suffix}'
  options = {} if suffix == 'tif' else {'duration': 40}
  if suffix == 'webp':
    options['lossless'] = True
  frames[0].save(path, save_all=True, append_images=frames[1:], **options)
  (window,) = read(Item('v', path))
  assert numbers(window) == list(range(12))
  (window,) = read(Item('v', path, start=0.2, end=9))
  assert numbers(window) == list(range(5, 12))
  assert window.notes[-1].startswith('ends at 0.48 s')


def test_an_end_behind_a_folders_end_is_told(tmp_path):
  (window,) = read(folder_item(tmp_path / 'f', 12, end=12))
  assert len(window.frames) == 12 and 'ends at 0.48 s' in window.notes[0]


@pytest.mark.parametrize('face_crop', [None, FACES])
def test_crops_read_the_same_frames_and_notes(tmp_path, monkeypatch, face_crop):
  monkeypatch.setattr(face_crops, 'find_square', FakeTrack.find_square)
  part = making_videos.write_video(
    tmp_path / 'v.flv', moving_square(24), codec='flv1'
  ).read_bytes()
  path = tmp_path / 'both.flv'
  path.write_bytes(part + part)
  windows = read(Item('v', path), window_seconds=0.8, face_crop=face_crop)
  assert [len(w.frames) for w in windows] == [20, 28]
  assert windows[-1].notes[-1].startswith('2 recordings joined')


def test_large_pictures_are_not_read_far_ahead(monkeypatch):
  monkeypatch.setattr(thread_maps, 'AHEAD_BYTES', 1000)
  read_ahead = []

  def items():
    for i in range(20):
      read_ahead.append(i)
      yield i

  mapped = thread_maps.map_threaded(lambda i: i, items(), size_of=lambda i: 400)
  assert next(mapped) == 0 and len(read_ahead) == 3
  assert list(mapped) == list(range(1, 20))
