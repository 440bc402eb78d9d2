"""Rules of following a face, on detections that are known exactly."""

import itertools

import numpy as np
import pytest

from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.faces import face_tracks
from stclr_jax.data.faces.face_crops import FaceCropOptions
from stclr_jax.data.faces.face_crops import Square
from stclr_jax.data.faces.face_detection import Detection

SIZE = (240, 320)
FACE = Detection(80.0, 100.0, 60.0)
EXACT = FaceCropOptions(margin=0.0, smoothing=1)


def lay(detections, options=EXACT):
  return face_crops.lay_square(detections, SIZE, options)


def moved(box, down=0.0, right=0.0, grown=0.0):
  return Detection(box.top + down, box.left + right, box.side + grown)


def test_a_face_that_stays_is_its_own_square():
  track = lay([[FACE]] * 10)
  assert track.square == Square(*FACE[:3])
  assert (track.coverage, track.num_frames, track.notes) == (1.0, 10, ())


@pytest.mark.parametrize('margin', [0.1, 0.25, 1.0])
def test_the_margin_is_a_share_of_the_face_on_each_side(margin):
  options = FaceCropOptions(margin=margin, smoothing=1)
  square = lay([[FACE]] * 5, options).square
  np.testing.assert_allclose(square.side, FACE.side * (1 + 2 * margin))
  middle = np.array([square.top, square.left]) + square.side / 2
  np.testing.assert_allclose(middle, np.array(FACE[:2]) + FACE.side / 2)


def test_every_place_of_a_moving_face_is_inside():
  path = [moved(FACE, down=2 * i, right=-3 * i) for i in range(12)]
  square = lay([[box] for box in path]).square
  for top, left, side, _ in path:
    assert square.top <= top and square.left <= left
    assert square.top + square.side >= top + side
    assert square.left + square.side >= left + side
  # The smallest such square: as wide as the longer way.
  np.testing.assert_allclose(square.side, FACE.side + 3 * 11)


def test_trembling_and_two_false_boxes_do_not_show():
  options = FaceCropOptions(margin=0.0, smoothing=5)
  boxes = [FACE] * 20
  boxes[7] = boxes[8] = moved(FACE, down=-12, grown=20)
  assert lay([[b] for b in boxes], options).square == Square(*FACE[:3])
  assert lay([[b] for b in boxes]).square != Square(*FACE[:3])


def test_a_face_that_flashes_up_is_none():
  detections = [[] for _ in range(30)]
  detections[4], detections[20] = [FACE], [FACE]
  track = lay(detections)
  assert track.square is None and track.coverage == 0
  assert 'no others near in time support them: 2 of 2' in track.notes[0]
  assert track.notes[-1] == 'no face was found'


def test_a_detection_needs_support_but_no_more_than_there_are_frames():
  assert lay([[FACE]]).square == Square(*FACE[:3])
  assert lay([[FACE], []]).square is None
  lenient = FaceCropOptions(margin=0.0, smoothing=1, min_support=1)
  assert lay([[FACE], []], lenient).square == Square(*FACE[:3])


def test_a_face_lost_half_way_keeps_its_square_and_is_told():
  detections = [[FACE]] * 10 + [[]] * 10
  track = lay(detections)
  assert track.square == Square(*FACE[:3]) and track.coverage == 0.5
  (note,) = track.notes
  assert 'not seen in frames 10 to 19 of 20' in note


def test_a_face_found_again_at_its_place_is_the_same():
  track = lay([[FACE]] * 8 + [[]] * 3 + [[moved(FACE, 4)]] * 9)
  assert track.coverage == 17 / 20 and track.notes == ()
  np.testing.assert_allclose(track.square.side, FACE.side + 4)


@pytest.mark.parametrize('which', face_tracks.CHOICES)
def test_of_several_faces(which):
  large_aside = Detection(5.0, 5.0, 70.0)
  small_central = Detection(100.0, 140.0, 40.0)
  options = FaceCropOptions(margin=0.0, smoothing=1, which=which)
  # Their order in a frame must not matter.
  frames = [
    [large_aside, small_central][:: 1 if i % 2 else -1] for i in range(9)
  ]
  track = lay(frames, options)
  expected = large_aside if which == 'largest' else small_central
  assert track.square == Square(*expected[:3]) and track.coverage == 1
  assert track.notes == (f'the {which} of 2 faces was taken',)


