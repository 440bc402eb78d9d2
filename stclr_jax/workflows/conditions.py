"""Trained under one light, tested under another: all pairs, the same folds.

A data set such as Oulu-CASIA shows the same performances in several
conditions. Each condition's fold is pretrained and fine-tuned once, then
tested on the fold's people in every condition. All runs are resumable ones in
one tree:

    train_vl_strong/fold_0/{pretrain,finetune}
    train_vl_strong_test_ni_strong/fold_0

`python -m stclr_jax.compare` takes two of the latter, without the fold.
"""

import copy
import dataclasses
import pathlib

from stclr_jax.evaluation import run_pairs
from stclr_jax.workflows import assembly
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain
from stclr_jax.workflows import workdirs

TABLE = 'conditions.json'


def run(configs, workdir, *, conditions, folds):
  """Trains under each condition and tests under all.

  Args:
    configs: {'pretrain': ..., 'finetune': ..., 'evaluate': ...}, as the files
      in `configs/` give them; condition, fold and what they begin with are
      set here. Of 'finetune', `init` = 'pretrained' pretrains first.
    workdir: path of the tree; finished runs in it are not run again.
    conditions: splits of the data set, such as ('vl_strong', 'ni_strong').
    folds: which folds to run.

  Returns:
    A JSON-able dict, also written to `conditions.json`: 'conditions',
    'folds', 'synthetic', 'data', 'protocol' (a line), and 'cells': by the
    condition trained under, by the one tested under, the fields of a
    `comparison.Accuracy` over the folds' pooled videos.

  Raises:
    ValueError: if there is no condition, or none of a name in the data, before
      anything is trained; or a run refuses its config.
  """
  if not conditions or len(set(conditions)) < len(conditions):
    raise ValueError(
      f'`conditions` (={tuple(conditions)}) must name each split of the data '
      "once, and at least one, such as ('vl_strong', 'ni_strong')."
    )
  for condition in conditions:
    assembly.check_videos(_under(configs['evaluate'], condition).data)
  workdir = pathlib.Path(workdir)
  summaries = []
  for trained in conditions:
    classifiers = {
      fold: _train(configs, workdir, trained, fold) for fold in folds
    }
    # Light by light, so that each is read once for all folds.
    for tested in conditions:
      for fold, classifier in classifiers.items():
        config = _under(configs['evaluate'], tested)
        config.classifier = str(classifier)
        config.people_seen = 'drop'  # what is left is the fold's test people
        print(f'\nFold {fold}: trained under {trained}, tested under {tested}')
        summaries.append(
          evaluate.run(
            config, _cell_dir(workdir, trained, tested) / f'fold_{fold}'
          )
        )
  table = {
    'conditions': list(conditions),
    'folds': list(folds),
    'data': configs['evaluate'].data.name,
    'synthetic': summaries[0]['synthetic'],
    'protocol': _protocol(configs, summaries, folds),
    'cells': {
      trained: {
        tested: dataclasses.asdict(
          run_pairs.pooled_accuracy(_cell_dir(workdir, trained, tested))
        )
        for tested in conditions
      }
      for trained in conditions
    },
  }
  workdirs.write_json(workdir / TABLE, table)
  (workdir / 'conditions.md').write_text(describe(table) + '\n')
  return table


def describe(table):
  """Returns the table as Markdown, with its protocol.

  Args:
    table: as `run` returns it.

  Returns:
    Lines of text.
  """
  conditions = table['conditions']
  drawn = ' (drawn faces, not Oulu-CASIA)' if table['synthetic'] else ''
  lines = [
    f'{table["data"]}{drawn}: rows trained under, columns tested under; '
    'correct/total, accuracy, 95 % interval over people.',
    '',
    '| trained \\ tested | ' + ' | '.join(conditions) + ' |',
    '|---' * (len(conditions) + 1) + '|',
  ]
  for trained in conditions:
    cells = [
      f'{cell["correct"]}/{cell["total"]} = {cell["accuracy"]:.1%} '
      f'({cell["by_people"]["low"]:.1%} to {cell["by_people"]["high"]:.1%})'
      for cell in (table['cells'][trained][tested] for tested in conditions)
    ]
    lines.append(f'| {trained} | ' + ' | '.join(cells) + ' |')
  return '\n'.join([*lines, '', table['protocol']])


def _train(configs, workdir, condition, fold):
  """Pretrains and fine-tunes; returns the fine-tuning's folder."""
  place = workdir / f'train_{condition}' / f'fold_{fold}'
  config = _under(configs['finetune'], condition, fold)
  if config.init == 'pretrained':
    print(f'\nFold {fold}: pretraining under {condition}')
    pretrain.run(
      _under(configs['pretrain'], condition, fold), place / 'pretrain'
    )
    config.init_from = str(place / 'pretrain')
  print(f'\nFold {fold}: fine-tuning under {condition}')
  finetune.run(config, place / 'finetune')
  return place / 'finetune'


def _under(config, condition, fold=None):
  """Returns a config for a light, and for a fold if it knows folds."""
  config = copy.deepcopy(config)
  config.data.split = condition
  if fold is not None:
    config.data.fold = fold
  return config


def _cell_dir(workdir, trained, tested):
  return workdir / f'train_{trained}_test_{tested}'


def _protocol(configs, summaries, folds):
  config = configs['finetune']
  scope = (
    f'pretrained under the same condition ({config.pretrain_scope})'
    if config.init == 'pretrained'
    else f'init {config.init}'
  )
  return (
    f'Folds {", ".join(map(str, folds))} of {config.data.num_folds} by person, '
    f'{config.data.fold_assignment}, the same people in every condition; '
    f'{scope}; last epoch; {summaries[0]["protocol"]["view"]}; seed '
    f'{config.seed}.'
  )
