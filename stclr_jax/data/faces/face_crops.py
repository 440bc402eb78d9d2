"""One square around the face of a video, the same for all of its frames.

The face is detected in every frame, followed, and its boxes smoothed; then one
square is laid around all of them, so that a moving head stays a moving head
and the picture does not tremble with the detector. The rules:

* A detection counts only if others of the same face support it within a few
  frames: a "face" that flashes up in a bottle is none.
* A face that is lost and found again at its place is the same face, and where
  it is lost the square stays: it is laid around where the face was seen.
* Of several faces that are there about as long, the largest is taken, or the
  most central; one that passes by is not.
* No face at all gives no square, not a guess.

Whatever rule fired is said in the track's notes.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from stclr_jax.data.faces import face_detection
from stclr_jax.errors import UserError

CHOICES = ('largest', 'central')

# A detection belongs to the face whose last box it overlaps by so much,
# intersection over union. chosen: SORT's (Bewley et al. 2016).
_MIN_OVERLAP = 0.3
# Frames before and after in which others must support a detection. chosen: a
# third of a second at 25 frames a second, all in all.
_SUPPORT_REACH = 4
# chosen: below it a face is a passer-by; see `FaceCropOptions.which`.
_MIN_PRESENCE = 0.5  # of the detections of the face seen most
_LONG_GAP = 0.25  # of the video, chosen: worth a note


@dataclasses.dataclass(frozen=True)
class FaceCropOptions:
  """How a video's face is found and cut out.

  Attributes:
    detector: a name of `face_detection.DETECTORS`. chosen 'hog': it finds
      nearly all frontal, tilted and half-turned faces of real clips, the
      cascades only the upright ones (docs/face_crops.md).
    which: of several faces, 'largest' or 'central', by the median over its
      detections. Faces with fewer than half the detections of the one seen
      most are passers-by and not asked.
    margin: added on each side, as a share of the face's box. chosen 0.4: a box
      reaches from the brows to the chin, the square then holds the head, so
      that random crops still have something to crop; at 0.25 they cut into
      mouth or brows a third more often (docs/face_crops.md).
    smoothing: detections over which a running median is taken, odd; 1 for
      none. chosen 5: two false ones in a row do not show.
    min_support: how many detections of a face there must be within nine
      frames, in shorter videos one per frame at most, for each to count.
      chosen 3.
    min_face: smallest face to look for, as a share of the frame's shorter
      side. chosen 1/6: a head-and-shoulders picture has twice that. Time goes
      with its inverse square.
  """

  detector: str = 'hog'
  which: str = 'largest'
  margin: float = 0.4
  smoothing: int = 5
  min_support: int = 3
  min_face: float = 1 / 6

  def __post_init__(self):
    face_detection.check(self.detector, self.min_face)
    if self.which not in CHOICES:
      raise UserError(
        f'`which` (={self.which!r}) of several faces must be one of '
        f'{", ".join(CHOICES)}.'
      )
    if not 0 <= self.margin <= 2:
      raise UserError(
        f'`margin` (={self.margin}) must be between 0 and 2 sides of the '
        "face's box; 0.4 is usual."
      )
    if self.smoothing < 1 or self.smoothing % 2 == 0:
      raise UserError(
        f'`smoothing` (={self.smoothing}) must be an odd number of '
        'detections; 1 for none, 5 is usual.'
      )
    if not 1 <= self.min_support <= 2 * _SUPPORT_REACH + 1:
      raise UserError(
        f'`min_support` (={self.min_support}) must be 1 (every detection '
        f'counts) to {2 * _SUPPORT_REACH + 1} detections; 3 is usual.'
      )


class Square(NamedTuple):
  """A square in pixels of the frame; it may reach beyond the frame.

  Attributes:
    top: upper edge, float.
    left: left edge, float.
    side: height and width, float, above 0.
  """

  top: float
  left: float
  side: float


@dataclasses.dataclass(frozen=True)
class FaceTrack:
  """What was found of a video's face.

  Attributes:
    square: where to cut, or None if there is no face.
    coverage: share of the frames in which this face was detected, 0 to 1.
    num_frames: how many frames there were.
    notes: which rules fired, in words.
  """

  square: Square | None
  coverage: float
  num_frames: int
  notes: tuple[str, ...]


class _Face(NamedTuple):
  """Detections of one face: frame indices int [n], boxes float [n, 3]."""

  frames: np.ndarray
  boxes: np.ndarray

  def side(self):
    return float(np.median(self.boxes[:, 2]))

  def off_centre(self, frame_size):
    centres = self.boxes[:, :2] + self.boxes[:, 2:] / 2
    return float(np.hypot(*(np.median(centres, 0) - np.array(frame_size) / 2)))


def find_square(
  frames: Iterable[np.ndarray], options: FaceCropOptions = FaceCropOptions()
) -> FaceTrack:
  """Finds the square around the face of a video.

  Args:
    frames: uint8 RGB [h, w, 3], all of one size; read once, none is kept.
    options: a `FaceCropOptions`.

  Returns:
    A `FaceTrack`.

  Raises:
    ValueError: if there is no frame, or a frame is of another size or type.
    MissingPackageError: where the detector's package is not installed.
  """
  detect = face_detection.make_detector(
    options.detector, min_face=options.min_face
  )
  detections, frame_size = [], None
  for frame in frames:
    frame_size = frame_size or np.shape(frame)[:2]
    if np.shape(frame)[:2] != frame_size:
      raise UserError(
        f'Frame {len(detections)} is {np.shape(frame)[:2]} pixels (height, '
        f'width), the frames before it {frame_size}; a video has one size. '
        'Cut it where the size changes.'
      )
    detections.append(detect(frame))
  if not detections:
    raise UserError('A video must have at least one frame to find a face in.')
  return lay_square(detections, frame_size, options)


def lay_square(detections, frame_size, options=FaceCropOptions()) -> FaceTrack:
  """Follows a face through detections and lays the square around it.

  Args:
    detections: of each frame, a list of `face_detection.Detection`.
    frame_size: (height, width) in pixels.
    options: a `FaceCropOptions`.

  Returns:
    A `FaceTrack`.
  """
  num_frames, notes = len(detections), []
  linked = _link(detections)
  min_support = min(options.min_support, num_frames)
  faces = [_keep_supported(face, min_support) for face in linked]
  dropped = sum(map(len, detections)) - sum(len(f.frames) for f in faces)
  if dropped:
    notes.append(
      f'left out because no others near in time support them: {dropped} '
      f'of {sum(map(len, detections))} detections'
    )
  faces = [face for face in faces if len(face.frames)]
  if not faces:
    notes.append('no face was found')
    return FaceTrack(None, 0.0, num_frames, tuple(notes))
  face = _choose(faces, frame_size, options.which, notes)
  coverage = len(face.frames) / num_frames
  _note_losses(face, num_frames, notes)
  square = _surround(_smooth(face.boxes, options.smoothing), options.margin)
  if square.side > 2 * (1 + 2 * options.margin) * face.side():
    notes.append(
      'the face moves by more than its own size, so that the square is '
      f'{square.side / face.side():.1f} times as wide as the face'
    )
  outside = max(
    -square.top,
    -square.left,
    square.top + square.side - frame_size[0],
    square.left + square.side - frame_size[1],
  )
  if outside > 0:
    notes.append(
      f'the square leaves the frame by {math.ceil(outside)} pixels, which '
      "repeat the frame's edge"
    )
  return FaceTrack(square, coverage, num_frames, tuple(notes))


def cut(frame: np.ndarray, square: Square, size: int) -> np.ndarray:
  """Cuts a square out of a frame and resizes it, antialiased.

  Args:
    frame: uint8 [h, w, 3].
    square: (top, left, side) in pixels; what leaves the frame repeats its
      nearest edge.
    size: height and width of the result in pixels.

  Returns:
    uint8 [size, size, 3].

  Raises:
    ValueError: if the square does not touch the frame or `size` is below 1.
  """
  from PIL import Image

  top, left, side = square
  rows, columns = frame.shape[:2]
  bottom, right = top + side, left + side
  if size < 1:
    raise UserError(f'`size` (={size}) must be at least 1 pixel.')
  if not (side > 0 and top < rows and left < columns and bottom > 0 < right):
    raise UserError(
      f'The square (={tuple(square)}: top, left, side) does not touch the '
      f'frame of {rows} by {columns} pixels.'
    )
  # Whole pixels around the square, those outside by the nearest inside.
  first_row, first_column = math.floor(top), math.floor(left)
  row = np.arange(first_row, math.ceil(bottom)).clip(0, rows - 1)
  column = np.arange(first_column, math.ceil(right)).clip(0, columns - 1)
  patch = Image.fromarray(np.ascontiguousarray(frame[row[:, None], column]))
  box = (
    left - first_column,
    top - first_row,
    right - first_column,
    bottom - first_row,
  )
  # Bilinear as the views are: its triangle widens when pixels are lost.
  resized = patch.resize((size, size), Image.Resampling.BILINEAR, box=box)
  return np.asarray(resized)


def _link(detections):
  """Joins the detections of each face over time, best overlaps first."""
  faces = []  # lists of (frame, Detection)
  for index, found in enumerate(detections):
    overlaps = sorted(
      (
        (_overlap(face[-1][1], box), i, j)
        for i, face in enumerate(faces)
        for j, box in enumerate(found)
      ),
      reverse=True,
    )
    used_faces, used_boxes = set(), set()
    for overlap, i, j in overlaps:
      if overlap < _MIN_OVERLAP:
        break
      if i not in used_faces and j not in used_boxes:
        faces[i].append((index, found[j]))
        used_faces.add(i)
        used_boxes.add(j)
    faces += [
      [(index, box)] for j, box in enumerate(found) if j not in used_boxes
    ]
  return [
    _Face(np.array([i for i, _ in face]), np.array([box for _, box in face]))
    for face in faces
  ]


def _overlap(a, b):
  """Intersection over union of two squares."""
  height = min(a.top + a.side, b.top + b.side) - max(a.top, b.top)
  width = min(a.left + a.side, b.left + b.side) - max(a.left, b.left)
  shared = max(0.0, height) * max(0.0, width)
  return shared / (a.side**2 + b.side**2 - shared)


def _keep_supported(face, min_support):
  near = np.abs(face.frames[:, None] - face.frames) <= _SUPPORT_REACH
  kept = near.sum(1) >= min_support
  return _Face(face.frames[kept], face.boxes[kept])


def _choose(faces, frame_size, which, notes):
  most = max(len(face.frames) for face in faces)
  present = [f for f in faces if len(f.frames) >= _MIN_PRESENCE * most]
  passing = len(faces) - len(present)
  if passing:
    notes.append(
      f'passed over because seen for less than half as long: {passing} of '
      f'{len(faces)} faces'
    )
  if which == 'largest':
    chosen = max(present, key=_Face.side)
  else:
    chosen = min(present, key=lambda face: face.off_centre(frame_size))
  if len(present) > 1:
    notes.append(f'the {which} of {len(present)} faces was taken')
  return chosen


def _note_losses(face, num_frames, notes):
  """Says where the face is not seen for a quarter of the video or more."""
  edges = np.concatenate([[-1], face.frames, [num_frames]])
  for before, after in zip(edges[:-1], edges[1:], strict=True):
    if after - before - 1 >= max(2, _LONG_GAP * num_frames):
      notes.append(
        f'the face is not seen in frames {before + 1} to {after - 1} of '
        f'{num_frames}; the square is laid around where it was'
      )


def _smooth(boxes, smoothing):
  from scipy import ndimage

  return ndimage.median_filter(boxes, size=(smoothing, 1), mode='nearest')


def _surround(boxes, margin):
  """The smallest square around all boxes, and a margin on each side."""
  low = boxes[:, :2].min(0)
  high = (boxes[:, :2] + boxes[:, 2:]).max(0)
  side = (high - low).max() + 2 * margin * np.median(boxes[:, 2])
  top, left = (low + high) / 2 - side / 2
  return Square(float(top), float(left), float(side))