def test_a_passer_by_is_not_taken_however_large():
  near = Detection(0.0, 200.0, 110.0)
  detections = [[FACE] for _ in range(20)]
  for i in range(3, 10):
    detections[i] = [FACE, near]
  track = lay(detections)
  assert track.square == Square(*FACE[:3]) and track.coverage == 1
  assert track.notes == (
    'passed over because seen for less than half as long: 1 of 2 faces',
  )


def test_faces_that_pass_each_other_are_not_mixed():
  """Each detection goes to the face that it overlaps most."""
  frames = [
    [Detection(50.0, 20.0 + 5 * i, 60.0), Detection(100.0, 200.0 - 5 * i, 70.0)]
    for i in range(20)
  ]
  square = lay(frames).square
  assert (square.top + square.side / 2) == pytest.approx(135.0)
  assert square.side == pytest.approx(70 + 5 * 19)


def test_a_square_beyond_the_frame_is_told():
  at_edge = Detection(-10.0, 290.0, 60.0)
  track = lay([[at_edge]] * 4)
  assert track.square == Square(*at_edge[:3])
  assert 'leaves the frame by 30 pixels' in track.notes[0]


def test_a_face_that_crosses_the_frame_is_told():
  frames = [[moved(FACE, right=8 * i)] for i in range(15)]
  assert 'moves by more than its own size' in lay(frames).notes[0]


def test_nothing_depends_on_the_place_or_scale_of_the_frame():
  generator = np.random.default_rng(0)
  boxes = [
    [Detection(*(np.array(FACE[:3]) + generator.normal(size=3)))]
    for _ in range(12)
  ]
  options = FaceCropOptions()
  square = np.array(face_crops.lay_square(boxes, SIZE, options).square)
  doubled = [[Detection(*(2 * np.array(box)))] for (box,) in boxes]
  twice = face_crops.lay_square(doubled, (480, 640), options).square
  np.testing.assert_allclose(twice, 2 * square)


def test_frames_are_read_once_and_counted(monkeypatch):
  monkeypatch.setattr(
    face_detection, 'make_detector', lambda *_, **__: lambda frame: [FACE]
  )
  frames = itertools.repeat(np.zeros((*SIZE, 3), np.uint8), 6)
  assert face_crops.find_square(frames).num_frames == 6
  with pytest.raises(ValueError, match='at least one frame'):
    face_crops.find_square(frames)
  sizes = [np.zeros((20, 20, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)]
  with pytest.raises(ValueError, match=r'Frame 1 is \(20, 30\)'):
    face_crops.find_square(sizes)


def test_cutting_whole_pixels_is_slicing():
  frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
  cut = face_crops.cut(frame, Square(8.0, 12.0, 16.0), 16)
  np.testing.assert_array_equal(cut, frame[8:24, 12:28])


def test_what_leaves_the_frame_repeats_its_edge():
  frame = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
  cut = face_crops.cut(frame, Square(-4.0, -6.0, 16.0), 16)
  padded = np.pad(frame, ((4, 0), (6, 0), (0, 0)), mode='edge')
  np.testing.assert_array_equal(cut, padded[:16, :16])


def test_cutting_shrinks_without_aliasing():
  stripes = np.zeros((64, 64, 3), np.uint8)
  stripes[:, ::2] = 255
  cut = face_crops.cut(stripes, Square(0.0, 0.0, 64.0), 8)
  assert np.abs(cut[:, 1:-1].astype(int) - 127).max() <= 3


@pytest.mark.parametrize(
  'square, size, message',
  [
    ((0.0, 0.0, 8.0), 0, 'size'),
    ((30.0, 0.0, 8.0), 8, 'does not touch'),
    ((-9.0, 0.0, 8.0), 8, 'does not touch'),
    ((0.0, 0.0, 0.0), 8, 'does not touch'),
  ],
)
def test_impossible_cuts_are_refused(square, size, message):
  frame = np.zeros((20, 24, 3), np.uint8)
  with pytest.raises(ValueError, match=message):
    face_crops.cut(frame, Square(*square), size)


@pytest.mark.parametrize(
  'options, message',
  [
    ({'which': 'best'}, 'which.*largest, central'),
    ({'margin': -0.1}, 'margin'),
    ({'margin': 3}, 'margin'),
    ({'smoothing': 4}, 'smoothing.*odd'),
    ({'min_support': 0}, 'min_support'),
    ({'detector': 'mtcnn'}, "detector.*'mtcnn'.*hog"),
    ({'min_face': 0.0}, 'min_face'),
  ],
)
def test_impossible_options_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    FaceCropOptions(**options)
