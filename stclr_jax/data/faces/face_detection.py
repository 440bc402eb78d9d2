"""Detectors that find the faces of a frame: BlazeFace, dlib's, OpenCV's.

Nothing is downloaded at run time: models lie in wheels, BlazeFace's in a file
that a command gets once. Every detector brings the frame to a working size of
its own, so that cost and the smallest face found do not depend on a video's
resolution. `benchmarks/science/face_coverage.py` compares them with others that
find fewer faces.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stclr_jax.data.faces import blaze_face
from stclr_jax.data.faces import blaze_file
from stclr_jax.errors import MissingPackageError
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of

DETECTORS = ('blaze', 'hog', 'haar_tilted')

# HOG's window: the smallest face is brought to this many pixels. The box that
# dlib gives is then 73 pixels wide; chosen for the cascades: a tenth less, as
# theirs vary.
_WINDOW = 80
_SMALLEST_BOX = 66
# chosen: OpenCV's usual ones. A scale step of 1.1 misses no size, five
# overlapping hits make a face.
_SCALE_STEP = 1.1
_MIN_NEIGHBORS = 5
_TILTS = (-30, 30)  # degrees; chosen: alt2 alone bears about 15


class Detection(NamedTuple):
  """The square around one face, from about the brows to about the chin.

  Attributes:
    top: first row, pixels of the frame; may be outside of it, as `left`.
    left: first column, pixels.
    side: height and width, pixels.
    score: how sure the detector is: BlazeFace's is a probability, HOG's the
      distance from its threshold, in no unit; NaN of the cascades, which do not
      say.
  """

  top: float
  left: float
  side: float
  score: float = math.nan


def check(name, min_face):
  """Raises ValueError unless both are what `make_detector` takes."""
  check_one_of(
    'detector',
    name,
    DETECTORS,
    "'blaze' is usual, 'hog' needs no file, 'haar_tilted' OpenCV alone",
  )
  if not 0.02 <= min_face <= 1:
    raise UserError(
      f'`min_face` (={min_face}), the smallest face as a share of the '
      "frame's shorter side, must be between 0.02 and 1; 1/6 is usual."
    )


def default():
  """Names the detector that is used where none is asked for.

  Returns:
    'blaze' where its file is, else 'hog'. chosen: of the faces of the clips at
    hand, dimmed, tilted, blurred and shrunk, blaze finds more than hog in
    nearly every way, in a third of the time (docs/face_crops.md).
  """
  return 'blaze' if blaze_file.is_there() else 'hog'


def describe_default():
  """Says what is missed where the default is not the best that there is.

  Returns:
    A line, or '' where nothing is missed.
  """
  if blaze_file.is_there():
    return ''
  return (
    "Faces are found by 'hog'. 'blaze' also finds those that are dark, blurred "
    f'or tilted, in a third of the time: {blaze_file.COMMAND} gets its file, '
    '1 MB, once.'
  )


def make_detector(
  name, *, min_face=1 / 6
) -> Callable[[np.ndarray], list[Detection]]:
  """Makes a function that finds the faces of a frame.

  Args:
    name: 'blaze', BlazeFace full range, a network (`blaze_face`); 'hog', dlib's
      frontal detector (five filters: straight, turned and tilted to both
      sides); 'haar_tilted', OpenCV's cascade frontalface_alt2 and, where it
      finds nothing, again with the frame turned by 30 degrees to both sides.
    min_face: smallest face to look for, as a share of the frame's shorter
      side. Time goes with its inverse square; BlazeFace's only below a sixth.

  Returns:
    Function of a frame, uint8 RGB [h, w, 3], that gives a list of `Detection`,
    surest first where the detector says how sure it is (not the cascades). For
    one thread at a time.

  Raises:
    UserError: for an unknown name or size, a frame that is none, or where
      BlazeFace's file is not there.
    MissingPackageError: where the detector's package is not installed.
  """
  check(name, min_face)
  if name == 'blaze':
    find = blaze_face.make(min_face)
    return lambda frame: [Detection(*box) for box in find(_checked(frame))]
  detect = {'hog': _make_hog, 'haar_tilted': _make_tilted}[name]()
  return at_working_size(detect, min_face=min_face)


def at_working_size(detect, *, min_face=1 / 6):
  """Makes a detector of frames of any size.

  Args:
    detect: function of a frame at the working size, uint8 RGB [h, w, 3], that
      lists (top, left, side) of faces, in its pixels, and behind them the score
      if there is one.
    min_face: see `make_detector`.

  Returns:
    See `make_detector`.
  """

  def find_faces(frame):
    resized, scale = _to_working_size(_checked(frame), _WINDOW / min_face)
    return [
      Detection(*(float(value) / scale for value in found[:3]), *found[3:])
      for found in detect(resized)
    ]

  return find_faces


def _checked(frame):
  shape, dtype = np.shape(frame), getattr(frame, 'dtype', None)
  if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
    raise UserError(
      f'A frame (={shape}, {dtype}) must be uint8 [h, w, 3], red first; '
      'repeat the channel of a grey one.'
    )
  return frame


def _to_working_size(frame, short_side):
  """Resizes a frame to a shorter side; gives frame and factor."""
  import cv2

  scale = short_side / min(frame.shape[:2])
  size = [max(1, round(length * scale)) for length in frame.shape[1::-1]]
  shrinks = scale < 1
  interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
  return cv2.resize(frame, size, interpolation=interpolation), scale


def _make_hog():
  try:
    import dlib
  except ImportError as error:
    raise MissingPackageError(
      "The face detector 'hog' is dlib's, which is not installed: pip install "
      'dlib-bin (4 MB, no compiler needed). Or take the detector '
      "'haar_tilted', which comes with OpenCV."
    ) from error
  detector = _load_once(dlib.get_frontal_face_detector)

  def detect(frame):
    # Not enlarged; a score of 0 is dlib's own threshold.
    found, scores, _ = detector.run(frame, 0, 0.0)
    return [
      (face.top(), face.left(), face.width(), score)
      for face, score in zip(found, scores, strict=True)
    ]

  return detect


@functools.cache
def _load_once(load):
  # dlib takes a second to read its model, and each window asks for a detector.
  return load()


def make_cascade(name) -> Callable[[np.ndarray], list[tuple]]:
  """Loads one of OpenCV's cascades.

  Args:
    name: such as 'frontalface_alt2'.

  Returns:
    Function of a grey frame at the working size, uint8 [h, w], that lists
    (top, left, side) of faces, in its pixels.

  Raises:
    MissingPackageError: where this OpenCV does not carry it.
  """
  import cv2

  folder = getattr(getattr(cv2, 'data', None), 'haarcascades', None)
  path = None if folder is None else f'{folder}haarcascade_{name}.xml'
  cascade = cv2.CascadeClassifier() if folder else None
  if cascade is None or not cascade.load(path):
    raise MissingPackageError(
      f'OpenCV {cv2.__version__} carries no cascade {name}: pip install '
      "'opencv-python-headless<5'. Or take the detector 'hog'."
    )

  def run(grey):
    found = cascade.detectMultiScale(
      grey, _SCALE_STEP, _MIN_NEIGHBORS, minSize=(_SMALLEST_BOX, _SMALLEST_BOX)
    )
    return [(y, x, width) for x, y, width, _ in found]

  return run


def to_grey(frame):
  """Makes an RGB frame grey, uint8 [h, w, 3] to [h, w]."""
  import cv2

  return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _make_tilted():
  import cv2

  run = make_cascade('frontalface_alt2')

  def detect(frame):
    grey = to_grey(frame)
    found = run(grey)
    if found:
      return found
    rows, columns = grey.shape
    middle = (columns / 2, rows / 2)
    for degrees in _TILTS:
      turn = cv2.getRotationMatrix2D(middle, degrees, 1)
      turned = cv2.warpAffine(
        grey, turn, (columns, rows), borderMode=cv2.BORDER_REPLICATE
      )
      back = cv2.invertAffineTransform(turn)
      for y, x, side in run(turned):
        x, y = back @ (x + side / 2, y + side / 2, 1)
        found.append((y - side / 2, x - side / 2, side))
    return found

  return detect
