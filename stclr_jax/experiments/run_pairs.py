"""Two finished runs, read from their workdirs and paired video by video."""

import dataclasses
import pathlib
from collections import Counter

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions
from stclr_jax.evaluation import protocol
from stclr_jax.evaluation import transfer_protocol
from stclr_jax.files import json_files

PREDICTIONS = 'predictions.csv'
# What a summary without a protocol says of how its figures came about.
SETTINGS = (
  'workflow',
  'preset',
  'data',
  'synthetic',
  'init',
  'fold',
  'labelled_videos',
  'epochs',
  'steps',
)


@dataclasses.dataclass(frozen=True)
class Run:
  """What a run predicted.

  Attributes:
    path: its workdir.
    subject: person of each video, by video id, as written.
    label: expression of each video, by video id.
    prediction: what it was named, by video id.
    summary: its `summary.json`; of a folder of folds without one, what
      theirs have in common, {} without any.
    config: its `config.json`, or that of its folds likewise.
  """

  path: pathlib.Path
  subject: dict[str, str]
  label: dict[str, str]
  prediction: dict[str, str]
  summary: dict
  config: dict


def read_run(path):
  """Reads a run's predictions and what is known of it.

  Args:
    path: workdir of a run or of a cross-validation, or a folder of folds.

  Returns:
    A `Run`.

  Raises:
    FileNotFoundError: if there are no predictions.
    ValueError: if a table lacks a column, is empty, or two tables hold the
      same video or are of different data.
  """
  path = pathlib.Path(path)
  tables = [path / PREDICTIONS]
  if not tables[0].exists():
    tables = sorted(path.glob(f'fold_*/{PREDICTIONS}'))
  if not tables:
    raise FileNotFoundError(
      f'{path} holds neither {PREDICTIONS} nor fold_*/{PREDICTIONS}; give the '
      'workdir of a finished fine-tuning or cross-validation.'
    )
  rows = [
    row for table in tables for row in predictions.read_predictions(table)
  ]
  repeated = [
    video
    for video, number in Counter(row['video_id'] for row in rows).items()
    if number > 1
  ]
  if repeated:
    raise UserError(
      f'{path} tests the videos {_some(repeated)} more than once; a pooled '
      'result counts each once.'
    )
  return Run(
    path=path,
    subject={row['video_id']: row['subject'] for row in rows},
    label={row['video_id']: row['label'] for row in rows},
    prediction={row['video_id']: row['prediction'] for row in rows},
    summary=_read_summary(path, [table.parent for table in tables]),
    config=_read_config(path, [table.parent for table in tables]),
  )


def compare_runs(run_a, run_b, *, seed=0):
  """Compares two runs on the same videos.

  Args:
    run_a: a `Run`.
    run_b: another.
    seed: int, of the bootstrap.

  Returns:
    A JSON-able dict: 'data' and 'synthetic' (None where no summary says),
    'run_a' and 'run_b' (each: path, protocol, and the fields of a
    `comparison.Accuracy`), 'comparison' (those of a `comparison.Comparison`),
    'protocol_differences' and 'config_differences' (lines), 'gained' and
    'lost' (video ids), 'same_answer' (number of videos that both named
    alike), 'people' and 'expressions' (of each: total, correct_a, correct_b,
    gained, lost) and 'text' (the lines of the three figures and protocols).

  Raises:
    ValueError: if the videos, their people, labels or data sets differ.
  """
  _refuse_other_videos(run_a, run_b)
  videos = sorted(run_a.label)
  people = np.array([run_a.subject[video] for video in videos])
  labels = np.array([run_a.label[video] for video in videos])
  correct_a, correct_b = (
    np.array([run.prediction[video] == run.label[video] for video in videos])
    for run in (run_a, run_b)
  )
  runs, corrects = (run_a, run_b), (correct_a, correct_b)
  accuracies = [comparison.accuracy(c, people, seed=seed) for c in corrects]
  compared = comparison.compare(correct_a, correct_b, people, seed=seed)
  protocols = _protocols(runs)
  written = [
    {'path': str(run.path), 'protocol': kept, **dataclasses.asdict(accuracy)}
    for run, kept, accuracy in zip(runs, protocols, accuracies, strict=True)
  ]
  return {
    'data': run_a.summary.get('data') or run_b.summary.get('data'),
    'synthetic': next(
      (r.summary['synthetic'] for r in runs if 'synthetic' in r.summary), None
    ),
    'run_a': written[0],
    'run_b': written[1],
    'comparison': dataclasses.asdict(compared),
    'protocol_differences': protocol.differences(*protocols),
    'config_differences': protocol.differences(*(r.config for r in runs)),
    'gained': [videos[i] for i in np.flatnonzero(correct_b & ~correct_a)],
    'lost': [videos[i] for i in np.flatnonzero(correct_a & ~correct_b)],
    'same_answer': sum(
      run_a.prediction[video] == run_b.prediction[video] for video in videos
    ),
    'people': _by_group(people, correct_a, correct_b),
    'expressions': _by_group(labels, correct_a, correct_b),
    'text': {
      'run_a': [accuracies[0].describe(), *_protocol_lines(run_a)],
      'run_b': [accuracies[1].describe(), *_protocol_lines(run_b)],
      'comparison': compared.describe().split('\n'),
    },
  }


def _read_json(path):
  return json_files.read(path) if path.exists() else {}


