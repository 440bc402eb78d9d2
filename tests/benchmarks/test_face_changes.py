"""Faces that are changed: where they must be found then."""

import numpy as np
import pytest

from benchmarks.science import face_changes
from stclr_jax.data.faces.face_detection import Detection

FACE = Detection(40.0, 70.0, 30.0)


def draw(face=FACE):
  """A red square on grey, in place of a face."""
  frame = np.full((120, 160, 3), 90, np.uint8)
  top, left, side = map(round, face[:3])
  frame[top : top + side, left : left + side] = (250, 60, 60)
  return frame


def find_square(frame):
  """Finds what is brighter than most, whatever the light."""
  bright = frame[..., 0] > 0.8 * frame[..., 0].max()
  y, x = np.nonzero(bright)
  side = np.sqrt(bright.sum())
  return [Detection(y.mean() - side / 2, x.mean() - side / 2, side)]


def find_never(frame):
  return []


def test_a_detector_that_always_finds_has_all_in_every_change():
  frames = [('a', draw()), ('a', draw(Detection(60.0, 60.0, 24.0)))]
  detectors = {'square': find_square, 'never': find_never}
  figures, faces = face_changes.measure(frames, detectors, ['square', 'square'])
  assert faces == {'a': 2}
  assert set(figures['square']) == {c.name for c in face_changes.make_changes()}
  for change, count in figures['square'].items():
    if change != 'grey':  # without red it is not brighter
      assert (count['found'], count['of']) == (2, 2), change
    assert figures['never'][change]['found'] == 0
    assert count['false'] == count['empty'] == 0


def test_what_is_found_elsewhere_or_of_another_size_does_not_count():
  for other in (
    lambda box: box._replace(top=box.top + 12),
    lambda box: box._replace(side=2 * box.side),
  ):
    detectors = {
      'true': lambda frame: [FACE],
      'off': lambda frame, other=other: [other(FACE)],
    }
    figures, _ = face_changes.measure(
      [('a', draw())], detectors, ['true', 'true']
    )
    assert figures['off']['as it is']['found'] == 0
    assert figures['true']['as it is']['found'] == 1


def test_detections_in_frames_without_a_face_are_counted():
  empty, calls = np.full((120, 160, 3), 90, np.uint8), []

  def find_at_times(frame):
    calls.append(frame)
    return [FACE] if frame.std() > 1 or len(calls) % 2 == 0 else []

  frames = [('a', draw()), ('b', empty)]
  figures, _ = face_changes.measure(
    frames,
    {'never': lambda frame: [FACE] if frame.std() > 1 else [],
     'at times': find_at_times},
    ['never', 'never'],
  )  # fmt: skip
  of_empty = [count['empty'] for count in figures['at times'].values()]
  assert set(of_empty) == {1}
  assert sum(c['false'] for c in figures['at times'].values()) > 0
  assert sum(c['false'] for c in figures['never'].values()) == 0


def test_detectors_that_agree_on_nothing_are_refused():
  with pytest.raises(ValueError, match='agree on no face'):
    face_changes.measure(
      [('a', draw())], {'never': find_never}, ['never', 'never']
    )
