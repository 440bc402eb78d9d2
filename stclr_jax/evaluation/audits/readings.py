"""Expression, person and light as read off representations.

By linear probes and by the nearest other video; always of people, or where
people are what is read of expressions, that are held out.
"""

import dataclasses

import numpy as np

from stclr_jax.evaluation import probes
from stclr_jax.evaluation import statistics
from stclr_jax.files import json_records

NUM_FOLDS = 10  # chosen: as many as the paper's; fewer where groups are


@dataclasses.dataclass(frozen=True)
class Share(json_records.Record):
  """Share of the videos that something holds of, beside chance's.

  Attributes:
    correct: of how many.
    total: of how many that were asked.
    share: `correct` / `total`.
    chance: the share by guessing, in [0, 1].
    interval: of the share, 95 %, from resampling people; None where it was
      not asked for.
  """

  correct: int
  total: int
  share: float
  chance: float
  interval: statistics.Interval | None = None

  def __str__(self):
    return f'{self.share:.1%} (chance {self.chance:.1%})'

  @property
  def beside_chance(self):
    """1 or -1 if the interval lies above or below chance; 0 if it holds it."""
    if self.interval is None or (
      self.interval.low <= self.chance <= self.interval.high
    ):
      return 0
    return 1 if self.interval.low > self.chance else -1


@dataclasses.dataclass(frozen=True)
class Readings(json_records.Record):
  """Shares of videos of which something is read rightly; None if it cannot be.

  Attributes:
    expression: share of videos whose expression is read rightly.
    subject: whose person.
    illumination: whose light.
  """

  expression: Share | None = None
  subject: Share | None = None
  illumination: Share | None = None

  @property
  def by_name(self):
    """The shares by what a reader calls them."""
    return {
      'expression': self.expression,
      'person': self.subject,
      'light': self.illumination,
    }


@dataclasses.dataclass(frozen=True)
class Reading(json_records.Record):
  """All that is read off one kind of representation.

  Attributes:
    probes: by a linear probe, with people held out; for `subject` expressions
      are held out.
    retrieval: of the nearest other video (by cosine); for `expression` and
      `illumination` the same person's videos are left out, who would never or
      always agree.
    hindrance: why nothing can be read; '' where something can.
  """

  probes: Readings
  retrieval: Readings
  hindrance: str = ''


def read(representations, labels, subjects, lights):
  """Reads expression, person and light off representations.

  Args:
    representations: float [n, d].
    labels: expression of each video, int [n].
    subjects: person of each video, int [n].
    lights: illumination of each video, int [n].

  Returns:
    A `Reading`.
  """
  cosine = cosines(representations)
  other_person = subjects[:, None] != subjects[None, :]
  everyone = ~np.eye(len(labels), dtype=bool)
  return Reading(
    probes=Readings(
      expression=probe(representations, labels, subjects, subjects),
      subject=probe(representations, subjects, labels, subjects),
      illumination=probe(representations, lights, subjects, subjects),
    ),
    retrieval=Readings(
      expression=_retrieve(cosine, labels, other_person, subjects),
      subject=_retrieve(cosine, subjects, everyone, subjects),
      illumination=_retrieve(cosine, lights, other_person, subjects),
    ),
  )


def unreadable(hindrance):
  """Makes the `Reading` of what does not exist, `hindrance` says why."""
  return Reading(Readings(), Readings(), hindrance)


def probe(representations, targets, groups, subjects):
  """Reads a target by a linear probe, groups held out.

  Args:
    representations: float [n, d].
    targets: int [n], what to read.
    groups: int [n], what is held out.
    subjects: person of each video, int [n], for the interval.

  Returns:
    A `Share` of the videos whose target another group shows as well, as nobody
    could name the others; None if these are not of two targets.
  """
  asked = _shown_by_others(targets, groups)
  if len(np.unique(targets[asked])) < 2:
    return None
  found = probes.cross_probe(
    representations, targets, groups, num_folds=NUM_FOLDS
  )
  commonest = np.unique(targets[asked], return_counts=True)[1].max()
  return make_share(
    (found == targets)[asked], commonest / asked.sum(), subjects[asked]
  )


def make_share(right, chance, subjects=None):
  """Makes a `Share`.

  Args:
    right: whether it holds of a video, bool [n], n at least 1.
    chance: the share by guessing.
    subjects: person of each video, int [n]; None for no interval.

  Returns:
    A `Share`.
  """
  interval = None
  if subjects is not None:
    interval = statistics.cluster_bootstrap_interval(right, subjects)
  return Share(
    correct=int(right.sum()),
    total=len(right),
    share=float(right.mean()),
    chance=float(chance),
    interval=interval,
  )


def cosines(representations):
  """Cosines of all pairs of rows, float [n, d] -> [n, n]."""
  scaled = probes.unit(representations)
  return scaled @ scaled.T


def _shown_by_others(targets, groups):
  shown = np.unique(np.stack([targets, groups]), axis=1)[0]
  kinds, num_groups = np.unique(shown, return_counts=True)
  return np.isin(targets, kinds[num_groups > 1])


def _retrieve(cosine, targets, allowed, subjects):
  """Share of videos whose nearest allowed one has the same target."""
  same = (targets[:, None] == targets[None, :]) & allowed
  asked = same.any(1)  # else no answer would be right
  if not asked.any():
    return None
  chance = same[asked].sum(1) / allowed[asked].sum(1)
  nearest = np.where(allowed, cosine, -np.inf).argmax(1)
  right = targets[nearest] == targets
  return make_share(right[asked], chance.mean(), subjects[asked])
