"""Commands to type after a run, or the reason why there is none."""

import dataclasses
import shlex

import numpy as np

from stclr_jax import programs
from stclr_jax.data import folds
from stclr_jax.errors import UserError
from stclr_jax.reports import command_lines
from stclr_jax.runs import build
from stclr_jax.runs import summaries
from stclr_jax.runs.checks import class_checks

# Settings of a network and of what it sees, which both trainings share.
_SHARED = (
  '--config.encoder.', '--config.views.size', '--config.views.num_frames',
)  # fmt: skip
# The largest batch of configs/pretrain.py's presets; fewer videos need less.
_CONFIGS_BATCH_SIZE = 36


def plan_fine_tuning(store, folding, *, pretrain_scope):
  """Says what a fine-tuning on the data of a pretraining would need.

  Args:
    store: the pretraining's `VideoStore`.
    folding: its `build.FoldOptions`.
    pretrain_scope: its setting.

  Returns:
    A `summaries.FineTuningPlan`.
  """
  labelled = np.flatnonzero(store.label != folds.UNLABELLED)
  people = len(np.unique(store.subject[labelled]))
  if not class_checks.can_tell_apart(store, labelled):
    return summaries.FineTuningPlan(
      {},
      'it needs labelled videos of two people and two classes at least, and of '
      f'the {store.num_videos} videos {len(labelled)} have a label, of '
      f'{people} people',
    )
  changes = {}
  if pretrain_scope == 'all_unlabelled':
    changes['pretrain_scope'] = 'all_unlabelled'
  if folding.num_folds > people:
    folding = dataclasses.replace(folding, num_folds=people)
    changes['data.num_folds'] = people
  if folding.fold >= folding.num_folds:
    folding = dataclasses.replace(folding, fold=0)
    changes['data.fold'] = 0
  return summaries.FineTuningPlan(changes, _find_hindrance(store, folding))


def after_pretraining(summary, workdir):
  """Says what to type after a pretraining.

  Args:
    summary: a `PretrainSummary`.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  planned = summary.fine_tuning
  if planned.hindrance:
    return [
      f'No fine-tuning on {summary.data}: {planned.hindrance}. Import '
      'labelled videos for that (docs/own_videos.md), or take the encoder as '
      f'it is: stclr_jax.load_encoder({str(workdir)!r}).'
    ]
  flags = command_lines.forwarded_flags(
    ('--config.data.', '--config.pretrain_scope', *_SHARED)
  )
  changes = ''.join(
    f' --config.{key}={value}'
    for key, value in planned.changes.items()
    if f' --config.{key}={value} ' not in f'{flags} '
  )
  return [
    'Next, fine-tune it:',
    f'  {programs.training()} --config=configs/finetune.py{_preset(summary)} '
    f'{shlex.quote(f"--config.init_from={workdir}")}{flags}{changes}',
  ]


def after_fine_tuning(summary, config):
  """Says what to type after a fine-tuning.

  Args:
    summary: a `FinetuneSummary`.
    config: the run's, as `config.json` holds it.

  Returns:
    Lines to print.
  """
  if summary.init == 'pretrained':
    # Otherwise the same recipe, or something else would be compared.
    kept = [key for key in config if not key.startswith('init')]
    flags = command_lines.forwarded_flags(
      tuple(f'--config.{key}' for key in kept)
    )
    return [
      'Next, what pretraining was worth:',
      f'  {programs.training()} --config=configs/finetune.py'
      f'{_preset(summary)} --config.init=scratch{flags}',
    ]
  videos = summary.pretraining_videos
  if videos < 2:
    return [
      'No pretraining to compare with on this data: it needs two training '
      'videos at least.'
    ]
  # Pretraining knows no labels, and tests nobody.
  known = config['data'].keys() - {'same_names'}
  kept = [key for key in known if not key.startswith('labelled_')]
  flags = command_lines.forwarded_flags(
    (*_SHARED, *(f'--config.data.{key}' for key in kept))
  )
  if videos < _CONFIGS_BATCH_SIZE:
    # A power of two, so that two or four devices can share it.
    flags += f' --config.batch_size={1 << (videos.bit_length() - 1)}'
  return [
    'Next, pretrain an encoder to compare with:',
    f'  {programs.training()} --config=configs/pretrain.py{_preset(summary)}'
    f'{flags}',
  ]


def _find_hindrance(store, folding):
  """Reason to refuse a fine-tuning on that fold; '' for none."""
  try:
    fold = build.select_fold(store, folding)
    class_checks.check_trained(
      store, fold.train, where=f'of fold {folding.fold}'
    )
  except UserError as error:
    return str(error).rstrip('.')
  return ''


def _preset(summary):
  return '' if summary.preset == 'demo' else f':{summary.preset}'
