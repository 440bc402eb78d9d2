"""Cross-validation: every person is tested once, by a network that never saw
them."""

import pathlib

from stclr_jax.errors import UserError
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.experiments.finished import pooling
from stclr_jax.reports import crossval_page
from stclr_jax.reports import run_pictures
from stclr_jax.runs import owners
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.runs.checks import config_checks

# What runs on each fold; with `inner_validation` the third as well.
PRETRAIN, FINETUNE, VALIDATION = 'pretrain', 'finetune', 'inner_validation'


def run(config, workdir, *, store=None):
  """Runs the folds asked for that are not finished, and pools all that are.

  Args:
    config: as `configs/crossval.py` gives it.
    workdir: path; may be shared by machines that run other folds.
    store: the `VideoStore` to read in place of `config.data`'s.

  Returns:
    The `CrossvalSummary` of all finished folds, also written to
    `summary.json`.

  Raises:
    UserError: for a config that cannot run.
  """
  folds = recipe_runs.chosen_folds(config.folds, config.data.num_folds)
  if config.inner_validation and config.data.num_folds < 3:
    raise UserError(
      f'`data.num_folds` (={config.data.num_folds}) must be at least 3 with '
      '`inner_validation`: one fold tests, one validates, the others train.'
    )
  workdir = owners.open_tree(workdir, config, of_call=('folds',))
  with owners.owned_folds(workdir, folds):
    _check_unfinished(config, folds, workdir, store)
    for fold in folds:
      run_fold(config, fold, workdir, store=store)
  with owners.in_turn(workdir):
    return _pool(config, workdir)


def run_fold(config, fold, workdir, *, store=None):
  """Pretrains, fine-tunes and tests; what is finished is left as it is.

  Args:
    config: of the cross-validation.
    fold: which one is tested.
    workdir: path of the cross-validation.
    store: the `VideoStore` to read in place of `config.data`'s.
  """
  pretraining = recipe_runs.pretraining_dir(config, fold, workdir, PRETRAIN)
  recipe_runs.run_fold(
    config,
    fold,
    pretraining=pretraining,
    finetuning=workdirs.fold_dir(workdir, fold, FINETUNE),
    store=store,
  )
  if config.inner_validation:
    begun = pretraining if recipe_runs.has_pretraining(config) else None
    recipe_runs.run(
      recipe_runs.finetune_config(
        config, fold, init_from=begun, selection='inner_validation'
      ),
      workdirs.fold_dir(workdir, fold, VALIDATION),
      store,
    )


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: a `CrossvalSummary`.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  lines = [
    summary.description,
    *(f'Note: {remark}' for remark in summary.remarks),
    *(f'  {line}' for line in summary.protocol.describe().split('\n')),
  ]
  if summary.test_oracle:
    lines.append(summary.test_oracle.describe())
  if chosen := summary.inner_validation:
    lines += [
      f'Epoch chosen on other people: {chosen.description}',
      *(f'  {line}' for line in chosen.protocol.describe().split('\n')),
    ]
  if not summary.complete:
    finished = ', '.join(str(one.fold) for one in summary.folds)
    lines.append(f'Only the folds {finished} are finished so far.')
  written = (workdirs.SUMMARY, workdirs.PREDICTIONS, workdirs.REPORT)
  lines.append(
    f'In {workdir}: {", ".join(written)}, {workdirs.fold_dir("", "*")}/'
  )
  return '\n'.join(lines)


def _check_unfinished(config, folds, workdir, store):
  """Refuses what cannot be run; of finished folds nothing is read."""
  if recipe_runs.has_pretraining(config):
    config_checks.check_batch(recipe_runs.pretrain_config(config, 0))
  last = VALIDATION if config.inner_validation else FINETUNE
  done = workdirs.folds_with(workdir, last)
  recipe_runs.check_folds(
    config,
    [fold for fold in folds if fold not in done],
    validation=config.inner_validation,
    store=store,
  )


def _pool(config, workdir):
  """Makes the summary and the report of all finished folds."""
  done = workdirs.folds_with(workdir, FINETUNE)
  pooled = pooling.pool(done.values())
  inner = None
  if chosen := workdirs.folds_with(workdir, VALIDATION):
    found = pooling.pool(chosen.values()).summary
    inner = fold_summaries.Validated(
      correct=found.correct,
      total=found.total,
      description=found.description,
      protocol=found.protocol,
    )
  runs = [
    summaries.read(path, summaries.FinetuneSummary) for path in done.values()
  ]
  summary = fold_summaries.CrossvalSummary(
    **vars(pooled.summary),
    complete=len(done) == config.data.num_folds,
    inner_validation=inner,
    remarks=tuple(class_checks.remarks_over_folds(runs)),
  )
  pooling.write(pooled._replace(summary=summary), workdir)
  run_pictures.save_confusion(workdir, summary)
  crossval_page.write(config, pathlib.Path(workdir), summary, done)
  return summary
