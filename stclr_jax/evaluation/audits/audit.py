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
from stclr_jax.evaluation.audits import readings
from stclr_jax.evaluation.audits import rest
from stclr_jax.evaluation.audits import under_the_person
from stclr_jax.evaluation.audits.readings import Share
from stclr_jax.files import json_records

# Orders in which a clip's frames are shown: as they are otherwise, and two that
# stand still.
FORWARD, FIRST_FRAME, LAST_FRAME = 'forward', 'first_frame', 'last_frame'


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
    expression: shares of the videos whose expression a linear probe names.
    spread: how much of the variance is who is in the video.
    readings: expression, person and light, by the kind of representation, see
      `under_the_person.NAMES`.
    neighbors: what the nearest video is, of all.
    pairs: how alike two videos are.
    controls: by the order of the frames.
    rest: whether the videos begin at rest, as a change from the first frame
      takes for granted.
  """

  videos: int
  people: int
  expression: under_the_person.Expression
  spread: under_the_person.Spread
  readings: dict[str, readings.Reading]
  neighbors: Neighbors
  pairs: Pairs
  controls: dict[str, Control]
  rest: rest.Rest


def audit(representations, labels, subjects, lights, begins):
  """Reads expression, person and light off representations.

  Args:
    representations: by the order of the frames, float [n, d]; `FORWARD`,
      `FIRST_FRAME` and `LAST_FRAME` among them.
    labels: expression of each video, int [n].
    subjects: person of each video, int [n].
    lights: illumination of each video, int [n].
    begins: a `rest.Rest`, of the same videos.

  Returns:
    An `Audit`.
  """
  labels, subjects, lights = map(np.asarray, (labels, subjects, lights))
  forward = representations[FORWARD]
  cosine = readings.cosines(forward)
  found = under_the_person.read(
    forward,
    representations[FIRST_FRAME],
    representations[LAST_FRAME],
    labels,
    subjects,
    lights,
  )
  return Audit(
    videos=len(labels),
    people=len(np.unique(subjects)),
    expression=under_the_person.Expression.of(found),
    spread=under_the_person.measure_spread(forward, subjects),
    readings=found,
    neighbors=_neighbors(cosine, labels, subjects),
    pairs=_pairs(cosine, labels, subjects),
    controls={
      name: Control(
        cosine=float(_paired_cosine(forward, h).mean()),
        expression=readings.probe(h, labels, subjects, subjects),
      )
      for name, h in representations.items()
      if name != FORWARD
    },
    rest=begins,
  )


def describe(found):
  """Says it in a few lines.

  Args:
    found: an `Audit`.

  Returns:
    Lines of text.
  """
  said = under_the_person.describe(found.readings, found.spread).splitlines()
  said += filter(None, [rest.describe(found.rest)])
  lines = [
    f'What the embedding holds ({found.videos} videos of {found.people} people '
    'that pretraining saw):',
    *(f'  {line}' for line in said),
    *_table(found.readings),
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


_PROBE, _NEAREST = ', linear probe', ', nearest video'


def _table(found):
  """Lines of what is read off each kind of representation."""
  width = max(map(len, under_the_person.NAMES.values())) + len(_NEAREST)
  lines = [
    f'  {"read rightly (by chance)":{width + 2}}'
    + ''.join(f'{name:>16}' for name in readings.Readings().by_name)
  ]
  for name, reading in found.items():
    for way, read in (
      (_PROBE, reading.probes),
      (_NEAREST, reading.retrieval),
    ):
      what = under_the_person.NAMES[name] + way
      cells = (_cell(share) for share in read.by_name.values())
      lines.append(f'    {what:{width}}' + ''.join(cells))
  return lines


def _cell(share):
  if share is None:
    return f'{"unknown":>16}'
  return f'{f"{share.share:.1%} ({share.chance:.1%})":>16}'


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
      name: readings.make_share(
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


def _paired_cosine(first, second):
  return (probes.unit(first) * probes.unit(second)).sum(1)


def _words(share):
  return 'unknown' if share is None else str(share)
