"""Cross-validation: pretrain, fine-tune and test on each fold (Sec. IV.B).

    python main.py --config=configs/crossval.py                    the demo
    python main.py --config=configs/crossval.py:paper --workdir=DIR
    ... --config.folds=3,4 --workdir=DIR       these only, on another machine

Settings of one run are under `pretrain.` and `finetune.`; what both share
(data, encoder, batch norm, seed) is set once.
"""

import ml_collections

from configs import finetune
from configs import pretrain


def get_config(preset='demo'):
  """Returns the config of a cross-validation; see `common.make`."""
  config = recipe(preset)
  config.workflow = 'crossval'
  # () is all of them. Not part of what a run is: folds can be run one by one
  # and on several machines, into one workdir.
  config.folds = ()
  # Whether to fine-tune a second time without the next fold's people, who
  # then choose the epoch and fit the calibration temperature. They stay in
  # pretraining unless `pretrain.hold_out_validation`; the report says so.
  config.inner_validation = False
  return config


def recipe(preset):
  """Returns what is run on each fold, whichever folds; see `common.make`."""
  before, after = pretrain.get_config(preset), finetune.get_config(preset)
  shared = {
    'preset': preset,
    'seed': after.seed,
    'pretrain_scope': after.pretrain_scope,
    # What only one of the runs knows is left alone by the other.
    'data': _without({**before.data, **after.data}, 'fold'),
    'encoder': after.encoder,
    'batch_norm': {**after.batch_norm, **before.batch_norm},
  }
  # 'scratch' and 'kinetics400' (with `init_weights`) leave pretraining out.
  begun = {'init': after.init, 'init_weights': after.init_weights}
  return ml_collections.ConfigDict(
    {
      **shared,
      **begun,
      'pretrain': _without(before, 'workflow', *shared),
      # Where it begins and which epoch it tests follow from the fold.
      'finetune': _without(
        after, 'workflow', 'init_from', 'selection', *shared, *begun
      ),
    }
  )


def _without(config, *names):
  return {name: value for name, value in config.items() if name not in names}
