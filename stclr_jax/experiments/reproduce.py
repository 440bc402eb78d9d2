"""The paper's tables and figures: every row a resumable run in one tree.

    pretrainings/ADDRESS/fold_0/       shared by all rows that need it
    finetunings/ADDRESS/fold_0/        and pooled in finetunings/ADDRESS
    baselines/METHOD/fold_0/           of table2
    tables/table3.json                 figures, intervals, tests
    report.html, report.md

An address is a fingerprint of the config, so that a run which several rows or
tables need is run once; `runs.json` says which row has which.
`python -m stclr_jax.compare` takes two folders of `finetunings`.
"""

import copy

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.experiments import baselines
from stclr_jax.experiments import conditions
from stclr_jax.experiments import costs
from stclr_jax.experiments import crossval
from stclr_jax.experiments import planning
from stclr_jax.experiments import pooling
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import table_figures
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.reports import tables_page
from stclr_jax.runs import owners
from stclr_jax.runs import workdirs
from stclr_jax.workflows import pretrain_checks


def run(config, workdir):
  """Runs what the tables need and is not finished, then makes them.

  Args:
    config: as `configs/reproduce.py` gives it.
    workdir: path of the tree.

  Returns:
    A dict: 'workflow', 'tables' (see `results.table_results`), 'synthetic'.

  Raises:
    ValueError: for a config that cannot run, before anything is trained.
  """
  folds = crossval.chosen_folds(config)
  workdir = owners.open_tree(workdir, _lasting(config))
  if config.table == 'conditions':
    return _run_conditions(config, workdir, folds)
  tables = table_rows.tables(config)
  _check_looks(config, tables)
  runs = {table.name: table_runs.of_table(config, table) for table in tables}
  if 'table2' in runs:  # refused now rather than after all training
    options = _baseline_options(config, runs['table2'][0][0], folds)
    baselines.open_workdir(options, workdir / 'baselines')
  with owners.owned_folds(workdir, folds):
    with owners.in_turn(workdir):
      _note_runs(workdir, tables, runs)
    _check_unfinished(table_runs.distinct(runs), folds, workdir)
    for one in table_runs.distinct(runs):
      for fold in folds:
        _run_fold(one, fold, workdir)
  with owners.in_turn(workdir):
    return _make_tables(config, tables, runs, workdir)


def _make_tables(config, tables, runs, workdir):
  """Makes the tables and the report of all finished folds."""
  (workdir / 'tables').mkdir(exist_ok=True)
  found = []
  for table in tables:
    found.append(_make_table(config, table, runs[table.name], workdir))
    workdirs.write_json(workdir / 'tables' / f'{table.name}.json', found[-1])
  tables_page.write(config, workdir, _headline(config, tables, runs, workdir))
  return {
    'workflow': 'reproduce',
    'tables': found,
    'synthetic': found[0]['synthetic'],
  }


# Of a config, what does not belong to the tree: later calls may change it.
_OF_THE_CALL = (
  'table',
  'plan',
  'conditions',
  'kinetics_weights',
  'evaluate',
  'baselines',
)

