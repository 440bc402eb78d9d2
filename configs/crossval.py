"""Cross-validation: pretrain, fine-tune and test on each fold (Sec. IV.B).

    python main.py --config=configs/crossval.py                    the demo
    python main.py --config=configs/crossval.py:paper --workdir=DIR
    ... --config.folds=3,4 --workdir=DIR       these only, on another machine

A stage's own settings are under `pretrain.` and `finetune.`; what both share
(data, encoder, batch norm, seed) is set once.
"""

import ml_collections

from configs import finetune
from configs import pretrain

SHARED = ('seed', 'pretrain_scope', 'data', 'encoder', 'batch_norm')


def get_config(preset='demo'):
  """Returns the config of a cross-validation; see `common.make`."""
  config = ml_collections.ConfigDict()
  config.workflow = 'crossval'
  config.preset = preset
  # () is all of them. Not part of what a run is: folds can be run one by one
  # and on several machines, into one workdir.
  config.folds = ()
  # 'scratch' and 'kinetics400' (with `init_weights`) leave pretraining out.
  config.init = 'pretrained'
  config.init_weights = ''
  # Whether to fine-tune a second time without the next fold's people, who
  # then choose the epoch and fit the calibration temperature. They stay in
  # pretraining unless `pretrain.hold_out_validation`; the report says so.
  config.inner_validation = False

  config.pretrain = pretrain.get_config(preset)
  config.finetune = finetune.get_config(preset)
  for name in SHARED:
    config[name] = config.finetune[name]
    if isinstance(config[name], ml_collections.ConfigDict):
      # What only one of the stages knows is left alone by the other.
      both = config.pretrain[name].to_dict() | config.finetune[name].to_dict()
      config[name] = ml_collections.ConfigDict(both)
  for stage in (config.pretrain, config.finetune):
    for name in (*SHARED, 'workflow', 'preset'):
      del stage[name]
  for name in ('init', 'init_from', 'init_weights', 'selection'):
    del config.finetune[name]
  del config.data['fold']
  return config