def _read_summary(path, folders):
  """Reads a run's summary; without one, what those of its folds agree on."""
  if (path / 'summary.json').exists():
    return _read_json(path / 'summary.json')
  found = [_read_json(folder / 'summary.json') for folder in folders]
  found = [summary for summary in found if summary]
  if not found:
    return {}
  data = sorted({one['data'] for one in found if 'data' in one})
  if len(data) > 1:
    raise UserError(
      f'The folds in {path} tested different data ({", ".join(data)}), so they '
      'are no folds of one run; compare them one by one.'
    )
  agreed = {
    name: found[0][name]
    for name in SETTINGS
    if all(name in one and one[name] == found[0][name] for one in found)
  }
  if all('protocol' in one for one in found):
    agreed |= _pool_protocols(found)
  return agreed


def _pool_protocols(summaries):
  if _is_evaluation(summaries[0]):
    pooled = transfer_protocol.pool(
      [
        transfer_protocol.TransferProtocol.from_dict(one['protocol'])
        for one in summaries
      ]
    )
    return {
      'protocol': pooled.as_dict(),
      'seen': _add_counts(one['seen'] for one in summaries),
      'unseen': _add_counts(one['unseen'] for one in summaries),
    }
  kept = [one['protocol'] for one in summaries]
  try:
    read = [protocol.Protocol.from_dict(one) for one in kept]
  except ValueError:  # of another version, which its lines will say
    return {'protocol': kept[0]}
  return {'protocol': protocol.pool(read).as_dict()}


def _add_counts(counts):
  first, *others = (metrics.PeopleCounts(**one) for one in counts)
  return dataclasses.asdict(sum(others, first))


def _read_config(path, folders):
  if (path / 'config.json').exists():
    return _read_json(path / 'config.json')
  # Folds that are pooled in a table above them have theirs all the same.
  pooled = [file.parent for file in sorted(path.glob('fold_*/config.json'))]
  return _shared([_read_json(f / 'config.json') for f in pooled or folders])


def _shared(dicts):
  """What nested dicts have in common."""
  kept = {}
  for name, value in dicts[0].items():
    others = [one.get(name) for one in dicts]
    if all(isinstance(other, dict) for other in others):
      kept[name] = _shared(others)
    elif all(other == value for other in others):
      kept[name] = value
  return kept


def _is_evaluation(summary):
  return summary.get('workflow') == 'evaluate'


def _refuse_other_videos(run_a, run_b):
  only_a = sorted(run_a.label.keys() - run_b.label.keys())
  only_b = sorted(run_b.label.keys() - run_a.label.keys())
  if only_a or only_b:
    raise UserError(
      'The runs tested different videos, so nothing can be paired.\n'
      f'  Only {run_a.path} ({len(run_a.label)} videos) has {_some(only_a)}.\n'
      f'  Only {run_b.path} ({len(run_b.label)} videos) has {_some(only_b)}.\n'
      'Give two runs of the same data and folds, both finished.'
    )
  a, b = run_a.label, run_b.label
  _refuse_differences(run_a, run_b, 'label', a, [v for v in a if a[v] != b[v]])
  # Earlier versions wrote numbers; who is with whom is what counts.
  a, b = run_a.subject, run_b.subject
  named_b, named_a = {}, {}
  for video in a:
    named_b.setdefault(a[video], b[video])
    named_a.setdefault(b[video], a[video])
  changed = [v for v in a if named_b[a[v]] != b[v] or named_a[b[v]] != a[v]]
  _refuse_differences(run_a, run_b, 'subject', a, changed)
  data = [run.summary.get('data') for run in (run_a, run_b)]
  if None not in data and data[0] != data[1]:
    raise UserError(
      f'{run_a.path} tested {data[0]} and {run_b.path} tested {data[1]}: '
      'videos of the same names, but of two data sets. Test both runs on one.'
    )


def _refuse_differences(run_a, run_b, name, kept, changed):
  if changed:
    first = min(changed)
    raise UserError(
      f'The runs disagree on the {name} of {_some(sorted(changed))}: '
      f'{kept[first]!r} in {run_a.path}, {getattr(run_b, name)[first]!r} in '
      f'{run_b.path}. They are not of the same data.'
    )


def _protocols(runs):
  """Their protocols; where one has none, what both summaries say instead."""
  if all('protocol' in run.summary for run in runs):
    return [run.summary['protocol'] for run in runs]
  return [
    {key: run.summary[key] for key in SETTINGS if key in run.summary}
    for run in runs
  ]


def _protocol_lines(run):
  if 'protocol' not in run.summary:
    return ['(its summary holds no protocol)']
  if _is_evaluation(run.summary):
    kept = transfer_protocol.TransferProtocol.from_dict(run.summary['protocol'])
    counts = (
      metrics.PeopleCounts(**run.summary[name]) for name in ('seen', 'unseen')
    )
    return kept.describe(*counts).split('\n')
  try:
    kept = protocol.Protocol.from_dict(run.summary['protocol'])
  except ValueError as error:
    return [f'({error})']
  return kept.describe().split('\n')


def _by_group(group, correct_a, correct_b):
  """Counts of each person or expression, those that changed most first."""
  counts = {}
  for name in sorted(set(group.tolist()), key=_natural):
    a, b = correct_a[group == name], correct_b[group == name]
    counts[name] = {
      'total': len(a),
      'correct_a': int(a.sum()),
      'correct_b': int(b.sum()),
      'gained': int((b & ~a).sum()),
      'lost': int((a & ~b).sum()),
    }
  most = sorted(
    counts,
    key=lambda name: (
      -abs(counts[name]['correct_b'] - counts[name]['correct_a'])
    ),
  )
  return {name: counts[name] for name in most}


def _natural(name):
  return (0, int(name), '') if name.isdecimal() else (1, 0, name)


def _some(names, limit=5):
  if not names:
    return 'none of its own'
  more = f' and {len(names) - limit} more' if len(names) > limit else ''
  return f'{", ".join(names[:limit])}{more}'
