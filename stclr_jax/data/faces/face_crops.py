"""One square around the face of a video, the same for all of its frames.

The face is detected in every frame, followed (`face_tracks`), and its boxes
smoothed; then one square is laid around all of them, so that a moving head
stays a moving head and the picture does not tremble with the detector. Where
the face is lost the square stays: it is laid around where the face was seen.
No face at all gives no square, not a guess. Whatever rule fired is said in the
track's notes.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from stclr_jax.data.faces import face_detection
from stclr_jax.data.faces import face_tracks
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of


@dataclasses.dataclass(frozen=True)
class FaceCropOptions:
  """Options by which a video's face is found and cut out.

  Attributes:
    detector: a name of `face_detection.DETECTORS`; by default that of
      `face_detection.default`.
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

  detector: str = dataclasses.field(default_factory=face_detection.default)
  which: str = 'largest'
  margin: float = 0.4
  smoothing: int = 5
  min_support: int = 3
  min_face: float = 1 / 6

  def __post_init__(self):
    face_detection.check(self.detector, self.min_face)
    check_one_of('which of several faces', self.which, face_tracks.CHOICES)
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
    if not 1 <= self.min_support <= face_tracks.SUPPORT_WINDOW:
      raise UserError(
        f'`min_support` (={self.min_support}) must be 1 (every detection '
        f'counts) to {face_tracks.SUPPORT_WINDOW} detections; 3 is usual.'
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
  """Account of a video's face: where it was found.

  Attributes:
    square: where to cut, or None if there is no face.
    coverage: share of the frames in which this face was detected, 0 to 1.
    num_frames: how many frames there were.
    notes: which rules fired, in words.
    face: its detections, a `face_tracks.Face`; None if there is no face.
  """

  square: Square | None
  coverage: float
  num_frames: int
  notes: tuple[str, ...]
  face: face_tracks.Face | None = None


def find_square(
  frames: Iterable[np.ndarray], options: FaceCropOptions | None = None
) -> FaceTrack:
  """Finds the square around the face of a video.

  Args:
    frames: uint8 RGB [h, w, 3], all of one size; read once, none is kept.
    options: a `FaceCropOptions`; None for those by default.

  Returns:
    A `FaceTrack`.

  Raises:
    UserError: if there is no frame, a frame is of another size or type, or the
      detector's file is not there.
    MissingPackageError: where the detector's package is not installed.
  """
  options = options or FaceCropOptions()
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


def lay_square(
  detections, frame_size, options: FaceCropOptions | None = None
) -> FaceTrack:
  """Follows a face through detections and lays the square around it.

  Args:
    detections: of each frame, a list of `face_detection.Detection`.
    frame_size: (height, width) in pixels.
    options: a `FaceCropOptions`; None for those by default.

  Returns:
    A `FaceTrack`.
  """
  options = options or FaceCropOptions()
  num_frames, notes = len(detections), []
  linked = face_tracks.link(detections)
  min_support = min(options.min_support, num_frames)
  faces = [face_tracks.keep_supported(face, min_support) for face in linked]
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
  face = face_tracks.choose(faces, frame_size, options.which, notes)
  coverage = len(face.frames) / num_frames
  face_tracks.note_losses(face, num_frames, notes)
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
  return FaceTrack(square, coverage, num_frames, tuple(notes), face)


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
