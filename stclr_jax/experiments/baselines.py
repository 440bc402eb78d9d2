"""Simple methods on the same folds, so that a number stands against something.

Each method's predictions are in `METHOD/fold_N/predictions.csv`, as those of a
cross-validation are: `python -m stclr_jax.compare` pairs them with one.
"""

import pathlib
import time

import ml_collections

from stclr_jax.errors import UserError
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions
from stclr_jax.experiments import baseline_methods
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.experiments.finished import pooling
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import run_videos
from stclr_jax.runs import summaries
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.runs.checks import config_checks
from stclr_jax.workflows import pretrain

# Later calls may ask for others in the same folder.
OF_CALL = ('folds', 'methods')


@owners.alone
def run(config, workdir, *, root='', store=None):
  """Runs methods on folds; those that are finished are not run again.

  Args:
    config: as `configs/baselines.py` gives it.
    workdir: path of the run's folder.
    root: folder that a relative `encoder_from` starts from; '' for the one
      that the command was given in.
    store: the `VideoStore` to read in place of `config.data`'s.

  Returns:
    A `BaselinesSummary`, also written to `summary.json`.

  Raises:
    FileNotFoundError: if there is no finished pretraining where
      `encoder_from` says.
    UserError: for a config that cannot run, before anything is written.
  """
  methods = config_checks.words(config.methods)
  _check(config, methods)
  store = store or run_videos.load_videos(config.data)
  dealt = build.make_folds(store, config.data)
  parts = {fold: dealt.fold(fold) for fold in config.folds}
  for fold, part in parts.items():
    class_checks.check_trained(store, part.train, where=f'of fold {fold}')
    if baseline_methods.OF_PERSON in methods:
      baseline_methods.check_people(store, part, fold=fold)
  encoders = {}
  if set(methods) & set(baseline_methods.OF_ENCODERS):
    encoders = {
      fold: _read_encoder(config, root, store, fold, part)
      for fold, part in parts.items()
    }
  begun = owners.begin(workdir, config, store, of_call=OF_CALL)
  predictor = baseline_methods.Predictor(
    store, config.data, _read_options(config)
  )
  for fold, part in parts.items():
    for method in methods:
      place = workdirs.fold_dir(begun.workdir / method, fold)
      if not summaries.is_finished(place):
        print(f'Fold {fold}: {baseline_methods.TITLES[method]}', flush=True)
        started = time.monotonic()
        probabilities = predictor.predict(method, part, encoders.get(fold))
        found = fold_summaries.BaselineSummary(
          preset=config.preset,
          data=store.name,
          synthetic=store.synthetic,
          seconds=time.monotonic() - started,
          **metrics.classification_summary(
            store.label[part.test], probabilities.argmax(1), store.label_names
          ),
          accuracy_at_chance=1 / len(store.label_names),
          untrained=class_checks.untrained(
            store, class_checks.names(store, part.train), part.test
          ),
          method=method,
          fold=fold,
        )
        place.mkdir(parents=True, exist_ok=True)
        predictions.write_predictions(
          place / workdirs.PREDICTIONS, store, part.test, probabilities
        )
        summaries.write(found, place)
  return _summarize(config, methods, store, begun.workdir)


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: a `BaselinesSummary`.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  lines = [
    f'{summary.data}, folds {", ".join(map(str, summary.folds))}, tested on '
    "each fold's people:"
  ]
  lines += [
    f'  {found.title}: {found.correct}/{found.total} = {found.accuracy:.1%} '
    f'({found.by_people.low:.1%} to {found.by_people.high:.1%})'
    for found in summary.methods.values()
  ]
  table = workdirs.fold_dir('METHOD', 'N') / workdirs.PREDICTIONS
  return '\n'.join([*lines, f'In {workdir}: {table}'])


def _summarize(config, methods, store, workdir):
  """Pools each method's folds."""
  folders = {
    method: [workdirs.fold_dir(workdir / method, fold) for fold in config.folds]
    for method in methods
  }
  runs = [
    summaries.read(folder, fold_summaries.BaselineSummary)
    for one in folders.values()
    for folder in one
  ]
  summary = fold_summaries.BaselinesSummary(
    preset=config.preset,
    data=store.name,
    synthetic=store.synthetic,
    seconds=sum(run.seconds for run in runs),
    folds=tuple(config.folds),
    accuracy_at_chance=1 / len(store.label_names),
    methods={
      method: fold_summaries.MethodAccuracy(
        **vars(pooling.pool_predictions(one).accuracy),
        title=baseline_methods.TITLES[method],
      )
      for method, one in folders.items()
    },
  )
  summaries.write(summary, workdir)
  return summary


def _check(config, methods):
  unknown = set(methods) - set(baseline_methods.METHODS)
  if unknown or not methods:
    raise UserError(
      f'`methods` (={methods}) must be some of '
      f'{", ".join(baseline_methods.METHODS)}.'
    )
  needing = [name for name in methods if name in baseline_methods.OF_ENCODERS]
  if needing and not config.encoder_from:
    raise UserError(
      f'`methods` = {", ".join(needing)} need an encoder; give the workdir of '
      'a pretraining as --config.encoder_from=WORKDIR.'
    )
  one_for_all = '{fold}' not in config.encoder_from
  seen_anyway = config.pretrain_scope == 'all_unlabelled'
  if len(config.folds) > 1 and needing and one_for_all and not seen_anyway:
    raise UserError(
      f'`encoder_from` (={config.encoder_from}) must have {{fold}} in it where '
      'several folds are run: each has an encoder that saw none of its test '
      'people.'
    )


def _read_options(config):
  return baseline_methods.Options(
    batch_size=config.batch_size,
    num_neighbors=config.knn.num_neighbors,
    lbp_radius=config.lbp.radius,
    lbp_blocks=tuple(config.lbp.blocks),
    lbp_frames=config.views.num_frames,
    lbp_size=config.views.size,
  )


def _read_encoder(config, root, store, fold, part):
  workdir = pathlib.Path(root, config.encoder_from.replace('{fold}', str(fold)))
  earlier = trained.open_trained(
    workdir, option='encoder_from', workflow='pretrain'
  )
  trained.refuse_seen(
    earlier,
    store,
    part.test,
    source=workdir,
    fold=f'fold {fold}',
    same_names=config.data.same_names,
    unlabelled_is_meant=config.pretrain_scope == 'all_unlabelled',
  )
  run_config = ml_collections.ConfigDict(workdirs.read_config(workdir))
  return baseline_methods.Encoder(
    network=pretrain.make_network(run_config),
    variables=earlier.variables,
    view_options=build.make_view_options(run_config.views),
  )
