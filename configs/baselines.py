"""Simple methods that a number has to beat, on the same folds.

    python main.py --config=configs/baselines.py
    python main.py --config=configs/baselines.py:paper \
      --config.encoder_from=RUN/fold_{fold}/pretrain --config.folds=0,1,2

Methods: 'chance' (the commonest training label), 'lbp_top' (local binary
patterns on three planes, a linear SVM), 'lbp_last_frame' (the same of the last
frame repeated: no movement), and of a frozen encoder 'linear_probe', 'knn',
'last_frame_probe' (the linear probe, the last frame repeated), 'change_probe'
(of the last frame less the first, each repeated), 'change_of_clip_probe'
(of the clip less the first frame) and 'person_removed_probe' (of the clip less
the mean over the person's videos, also of a person tested: it is told which
test videos show one person and sees them together, without their labels).

Supervised training from scratch is --config=configs/finetune.py with
`init` = 'scratch'.
"""

import ml_collections

from configs import common


def get_config(preset='demo'):
  """Returns the config of the baselines; see `common.make`."""
  return common.make(preset, paper=_paper, demo=_demo)


def options(preset):
  """Returns how the methods work, on whatever data; see `common.make`."""
  config = common.make(preset, paper=_options, demo=_demo_options)
  return ml_collections.ConfigDict(_without(config, 'preset'))


def _paper():
  config = _options()
  config.workflow = 'baselines'
  config.folds = (0,)  # of data.num_folds
  # Workdir of a pretraining, for the methods that need one; {fold} stands for
  # the number of the fold.
  config.encoder_from = ''
  # 'train_folds' refuses an encoder that saw a test person; 'all_unlabelled'
  # allows it.
  config.pretrain_scope = 'train_folds'
  config.data = common.data_tested()
  config.data.update(_without(common.folds(), 'fold'))
  return config


def _demo(config):
  _demo_options(config)
  config.data.name = 'synthetic_demo'
  config.data.frame_size = (64, 64)


def _options():
  config = ml_collections.ConfigDict()
  config.preset = ''
  config.methods = ('chance', 'lbp_top', 'lbp_last_frame')
  config.batch_size = 32  # videos at a time
  config.knn = {'num_neighbors': 20}
  config.lbp = {
    'radius': 3,  # Zhao & Pietikainen 2007: LBP-TOP_{8,8,8,3,3,3}
    'blocks': (8, 8),  # chosen: theirs are 9x8, of taller faces
  }
  # Of LBP; an encoder looks as it was pretrained.
  config.views = {
    'num_frames': 16,  # Sec. IV.A
    'size': 112,  # chosen: LBP of a larger face is noise, and slow
  }
  return config


def _demo_options(config):
  config.views.size = 64


def _without(config, name):
  return {key: value for key, value in config.items() if key != name}