plan = planning.plan


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: as `run` returns it.
    workdir: path of the tree.

  Returns:
    Lines to print.
  """
  if 'tables' not in summary:
    return conditions.describe(summary)
  lines = []
  for table in summary['tables']:
    lines += ['', *tables_page.table_lines(table)]
  return '\n'.join(
    [*lines, '', f'In {workdir}: report.html, report.md, tables/']
  )


def _check_looks(config, tables):
  """A row of a test oracle needs looks at the test people to choose from."""
  oracles = [row.name for t in tables for row in t.rows if row.oracle]
  if oracles and not config.finetune.look_every_epochs:
    raise UserError(
      f'`finetune.look_every_epochs` (={config.finetune.look_every_epochs}) '
      f'must be at least 1 for the row {oracles[0]!r}.'
    )


def _check_unfinished(runs, folds, workdir):
  """Refuses what cannot be run before anything is; finished runs are left."""
  for one in runs:
    unfinished = [
      fold
      for fold in folds
      if not (
        workdir / one.finetuning / f'fold_{fold}' / workdirs.SUMMARY
      ).exists()
    ]
    if unfinished and one.pretraining:
      pretrain_checks.check(recipe_runs.pretrain_config(one.recipe, 0))
    recipe_runs.check_folds(one.recipe, unfinished)


def _run_fold(one, fold, workdir):
  pretraining = None
  if one.pretraining:
    held_out = recipe_runs.pretraining_fold(one.recipe, fold)
    pretraining = workdir / one.pretraining / f'fold_{held_out}'
  recipe_runs.run_fold(
    one.recipe,
    fold,
    pretraining=pretraining,
    finetuning=workdir / one.finetuning / f'fold_{fold}',
  )


def _make_table(config, table, runs, workdir):
  """Makes a table of all folds that are finished in each of its runs."""
  folds = recipe_runs.finished_folds(
    workdir / one.finetuning for of_row in runs for one in of_row
  )
  simple = []
  if table.name == 'table2':
    options = _baseline_options(config, runs[0][0], folds)
    baselines.run(options, workdir / 'baselines', root=workdir)
    simple = [
      (
        baselines.TITLES[name],
        pooling.pool_predictions(
          [workdir / 'baselines' / name / f'fold_{fold}' for fold in folds]
        ),
      )
      for name in options.methods
    ]
  return table_figures.table_results(
    table,
    [
      [_pool(one, row, workdir, folds) for one in of_row]
      for row, of_row in zip(table.rows, runs, strict=True)
    ],
    [
      _costs(of_row[0], workdir, folds) if table.costs else None
      for of_row in runs
    ],
    baselines=simple,
  )


def _headline(config, tables, runs, workdir):
  """The run whose mistakes and curves are shown, and its name.

  The recipe as it is, if the tree has it; else the first row's.
  """
  plain = workdir / table_runs.plain(config).finetuning
  if (plain / workdirs.SUMMARY).exists():
    return plain, 'ST-CLR'
  if not tables:
    return None
  table = tables[0]
  first = runs[table.name][0][0]
  return workdir / first.finetuning, f'{table.title}, {table.rows[0].name}'


def _pool(one, row, workdir, folds):
  """Pools a run's folds; in its folder all that are finished, for `compare`."""
  folder = workdir / one.finetuning

  def pool(folds, **options):
    return pooling.pool([folder / f'fold_{fold}' for fold in folds], **options)

  pooling.write(pool(recipe_runs.finished_folds([folder])), folder)
  if row.oracle:
    return pool(folds, table=workdirs.ORACLE_PREDICTIONS)
  return pool(folds)


def _baseline_options(config, one, folds):
  """Simple methods on the same folds, those of encoders on the first row's."""
  options = copy.deepcopy(config.baselines)
  trained = recipe_runs.pretrain_config(one.recipe, 0)
  with options.unlocked():
    options.data = trained.data
    options.pretrain_scope = trained.pretrain_scope
    options.folds = tuple(folds)
    # Relative to the tree, which may be moved.
    everybody = trained.pretrain_scope == 'all_unlabelled'
    fold = 'fold_0' if everybody else 'fold_{fold}'
    options.encoder_from = f'{one.pretraining}/{fold}'
  return options


def _costs(one, workdir, folds):
  summaries = []
  if one.pretraining:
    held_out = {
      recipe_runs.pretraining_fold(one.recipe, fold) for fold in folds
    }
    folders = [
      workdir / one.pretraining / f'fold_{fold}' for fold in sorted(held_out)
    ]
    summaries = [workdirs.read_summary(folder) for folder in folders]
  counted = costs.encoder_cost(
    recipe_runs.pretrain_config(one.recipe, folds[0])
  )
  speeds = [s['views_per_second'] for s in summaries if s['views_per_second']]
  views = 2 * one.recipe.pretrain.batch_size
  return {
    'parameters': counted.parameters,
    'gflop': counted.flop / 1e9,
    'step_ms': 1e3 * views / float(np.median(speeds)) if speeds else None,
    'loss': float(np.mean([s['loss'] for s in summaries]))
    if summaries
    else None,
  }


def _lasting(config):
  """What must stay the same in a tree, whichever of its tables are run."""
  kept = crossval.without_folds(config)
  with kept.unlocked():
    for name in _OF_THE_CALL:
      del kept[name]
  return kept


def _note_runs(workdir, tables, runs):
  path = workdir / 'runs.json'
  noted = workdirs.read_json(path) if path.exists() else {}
  for table in tables:
    noted[table.name] = [
      {
        'row': row.name,
        'changes': dict(row.changes),
        'runs': [
          {'pretraining': one.pretraining, 'finetuning': one.finetuning}
          for one in of_row
        ],
      }
      for row, of_row in zip(table.rows, runs[table.name], strict=True)
    ]
  workdirs.write_json(path, noted)


def _run_conditions(config, workdir, folds):
  if len(config.seeds) > 1:
    raise UserError(
      f'`seeds` (={tuple(config.seeds)}) must be one seed for the table of '
      'conditions; give each further one a --workdir of its own.'
    )
  recipe = table_runs.plain(config).recipe
  with owners.owned_folds(workdir, folds):
    found = conditions.run(
      recipe,
      config.evaluate,
      workdir / 'conditions',
      conditions=tuple(config.conditions),
      folds=folds,
    )
  with owners.in_turn(workdir):
    tables_page.write(config, workdir, _headline(config, [], {}, workdir))
  return found
