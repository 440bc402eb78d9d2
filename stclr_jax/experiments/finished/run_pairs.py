"""Two finished runs paired video by video."""

import dataclasses
from typing import Any

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import protocol
from stclr_jax.experiments.finished.predicted_runs import listing
from stclr_jax.files import json_records


@dataclasses.dataclass(frozen=True)
class RunAccuracy(comparison.Accuracy):
  """A run's accuracy on the videos compared.

  Attributes:
    path: its workdir.
    protocol: see `predicted_runs.Run`.
  """

  path: str
  protocol: Any


@dataclasses.dataclass(frozen=True)
class Change:
  """Changes between two runs on the videos of a person or an expression.

  Attributes:
    total: number of videos.
    correct_a: how many the first run named rightly.
    correct_b: how many the second one did.
    gained: how many only the second one did.
    lost: how many only the first one did.
  """

  total: int
  correct_a: int
  correct_b: int
  gained: int
  lost: int


@dataclasses.dataclass(frozen=True)
class Words:
  """Lines for people.

  Attributes:
    run_a: accuracy and protocol of the first run.
    run_b: of the second one.
    comparison: of their difference.
  """

  run_a: tuple[str, ...]
  run_b: tuple[str, ...]
  comparison: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PairReport(json_records.Record):
  """Two runs compared on the same videos; differences are the second's.

  Attributes:
    data: which data; None where no summary says.
    synthetic: whether its faces are drawn; None likewise.
    run_a: `RunAccuracy` of the first run.
    run_b: of the second one.
    comparison: a `comparison.Comparison`.
    protocol_differences: lines.
    config_differences: lines.
    gained: ids of videos that only the second run named rightly.
    lost: ids of those that only the first one did.
    same_answer: number of videos that both named alike.
    people: `Change` of each, those that changed most first.
    expressions: likewise.
    text: `Words`.
  """

  data: str | None
  synthetic: bool | None
  run_a: RunAccuracy
  run_b: RunAccuracy
  comparison: comparison.Comparison
  protocol_differences: tuple[str, ...]
  config_differences: tuple[str, ...]
  gained: tuple[str, ...]
  lost: tuple[str, ...]
  same_answer: int
  people: dict[str, Change]
  expressions: dict[str, Change]
  text: Words


def compare_runs(run_a, run_b, *, seed=0):
  """Compares two runs on the same videos.

  Args:
    run_a: a `predicted_runs.Run`.
    run_b: another.
    seed: int, of the bootstrap.

  Returns:
    A `PairReport`.

  Raises:
    UserError: if the videos, their people, labels or data sets differ.
  """
  _refuse_other_videos(run_a, run_b)
  videos = sorted(run_a.label)
  people = np.array([run_a.subject[video] for video in videos])
  labels = np.array([run_a.label[video] for video in videos])
  runs = (run_a, run_b)
  correct_a, correct_b = corrects = [
    np.array([run.prediction[video] == run.label[video] for video in videos])
    for run in runs
  ]
  accuracies = [comparison.accuracy(c, people, seed=seed) for c in corrects]
  compared = comparison.compare(correct_a, correct_b, people, seed=seed)
  figures = [
    RunAccuracy(**vars(accuracy), path=str(run.path), protocol=run.protocol)
    for run, accuracy in zip(runs, accuracies, strict=True)
  ]
  return PairReport(
    data=run_a.data or run_b.data,
    synthetic=next((run.synthetic for run in runs if run.told), None),
    run_a=figures[0],
    run_b=figures[1],
    comparison=compared,
    protocol_differences=tuple(_differences(run_a, run_b)),
    config_differences=tuple(protocol.differences(run_a.config, run_b.config)),
    gained=tuple(videos[i] for i in np.flatnonzero(correct_b & ~correct_a)),
    lost=tuple(videos[i] for i in np.flatnonzero(correct_a & ~correct_b)),
    same_answer=sum(
      run_a.prediction[video] == run_b.prediction[video] for video in videos
    ),
    people=_by_group(people, correct_a, correct_b),
    expressions=_by_group(labels, correct_a, correct_b),
    text=Words(
      run_a=(accuracies[0].describe(), *run_a.lines),
      run_b=(accuracies[1].describe(), *run_b.lines),
      comparison=tuple(compared.describe().split('\n')),
    ),
  )


def _refuse_other_videos(run_a, run_b):
  only_a = sorted(run_a.label.keys() - run_b.label.keys())
  only_b = sorted(run_b.label.keys() - run_a.label.keys())
  if only_a or only_b:
    raise UserError(
      'The runs tested different videos, so nothing can be paired.\n'
      f'  Only {run_a.path} ({len(run_a.label)} videos) has '
      f'{listing(only_a)}.\n'
      f'  Only {run_b.path} ({len(run_b.label)} videos) has '
      f'{listing(only_b)}.\n'
      'Give two runs of the same data and folds, both finished.'
    )
  a, b = run_a.label, run_b.label
  _refuse_differences(run_a, run_b, 'label', a, [v for v in a if a[v] != b[v]])
  # Whatever people are called, who is with whom is what counts.
  a, b = run_a.subject, run_b.subject
  named_b, named_a = {}, {}
  for video in a:
    named_b.setdefault(a[video], b[video])
    named_a.setdefault(b[video], a[video])
  changed = [v for v in a if named_b[a[v]] != b[v] or named_a[b[v]] != a[v]]
  _refuse_differences(run_a, run_b, 'subject', a, changed)
  if None not in (run_a.data, run_b.data) and run_a.data != run_b.data:
    raise UserError(
      f'{run_a.path} tested {run_a.data} and {run_b.path} tested {run_b.data}: '
      'videos of the same names, but of two data sets. Test both runs on one.'
    )


def _refuse_differences(run_a, run_b, name, kept, changed):
  if changed:
    first = min(changed)
    raise UserError(
      f'The runs disagree on the {name} of {listing(sorted(changed))}: '
      f'{kept[first]!r} in {run_a.path}, {getattr(run_b, name)[first]!r} in '
      f'{run_b.path}. They are not of the same data.'
    )


def _differences(run_a, run_b):
  """Of their protocols; where one has none, of what is told beside it."""
  if None in (run_a.protocol, run_b.protocol):
    return protocol.differences(run_a.told, run_b.told)
  return protocol.differences(
    run_a.protocol.as_dict(), run_b.protocol.as_dict()
  )


def _by_group(group, correct_a, correct_b):
  """Changes of each person or expression, those that changed most first."""
  changes = []
  for name in sorted(set(group.tolist()), key=_natural):
    a, b = correct_a[group == name], correct_b[group == name]
    change = Change(
      total=len(a),
      correct_a=int(a.sum()),
      correct_b=int(b.sum()),
      gained=int((b & ~a).sum()),
      lost=int((a & ~b).sum()),
    )
    changes.append((name, change))
  changes.sort(key=lambda one: -abs(one[1].gained - one[1].lost))
  return dict(changes)


def _natural(name):
  return (0, int(name), '') if name.isdecimal() else (1, 0, name)
