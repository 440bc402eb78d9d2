"""The runs that a reproduction would need, and an estimate of their cost."""

import math

from stclr_jax.experiments import costs
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs


def plan(config):
  """Says what would be run and what it would cost, and runs nothing.

  Args:
    config: as `configs/reproduce.py` gives it.

  Returns:
    Lines to print.
  """
  folds = recipe_runs.chosen_folds(config.folds, config.recipe.data.num_folds)
  if config.table == 'conditions':
    return _plan_conditions(config, folds)
  tables = table_rows.tables(config)
  runs = {table.name: table_runs.of_table(config, table) for table in tables}
  lines, asked = [], 0
  for table in tables:
    flat = [one for row in runs[table.name] for one in row]
    asked += sum(one.pretraining is not None for one in flat)
    rows = '; '.join(row.name for row in table.rows)
    lines.append(f'{table.name}: {len(flat)} runs ({rows})')
  distinct = table_runs.distinct(runs)
  pretrainings = {one.pretraining: one for one in distinct if one.pretraining}
  times = {
    name: 1 if recipe_runs.sees_everybody(r.recipe) else len(folds)
    for name, r in pretrainings.items()
  }
  before = sum(
    times[name] * _pretraining_hours(config, r)
    for name, r in pretrainings.items()
  )
  after = len(folds) * sum(_finetuning_hours(config, one) for one in distinct)
  lines += [
    f'{asked} of them begin with a pretraining; {len(pretrainings)} different '
    f'pretrainings and {len(distinct)} different fine-tunings are needed, '
    f'times {len(folds)} folds: {sum(times.values())} and '
    f'{len(distinct) * len(folds)} runs.',
    _estimate(config, before, after),
  ]
  return '\n'.join(lines)


def _plan_conditions(config, folds):
  """Each light is trained under once a fold, and tested under with all."""
  one = table_runs.plain(config)
  chains = len(config.conditions) * len(folds)
  pretrainings = chains
  if recipe_runs.sees_everybody(one.recipe):
    pretrainings = len(config.conditions)
  before = pretrainings * _pretraining_hours(config, one)
  after = chains * _finetuning_hours(config, one)
  return '\n'.join(
    [
      f'conditions: {", ".join(config.conditions)}, each with each, times '
      f'{len(folds)} folds: {pretrainings} pretrainings, {chains} fine-tunings '
      f'and {chains * len(config.conditions)} tests.',
      _estimate(config, before, after),
    ]
  )


def _estimate(config, before, after):
  return (
    f'An estimate, not measured: {before:,.1f} GPU-hours of pretraining and '
    f'{after:,.1f} of fine-tuning, {before + after:,.1f} in all, for '
    f'{config.plan.videos} videos on a GPU that does {config.plan.teraflops:g} '
    'TFLOP/s in training (--config.plan.teraflops). Reading data, compiling '
    'and testing are left out.'
  )


def _pretraining_hours(config, one):
  """Of one fold."""
  recipe = one.recipe
  batch = recipe.pretrain.batch_size
  videos = _training_videos(config)
  if recipe_runs.sees_everybody(recipe):
    videos = config.plan.videos
  clips = 2 * batch * (videos // batch)
  passes = clips * recipe.pretrain.num_epochs * costs.TRAINING_PASSES
  return _hours(config, recipe_runs.pretrain_config(recipe, 0), passes)


def _finetuning_hours(config, one):
  """Of one fold; the frozen encoder is only passed forwards."""
  recipe = one.recipe
  frozen = 0 if recipe.init == 'scratch' else recipe.finetune.frozen_epochs
  trained = recipe.finetune.num_epochs - frozen
  videos = math.ceil(_training_videos(config) * recipe.data.labelled_fraction)
  passes = videos * (frozen + trained * costs.TRAINING_PASSES)
  return _hours(
    config, recipe_runs.finetune_config(recipe, 0, init_from=None), passes
  )


def _training_videos(config):
  return int(config.plan.videos * (1 - 1 / config.recipe.data.num_folds))


def _hours(config, run_config, passes):
  flop = passes * costs.encoder_cost(run_config).flop
  return flop / (config.plan.teraflops * 1e12) / 3600
