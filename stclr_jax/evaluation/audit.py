"""Shortcut audit: does an embedding hold expression, or person and light?

A positive pair always shows the same person in the same light, so a network
can tell pairs apart by the face alone and never look at the expression. These
figures say how far that went. Everything is computed from representations of
the videos that pretraining saw; held out are people, or where people are what
is read, expressions.
"""

import dataclasses

import numpy as np

from stclr_jax.evaluation import probes
from stclr_jax.files import json_records

FORWARD = 'forward'  # the order in which a clip's frames are shown otherwise


@dataclasses.dataclass(frozen=True)
class Share(json_records.Record):
  """Share of the videos that something holds of, beside chance's.

  Attributes:
    correct: of how many.
    total: of how many that were asked.
    share: `correct` / `total`.
    chance: the share by guessing, in [0, 1].
  """

  correct: int
  total: int
  share: float
  chance: float

  def __str__(self):
    return f'{self.share:.1%} (chance {self.chance:.1%})'


@dataclasses.dataclass(frozen=True)
class Readings(json_records.Record):
  """Accuracies of probes on representations; None where none can be fitted.

  Attributes:
    expression: share of videos whose expression is read rightly.
    subject: whose person.
    illumination: whose light.
  """

  expression: Share | None
  subject: Share | None
  illumination: Share | None

  def __str__(self):
    return ', '.join(
      f'{name} {_words(share)}'
      for name, share in (
        ('expression', self.expression),
        ('person', self.subject),
        ('light', self.illumination),
      )
    )


@dataclasses.dataclass(frozen=True)
class Neighbors(json_records.Record):
  """Shares of videos whose nearest other video is of the same kind.

  Attributes:
    same_subject: share of videos whose nearest one is the same person's.
    same_expression: is another person's, of the same expression.
    neither: is neither.
  """

  same_subject: Share
  same_expression: Share
  neither: Share


@dataclasses.dataclass(frozen=True)
class Pairs(json_records.Record):
  """Similarities of pairs of videos; None where there is no such pair.

  Attributes:
    same_subject: mean cosine of one person's, with different expressions.
    same_expression: of two people's with one expression.
    neither: of two people's with different expressions.
    subject_over_expression: the probability that a pair of the first kind is
      more alike than one of the second (0.5: neither wins).
  """

  same_subject: float | None
  same_expression: float | None
  neither: float | None
  subject_over_expression: float | None


@dataclasses.dataclass(frozen=True)
class Control(json_records.Record):
  """Representations of clips whose frames come in another order.

  Attributes:
    cosine: mean, to the representation of the same clip shown forward.
    expression: share read rightly by a probe of their own, or None.
  """

  cosine: float
  expression: Share | None


@dataclasses.dataclass(frozen=True)
class Audit(json_records.Record):
  """The audit of an embedding: expression, person and light in it.

  Attributes:
    videos: how many.
    people: how many.
    probes: by a linear probe, with people held out; for `subject` expressions
      are held out.
    retrieval: of the nearest other video (by cosine); for `expression` and
      `illumination` the same person's videos are left out, who would never or
      always agree.
    neighbors: what the nearest video is, of all.
    pairs: how alike two videos are.
    controls: by the order of the frames.
  """

  videos: int
  people: int
  probes: Readings
  retrieval: Readings
  neighbors: Neighbors
  pairs: Pairs
  controls: dict[str, Control]


def audit(representations, labels, subjects, lights):
  """Reads expression, person and light off representations.

  Args:
    representations: by the order of the frames, float [n, d].
    labels: expression of each video, int [n].
    subjects: person of each video, int [n].
    lights: illumination of each video, int [n].

  Returns:
    An `Audit`.
  """
  labels, subjects, lights = map(np.asarray, (labels, subjects, lights))
  forward = representations[FORWARD]
  cosine = _cosines(forward)
  other_person = subjects[:, None] != subjects[None, :]
  everyone = ~np.eye(len(labels), dtype=bool)
  return Audit(
    videos=len(labels),
    people=len(np.unique(subjects)),
    probes=Readings(
      expression=_probe(forward, labels, subjects),
      subject=_probe(forward, subjects, labels),
      illumination=_probe(forward, lights, subjects),
    ),
    retrieval=Readings(
      expression=_retrieve(cosine, labels, other_person),
      subject=_retrieve(cosine, subjects, everyone),
      illumination=_retrieve(cosine, lights, other_person),
    ),
    neighbors=_neighbors(cosine, labels, subjects),
    pairs=_pairs(cosine, labels, subjects),
    controls={
      name: Control(
        cosine=float(_paired_cosine(forward, h).mean()),
        expression=_probe(h, labels, subjects),
      )
      for name, h in representations.items()
      if name != FORWARD
    },
  )


