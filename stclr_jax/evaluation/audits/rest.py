"""Rest at the beginning of videos, which a change from the first frame assumes.

A face at rest is not yet on its way: videos that begin in mid-expression cover
as much of the way to their last frame in their first eighth as in their middle.
"""

import dataclasses
import math

import numpy as np

from stclr_jax.evaluation import statistics
from stclr_jax.files import json_records

NUM_FRAMES = 9  # around eighths of a video
# chosen: a mouth is still two or three cells wide; noise and a head that sways
# by a pixel are averaged out. (Mean differences of pixels, which these two
# fill, did not tell drawn videos from their own second halves.)
SIZE = 8


@dataclasses.dataclass(frozen=True)
class Rest(json_records.Record):
  """The way from the first frame to the last, at the beginning and midway.

  Attributes:
    videos: how many were long enough to be asked, and change.
    start: mean share of the way that a video covers in its first eighth; an
      even pace is 1/8. None without videos.
    middle: the mean of the same over each of the two eighths in the middle.
    later: 95 % interval over people of `middle` - `start`, or None.
  """

  videos: int
  start: float | None
  middle: float | None
  later: statistics.Interval | None

  @property
  def holds(self):
    """True if they begin slower than they go on; None if nobody can tell."""
    return self.later and self.later.low > 0


def look(frames, subjects):
  """Compares the pace at the beginning with that in the middle.

  Args:
    frames: of each video, evenly from first to last, coarse, float [n, 9, ...].
    subjects: person of each video, int [n].

  Returns:
    A `Rest`. The way is the straight line between the pictures; what leads to
    its sides, like the sway of a head, does not count.
  """
  frames = np.asarray(frames, np.float64)
  frames = frames.reshape(*frames.shape[:2], math.prod(frames.shape[2:]))
  way = frames[:, -1] - frames[:, 0]
  length = np.square(way).sum(1)
  known = length > 0
  if not known.any():
    return Rest(0, None, None, None)
  gone = np.einsum('ntd,nd->nt', frames[known], way[known])
  pace = np.diff(gone, axis=1) / length[known, None]
  start, middle = pace[:, 0], pace[:, 3:5].mean(1)
  return Rest(
    int(known.sum()),
    float(start.mean()),
    float(middle.mean()),
    statistics.cluster_bootstrap_interval(
      middle - start, np.asarray(subjects)[known], bounds=(-1, 1)
    ),
  )


def describe(found):
  """Says what the change takes for granted, where the data contradicts it.

  Args:
    found: a `Rest`.

  Returns:
    A sentence or two; '' where videos begin at rest.
  """
  if found.holds:
    return ''
  assumed = 'The change takes the first frame of a video for a face at rest'
  if found.holds is None:
    return (
      f'{assumed}; whether that is so cannot be told, as no video has '
      f'{NUM_FRAMES} frames and changes.'
    )
  return (
    f'{assumed}, and these do not show one: {found.start:.1%} of the way to '
    f'the last frame lie in their first eighth, {found.middle:.1%} in an '
    'eighth in their middle. If they begin in mid-expression, the change '
    'misses part of it.'
  )
