"""The folds of one recipe put together: a figure over all videos."""

import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import protocol
from stclr_jax.evaluation import recording_sites
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.files import csv_tables
from stclr_jax.files import whole
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs


class Tested(NamedTuple):
  """Which videos of several folds were named rightly, sorted by id.

  Attributes:
    video_id: n strings.
    subject: names of people, str [n].
    correct: bool [n].
    accuracy: a `comparison.Accuracy`.
  """

  video_id: tuple[str, ...]
  subject: np.ndarray
  correct: np.ndarray
  accuracy: comparison.Accuracy


class Pooled(NamedTuple):
  """The fine-tunings of one recipe, each video once.

  Attributes:
    tested: `Tested`.
    summary: a `PooledSummary`.
    rows: of the CSV, the header first.
  """

  tested: Tested
  summary: fold_summaries.PooledSummary
  rows: list


def pool(folders, *, table=workdirs.PREDICTIONS):
  """Pools the finished fine-tunings of one recipe.

  Args:
    folders: their workdirs, one a fold.
    table: which of their tables; `workdirs.ORACLE_PREDICTIONS` for the epochs
      that fared best on the test people.

  Returns:
    A `Pooled`.

  Raises:
    UserError: if they were not run under one protocol, or test a video twice.
  """
  folders = [pathlib.Path(folder) for folder in folders]
  runs = [summaries.read(one, summaries.FinetuneSummary) for one in folders]
  header, rows = None, []
  for folder in folders:
    with (folder / table).open(newline='', encoding='utf-8') as file:
      header, *some = csv_tables.read(file)
      rows += some
  rows.sort()
  column = {name: [row[i] for row in rows] for i, name in enumerate(header)}
  label, named = np.array(column['label']), np.array(column['prediction'])
  tested = _make_tested(
    column['video_id'], column['subject'], label == named, folders
  )
  kept = protocol.pool([run.protocol for run in runs])
  # Of clip-level folds a person is in several.
  kept = dataclasses.replace(kept, num_people=tested.accuracy.people)
  if table == workdirs.ORACLE_PREDICTIONS:
    kept = dataclasses.replace(kept, selection='test_oracle')
  labels = runs[0].labels
  index = {name: i for i, name in enumerate(labels)}
  summary = fold_summaries.PooledSummary(
    preset=runs[0].preset,
    data=runs[0].data,
    synthetic=runs[0].synthetic,
    seconds=sum(run.seconds for run in runs),
    **metrics.classification_summary(
      [index[name] for name in label], [index[name] for name in named], labels
    ),
    accuracy_at_chance=1 / len(labels),
    untrained={
      name: number
      for name in labels
      if (number := sum(run.untrained.get(name, 0) for run in runs))
    },
    init=runs[0].init,
    people=tested.accuracy.people,
    by_people=tested.accuracy.by_people,
    wilson=tested.accuracy.wilson,
    description=tested.accuracy.describe(),
    test_oracle=_pool_oracles(runs),
    by_subject=_by_group(tested.subject, tested.correct),
    by_expression=_by_group(label, tested.correct, labels),
    sites=recording_sites.count(runs[0].data, tested.subject, tested.correct),
    folds=tuple(
      fold_summaries.FoldCounts(
        correct=run.correct,
        total=run.total,
        fold=run.fold,
        labelled_videos=run.labelled_videos,
      )
      for run in runs
    ),
    steps_per_fold=runs[0].steps,
    protocol=kept,
  )
  return Pooled(tested, summary, [header, *rows])


def pool_predictions(folders):
  """Pools folds that have predictions only, such as a baseline's.

  Args:
    folders: one a fold, each with its `predictions.csv`.

  Returns:
    `Tested`.

  Raises:
    UserError: if they test a video twice.
  """
  runs = [predicted_runs.read_run(folder) for folder in folders]
  found = sorted(
    (video, run.subject[video], run.prediction[video] == label)
    for run in runs
    for video, label in run.label.items()
  )
  return _make_tested(*zip(*found, strict=True), folders)


def write(pooled, workdir):
  """Writes the pooled table and summary.

  Args:
    pooled: a `Pooled`.
    workdir: path of the folder; `stclr_jax.compare` takes it.
  """
  path = pathlib.Path(workdir) / workdirs.PREDICTIONS
  with whole.writing(path, newline='', encoding='utf-8') as file:
    csv_tables.write(file, pooled.rows)
  summaries.write(pooled.summary, workdir)


def _make_tested(videos, subject, correct, folders):
  if len(set(videos)) < len(videos):
    raise UserError(
      f'Some videos are tested twice in {", ".join(map(str, folders))}; each '
      'fold may be pooled once.'
    )
  subject, correct = np.array(subject), np.array(correct)
  return Tested(
    tuple(videos), subject, correct, comparison.accuracy(correct, subject)
  )


def _pool_oracles(runs):
  """The sum of each fold's best epoch, as most of the field reports it."""
  oracles = [run.test_oracle for run in runs]
  if None in oracles:
    return None
  return fold_summaries.PooledOracle(
    correct=sum(one.correct for one in oracles),
    total=sum(one.total for one in oracles),
    epochs=tuple(one.epoch for one in oracles),
  )


def _by_group(group, correct, names=None):
  names = np.unique(group) if names is None else names
  return {
    str(name): metrics.Counts(
      correct=int(correct[group == name].sum()),
      total=int((group == name).sum()),
    )
    for name in names
  }
