"""Windows of a recording's clock, and the segments that their labels make."""

from typing import NamedTuple

import numpy as np


def spans(num_frames, length, step):
  """Lists windows over frames at equal distances in time.

  Args:
    num_frames: of the recording.
    length: frames of a window.
    step: frames from one window to the next.

  Returns:
    List of (first frame, frame after the last): one window each step as long
    as there are enough frames, and one that ends with the last frame. Of fewer
    frames than a window has, one of them all.
  """
  if num_frames <= length:
    return [(0, num_frames)] if num_frames else []
  last = num_frames - length
  starts = list(range(0, last + 1, step))
  if starts[-1] != last:
    starts.append(last)
  return [(start, start + length) for start in starts]


class Segment(NamedTuple):
  """A stretch of one label.

  Attributes:
    face: number of the face.
    start_s: its beginning, in seconds of the video's clock.
    end_s: its end.
    label: a class, or 'unsure'.
    confidence_mean: over its windows, in [0, 1].
    confidence_max: likewise.
  """

  face: int
  start_s: float
  end_s: float
  label: str
  confidence_mean: float
  confidence_max: float


def segments(windows):
  """Joins windows of one label that follow one another.

  Where windows overlap, a moment belongs to the one whose middle is nearest.

  Args:
    windows: a `prediction.Windows`.

  Returns:
    List of `Segment`; windows without an answer are in none.
  """
  found = []
  for face in np.unique(windows.face):
    rows = np.flatnonzero(windows.face == face)
    bounds = _bounds(windows.start_s[rows], windows.end_s[rows])
    run = []
    for place, row in enumerate(rows):
      follows = run and place == run[-1] + 1
      same = follows and windows.label[row] == windows.label[rows[run[-1]]]
      if run and not (same and windows.valid[row]):
        found.append(_join(windows, rows, run, bounds, int(face)))
        run = []
      if windows.valid[row]:
        run.append(place)
    if run:
      found.append(_join(windows, rows, run, bounds, int(face)))
  return found


def _bounds(start, end):
  """Beginnings and ends of each window's own time, (float [n], float [n])."""
  middle = (start + end) / 2
  between = (middle[1:] + middle[:-1]) / 2
  # Windows that do not touch leave the time between them to nobody.
  begins = np.maximum(start, np.concatenate([start[:1], between]))
  ends = np.minimum(end, np.concatenate([between, end[-1:]]))
  return begins, ends


def _join(windows, rows, run, bounds, face):
  confidence = windows.confidence[rows[run]]
  return Segment(
    face=face,
    start_s=float(bounds[0][run[0]]),
    end_s=float(bounds[1][run[-1]]),
    label=windows.label[rows[run[0]]],
    confidence_mean=float(confidence.mean()),
    confidence_max=float(confidence.max()),
  )
