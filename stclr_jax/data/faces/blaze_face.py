"""BlazeFace full range, a network of Google's that finds faces, in OpenCV.

The network looks at 192 by 192 pixels and answers, for each of 48 by 48 places
(anchors), how sure it is of a face there and where its box is. Its file is not
ours to ship: `blaze_file` says where it lies and how to get it. A frame is
fitted in whole, with black around it; where smaller faces are asked for than
can be seen so, tiles of it are looked at as well.

Source: Bazarevsky et al. 2019, BlazeFace (arXiv:1907.05047); the pipeline of
MediaPipe's face_detection_full_range, whose numbers these are.
"""

import math
from typing import NamedTuple

import numpy as np

from stclr_jax.data.faces import blaze_file
from stclr_jax.errors import MissingPackageError

INPUT_SIDE = 192  # pixels
_STRIDE = 4  # pixels between anchors
# chosen: MediaPipe asks for 0.5, at which letters and walls count as faces here
# and there. Of the clips at hand, the least sure of the true faces has 0.70,
# the surest of the false ones 0.61.
MIN_SCORE = 0.65
MAX_OVERLAP = 0.3  # intersection over union, MediaPipe's
# A frame is multiplied until this share of its pixels is below white, chosen:
# of faces at 6 % of their light it then finds 98 % where it found 67 %, and no
# fewer of any others. At most sixteenfold: beyond that noise is left.
_WHITE_SHARE = 0.99
_MAX_GAIN = 16.0
# The smallest face that it finds well, as a share of what it is shown.
# measured: 31 of 35 real ones at 0.09, all at 0.1, 18 at 0.06.
SMALLEST_FACE = 0.09
# Tiles shrink by so much at a time. chosen: they then overlap by a third.
_SHRINKING = 4


class Fit(NamedTuple):
  """The place of a frame, or of a tile of one, in the network's input.

  Attributes:
    scale: pixels of the input to one of the frame.
    top: row of the input at which the frame begins, pixels.
    left: column, pixels.
  """

  scale: float
  top: int
  left: int


def make_anchors():
  """Makes the places that the network's answers are about.

  Returns:
    float32 [2304, 2], (x, y) in shares of the input's side; row by row.
  """
  count = INPUT_SIDE // _STRIDE
  centres = (np.arange(count, dtype=np.float32) + 0.5) / count
  x, y = np.meshgrid(centres, centres)
  return np.stack([x.ravel(), y.ravel()], -1)


def decode(scores, boxes, anchors, *, min_score=MIN_SCORE):
  """Reads what the network says.

  Args:
    scores: float [2304, 1], before the sigmoid.
    boxes: float [2304, 16], pixels: the centre's x and y, from the anchor, then
      width and height; then six points that are not needed here.
    anchors: see `make_anchors`.
    min_score: least probability of a face, 0 to 1.

  Returns:
    (probabilities [n], boxes [n, 4]) of those that are sure enough: float;
      left, top, width and height in pixels of the input, both above 0.
  """
  # Clipped as in MediaPipe, so that exp does not overflow.
  probability = 1 / (1 + np.exp(-scores[:, 0].astype(float).clip(-100, 100)))
  sizes = boxes[:, 2:4]
  sure = (probability >= min_score) & (sizes > 0).all(-1)
  centres = anchors[sure] * INPUT_SIDE + boxes[sure, :2]
  found = np.concatenate([centres - sizes[sure] / 2, sizes[sure]], -1)
  return probability[sure], found.astype(float)


def join_overlapping(probabilities, boxes, *, max_overlap=MAX_OVERLAP):
  """Makes one box of those that are about one face, weighted by probability.

  Args:
    probabilities: float [n].
    boxes: float [n, 4], left, top, width and height.
    max_overlap: intersection over union from which two are of one face.

  Returns:
    (probabilities [k], boxes [k, 4]), surest first; of each face the greatest
      probability.

  Source: MediaPipe's non_max_suppression_calculator, WEIGHTED.
  """
  left = list(np.argsort(-probabilities, kind='stable'))
  kept, joined = [], []
  while left:
    near = [i for i in left if _overlap(boxes[left[0]], boxes[i]) > max_overlap]
    kept.append(probabilities[left[0]])
    joined.append(np.average(boxes[near], 0, weights=probabilities[near]))
    left = [i for i in left if i not in near]
  return np.array(kept), np.reshape(joined, (-1, 4))


def _overlap(a, b):
  """Intersection over union of two boxes."""
  low = np.maximum(a[:2], b[:2])
  high = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
  shared = np.prod(np.maximum(high - low, 0))
  return shared / (np.prod(a[2:]) + np.prod(b[2:]) - shared)


def letterbox(frame):
  """Fits a frame into the network's input, brightened, black around it.

  Args:
    frame: uint8 RGB [h, w, 3].

  Returns:
    (picture, fit): uint8 [192, 192, 3], and its `Fit`.
  """
  import cv2

  rows, columns = frame.shape[:2]
  scale = INPUT_SIDE / max(rows, columns)
  height, width = (max(1, round(n * scale)) for n in (rows, columns))
  shrinks = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
  picture = np.zeros((INPUT_SIDE, INPUT_SIDE, 3), np.uint8)
  top, left = (INPUT_SIDE - height) // 2, (INPUT_SIDE - width) // 2
  small = cv2.resize(frame, (width, height), interpolation=shrinks)
  picture[top : top + height, left : left + width] = brighten(small)
  return picture, Fit(scale, top, left)


