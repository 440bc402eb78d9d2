"""Simple methods on the same folds, so that a number stands against something.

Each method's predictions are in `METHOD/fold_N/predictions.csv`, as those of a
cross-validation are: `python -m stclr_jax.compare` pairs them with one.
"""

import copy
import functools
import pathlib

import ml_collections
import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import audit
from stclr_jax.evaluation import lbp_top
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions as tables
from stclr_jax.evaluation import probes
from stclr_jax.experiments import pooling
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import placed_videos
from stclr_jax.runs import representations
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.workflows import pretrain

OF_FRAMES = ('chance', 'lbp_top', 'lbp_last_frame')
OF_ENCODERS = ('linear_probe', 'knn', 'last_frame_probe')
METHODS = OF_FRAMES + OF_ENCODERS
TITLES = {
  'chance': 'Chance: the commonest training label',
  'lbp_top': 'LBP-TOP, linear SVM',
  'lbp_last_frame': 'LBP-TOP of the last frame repeated, linear SVM',
  'linear_probe': 'Linear probe of the frozen encoder',
  'knn': 'Nearest neighbours in the frozen encoder',
  'last_frame_probe': 'Linear probe, the last frame repeated',
}


@owners.alone
def run(config, workdir, *, root=''):
  """Runs methods on folds; those that are finished are not run again.

  Args:
    config: as `configs/baselines.py` gives it.
    workdir: path of the run's folder.
    root: folder that a relative `encoder_from` starts from; '' for the one
      that the command was given in.

  Returns:
    The summary, also written to `summary.json`: 'data', 'synthetic', 'folds'
    and 'methods': by name, 'title' and the fields of a `comparison.Accuracy`
    over the folds' pooled videos.

  Raises:
    FileNotFoundError: if there is no finished pretraining where
      `encoder_from` says.
    ValueError: for a config that cannot run, before anything is written.
  """
  _check(config)
  store = build.load_videos(config.data)
  dealt = build.make_folds(store, config.data)
  parts = {fold: dealt.fold(fold) for fold in config.folds}
  for fold, part in parts.items():
    class_checks.check_trained(store, part.train, where=f'of fold {fold}')
  encoders = {}
  if set(config.methods) & set(OF_ENCODERS):
    encoders = {
      fold: _read_encoder(config, root, store, fold, part)
      for fold, part in parts.items()
    }
  workdir = open_workdir(config, workdir)
  predictor = _Predictor(config, store)
  for fold, part in parts.items():
    for method in config.methods:
      place = workdir / method / f'fold_{fold}'
      if workdirs.read_summary(place) is None:
        print(f'Fold {fold}: {TITLES[method]}', flush=True)
        probabilities = predictor.predict(method, part, encoders.get(fold))
        _write(place, config, store, method, fold, part, probabilities)
  summary = {
    'workflow': 'baselines',
    'preset': config.preset,
    'data': store.name,
    'synthetic': store.synthetic,
    'folds': list(config.folds),
    'accuracy_at_chance': 1 / len(store.label_names),
    'methods': {
      method: {
        'title': TITLES[method],
        **pooling.pool_predictions(
          [workdir / method / f'fold_{fold}' for fold in config.folds]
        ).summary,
      }
      for method in config.methods
    },
  }
  workdirs.write_json(workdir / workdirs.SUMMARY, summary)
  return summary


def open_workdir(config, workdir):
  """Creates the folder of a run, or finds the one to go on in.

  Args:
    config: as `configs/baselines.py` gives it; later calls may ask for other
      folds and methods.
    workdir: path.

  Returns:
    The path.

  Raises:
    ValueError: see `workdirs.open_workdir`.
  """
  config = copy.deepcopy(config)
  with config.unlocked():
    del config.folds, config.methods
  return workdirs.open_workdir(workdir, config)


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  lines = [
    f'{summary["data"]}, folds {", ".join(map(str, summary["folds"]))}, tested '
    "on each fold's people:"
  ]
  for found in summary['methods'].values():
    interval = found['by_people']
    lines.append(
      f'  {found["title"]}: {found["correct"]}/{found["total"]} = '
      f'{found["accuracy"]:.1%} ({interval["low"]:.1%} to '
      f'{interval["high"]:.1%})'
    )
  return '\n'.join([*lines, f'In {workdir}: METHOD/fold_N/predictions.csv'])


