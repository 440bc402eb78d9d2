"""One accuracy, and two of the same videos, each with what can be said of it.

From which videos were named rightly and whose they are; see `statistics` for
how each figure is found.
"""

import dataclasses

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import statistics

# chosen: with fewer, a 95 % interval holds the truth in 93 % of the cases or
# less, see `statistics.cluster_bootstrap_interval`.
FEW_PEOPLE = 20


@dataclasses.dataclass(frozen=True)
class Accuracy:
  """Accuracy of one set of predictions.

  Attributes:
    correct: number of videos named rightly.
    total: number of videos.
    people: number of people in them.
    accuracy: correct / total, in [0, 1].
    by_people: the primary `Interval`, from resampling people.
    wilson: the `Interval` that takes all videos for independent.
  """

  correct: int
  total: int
  people: int
  accuracy: float
  by_people: statistics.Interval
  wilson: statistics.Interval

  def describe(self):
    """Returns one line."""
    return (
      f'{self.correct}/{self.total} = {100 * self.accuracy:.2f} %, '
      f'{100 * self.by_people.level:.0f} % interval '
      f'{self.by_people.describe()} over {_people(self.people)} '
      f'(Wilson, which ignores them: {self.wilson.describe()})'
    )


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Two sets of predictions of the same videos.

  Attributes:
    difference: accuracy of the second minus that of the first.
    only_first: number of videos that only the first named rightly.
    only_second: number of videos that only the second named rightly.
    total: number of videos.
    people: number of people in them.
    by_people: `Interval` of the difference, from resampling people.
    sign_flip_p: the primary p-value, see `statistics.sign_flip_test`.
    mcnemar_p: the one that takes all videos for independent.
    sign_flip_p_holm: corrected over a table's tests; None outside a table.
    mcnemar_p_holm: likewise.
    detectable: the difference that such a comparison is likely to find, with
      as many changed videos (0.1 if none changed) and as much clustering.
  """

  difference: float
  only_first: int
  only_second: int
  total: int
  people: int
  by_people: statistics.Interval
  sign_flip_p: float
  mcnemar_p: float
  sign_flip_p_holm: float | None
  mcnemar_p_holm: float | None
  detectable: float

  def describe(self):
    """Returns two lines."""
    sign_flip, mcnemar, corrected = self.sign_flip_p, self.mcnemar_p, ''
    if self.sign_flip_p_holm is not None:
      sign_flip, mcnemar = self.sign_flip_p_holm, self.mcnemar_p_holm
      corrected = ', both after Holm'
    return (
      f'{100 * self.difference:+.2f} points ({self.only_second} videos gained, '
      f'{self.only_first} lost), {100 * self.by_people.level:.0f} % interval '
      f'{100 * self.by_people.low:+.1f} to {100 * self.by_people.high:+.1f} '
      f'points over {_people(self.people)}\n'
      f'signs flipped by person p = {_p(sign_flip)}, McNemar p = '
      f'{_p(mcnemar)}{corrected}; likely to be found: '
      f'{100 * self.detectable:.1f} points or more'
    )


def accuracy(correct, subject, *, level=0.95, seed=0):
  """Accuracy with both intervals.

  Args:
    correct: whether each video was named rightly, bool [n].
    subject: person of each video, int [n].
    level: of confidence.
    seed: int, of the bootstrap.

  Returns:
    An `Accuracy`.

  Raises:
    ValueError: if the two do not match, or there is no video.
  """
  correct = _checked(correct, subject)
  return Accuracy(
    correct=int(correct.sum()),
    total=len(correct),
    people=len(np.unique(subject)),
    accuracy=float(correct.mean()),
    by_people=statistics.cluster_bootstrap_interval(
      correct, subject, level=level, seed=seed
    ),
    wilson=statistics.wilson_interval(correct.sum(), len(correct), level=level),
  )


def compare(correct_first, correct_second, subject, *, level=0.95, seed=0):
  """Compares two sets of predictions of the same videos.

  Args:
    correct_first: whether each video was named rightly, bool [n].
    correct_second: the same of the other set.
    subject: person of each video, int [n].
    level: of confidence.
    seed: int, of the bootstrap.

  Returns:
    A `Comparison`.

  Raises:
    ValueError: if the three do not match, or there is no video.
  """
  first = _checked(correct_first, subject)
  second = _checked(correct_second, subject)
  change = second.astype(int) - first.astype(int)
  only_first, only_second = int((change < 0).sum()), int((change > 0).sum())
  return Comparison(
    difference=float(change.mean()),
    only_first=only_first,
    only_second=only_second,
    total=len(change),
    people=len(np.unique(subject)),
    by_people=statistics.cluster_bootstrap_interval(
      change, subject, level=level, seed=seed, bounds=(-1, 1)
    ),
    sign_flip_p=statistics.sign_flip_test(change, subject),
    mcnemar_p=statistics.mcnemar_test(only_first, only_second),
    sign_flip_p_holm=None,
    mcnemar_p_holm=None,
    detectable=statistics.smallest_detectable_difference(
      len(change),
      changed=float((change != 0).mean()) or 0.1,
      design_effect=statistics.design_effect(change, subject),
      level=level,
    ),
  )


def correct_for_number(comparisons):
  """Corrects the p-values of a table's tests for how many they are (Holm).

  Args:
    comparisons: list of `Comparison`, all that the table makes.

  Returns:
    The same ones, with `sign_flip_p_holm` and `mcnemar_p_holm`.
  """
  sign_flip = statistics.holm([one.sign_flip_p for one in comparisons])
  mcnemar = statistics.holm([one.mcnemar_p for one in comparisons])
  return [
    dataclasses.replace(one, sign_flip_p_holm=float(p), mcnemar_p_holm=float(q))
    for one, p, q in zip(comparisons, sign_flip, mcnemar, strict=True)
  ]


def _checked(correct, subject):
  correct = np.asarray(correct)
  if correct.ndim != 1 or not len(correct) or len(correct) != len(subject):
    raise UserError(
      f'`correct` (of shape {correct.shape}) and `subject` (of shape '
      f'{np.shape(subject)}) must have one entry a video, and at least one.'
    )
  if not np.isin(correct, (0, 1)).all():
    raise UserError(
      '`correct` must hold 1 or 0 for each video, right or wrong, not '
      f'{np.setdiff1d(correct, (0, 1))[0]}.'
    )
  return correct.astype(bool)


def _people(number):
  few = ' (few: it is too narrow)' if number < FEW_PEOPLE else ''
  return f'{number} {"person" if number == 1 else "people"}{few}'


def _p(value):
  return f'{value:.2g}' if value >= 1e-4 else f'{value:.0e}'
