"""The paper's tables and figures: every row a resumable run in one tree.

    pretrainings/ADDRESS/fold_0/       shared by all rows that need it
    finetunings/ADDRESS/fold_0/        and pooled in finetunings/ADDRESS
    baselines/frames/METHOD/fold_0/    simple methods of table2 and expression
    baselines/ADDRESS/METHOD/fold_0/   and those of a pretraining's encoders
    tables/table3.json                 figures, intervals, tests
    report.html, report.md

An address is a fingerprint of the config, so that a run which several rows or
tables need is run once; `runs.json` says which row has which.
`python -m stclr_jax.compare` takes two folders of `finetunings`.
"""

import ml_collections
import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.experiments import baselines
from stclr_jax.experiments import conditions
from stclr_jax.experiments import costs
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.experiments.finished import pooling
from stclr_jax.experiments.finished import table_figures
from stclr_jax.files import json_records
from stclr_jax.reports import tables_page
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks

_CONDITIONS = 'conditions'  # the folder, and the table


def run(config, workdir, *, store=None):
  """Runs what the tables need and is not finished, then makes them.

  Args:
    config: as `configs/reproduce.py` gives it.
    workdir: path of the tree.
    store: the `VideoStore` to read in place of the recipe's; the table of
      conditions, which reads several, has none.

  Returns:
    A list of `TableFigures`; of the table of conditions one
    `ConditionsTable`.

  Raises:
    UserError: for a config that cannot run, before anything is trained.
  """
  # Rows say themselves what begins without a pretraining.
  check_one_of('recipe.init', config.recipe.init, ('pretrained',))
  folds = recipe_runs.chosen_folds(config.folds, config.recipe.data.num_folds)
  workdir = owners.open_tree(workdir, _lasting(config))
  if config.table == _CONDITIONS:
    return [_run_conditions(config, workdir, folds)]
  tables = table_rows.tables(config)
  _check_oracles(config, tables)
  runs = {table.name: table_runs.of_table(config, table) for table in tables}
  for table in tables:
    _check_readings(config, table, runs[table.name], workdir)
  with owners.owned_folds(workdir, folds):
    with owners.in_turn(workdir):
      table_runs.note(workdir, tables, runs)
    _check_unfinished(table_runs.distinct(runs), folds, workdir, store)
    for one in table_runs.distinct(runs):
      for fold in folds:
        recipe_runs.run_fold(
          one.recipe,
          fold,
          pretraining=_pretraining_dir(one, fold, workdir),
          finetuning=workdirs.fold_dir(workdir / one.finetuning, fold),
          store=store,
        )
  with owners.in_turn(workdir):
    return _make_tables(config, tables, runs, workdir, store)


def describe(tables, workdir):
  """Says what came out.

  Args:
    tables: as `run` returns them.
    workdir: path of the tree.

  Returns:
    Lines to print.
  """
  lines = []
  for table in tables:
    if isinstance(table, conditions.ConditionsTable):
      lines += ['', table.describe()]
    else:
      lines += ['', *tables_page.table_lines(table)]
  written = (workdirs.REPORT, workdirs.REPORT_TEXT, f'{workdirs.TABLES}/')
  return '\n'.join([*lines, '', f'In {workdir}: {", ".join(written)}'])


def _check_readings(config, table, runs, workdir):
  """Refuses simple methods of other options, rather than after all training."""
  for some in table_runs.of_readings(table, runs):
    # Whose pretraining serves all folds is known only when one is finished.
    if not (some.encoders and recipe_runs.sees_everybody(config.recipe)):
      options = baseline_config(config, some, (), workdir)
      owners.open_tree(
        workdir / some.folder, options, of_call=baselines.OF_CALL
      )


def _check_oracles(config, tables):
  """A row of a test oracle needs tests after epochs to choose from."""
  oracles = [row.name for t in tables for row in t.rows if row.oracle]
  every = config.recipe.finetune.look_every_epochs
  if oracles and not every:
    raise UserError(
      f'`recipe.finetune.look_every_epochs` (={every}) must be at least 1 for '
      f'the row {oracles[0]!r}.'
    )


def _check_unfinished(runs, folds, workdir, store):
  """Refuses what cannot be run before anything is; finished runs are left."""
  for one in runs:
    done = workdirs.folds_with(workdir / one.finetuning)
    unfinished = [fold for fold in folds if fold not in done]
    if unfinished:
      _check_run(one)
    recipe_runs.check_folds(one.recipe, unfinished, store=store)


def _check_run(one):
  """Refuses settings of a row that only a run would refuse, hours later."""
  after = recipe_runs.finetune_config(one.recipe, 0, init_from=None)
  config_checks.check(after)
  build.make_view_options(
    after.views, read=after.classifier.input, rest=after.classifier.rest
  )
  if one.pretraining:
    before = recipe_runs.pretrain_config(one.recipe, 0)
    config_checks.check(before)
    config_checks.check_batch(before)
    build.make_view_options(before.views, read=before.projection.input)


def _pretraining_dir(one, fold, workdir):
  """The pretraining that a fold of a run uses; None without one."""
  if not one.pretraining:
    return None
  return recipe_runs.pretraining_dir(
    one.recipe, fold, workdir / one.pretraining
  )


def _make_tables(config, tables, runs, workdir, store):
  """Makes the tables and the report of all finished folds."""
  folder = workdir / workdirs.TABLES
  folder.mkdir(exist_ok=True)
  found = []
  for table in tables:
    found.append(_make_table(config, table, runs[table.name], workdir, store))
    json_records.write(folder / f'{table.name}.json', found[-1])
  _write_page(config, workdir, tables, runs)
  return found


