"""Cross-validation: every person is tested once, by a network that never saw
them."""

import copy
import pathlib

from stclr_jax.errors import UserError
from stclr_jax.evaluation import protocol
from stclr_jax.experiments import pooling
from stclr_jax.experiments import recipe_runs
from stclr_jax.reports import crossval_page
from stclr_jax.reports import run_pictures
from stclr_jax.runs import owners
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.workflows import pretrain_checks


def run(config, workdir):
  """Runs the folds asked for that are not finished, and pools all that are.

  Args:
    config: as `configs/crossval.py` gives it.
    workdir: path; may be shared by machines that run other folds.

  Returns:
    The summary of all finished folds, also written to `summary.json`.

  Raises:
    ValueError: for a config that cannot run.
  """
  folds = chosen_folds(config)
  if config.inner_validation and config.data.num_folds < 3:
    raise UserError(
      f'`data.num_folds` (={config.data.num_folds}) must be at least 3 with '
      '`inner_validation`: one fold tests, one validates, the others train.'
    )
  workdir = owners.open_tree(workdir, without_folds(config))
  with owners.owned_folds(workdir, folds):
    _check_unfinished(config, folds, workdir)
    for fold in folds:
      run_fold(config, fold, workdir / f'fold_{fold}')
  with owners.in_turn(workdir):
    return _pool(config, workdir)


def _check_unfinished(config, folds, workdir):
  """Refuses what cannot be run; of finished folds nothing is read."""
  if recipe_runs.has_pretraining(config):
    pretrain_checks.check(recipe_runs.pretrain_config(config, 0))
  last = 'inner_validation' if config.inner_validation else 'finetune'
  recipe_runs.check_folds(
    config,
    [
      fold
      for fold in folds
      if workdirs.read_summary(workdir / f'fold_{fold}' / last) is None
    ],
    validation=config.inner_validation,
  )


def _pool(config, workdir):
  """Makes the summary and the report of all finished folds."""
  done = finished(workdir)
  pooled = pooling.pool(done)
  summary = {
    'workflow': 'crossval',
    'complete': len(done) == config.data.num_folds,
    **pooled.summary,
  }
  chosen = finished(workdir, stage='inner_validation')
  if chosen:
    summary['inner_validation'] = _validated(pooling.pool(chosen))
  summary['remarks'] = class_checks.remarks_over_folds(
    [workdirs.read_summary(path) for path in done]
  )
  pooling.write(pooled._replace(summary=summary), workdir)
  run_pictures.save_confusion(workdir, summary)
  crossval_page.write(
    config, workdir, summary, {path.parent.name[5:]: path for path in done}
  )
  return summary


def run_fold(config, fold, workdir):
  """Pretrains, fine-tunes and tests; what is finished is left as it is.

  Args:
    config: of the cross-validation.
    fold: which one is tested.
    workdir: path of the fold.
  """
  pretraining = _pretraining(config, workdir)
  recipe_runs.run_fold(
    config, fold, pretraining=pretraining, finetuning=workdir / 'finetune'
  )
  if config.inner_validation:
    begun = pretraining if recipe_runs.has_pretraining(config) else None
    recipe_runs.run(
      recipe_runs.finetune_config(
        config, fold, init_from=begun, selection='inner_validation'
      ),
      workdir / 'inner_validation',
    )


def chosen_folds(config):
  """Returns the folds that a config asks for.

  Args:
    config: with `folds` and `data.num_folds`.

  Returns:
    A tuple of ints.

  Raises:
    ValueError: if there is no such fold.
  """
  folds = config.folds or range(config.data.num_folds)
  folds = (folds,) if isinstance(folds, int) else tuple(folds)
  for fold in folds:
    if not 0 <= fold < config.data.num_folds:
      raise UserError(
        f'`folds` (={folds}) must be of the {config.data.num_folds} folds, 0 '
        f'to {config.data.num_folds - 1}.'
      )
  return folds


def without_folds(config):
  """Returns what stays the same whichever folds are run where."""
  config = copy.deepcopy(config)
  with config.unlocked():
    del config.folds
  return config


def finished(workdir, *, stage='finetune'):
  """Lists the finished runs of a stage, in the order of the folds.

  Args:
    workdir: path of a cross-validation.
    stage: 'finetune' or 'inner_validation'.

  Returns:
    Their paths.
  """
  found = pathlib.Path(workdir).glob(f'fold_*/{stage}/{workdirs.SUMMARY}')
  folders = [path.parent for path in found]
  return sorted(folders, key=lambda path: int(path.parent.name[5:]))


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  kept = protocol.Protocol.from_dict(summary['protocol'])
  lines = [
    summary['description'],
    *(f'Note: {remark}' for remark in summary['remarks']),
    *(f'  {line}' for line in kept.describe().split('\n')),
    *describe_oracle(summary['test_oracle']),
  ]
  if chosen := summary.get('inner_validation'):
    inner = protocol.Protocol.from_dict(chosen['protocol'])
    lines += [
      f'Epoch chosen on other people: {chosen["description"]}',
      *(f'  {line}' for line in inner.describe().split('\n')),
    ]
  if not summary['complete']:
    run_folds = ', '.join(str(fold['fold']) for fold in summary['folds'])
    lines.append(f'Only the folds {run_folds} are finished so far.')
  lines.append(
    f'In {workdir}: summary.json, predictions.csv, report.html, fold_*/'
  )
  return '\n'.join(lines)


def describe_oracle(oracle):
  """Returns the line that says what a test oracle would have claimed.

  Args:
    oracle: of a pooled summary, or None.

  Returns:
    A list of one line, or none.
  """
  if oracle is None:
    return []
  return [
    f'With the best epoch on the test people of each fold it would be '
    f'{oracle["correct"]}/{oracle["total"]} = {oracle["accuracy"]:.2%}: a test '
    'oracle, not a result.'
  ]


def _pretraining(config, workdir):
  """Where a fold's pretraining is: its own, or one that fits all folds.

  Whoever pretrains on all videos does the same in every fold. The first to be
  finished then serves all that have none; folds that other machines run at the
  same time get in nobody's way.
  """
  own = workdir / 'pretrain'
  if config.pretrain_scope == 'all_unlabelled' and not (
    (own / workdirs.SUMMARY).exists()
  ):
    done = workdir.parent.glob(f'fold_*/pretrain/{workdirs.SUMMARY}')
    if first := min(done, key=lambda path: path.stat().st_mtime, default=None):
      return first.parent
  return own


def _validated(pooled):
  names = ('description', 'accuracy', 'correct', 'total', 'protocol')
  return {name: pooled.summary[name] for name in names}