def brighten(picture):
  """Multiplies a picture so that its brightest pixels are white.

  Args:
    picture: uint8 [h, w, 3].

  Returns:
    uint8 [h, w, 3], no darker anywhere.
  """
  counts = np.bincount(picture.max(-1).ravel(), minlength=256)
  white = np.searchsorted(counts.cumsum(), _WHITE_SHARE * counts.sum())
  gain = min(255 / max(int(white), 1), _MAX_GAIN)
  levels = (np.arange(256) * gain).clip(0, 255).round().astype(np.uint8)
  return levels[picture]


def to_frame(boxes, fit):
  """Brings boxes from the input's pixels to the frame's.

  Args:
    boxes: float [n, 4], left, top, width and height.
    fit: a `Fit`.

  Returns:
    The same in pixels of the frame.
  """
  return (boxes - np.array([fit.left, fit.top, 0, 0])) / fit.scale


def _load():
  import cv2

  content = np.frombuffer(blaze_file.read(), np.uint8)
  try:
    return cv2.dnn.readNetFromTFLite(content)
  except (AttributeError, cv2.error) as error:
    raise MissingPackageError(
      f'OpenCV {cv2.__version__} does not read the network of the face '
      "detector 'blaze': pip install 'opencv-python-headless>=4.10,<5'. Or "
      "take the detector 'hog'."
    ) from error


def tiles(rows, columns, min_face):
  """Cuts a frame in tiles, in each of which the smallest face is large enough.

  Args:
    rows: height of the frame, pixels.
    columns: width, pixels.
    min_face: smallest face to find, as a share of the shorter side.

  Returns:
    List of (top, left, height, width), the whole frame first, and no more if
      that does. Then come smaller and smaller ones. What is too small in some
      is whole in one of the next, which overlap by as much.
  """
  side, smallest = max(rows, columns), min_face * min(rows, columns)
  cut = [(0, 0, rows, columns)]
  while smallest < SMALLEST_FACE * side:
    overlap = math.ceil(SMALLEST_FACE * side)
    side = max(smallest / SMALLEST_FACE, side / _SHRINKING)
    height, width = min(rows, round(side)), min(columns, round(side))
    cut += [
      (top, left, height, width)
      for top in _begins(rows, height, overlap)
      for left in _begins(columns, width, overlap)
    ]
  return cut


def _begins(length, tile, overlap):
  count = 1 + math.ceil((length - tile) / (tile - overlap))
  return np.linspace(0, length - tile, count).round().astype(int).tolist()


def make(min_face):
  """Makes a function that finds the faces of a frame.

  Args:
    min_face: smallest face to find, as a share of the frame's shorter side.

  Returns:
    Function of a frame, uint8 RGB [h, w, 3], that lists (top, left, side,
    probability) of faces in its pixels, surest first.

  Raises:
    UserError: where the network's file is not there, or is another.
    MissingPackageError: where this OpenCV cannot read it.
  """
  network = _load()
  names = network.getUnconnectedOutLayersNames()
  anchors = make_anchors()

  def look(frame):
    import cv2

    picture, fit = letterbox(frame)
    # From -1 to 1; the frame is RGB already.
    network.setInput(
      cv2.dnn.blobFromImage(picture, 1 / 127.5, mean=[127.5] * 3)
    )
    outputs = {out.shape[-1]: out[0] for out in network.forward(names)}
    probabilities, boxes = decode(outputs[1], outputs[16], anchors)
    return probabilities, to_frame(boxes, fit)

  def detect(frame):
    found = []
    for tile in tiles(*frame.shape[:2], min_face):
      top, left, height, width = tile
      part = frame[top : top + height, left : left + width]
      probabilities, boxes = look(part)
      boxes = boxes + np.array([left, top, 0, 0])
      whole = _is_whole(boxes, tile, frame.shape)
      found.append((probabilities[whole], boxes[whole]))
    probabilities, boxes = map(np.concatenate, zip(*found, strict=True))
    probabilities, boxes = join_overlapping(probabilities, boxes)
    sides = boxes[:, 2:].mean(-1)
    corners = boxes[:, :2] + (boxes[:, 2:] - sides[:, None]) / 2
    return [
      (y, x, side, score)
      for (x, y), side, score in zip(corners, sides, probabilities, strict=True)
    ]

  return detect


def _is_whole(boxes, tile, frame_size):
  """Says which boxes no edge of a tile cuts; edges of the frame may."""
  top, left, height, width = tile
  within = np.ones(len(boxes), bool)
  if top > 0:
    within &= boxes[:, 1] > top
  if left > 0:
    within &= boxes[:, 0] > left
  if top + height < frame_size[0]:
    within &= boxes[:, 1] + boxes[:, 3] < top + height
  if left + width < frame_size[1]:
    within &= boxes[:, 0] + boxes[:, 2] < left + width
  return within
