"""The expression under the person: what is left of h without who it is.

A positive pair always shows one person, who therefore takes most of what an
encoder's representation h varies by. Two ways lead under it: to take away each
person's own mean, and to look at how h changes from the first frame to the
last, each shown as a clip that stands still.
"""

import dataclasses

import numpy as np

from stclr_jax.evaluation import probes
from stclr_jax.evaluation.audits import readings
from stclr_jax.files import json_records

# Kinds of representation by their name in `summary.json`, in the order in which
# a picture shows them.
CLIP, PERSON_REMOVED = 'clip', 'person_removed'
CHANGE_OF_CLIP, CHANGE = 'change_of_clip', 'change'
NAMES = {
  CLIP: 'the clip as it is',
  PERSON_REMOVED: "without the person's mean",
  CHANGE_OF_CLIP: 'clip minus first frame',
  CHANGE: 'last minus first frame',
}
_BESIDE_CHANCE = {
  1: 'more than guessing would',
  0: 'which cannot be told from guessing',
  -1: 'fewer than guessing would',
}
_NOBODY_ELSE = 'no two people share one'
# Changes below this part of h are rounding. chosen: float32 keeps 1e-7.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Expression(json_records.Record):
  """Shares of videos whose expression a linear probe names; None if it cannot.

  Attributes:
    clip: of h of the clip.
    person_removed: of h less the mean over the person's videos.
    change_of_clip: of h of the clip less h of its first frame.
    change: of h of the last frame less h of the first.
    chance: by guessing the commonest, of the clip's videos.
  """

  clip: float | None
  person_removed: float | None
  change_of_clip: float | None
  change: float | None
  chance: float | None

  @classmethod
  def of(cls, found):
    """Makes it of what was found, {name: `readings.Reading`}."""
    shares = {name: one.probes.expression for name, one in found.items()}
    return cls(
      **{name: one and one.share for name, one in shares.items()},
      chance=shares[CLIP] and shares[CLIP].chance,
    )


@dataclasses.dataclass(frozen=True)
class Spread(json_records.Record):
  """Part of the variance of representations that is who is in the video.

  Attributes:
    between_people: share of the total variance of h that lies between the
      means of people, in [0, 1]; None unless somebody has two videos.
    chance: the same, expected of an h that knows nobody.
  """

  between_people: float | None
  chance: float | None


def read(clip, first, last, labels, subjects, lights):
  """Reads expression, person and light off h and off what lies under it.

  Args:
    clip: h of the clips, float [n, d].
    first: h of their first frames, float [n, d].
    last: h of their last frames, float [n, d].
    labels: expression of each video, int [n].
    subjects: person of each video, int [n].
    lights: illumination of each video, int [n].

  Returns:
    {name: `readings.Reading`}, by the keys of `NAMES`. With a person's mean
    removed only people with two videos are asked; a linear probe can then tell
    nobody from anybody, by construction, and falls below chance.
  """
  clip, first, last = (np.asarray(h, np.float64) for h in (clip, first, last))
  targets = labels, subjects, lights
  _, person, videos = np.unique(
    subjects, return_inverse=True, return_counts=True
  )
  several = videos[person] > 1
  found = {CLIP: readings.read(clip, *targets)}
  if several.any():
    found[PERSON_REMOVED] = readings.read(
      (clip - probes.person_means(clip, subjects))[several],
      *(one[several] for one in targets),
    )
  else:
    found[PERSON_REMOVED] = readings.unreadable('nobody has a second video')
  for name, change in (
    (CHANGE_OF_CLIP, clip - first),
    (CHANGE, last - first),
  ):
    if changes(change, clip):
      found[name] = readings.read(change, *targets)
    else:
      found[name] = readings.unreadable(
        'the first frames are represented as what follows them is'
      )
  return found


def changes(change, clip):
  """Says whether a change of h is more than rounding.

  Args:
    change: float [n, d].
    clip: h of the clips, float [n, d].

  Returns:
    A bool; False of videos or clips of one frame, among others.
  """
  return bool(np.abs(change).max() > _ROUNDING * np.abs(clip).max())


def measure_spread(clip, subjects):
  """Measures how much of the variance of h lies between people.

  Args:
    clip: h of the clips, float [n, d].
    subjects: person of each video, int [n].

  Returns:
    A `Spread`. The share is of the trace of the covariance; by chance it is
    (people - 1) / (videos - 1).
  """
  clip = np.asarray(clip, np.float64)
  people = len(np.unique(subjects))
  total = np.square(clip - clip.mean(0)).sum()
  if people == len(subjects) or not total:
    return Spread(None, None)
  means = probes.person_means(clip, subjects)
  between = np.square(means - clip.mean(0)).sum()
  return Spread(float(between / total), (people - 1) / (len(subjects) - 1))


def describe(found, spread):
  """Says in two sentences where the expression is, and where it is not.

  Args:
    found: {name: `readings.Reading`} of `read`.
    spread: a `Spread`.

  Returns:
    Two lines of text.
  """
  return f'{_of_clip(found[CLIP], spread)}.\n{_of_change(found)}.'


def _of_clip(clip, spread):
  shares = clip.probes.expression
  if shares is None:
    words = f'The expression cannot be asked for: {_NOBODY_ELSE}'
  else:
    words = (
      f'Seen as it is, the representation names the expression of '
      f'{_percent(shares.share)} of the videos ({_interval(shares)}, chance '
      f'{_percent(shares.chance)}), {_BESIDE_CHANCE[shares.beside_chance]}'
    )
  if spread.between_people is None:
    return words
  # chosen: more than all the rest together.
  mostly = ': it shows' if spread.between_people > 0.5 else '; it also shows'
  return (
    f'{words}{mostly} who is in the video '
    f'({_percent(spread.between_people)} of its variance)'
  )


def _of_change(found):
  words = 'What changes between the first and the last frame'
  change = found[CHANGE].probes.expression
  if change is None:
    why = found[CHANGE].hindrance or _NOBODY_ELSE
    return f'{words} cannot be asked: {why}'
  return (
    f'{words} names {_percent(change.share)} ({_interval(change)}), '
    f'{_BESIDE_CHANCE[change.beside_chance]}'
  )


def _percent(share):
  return f'{100 * share:.0f} %'


def _interval(share):
  return f'{100 * share.interval.low:.0f} to {100 * share.interval.high:.0f} %'
