"""A finished run, or a folder of folds: what was predicted, and how."""

import dataclasses
import pathlib
from collections import Counter
from typing import Any

from stclr_jax.errors import UserError
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions
from stclr_jax.evaluation import protocol
from stclr_jax.evaluation import transfer_protocol
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

# Of runs that predict.
_KINDS = (
  summaries.FinetuneSummary,
  summaries.EvaluateSummary,
  fold_summaries.PooledSummary,
  fold_summaries.CrossvalSummary,
  fold_summaries.BaselineSummary,
)


@dataclasses.dataclass(frozen=True)
class Run:
  """Predictions of a run, and their protocol.

  Attributes:
    path: its workdir.
    subject: person of each video, by video id, as written.
    label: expression of each video, by video id.
    prediction: what it was named, by video id.
    told: 'workflow', 'preset', 'data' and 'synthetic' of its summary, or of
      those of its folds; {} without any.
    protocol: a `Protocol` or a `TransferProtocol`, pooled over its folds; None
      of a simple method, and without a summary.
    lines: the protocol in words.
    config: its `config.json`, or what those of its folds have in common.
  """

  path: pathlib.Path
  subject: dict[str, str]
  label: dict[str, str]
  prediction: dict[str, str]
  told: dict[str, Any]
  protocol: Any
  lines: tuple[str, ...]
  config: dict[str, Any]

  @property
  def data(self):
    """Which data was tested; None if no summary says."""
    return self.told.get('data')

  @property
  def synthetic(self):
    """Says whether its faces are drawn; None likewise."""
    return self.told.get('synthetic')


def read_run(path):
  """Reads a run's predictions and what is known of it.

  Args:
    path: workdir of a run or of a cross-validation, or a folder of folds.

  Returns:
    A `Run`.

  Raises:
    FileNotFoundError: if there are no predictions.
    UserError: if a table lacks a column, is empty, or two tables hold the same
      video or are of different data; or a summary is of another format.
  """
  path, table = pathlib.Path(path), workdirs.PREDICTIONS
  folders = [path]
  if not (path / table).exists():
    folders = list(workdirs.folds_with(path, file=table).values())
  if not folders:
    raise FileNotFoundError(
      f'{path} holds neither {table} nor '
      f'{workdirs.fold_dir("", "*") / table}; give the workdir of a finished '
      'fine-tuning or cross-validation.'
    )
  rows = [
    row
    for folder in folders
    for row in predictions.read_predictions(folder / table)
  ]
  numbers = Counter(row.video_id for row in rows)
  if repeated := [video for video, number in numbers.items() if number > 1]:
    raise UserError(
      f'{path} tests the videos {listing(repeated)} more than once; a pooled '
      'result counts each once.'
    )
  # One above the folds, where they are pooled, says it of all.
  found = [
    summaries.read(one, *_KINDS) for one in dict.fromkeys([path, *folders])
  ]
  found = [one for one in found if one is not None]
  found = found[:1] if summaries.is_finished(path) else found
  told = _agree(path, found)
  pooled, lines = _pool_protocols(found)
  return Run(
    path=path,
    subject={row.video_id: row.subject for row in rows},
    label={row.video_id: row.label for row in rows},
    prediction={row.video_id: row.prediction for row in rows},
    told=told,
    protocol=pooled,
    lines=tuple(lines),
    config=_read_config(path),
  )


def _agree(path, found):
  """Returns fields that the summaries of a run, or of its folds, share."""
  if not found:
    return {}
  data = sorted({one.data for one in found})
  if len(data) > 1:
    raise UserError(
      f'The folds in {path} tested different data ({", ".join(data)}), so they '
      'are no folds of one run; compare them one by one.'
    )
  first = found[0]
  return {
    'workflow': first.workflow,
    'preset': first.preset,
    'data': first.data,
    'synthetic': first.synthetic,
  }


def _pool_protocols(found):
  """The protocol of all folds, and the lines that say it."""
  if not all(hasattr(one, 'protocol') for one in found) or not found:
    return None, ['(its summary holds no protocol)']
  kept = [one.protocol for one in found]
  if isinstance(found[0], summaries.EvaluateSummary):
    pooled = transfer_protocol.pool(kept)
    none = metrics.PeopleCounts(0, 0, 0)
    words = pooled.describe(
      sum((one.seen for one in found), none),
      sum((one.unseen for one in found), none),
    )
  else:
    pooled = protocol.pool(kept)
    words = pooled.describe()
  return pooled, words.split('\n')


def _read_config(path):
  """A run's config; without one, what those of its folds have in common."""
  if (path / workdirs.CONFIG).exists():
    return workdirs.read_config(path)
  folds = workdirs.folds_with(path, file=workdirs.CONFIG).values()
  return _shared([workdirs.read_config(fold) for fold in folds])


def _shared(dicts):
  """Returns the part that nested dicts have in common."""
  kept = {}
  for name, value in (dicts[0] if dicts else {}).items():
    others = [one.get(name) for one in dicts]
    if all(isinstance(other, dict) for other in others):
      kept[name] = _shared(others)
    elif all(other == value for other in others):
      kept[name] = value
  return kept


def listing(names, limit=5):
  """Names some of a list, and how many more there are."""
  if not names:
    return 'none of its own'
  more = f' and {len(names) - limit} more' if len(names) > limit else ''
  return f'{", ".join(names[:limit])}{more}'
