"""The runs that a reproduction would need, and an estimate of their cost."""

import math

from stclr_jax.evaluation.protocol import plural
from stclr_jax.experiments import costs
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import step_memory
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.runs.checks import config_checks


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
    simple = len(table.readings)
    beside = f', {plural(simple, "simple method")}' if simple else ''
    lines.append(f'{table.name}: {plural(len(flat), "run")} ({rows}){beside}')
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
    f'{asked} of them after a pretraining; '
    f'{plural(len(pretrainings), "different pretraining")} and '
    f'{plural(len(distinct), "different fine-tuning")} are needed, times '
    f'{plural(len(folds), "fold")}: {sum(times.values())} and '
    f'{plural(len(distinct) * len(folds), "run")}.',
    _estimate(config, before, after),
    *_describe_memory([table_runs.plain(config), *distinct]),
  ]
  return '\n'.join(line for line in lines if line)


def _plan_conditions(config, folds):
  """Each light is trained under once a fold, and tested under with all."""
  one = table_runs.plain(config)
  lights = config_checks.words(config.conditions)
  chains = len(lights) * len(folds)
  pretrainings = chains
  if recipe_runs.sees_everybody(one.recipe):
    pretrainings = len(lights)
  before = pretrainings * _pretraining_hours(config, one)
  after = chains * _finetuning_hours(config, one)
  return '\n'.join(
    [
      f'conditions: {", ".join(lights)}, each with each, times '
      f'{plural(len(folds), "fold")}: {plural(pretrainings, "pretraining")}, '
      f'{plural(chains, "fine-tuning")} and '
      f'{plural(chains * len(lights), "test")}.',
      _estimate(config, before, after),
      *_describe_memory([one]),
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


def _describe_memory(runs):
  """The batch that fits, of pretrainings that encode as many clips a view."""
  lines = {}
  for one in runs:
    if one.pretraining:
      config = recipe_runs.pretrain_config(one.recipe, 0)
      clips = costs.clips_per_view(config)
      lines.setdefault(clips, step_memory.describe(config))
  return [lines[clips] for clips in sorted(lines) if lines[clips]]


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
  flop *= costs.clips_per_view(run_config)
  return flop / (config.plan.teraflops * 1e12) / 3600
