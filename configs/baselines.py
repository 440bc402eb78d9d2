"""What a number has to beat, on the same folds.

    python main.py --config=configs/baselines.py
    python main.py --config=configs/baselines.py:paper \
      --config.encoder_from=RUN/fold_{fold}/pretrain --config.folds=0,1,2

Methods: 'chance' (the commonest training label), 'lbp_top' (local binary
patterns on three planes, a linear SVM), 'lbp_last_frame' (the same of the last
frame repeated: no movement), and of a frozen encoder 'linear_probe', 'knn' and
'last_frame_probe' (the linear probe, the last frame repeated).

Supervised training from scratch is --config=configs/finetune.py with
`init` = 'scratch'.
"""

import ml_collections

from configs import common


def get_config(preset='demo'):
  """Returns the config of the baselines; see `common.make`."""
  return common.make(preset, paper=_paper, demo=_demo)


def _paper():
  config = ml_collections.ConfigDict()
  config.workflow = 'baselines'
  config.preset = ''
  config.methods = ('chance', 'lbp_top', 'lbp_last_frame')
  config.folds = (0,)  # of data.num_folds; data.fold has no meaning here
  # Workdir of a pretraining, for the methods that need one; {fold} stands for
  # the number of the fold.
  config.encoder_from = ''
  # 'train_folds' refuses an encoder that saw a test person; 'all_unlabelled'
  # allows it.
  config.pretrain_scope = 'train_folds'
  config.batch_size = 32  # videos looked at together
  config.knn = ml_collections.ConfigDict({'num_neighbors': 20})
  config.lbp = ml_collections.ConfigDict(
    {
      'radius': 3,  # Zhao & Pietikainen 2007: LBP-TOP_{8,8,8,3,3,3}
      'blocks': (8, 8),  # chosen: theirs are 9x8, of taller faces
    }
  )
  config.data = common.data()
  config.views = common.views()  # of LBP: `num_frames` and `size` only
  config.views.size = 112  # chosen: LBP of a larger face is noise, and slow
  return config


def _demo(config):
  config.data.name = 'synthetic_demo'
  config.data.frame_size = (64, 64)
  config.views.size = 64
