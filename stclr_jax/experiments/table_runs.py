"""The runs that a table needs, each once."""

import copy
import dataclasses
import difflib
import pathlib
from typing import Any
from typing import NamedTuple

import ml_collections

from stclr_jax.errors import UserError
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import table_rows
from stclr_jax.experiments.finished.table_layout import Row
from stclr_jax.files import json_records
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks

# Changes by which a pretraining does not pass through Table V's shorter ones.
_NO_CHECKPOINTS = {'pretrain.num_epochs', 'pretrain.optimizer.schedule'}


@dataclasses.dataclass(frozen=True)
class NotedRun:
  """Folders of a run of a row.

  Attributes:
    pretraining: folder within the tree, None without pretraining.
    finetuning: folder within the tree.
  """

  pretraining: str | None
  finetuning: str


@dataclasses.dataclass(frozen=True)
class NotedRow:
  """Changes of a row, and its runs.

  Attributes:
    row: its name.
    changes: of the recipe, by flattened key.
    runs: a `NotedRun` each.
  """

  row: str
  changes: dict[str, Any]
  runs: tuple[NotedRun, ...]


@dataclasses.dataclass(frozen=True)
class NotedRuns(json_records.Record):
  """Which row of which table has which runs: `runs.json`.

  Attributes:
    tables: `NotedRow`s, by the name of the table.
  """

  tables: dict[str, tuple[NotedRow, ...]]


class Run(NamedTuple):
  """One run of a row: a recipe with its seed and labelled subset, all folds.

  Attributes:
    recipe: see `recipe_runs`.
    pretraining: its folder within the tree, None without pretraining.
    finetuning: its folder within the tree.
  """

  recipe: ml_collections.ConfigDict
  pretraining: str | None
  finetuning: str


class Readings(NamedTuple):
  """Simple methods of a table that read the same.

  Attributes:
    folder: theirs within the tree.
    encoders: the `Run` whose pretraining they read; None of frames.
    readings: a list of `table_layout.Reading`.
  """

  folder: str
  encoders: Run | None
  readings: list


def recipe_of(config, row, *, seed, draw):
  """Makes the recipe of a run of a row.

  Args:
    config: of a reproduction.
    row: a `table_layout.Row`.
    seed: of pretraining and fine-tuning.
    draw: which labelled subset.

  Returns:
    A recipe, see `recipe_runs`.

  Raises:
    UserError: if the row changes what no recipe has.
  """
  recipe = copy.deepcopy(config.recipe)
  recipe.seed = seed
  recipe.pretrain.checkpoint.keep_epochs = table_rows.kept_epochs(config)
  changes = row.changes
  # A draw of all labels is all labels.
  if 'data.labelled_fraction' in changes:
    changes = changes | {'data.labelled_draw': draw}
  if changes.keys() & _NO_CHECKPOINTS:
    changes = changes | {'pretrain.checkpoint.keep_epochs': ()}
  _check_keys(row.name, changes, recipe)
  recipe.update_from_flattened_dict(changes)
  return recipe


def _check_keys(name, changes, recipe):
  known = [key for key, _ in config_checks.flatten(recipe)]
  for key in changes:
    if key not in known:
      near = difflib.get_close_matches(key, known, n=1)
      meant = f'; is {near[0]!r} meant?' if near else '.'
      raise UserError(
        f'The row {name!r} of a table changes {key!r}, and must change a '
        f'setting that the recipe (configs/crossval.py) has{meant}'
      )


def seeds(config):
  """Lists the seeds that each row is run with.

  Args:
    config: of a reproduction.

  Returns:
    A tuple of ints: the recipe's, unless `rows.seeds` names others.
  """
  return tuple(config.rows.seeds) or (config.recipe.seed,)


def plain(config):
  """The run of the recipe as it is, with the first seed.

  Args:
    config: of a reproduction.

  Returns:
    A `Run`.
  """
  row = Row('')
  return _make_run(recipe_of(config, row, seed=seeds(config)[0], draw=0))


