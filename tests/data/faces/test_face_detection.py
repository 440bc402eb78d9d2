import sys

import cv2
import numpy as np
import pytest

from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.data.faces import blaze_file
from stclr_jax.data.faces import face_detection

NEEDS_FILE = pytest.mark.skipif(
  not blaze_file.is_there(), reason=f'{blaze_file.COMMAND} gets the file'
)
DETECTORS = [
  pytest.param('blaze', marks=NEEDS_FILE),
  *(name for name in face_detection.DETECTORS if name != 'blaze'),
]
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


def find(name, frame, **options):
  return face_detection.make_detector(name, **options)(frame)


def centre(box):
  return np.array([box.top + box.side / 2, box.left + box.side / 2])


@pytest.mark.parametrize('name', DETECTORS)
def test_a_drawn_face_is_found_where_it_is_drawn(name, face):
  (box,) = find(name, face)
  np.testing.assert_allclose(centre(box), CENTRE, atol=10)
  assert 60 < box.side < 160


@pytest.mark.parametrize('name', DETECTORS)
def test_boxes_move_and_grow_with_the_frame(name, face):
  (box,) = find(name, face)
  larger = cv2.resize(face, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
  (grown,) = find(name, larger)
  np.testing.assert_allclose(np.array(grown[:3]) / 3, box[:3], atol=6)
  moved = np.roll(face, (24, -16), axis=(0, 1))
  (shifted,) = find(name, moved)
  np.testing.assert_allclose(centre(shifted), centre(box) + (24, -16), atol=6)


@pytest.mark.parametrize('name', DETECTORS)
def test_detectors_are_less_sure_of_a_face_that_is_hard_to_see(name, face):
  blurred = cv2.GaussianBlur(face, None, 4)
  (clear,), (dim,) = find(name, face), find(name, blurred)
  if name == 'haar_tilted':  # cascades do not say
    assert np.isnan([clear.score, dim.score]).all()
  else:
    assert 0 < dim.score < clear.score
    assert name != 'blaze' or clear.score <= 1


@pytest.mark.parametrize('name', DETECTORS)
def test_there_is_no_face_in_plain_and_random_pixels(name):
  plain = np.full((120, 160, 3), 127, np.uint8)
  noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
  assert find(name, plain) == find(name, noise) == []


def turned(frame, degrees):
  rows, columns = frame.shape[:2]
  turn = cv2.getRotationMatrix2D(CENTRE[::-1], degrees, 1)
  size, mode = (columns, rows), cv2.BORDER_REPLICATE
  return cv2.warpAffine(frame, turn, size, borderMode=mode)


@pytest.mark.parametrize('name', DETECTORS)
@pytest.mark.parametrize('degrees', [-30, 30])
def test_tilted_heads_are_found(name, face, degrees):
  boxes = find(name, turned(face, degrees))
  assert boxes
  # Turned about the face's middle, which therefore stays.
  distances = [np.abs(centre(box) - CENTRE).max() for box in boxes]
  assert min(distances) < 20


@NEEDS_FILE
def test_blaze_finds_faces_in_the_dark_that_hog_misses(face):
  dark = (face * 0.04).astype(np.uint8)
  (box,) = find('blaze', dark)
  np.testing.assert_allclose(centre(box), CENTRE, atol=10)
  assert find('hog', dark) == []


def test_the_smallest_face_is_as_small_as_asked_for(face):
  """A face of 23 pixels, an eighth of the frame's height."""
  small = cv2.resize(face, (80, 60), interpolation=cv2.INTER_AREA)
  frame = np.full((240, 320, 3), small.mean((0, 1)).astype(np.uint8))
  frame[90:150, 120:200] = small
  assert find('hog', frame, min_face=1 / 3) == []
  (box,) = find('hog', frame, min_face=1 / 12)
  np.testing.assert_allclose(centre(box), (90 + 24, 160), atol=6)


@pytest.mark.parametrize(
  'frame',
  [
    np.zeros((40, 50), np.uint8),
    np.zeros((40, 50, 3), np.float32),
    np.zeros((0, 50, 3), np.uint8),
  ],
)
def test_what_is_no_frame_is_refused(frame):
  with pytest.raises(ValueError, match='A frame .* must be uint8'):
    find('hog', frame)


def test_unknown_detectors_and_sizes_are_refused():
  with pytest.raises(ValueError, match="'retina'.*blaze, hog, haar_tilted; "):
    face_detection.make_detector('retina')
  for size in (0, 0.01, 1.5, float('nan')):
    with pytest.raises(ValueError, match='min_face.*between 0.02 and 1'):
      face_detection.make_detector('hog', min_face=size)


def test_a_missing_package_is_named_with_what_works_without(monkeypatch):
  monkeypatch.setitem(sys.modules, 'dlib', None)
  with pytest.raises(ImportError, match="dlib-bin.*detector 'haar_tilted'"):
    face_detection.make_detector('hog')
  monkeypatch.setattr(cv2, 'data', None)  # as in version 5
  with pytest.raises(ImportError, match="headless<5.*detector 'hog'"):
    face_detection.make_detector('haar_tilted')
