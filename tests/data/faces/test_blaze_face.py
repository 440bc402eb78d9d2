"""Arithmetic around BlazeFace, which needs no file of a network."""

import cv2
import numpy as np
import pytest

from stclr_jax.data.faces import blaze_face
from stclr_jax.data.faces import blaze_file
from stclr_jax.data.faces import face_detection

SIDE = blaze_face.INPUT_SIDE


def draw_boxes(seed, count):
  """Boxes that overlap now and then, whole pixels, and their probabilities."""
  generator = np.random.default_rng(seed)
  corners = generator.integers(0, 60, (count, 2))
  sizes = generator.integers(20, 40, (count, 2))
  boxes = np.concatenate([corners, sizes], -1).astype(float)
  return generator.uniform(0.5, 1, count), boxes


def count_shared_pixels(a, b):
  """Intersection over union of two boxes by counting pixels."""
  x, y = np.meshgrid(*2 * [np.arange(100)])
  inside = [
    (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
    for left, top, width, height in (a, b)
  ]
  return (inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum()


def test_anchors_are_the_middles_of_squares_of_four_pixels_row_by_row():
  anchors = blaze_face.make_anchors() * SIDE
  expected = [(4 * x + 2, 4 * y + 2) for y in range(48) for x in range(48)]
  np.testing.assert_allclose(anchors, expected, rtol=1e-6)


def test_boxes_are_read_from_their_anchor():
  scores = np.full((2304, 1), -1e4)  # exp would overflow
  boxes = np.zeros((2304, 16))
  at = 48 * 10 + 20  # its middle at x 82, y 42
  scores[at], boxes[at, :4] = 1.0, (3, -2, 40, 50)
  scores[at + 1], boxes[at + 1, :4] = 0.5, (0, 0, 9, 9)  # 0.62: not sure enough
  scores[at + 2], boxes[at + 2, :4] = 1e4, (0, 0, 9, -1)  # no box
  anchors = blaze_face.make_anchors()
  probabilities, found = blaze_face.decode(scores, boxes, anchors)
  np.testing.assert_allclose(probabilities, [1 / (1 + np.exp(-1))])
  np.testing.assert_allclose(found, [[85 - 20, 40 - 25, 40, 50]], rtol=1e-6)
  none, nowhere = blaze_face.decode(scores - 9e9, boxes, anchors)
  assert none.shape == (0,) and nowhere.shape == (0, 4)


@pytest.mark.parametrize('seed', range(4))
def test_overlapping_boxes_become_their_weighted_mean(seed):
  """Against a list that is gone through by hand."""
  probabilities, boxes = draw_boxes(seed, 8)
  left = sorted(range(8), key=lambda i: -probabilities[i])
  expected = []
  while left:
    first = left[0]
    near = [
      i for i in left if count_shared_pixels(boxes[first], boxes[i]) > 0.3
    ]
    weights = probabilities[near, None]
    mean = (boxes[near] * weights).sum(0) / weights.sum()
    expected.append((probabilities[first], *mean))
    left = [i for i in left if i not in near]
  kept, joined = blaze_face.join_overlapping(probabilities, boxes)
  assert 1 < len(kept) < 8  # some were joined, some stayed apart
  np.testing.assert_allclose(np.column_stack([kept, joined]), expected)
  kept, joined = blaze_face.join_overlapping(np.zeros(0), np.zeros((0, 4)))
  assert kept.shape == (0,) and joined.shape == (0, 4)


@pytest.mark.parametrize('size', [(240, 320), (400, 96), (90, 90), (192, 192)])
def test_what_is_seen_in_the_input_is_brought_back_to_the_frame(size):
  rows, columns = size
  frame = np.full((*size, 3), 60, np.uint8)
  top, left, height, width = rows // 3, columns // 4, rows // 4, columns // 2
  frame[top : top + height, left : left + width] = 255
  picture, fit = blaze_face.letterbox(frame)
  assert picture.shape == (SIDE, SIDE, 3)
  y, x = np.nonzero(picture[..., 0] > 150)
  seen = (x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1)
  found = blaze_face.to_frame(np.array([seen], float), fit)
  pixel = 1 / fit.scale
  np.testing.assert_allclose(
    found, [(left, top, width, height)], atol=1.5 * pixel
  )
  # Nothing is cut off, nothing stretched.
  assert (picture.max(-1) > 0).sum() == pytest.approx(
    SIDE**2 * min(size) / max(size), rel=0.02
  )


@pytest.mark.parametrize('light', [1.0, 0.3, 0.08])
def test_dark_pictures_are_brightened_alike(light):
  noise = np.random.default_rng(0).integers(0, 200, (64, 80, 3))
  picture = (noise * light).round().astype(np.uint8)
  bright = blaze_face.brighten(picture)
  brightest = np.sort(picture.max(-1).ravel())
  white = bright.max(-1)[picture.max(-1) >= brightest[-len(brightest) // 100]]
  assert (white == 255).all() and bright.mean() < 200
  # Each value of the picture by one factor, but for what is white already.
  whole = bright < 255
  factor = bright[whole].max() / picture[whole].max()
  np.testing.assert_allclose(bright[whole], picture[whole] * factor, atol=1)
  # Black has nothing to brighten; the faintest noise stays below half.
  assert not blaze_face.brighten(picture * 0).any()
  assert blaze_face.brighten((picture > 9).astype(np.uint8)).max() <= 16


@pytest.mark.parametrize('size', [(480, 640), (1080, 1920), (500, 200)])
def test_one_look_does_for_head_and_shoulders(size):
  assert blaze_face.tiles(*size, 1 / 4) == [(0, 0, *size)]


@pytest.mark.parametrize('size', [(480, 640), (1080, 1920), (500, 200)])
@pytest.mark.parametrize('min_face', [0.02, 0.05, 0.1])
def test_each_face_is_whole_and_large_enough_in_some_tile(size, min_face):
  tiles = np.array(blaze_face.tiles(*size, min_face))
  assert (tiles[0] == (0, 0, *size)).all()
  assert (tiles[:, :2] >= 0).all()
  assert (tiles[:, :2] + tiles[:, 2:] <= size).all()
  generator = np.random.default_rng(0)
  least, most = min_face * min(size), min(size)
  for _ in range(500):
    side = np.exp(generator.uniform(np.log(least), np.log(most)))
    corner = generator.uniform(0, np.array(size) - side)
    whole = (tiles[:, :2] <= corner + 1).all(-1)
    whole &= (tiles[:, :2] + tiles[:, 2:] >= corner + side - 1).all(-1)
    shares = side / tiles[:, 2:].max(-1)
    assert (whole & (shares > 0.97 * blaze_face.SMALLEST_FACE)).any(), side


class BrightSpotNetwork:
  """Answers with the box of the red pixels of its input, in place of a face."""

  def getUnconnectedOutLayersNames(self):  # noqa: N802  OpenCV's
    return ('boxes', 'scores')

  def setInput(self, blob):  # noqa: N802
    assert blob.shape == (1, 3, SIDE, SIDE)
    assert -1 <= blob.min() <= blob.max() <= 1
    self.red = (blob[0, 0] > 0.5) & (blob[0, 2] < -0.5)

  def forward(self, names):
    scores, boxes = np.full((1, 2304, 1), -9.0), np.zeros((1, 2304, 16))
    y, x = np.nonzero(self.red)
    if len(y):
      middle, size = (x.mean() + 0.5, y.mean() + 0.5), (np.ptp(x), np.ptp(y))
      at = 48 * int(middle[1] // 4) + int(middle[0] // 4)
      for near in (at, at + 1):  # two anchors see one face
        anchor = 4 * (near % 48) + 2, 4 * (near // 48) + 2
        scores[0, near] = 2.0
        boxes[0, near, :4] = *np.subtract(middle, anchor), *np.add(size, 1)
    outputs = {'scores': scores, 'boxes': boxes}
    return [outputs[name] for name in names]


@pytest.fixture
def network(monkeypatch):
  monkeypatch.setattr(blaze_file, 'read', lambda: b'network')
  monkeypatch.setattr(
    cv2.dnn, 'readNetFromTFLite', lambda _: BrightSpotNetwork()
  )


def test_a_face_is_found_where_the_network_sees_it(network):
  find = face_detection.make_detector('blaze')
  frame = np.full((480, 640, 3), 90, np.uint8)
  assert find(frame) == []
  frame[100:180, 400:480] = (255, 0, 0)
  (box,) = find(frame)
  np.testing.assert_allclose(box[:3], (100, 400, 80), atol=3.5)
  assert box.score == pytest.approx(1 / (1 + np.exp(-2)))  # the network says 2
  with pytest.raises(ValueError, match='must be uint8'):
    find(frame[..., 0])


def test_a_small_face_is_found_in_a_tile_and_told_once(network):
  frame = np.full((480, 640, 3), 90, np.uint8)
  frame[300:312, 500:512] = (255, 0, 0)
  (box,) = face_detection.make_detector('blaze', min_face=1 / 40)(frame)
  np.testing.assert_allclose(box[:3], (300, 500, 12), atol=2)


def test_an_opencv_that_cannot_read_it_is_named(monkeypatch):
  monkeypatch.setattr(blaze_file, 'read', lambda: b'no network')
  with pytest.raises(ImportError, match="headless>=4.10,<5.*detector 'hog'"):
    face_detection.make_detector('blaze')
