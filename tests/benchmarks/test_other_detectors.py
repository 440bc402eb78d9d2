"""Detectors that are compared with those of an import."""

import cv2
import numpy as np
import pytest

from benchmarks.science import other_detectors
from stclr_jax.data.drawn import synthetic_faces

CENTRE = (105, 162)  # between brows and lips as drawn, row and column


@pytest.fixture(scope='module')
def face():
  """Head and shoulders, uint8 [240, 320, 3]; brows to lips, rows 69 to 142."""
  video = next(
    synthetic_faces.draw_videos(
      height=240, width=320, framing='scene', num_subjects=1
    )
  )
  return video.frames[0]


def turned(frame, degrees):
  turn = cv2.getRotationMatrix2D(CENTRE[::-1], degrees, 1)
  size, mode = frame.shape[1::-1], cv2.BORDER_REPLICATE
  return cv2.warpAffine(frame, turn, size, borderMode=mode)


@pytest.mark.parametrize('name', ['haar', 'haar_default'])
def test_plain_cascades_find_upright_faces_where_they_are_drawn(name, face):
  find = other_detectors.make_detector(name)
  (box,) = find(face)
  centre = np.array([box.top + box.side / 2, box.left + box.side / 2])
  np.testing.assert_allclose(centre, CENTRE, atol=10)
  assert find(np.full_like(face, 127)) == []


def test_the_plain_cascade_loses_a_tilted_head_that_the_tilted_one_finds(face):
  frame = turned(face, 30)
  assert other_detectors.make_detector('haar')(frame) == []
  assert other_detectors.make_detector('haar_tilted')(frame)


def test_profiles_are_looked_for_both_ways(face):
  find = other_detectors.make_detector('haar_profile')
  squeezed = turned(face, 8)
  boxes = find(squeezed)
  mirrored = find(np.ascontiguousarray(squeezed[:, ::-1]))
  assert len(boxes) == len(mirrored)
  columns = face.shape[1]
  back = [(b.top, columns - b.left - b.side, b.side) for b in mirrored]
  seen = [(b.top, b.left, b.side) for b in boxes]
  np.testing.assert_allclose(sorted(back), sorted(seen), atol=1e-6)