def _make_table(config, table, runs, workdir, store):
  """Makes a table of all folds that are finished in each of its runs."""
  folds = recipe_runs.finished_folds(
    workdir / one.finetuning for of_row in runs for one in of_row
  )
  return table_figures.make(
    table,
    [
      [_pool(one, row, workdir, folds) for one in of_row]
      for row, of_row in zip(table.rows, runs, strict=True)
    ],
    [
      _count_costs(of_row[0], workdir, folds) if table.costs else None
      for of_row in runs
    ],
    readings=_read(config, table, runs, workdir, folds, store),
  )


def _pool(one, row, workdir, folds):
  """Pools a run's folds; in its folder all that are finished, for `compare`."""
  done = workdirs.folds_with(workdir / one.finetuning)
  pooling.write(pooling.pool(done.values()), workdir / one.finetuning)
  table = workdirs.ORACLE_PREDICTIONS if row.oracle else workdirs.PREDICTIONS
  return pooling.pool([done[fold] for fold in folds], table=table)


def _read(config, table, runs, workdir, folds, store):
  """Runs the simple methods of a table, and pools them in its order."""
  found = {}
  for some in table_runs.of_readings(table, runs):
    options = baseline_config(config, some, folds, workdir)
    place = workdir / some.folder
    baselines.run(options, place, root=workdir, store=store)
    for reading in some.readings:
      found[reading] = pooling.pool_predictions(
        workdirs.fold_dir(place / reading.method, fold) for fold in folds
      )
  return [found[reading] for reading in table.readings]


def baseline_config(config, some, folds, workdir):
  """Makes the config of simple methods, on the same folds.

  Args:
    config: as `configs/reproduce.py` gives it.
    some: the `table_runs.Readings` that they make.
    folds: their numbers.
    workdir: path of the tree.

  Returns:
    As `configs/baselines.py` gives it.
  """
  recipe, encoder_from = config.recipe, ''
  # The methods that learn from labels are given all of them, and draw nobody.
  data = {
    key: value
    for key, value in recipe.data.to_dict().items()
    if not key.startswith('labelled_') and key != 'with_faces'
  }
  if some.encoders:
    # Relative to the tree, which may be moved.
    encoder_from = workdirs.fold_dir(some.encoders.pretraining, '{fold}')
    if recipe_runs.sees_everybody(recipe):
      used = _pretraining_dir(some.encoders, folds[0], workdir)
      encoder_from = used.relative_to(workdir)
  return ml_collections.ConfigDict(
    {
      **config.baselines.to_dict(),
      'workflow': 'baselines',
      'preset': config.preset,
      'methods': tuple(reading.method for reading in some.readings),
      'data': data,
      'pretrain_scope': recipe.pretrain_scope,
      'folds': tuple(folds),
      'encoder_from': str(encoder_from),
    }
  )


def _count_costs(one, workdir, folds):
  used = {_pretraining_dir(one, fold, workdir) for fold in folds} - {None}
  before = [
    summaries.read(folder, summaries.PretrainSummary) for folder in sorted(used)
  ]
  counted = costs.encoder_cost(
    recipe_runs.pretrain_config(one.recipe, folds[0])
  )
  speeds = [run.views_per_second for run in before if run.views_per_second]
  views = 2 * one.recipe.pretrain.batch_size
  return table_figures.Cost(
    parameters=counted.parameters,
    gflop=counted.flop / 1e9,
    step_ms=1e3 * views / float(np.median(speeds)) if speeds else None,
    loss=float(np.mean([run.loss for run in before])) if before else None,
  )


def _write_page(config, workdir, tables, runs):
  """Writes the report of everything that has been found in the tree."""
  found = [
    json_records.read(
      path, table_figures.TableFigures, remedy=workdirs.RUN_ANEW
    )
    for path in sorted((workdir / workdirs.TABLES).glob('*.json'))
  ]
  tables_page.write(
    config,
    workdir,
    tables=found,
    headline=_headline(config, tables, runs, workdir),
    conditions=conditions.read(workdir / _CONDITIONS),
    noted=table_runs.read_noted(workdir),
  )


def _headline(config, tables, runs, workdir):
  """The run whose mistakes and curves are shown; None without any.

  The recipe as it is, if the tree has it; else the first row's.
  """
  folder, name = workdir / table_runs.plain(config).finetuning, 'ST-CLR'
  if not summaries.is_finished(folder):
    if not tables:
      return None
    table = tables[0]
    folder = workdir / runs[table.name][0][0].finetuning
    name = f'{table.title}, {table.rows[0].name}'
  summary = summaries.read(folder, fold_summaries.PooledSummary)
  folds = {
    one.fold: workdirs.fold_dir(folder, one.fold) for one in summary.folds
  }
  return tables_page.Headline(name, summary, folds)


def _lasting(config):
  """Returns settings that are the same for all tables of a tree."""
  return ml_collections.ConfigDict(
    {
      'workflow': config.workflow,
      'preset': config.preset,
      'recipe': config.recipe.to_dict(),
      'rows': config.rows.to_dict(),
    }
  )


def _run_conditions(config, workdir, folds):
  seeds = table_runs.seeds(config)
  if len(seeds) > 1:
    raise UserError(
      f'`rows.seeds` (={seeds}) must be one seed for the table of conditions; '
      'give each further one a --workdir of its own.'
    )
  recipe = table_runs.plain(config).recipe
  with owners.owned_folds(workdir, folds):
    found = conditions.run(
      recipe,
      workdir / _CONDITIONS,
      conditions=config_checks.words(config.conditions),
      folds=folds,
      batch_size=config.evaluate.batch_size,
    )
  with owners.in_turn(workdir):
    _write_page(config, workdir, [], {})
  return found
