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
from stclr_jax.experiments import run_pairs
from stclr_jax.files import csv_tables
from stclr_jax.files import whole
from stclr_jax.runs import workdirs


class Pooled(NamedTuple):
  """What was predicted in several folds, each video once, sorted by id.

  Attributes:
    video_id: n strings.
    subject: names of people, str [n].
    correct: bool [n].
    summary: JSON-able figures.
    rows: of the CSV, the header first.
  """

  video_id: tuple[str, ...]
  subject: np.ndarray
  correct: np.ndarray
  summary: dict
  rows: list


def pool(folders, *, table=workdirs.PREDICTIONS):
  """Pools the finished fine-tunings of one recipe.

  Args:
    folders: their workdirs, one a fold.
    table: which of their tables; 'oracle_predictions.csv' for the epochs that
      fared best on the test people.

  Returns:
    A `Pooled`.

  Raises:
    ValueError: if they were not run under one protocol, or test a video twice.
  """
  folders = [pathlib.Path(folder) for folder in folders]
  summaries = [workdirs.read_summary(folder) for folder in folders]
  header, rows = None, []
  for folder in folders:
    with (folder / table).open(newline='', encoding='utf-8') as file:
      header, *some = csv_tables.read(file)
      rows += some
  rows.sort()
  column = {name: [row[i] for row in rows] for i, name in enumerate(header)}
  videos = tuple(column['video_id'])
  _refuse_twice(videos, folders)
  subject = np.array(column['subject'])
  correct = np.array(column['label']) == np.array(column['prediction'])
  kept = protocol.pool(
    [protocol.Protocol.from_dict(one['protocol']) for one in summaries]
  )
  # Of clip-level folds a person is in several.
  kept = dataclasses.replace(kept, num_people=len(np.unique(subject)))
  if table == workdirs.ORACLE_PREDICTIONS:
    kept = dataclasses.replace(kept, selection='test_oracle')
  labels = summaries[0]['labels']
  index = {name: i for i, name in enumerate(labels)}
  figures = comparison.accuracy(correct, subject)
  sites = recording_sites.count(summaries[0]['data'], subject, correct)
  summary = {
    'data': summaries[0]['data'],
    'synthetic': summaries[0]['synthetic'],
    'preset': summaries[0]['preset'],
    'init': summaries[0]['init'],
    **metrics.classification_summary(
      [index[name] for name in column['label']],
      [index[name] for name in column['prediction']],
      labels,
    ),
    'accuracy_at_chance': 1 / len(labels),
    'people': figures.people,
    'by_people': dataclasses.asdict(figures.by_people),
    'wilson': dataclasses.asdict(figures.wilson),
    'description': figures.describe(),
    'test_oracle': _pool_oracles(summaries),
    'by_subject': _by_group(subject, correct, np.unique(subject)),
    'by_expression': _by_group(np.array(column['label']), correct, labels),
    'by_site': sites and dataclasses.asdict(sites)['by_site'],
    'folds': [
      {k: one[k] for k in ('fold', 'correct', 'total', 'labelled_videos')}
      for one in summaries
    ],
    'steps_per_fold': summaries[0]['steps'],
    'seconds': sum(one['seconds'] for one in summaries),
    'protocol': kept.as_dict(),
  }
  return Pooled(videos, subject, correct, summary, [header, *rows])


def pool_predictions(folders):
  """Pools folds that have predictions only, such as a baseline's.

  Args:
    folders: one a fold, each with its `predictions.csv`.

  Returns:
    A `Pooled` without rows, whose summary is a `comparison.Accuracy`'s fields.

  Raises:
    ValueError: if they test a video twice.
  """
  runs = [run_pairs.read_run(folder) for folder in folders]
  found = sorted(
    (video, run.subject[video], run.prediction[video] == label)
    for run in runs
    for video, label in run.label.items()
  )
  videos, subject, correct = zip(*found, strict=True)
  _refuse_twice(videos, folders)
  accuracy = comparison.accuracy(np.array(correct), np.array(subject))
  return Pooled(
    videos,
    np.array(subject),
    np.array(correct),
    dataclasses.asdict(accuracy),
    [],
  )


def write(pooled, workdir):
  """Writes the pooled table and figures.

  Args:
    pooled: a `Pooled`.
    workdir: path of the folder; `stclr_jax.compare` takes it.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / workdirs.PREDICTIONS
  with whole.writing(path, newline='', encoding='utf-8') as file:
    csv_tables.write(file, pooled.rows)
  workdirs.write_json(workdir / workdirs.SUMMARY, pooled.summary)


def _refuse_twice(videos, folders):
  if len(set(videos)) < len(videos):
    raise UserError(
      f'Some videos are tested twice in {", ".join(map(str, folders))}; each '
      'fold may be pooled once.'
    )


def _pool_oracles(summaries):
  """The sum of each fold's best look, as most of the field reports it."""
  oracles = [one.get('test_oracle') for one in summaries]
  if None in oracles:
    return None
  correct = sum(one['correct'] for one in oracles)
  total = sum(one['total'] for one in oracles)
  return {
    'leak': oracles[0]['leak'],
    'epochs': [one['epoch'] for one in oracles],
    'correct': correct,
    'total': total,
    'accuracy': correct / total,
  }


def _by_group(groups, correct, names):
  return {
    str(name): {
      'correct': int(correct[groups == name].sum()),
      'total': int((groups == name).sum()),
    }
    for name in names
  }