class _Predictor:
  """Names a fold's test people by any method; what folds share is kept."""

  def __init__(self, config, store):
    self._config = config
    self._store = store
    self._num_classes = len(store.label_names)
    self._features = {}  # of all labelled videos, by method
    self._encoded = {}  # of the last fold's videos, by order of the frames
    self._encoded_part = None

  def predict(self, method, part, encoder):
    """Returns probabilities, float [num_test, num_classes]."""
    label, subject = (
      values[part.train] for values in (self._store.label, self._store.subject)
    )
    if method == 'chance':
      named = lbp_top.most_frequent(label, len(part.test))
      return lbp_top.one_hot(named, self._num_classes)
    if method in OF_FRAMES:
      features = self._lbp(method)
      named = lbp_top.linear_svm(
        features[part.train], label, subject, features[part.test]
      )
      return lbp_top.one_hot(named, self._num_classes)
    train, test = self._encode(method, part, encoder)
    if method == 'knn':
      return probes.knn_transfer(
        train,
        label,
        test,
        num_neighbors=self._config.knn.num_neighbors,
        num_classes=self._num_classes,
      )
    return probes.linear_probe(
      train, label, subject, test, num_classes=self._num_classes
    )

  def _lbp(self, method):
    """Features of all videos; of those without a label, zeros too."""
    if method not in self._features:
      options = build.make_view_options(self._config.views)
      shown = np.flatnonzero(self._store.label >= 0)
      lbp = self._config.lbp
      rows = None
      for i, clip in zip(shown, self._grey_clips(shown, options), strict=True):
        if method == 'lbp_last_frame':
          clip = np.repeat(clip[-1:], len(clip), axis=0)
        row = lbp_top.lbp_top(clip, radius=lbp.radius, blocks=tuple(lbp.blocks))
        if rows is None:
          rows = np.zeros((self._store.num_videos, len(row)), np.float32)
        rows[i] = row
      self._features[method] = rows
    return self._features[method]

  def _grey_clips(self, shown, options):
    """The evaluation's view of each video, grey, uint8 [t, s, s]."""
    look = representations.make_look(
      self._videos, view_options=options, batch_size=self._config.batch_size
    )
    for start in range(0, len(shown), self._config.batch_size):
      colors = look(shown[start : start + self._config.batch_size])
      yield from lbp_top.grey(255 * colors).round().astype(np.uint8)

  def _encode(self, method, part, encoder):
    if self._encoded_part is not part:
      self._encoded, self._encoded_part = {}, part
    order = 'last_frame' if method == 'last_frame_probe' else audit.FORWARD
    if order not in self._encoded:
      self._encoded[order] = self._encode_part(order, part, encoder)
    return self._encoded[order]

  def _encode_part(self, order, part, encoder):
    run_config, variables = encoder
    options = build.make_view_options(run_config.views)
    orders = audit.frame_orders(options.num_frames)
    encode = representations.make_encode(
      pretrain.make_network(run_config),
      self._videos,
      view_options=options,
      batch_size=self._config.batch_size,
    )
    return [
      encode(variables, shown, orders[order])
      for shown in (part.train, part.test)
    ]

  @functools.cached_property
  def _videos(self):
    return placed_videos.place(self._store, self._config.data)


def _check(config):
  unknown = [name for name in config.methods if name not in METHODS]
  if unknown or not config.methods:
    raise UserError(
      f'`methods` (={tuple(config.methods)}) must be some of '
      f'{", ".join(METHODS)}.'
    )
  needing = [name for name in config.methods if name in OF_ENCODERS]
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


def _read_encoder(config, root, store, fold, part):
  workdir = pathlib.Path(root, config.encoder_from.replace('{fold}', str(fold)))
  pretrained = trained.open_finished(
    workdir, workflow='pretrain', option='encoder_from'
  )
  trained.refuse_seen(
    pretrained,
    store,
    part.test,
    source=workdir,
    fold=f'fold {fold}',
    same_names=config.data.same_names,
    unlabelled_is_meant=config.pretrain_scope == 'all_unlabelled',
  )
  written = workdirs.read_json(workdir / workdirs.CONFIG)
  variables = {
    name: pretrained.state[name] for name in ('params', 'batch_stats')
  }
  return ml_collections.ConfigDict(written), variables


def _write(place, config, store, method, fold, part, probabilities):
  place.mkdir(parents=True, exist_ok=True)
  tables.write_predictions(
    place / workdirs.PREDICTIONS, store, part.test, probabilities
  )
  workdirs.write_json(
    place / workdirs.SUMMARY,
    {
      'workflow': 'baselines',
      'method': method,
      'data': store.name,
      'synthetic': store.synthetic,
      'fold': fold,
      **metrics.classification_summary(
        store.label[part.test], probabilities.argmax(1), store.label_names
      ),
    },
  )