def describe(found):
  """Says it in a few lines.

  Args:
    found: an `Audit`.

  Returns:
    Lines of text.
  """
  lines = [
    f'What the embedding holds ({found.videos} videos of {found.people} people '
    'that pretraining saw):',
    f'  read by a linear probe: {found.probes}',
    f'  found in the nearest video: {found.retrieval}',
    f"  nearest of all: the same person's {found.neighbors.same_subject}, the "
    f'same expression {found.neighbors.same_expression}',
  ]
  if found.pairs.subject_over_expression is not None:
    lines.append(
      '  two videos of one person are more alike than two of one expression '
      f'with probability {found.pairs.subject_over_expression:.2f}'
    )
  for name, control in found.controls.items():
    lines.append(
      f'  frames {name.replace("_", " ")}: expression '
      f'{_words(control.expression)}, cosine to forward {control.cosine:.3f}'
    )
  return '\n'.join(lines)


def _share(right, chance):
  return Share(
    correct=int(right.sum()),
    total=len(right),
    share=float(right.mean()),
    chance=float(chance),
  )


def _probe(representations, targets, groups):
  if len(np.unique(targets)) < 2 or len(np.unique(groups)) < 2:
    return None
  found = probes.cross_probe(representations, targets, groups, num_folds=6)
  return _share(found == targets, _commonest(targets))


def _commonest(targets):
  return np.unique(targets, return_counts=True)[1].max() / len(targets)


def _retrieve(cosine, targets, allowed):
  """Share of videos whose nearest allowed one has the same target."""
  asked = allowed.any(1)
  if not asked.any():
    return None
  same = targets[:, None] == targets[None, :]
  chance = (same & allowed)[asked].sum(1) / allowed[asked].sum(1)
  nearest = np.where(allowed, cosine, -np.inf).argmax(1)
  right = targets[nearest] == targets
  return _share(right[asked], chance.mean())


def _neighbors(cosine, labels, subjects):
  others = ~np.eye(len(labels), dtype=bool)
  same_subject = subjects[:, None] == subjects[None, :]
  same_label = labels[:, None] == labels[None, :]
  kinds = {
    'same_subject': same_subject & others,
    'same_expression': same_label & ~same_subject,
    'neither': ~same_label & ~same_subject,
  }
  nearest = np.where(others, cosine, -np.inf).argmax(1)
  return Neighbors(
    **{
      name: _share(
        kind[np.arange(len(labels)), nearest],
        kind.sum() / others.sum(),
      )
      for name, kind in kinds.items()
    }
  )


def _pairs(cosine, labels, subjects):
  from sklearn import metrics

  above = np.triu(np.ones_like(cosine, bool), 1)
  same_subject = subjects[:, None] == subjects[None, :]
  same_label = labels[:, None] == labels[None, :]
  of_one_person = cosine[above & same_subject & ~same_label]
  of_one_expression = cosine[above & ~same_subject & same_label]
  of_neither = cosine[above & ~same_subject & ~same_label]
  wins = None
  if len(of_one_person) and len(of_one_expression):
    kind = np.repeat([1, 0], [len(of_one_person), len(of_one_expression)])
    both = np.concatenate([of_one_person, of_one_expression])
    wins = float(metrics.roc_auc_score(kind, both))
  return Pairs(
    same_subject=_mean(of_one_person),
    same_expression=_mean(of_one_expression),
    neither=_mean(of_neither),
    subject_over_expression=wins,
  )


def _mean(values):
  return float(values.mean()) if len(values) else None


def _cosines(representations):
  scaled = probes.unit(representations)
  return scaled @ scaled.T


def _paired_cosine(first, second):
  return (probes.unit(first) * probes.unit(second)).sum(1)


def _words(share):
  return 'unknown' if share is None else str(share)
