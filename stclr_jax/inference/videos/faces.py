"""Faces of a recording: detected once, followed, a square for each window.

A square is laid by the importer's rule, of the detections in its window alone,
so that a window looks as it would if it had been imported. Tracks are told by
place and continuity; whether two of them are one person nobody knows.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.faces import face_tracks
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.inference.tables import words

# chosen: enlarged more than twice, a face has no wrinkles left to be seen.
_SMALL = 0.5
# chosen: a tenth of the box out of the picture, and the chin or brows are.
_OUTSIDE = 0.1


@dataclasses.dataclass(frozen=True)
class Followed:
  """A face, and where it is.

  Attributes:
    face: its number, from 1; 0 for whole frames.
    windows: places of its windows among all, int [k].
    tracks: of each of these, a `face_crops.FaceTrack`; of whole frames None.
    box: left, top, width and height in pixels in each frame of the recording;
      NaN where it is not seen; float [n, 4].
    score: the detector's in each frame, see `face_detection.Detection`; NaN
      where the face was not found, or the detector does not say; float [n].
    interpolated: whether the box lies between those of other frames, bool [n].
    coverage: share of the frames in which it was found; NaN where nobody
      looked.
  """

  face: int
  windows: np.ndarray
  tracks: list
  box: np.ndarray
  score: np.ndarray
  interpolated: np.ndarray
  coverage: float


class Detected(NamedTuple):
  """Detections of a recording.

  Attributes:
    times: of the frames, seconds of the video's clock, float [n].
    faces: of each frame, a list of `face_detection.Detection`.
    frame_size: (height, width) in pixels.
  """

  times: np.ndarray
  faces: list
  frame_size: tuple[int, int]


def detect(timed, crop):
  """Finds all faces of a recording.

  Args:
    timed: iterable of (seconds, uint8 RGB [h, w, 3]).
    crop: a `making.FaceCrop`.

  Returns:
    `Detected`.

  Raises:
    UnreadableError: if its frames are not all of one size.
    MissingPackageError: where the detector's package is not installed.
  """
  find = face_detection.make_detector(crop.detector, min_face=crop.min_face)
  times, faces, size = [], [], None
  for time, frame in timed:
    size = size or frame.shape[:2]
    if frame.shape[:2] != size:
      raise UnreadableError(
        f'frames of different sizes, {size[1]}x{size[0]} and '
        f'{frame.shape[1]}x{frame.shape[0]}: a face cannot be followed'
      )
    times.append(time)
    faces.append(find(frame))
  return Detected(np.array(times), faces, size)


def follow(detected, spans, crop, *, every):
  """Follows faces through a recording, and lays a square for each window.

  Args:
    detected: `Detected`.
    spans: of the windows, (first frame, frame after the last).
    crop: a `making.FaceCrop`.
    every: whether every face is followed; else in each window the one that an
      import would take.

  Returns:
    List of `Followed`, by when they are first seen; empty without a face.
  """
  options = face_crops.FaceCropOptions(**dataclasses.asdict(crop))
  if not every:
    found = [_one(detected, spans, options)]
  else:
    found = _all(detected, spans, options)
  return [one for one in found if not np.isnan(one.box).all()]


def without(num_frames, spans):
  """Stands for the faces of a recording that is looked at whole."""
  return Followed(
    face=0,
    windows=np.arange(len(spans)),
    tracks=[None] * len(spans),
    box=np.full((num_frames, 4), np.nan),
    score=np.full(num_frames, np.nan),
    interpolated=np.zeros(num_frames, bool),
    coverage=np.nan,
  )


def judge(track, frame_size, settings):
  """Says whether a window's face can be looked at.

  Args:
    track: a `face_crops.FaceTrack`.
    frame_size: (height, width) of the recording in pixels.
    settings: `settings.Settings`.

  Returns:
    One of `words`.
  """
  if track.square is None:
    return words.NO_FACE
  if track.coverage < settings.min_coverage:
    return words.FEW_FACES
  top, left, side = np.median(track.face.boxes, axis=0)
  outside = max(
    -top, -left, top + side - frame_size[0], left + side - frame_size[1]
  )
  if outside > _OUTSIDE * side:
    return words.CUT
  if track.square.side < _SMALL * min(settings.frame_size):
    return words.FACE_SMALL
  return words.OK


def _one(detected, spans, options):
  """The face that an import would take in each window."""
  tracks = [
    face_crops.lay_square(
      detected.faces[start:stop], detected.frame_size, options
    )
    for start, stop in spans
  ]
  middles = np.array([(start + stop) / 2 for start, stop in spans])
  bounds = [0, *np.ceil((middles[1:] + middles[:-1]) / 2).astype(int)]
  bounds.append(len(detected.faces))
  boxes, scores = _nowhere(len(detected.faces))
  for k, (track, (start, _)) in enumerate(zip(tracks, spans, strict=True)):
    if track.face is not None:
      frames = track.face.frames + start
      own = (bounds[k] <= frames) & (frames < bounds[k + 1])
      boxes[frames[own]] = _sides(track.face.boxes[own])
      scores[frames[own]] = track.face.scores[own]
  longest = max((stop - start for start, stop in spans), default=0)
  return _followed(1, np.arange(len(spans)), tracks, (boxes, scores), longest)


def _all(detected, spans, options):
  """A track each; those seen for less than half a window pass by."""
  total = len(detected.faces)
  longest = max((stop - start for start, stop in spans), default=0)
  support = min(options.min_support, total)
  tracks = [
    face_tracks.keep_supported(face, support)
    for face in face_tracks.link(detected.faces)
  ]
  tracks = [t for t in tracks if len(t.frames) and 2 * len(t.frames) >= longest]
  tracks.sort(key=lambda track: (track.frames[0], -track.side()))
  found = []
  for number, track in enumerate(tracks, start=1):
    alone = [[] for _ in range(total)]
    for frame, box in zip(track.frames, track.boxes, strict=True):
      alone[frame].append(face_detection.Detection(*map(float, box)))
    windows = [
      k
      for k, (start, stop) in enumerate(spans)
      if start <= track.frames[-1] and track.frames[0] < stop
    ]
    squares = [
      face_crops.lay_square(
        alone[slice(*spans[k])], detected.frame_size, options
      )
      for k in windows
    ]
    boxes, scores = _nowhere(total)
    boxes[track.frames] = _sides(track.boxes)
    scores[track.frames] = track.scores
    found.append(
      _followed(number, np.array(windows), squares, (boxes, scores), longest)
    )
  return found


def _nowhere(num_frames):
  """(boxes, scores) of a face that is not seen."""
  return np.full((num_frames, 4), np.nan), np.full(num_frames, np.nan)


def _sides(boxes):
  """[top, left, side] to [left, top, width, height]."""
  return boxes[:, [1, 0, 2, 2]]


def _followed(number, windows, tracks, seen_at, longest):
  """Fills the gaps between detections that are no longer than a window."""
  boxes, scores = seen_at
  seen = np.flatnonzero(~np.isnan(boxes[:, 0]))
  interpolated = np.zeros(len(boxes), bool)
  coverage = len(seen) / max(1, len(boxes))
  for before, after in zip(seen[:-1], seen[1:], strict=True):
    if 1 < after - before <= longest:
      share = np.linspace(0, 1, after - before + 1)[1:-1, None]
      boxes[before + 1 : after] = (1 - share) * boxes[before] + share * boxes[
        after
      ]
      interpolated[before + 1 : after] = True
  return Followed(
    number, windows, tracks, boxes, scores, interpolated, coverage
  )