def of_table(config, table):
  """Lists the runs of a table.

  Args:
    config: of a reproduction.
    table: a `table_layout.Table`.

  Returns:
    For each row a list of `Run`: every draw of the first seed, then the
    next's.

  Raises:
    UserError: if two runs of the table are the same, so that they would be
      compared as if they were not.
  """
  runs = [
    [
      _make_run(recipe_of(config, row, seed=seed, draw=draw))
      for seed in seeds(config)
      for draw in row.draws
    ]
    for row in table.rows
  ]
  _refuse_same(table, runs)
  return runs


def _refuse_same(table, runs):
  rows = {}  # by the folder of each one's first run, and by what is tested
  for row, of_row in zip(table.rows, runs, strict=True):
    if len({one.finetuning for one in of_row}) < len(of_row):
      raise UserError(
        f'The {len(of_row)} runs of the row {row.name!r} of {table.name} must '
        'differ, or their spread means nothing: `rows.seeds` and '
        '`rows.labelled_draws` must name each number once.'
      )
    other = rows.setdefault((of_row[0].finetuning, row.oracle), row)
    if other is not row:
      raise UserError(
        f'The rows {other.name!r} and {row.name!r} of {table.name} are the '
        'same run, so that no test can tell them apart. Their changes, '
        f'{_describe(other.changes)} and {_describe(row.changes)}, must make '
        'two recipes: leave out of `recipe` what the table varies, and name '
        'each of `rows` once.'
      )


def _describe(changes):
  return ', '.join(f'{key}={value!r}' for key, value in changes.items()) or '()'


def of_readings(table, runs):
  """Puts the readings of a table together that read the same.

  Args:
    table: a `table_layout.Table`.
    runs: its runs, see `of_table`.

  Returns:
    A list of `Readings`: of frames, and of each pretraining's encoders.
  """
  found = {}
  for reading in table.readings:
    folder, one = 'baselines/frames', None
    if reading.encoder_of is not None:
      one = runs[reading.encoder_of][0]
      folder = f'baselines/{pathlib.Path(one.pretraining).name}'
    found.setdefault(folder, Readings(folder, one, [])).readings.append(reading)
  return list(found.values())


def _make_run(recipe):
  # Of no fold, so that all folds of a run lie in one folder.
  configs = [recipe_runs.finetune_config(recipe, -1, init_from=None)]
  pretraining = None
  if recipe_runs.has_pretraining(recipe):
    before = recipe_runs.pretrain_config(recipe, -1)
    configs.append(before)
    pretraining = f'pretrainings/{recipe_runs.address(before)}'
  return Run(
    recipe, pretraining, f'finetunings/{recipe_runs.address(*configs)}'
  )


def distinct(runs):
  """Leaves out what is the same.

  Args:
    runs: by the name of a table, see `of_table`.

  Returns:
    All different `Run`s, in the order of the tables.
  """
  every = (one for table in runs.values() for row in table for one in row)
  return list({one.finetuning: one for one in every}.values())


def read_noted(workdir):
  """Reads which runs a tree has.

  Args:
    workdir: path of the tree.

  Returns:
    `NotedRuns`, empty if nothing is noted.
  """
  path = pathlib.Path(workdir, workdirs.TREE_RUNS)
  if not path.exists():
    return NotedRuns({})
  return json_records.read(path, NotedRuns, remedy=workdirs.RUN_ANEW)


def note(workdir, tables, runs):
  """Notes in a tree which runs some tables have; others stay as noted.

  Args:
    workdir: path of the tree.
    tables: a `table_layout.Table` each.
    runs: by the name of a table, see `of_table`.
  """
  noted = dict(read_noted(workdir).tables)
  for table in tables:
    noted[table.name] = tuple(
      NotedRow(
        row=row.name,
        changes=dict(row.changes),
        runs=tuple(NotedRun(one.pretraining, one.finetuning) for one in of_row),
      )
      for row, of_row in zip(table.rows, runs[table.name], strict=True)
    )
  json_records.write(workdir / workdirs.TREE_RUNS, NotedRuns(noted))
