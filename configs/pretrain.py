"""ST-CLR's contrastive pretraining (Sec. III.A, IV.A).

    python main.py --config=configs/pretrain.py          the demo, minutes
    python main.py --config=configs/pretrain.py:paper    the paper's recipe
    python main.py --config=configs/pretrain.py:expression          our recipe

The recipe: SGD with momentum 0.9, learning rate 1e-3, weight decay 1e-4, 1000
epochs of two 16x224x224 views of each video, R(2+1)D-18, a 128-dimensional
embedding, NT-Xent over all devices. 'expression' (the demo's size),
'expression,paper' and 'expression,paper_112' are our recipe for getting at the
expression: `common.expression`.
"""

import ml_collections

from configs import common


def get_config(preset='demo'):
  """Returns the config of a pretraining run; see `common.make`."""
  return common.make(preset, paper=_paper, demo=_demo, ours='pretrain')


def _paper():
  config = ml_collections.ConfigDict()
  config.workflow = 'pretrain'
  config.preset = ''
  config.seed = 0
  # 'scratch' (chosen: the paper does not say) or 'kinetics400': torchvision's
  # weights of the same encoder, from the file `init_weights`.
  config.init = 'scratch'
  config.init_weights = ''
  config.num_epochs = 1000  # Sec. IV.A
  config.batch_size = 32  # videos; chosen: 64 views fit the paper's 4 V100s
  # In `stclr_jax.learning.losses.CONTRASTIVE_LOSSES`.
  config.loss = 'nt_xent'  # eq. (1)
  config.temperature = 0.1  # chosen: SimCLR's default, ActiveFER's command
  config.batches = common.batches()  # chosen: the paper does not say
  config.negatives = ml_collections.ConfigDict(
    {
      # Parts of the batch that take negatives from themselves only, whatever
      # the devices: 4 is what the paper's 4 GPUs compute without gathering.
      'groups': 1,
      # Weight of negatives that show another person, 0 to 1; eq. (1) has 1.
      # At 0 only other videos of the same person are negatives, so that who it
      # is answers nothing; it takes batches 'by_person'. Not the paper's.
      'other_people': 1.0,
      # Whether both views played backwards are negatives, too, which doubles
      # the work of a step. Not the paper's.
      'reversed': False,
    }
  )
  # Whose videos: 'train_folds' leaves the fold's test people out; chosen: the
  # paper does not say. 'all_unlabelled' takes everybody's.
  config.pretrain_scope = 'train_folds'
  # Whether to leave the next fold's people out too, for a fine-tuning that
  # chooses by them (`selection` = 'inner_validation').
  config.hold_out_validation = False

  config.data = common.data()
  config.data.update(common.folds())
  # Whether pictures of the run show people; drawn faces are always shown.
  # chosen: not, as a report is passed on more easily than the videos it is of,
  # and licence and consent are about these. --with_faces sets it.
  config.data.with_faces = False
  config.views = common.views()
  config.encoder = common.encoder()
  config.batch_norm = common.batch_norm()
  # 'together': statistics over both views, one pass through the encoder as in
  # SimCLR (chosen); 'apart': over each, as in two passes.
  config.batch_norm.views = 'together'
  config.projection = ml_collections.ConfigDict(
    {
      'hidden_features': 512,  # chosen: as wide as h, like SimCLR's
      'features': 128,  # Sec. IV.A
      # How its layers begin: 'lecun_normal' (chosen: Flax's own) or
      # 'torch_linear', as nn.Linear, a third of the variance.
      'initializer': 'lecun_normal',
      # What it projects: 'clip', h of the clip, as in the paper; 'change', h of
      # the last frame less h of the first, in which the person cannot help;
      # 'change_of_clip', h of the clip less h of the first frame; or 'both' h
      # of the clip and its change. Not the paper's, and twice a step's work.
      'input': 'clip',
    }
  )
  config.optimizer = ml_collections.ConfigDict(
    {
      'name': 'sgd',  # Sec. IV.A, as are the next three
      'learning_rate': 1e-3,
      'momentum': 0.9,
      'weight_decay': 1e-4,
      'clip_norm': 0.0,  # of the gradient, the longest allowed; 0: none
      'schedule': 'constant',  # chosen: the paper names none
      'warmup_epochs': 0,  # of the cosine
      'patience': 3,  # of the plateau; unused by both others
      'factor': 0.1,  # of the plateau
    }
  )
  config.knn = ml_collections.ConfigDict(
    {
      'every_epochs': 50,  # chosen as of checkpoints, below
      'num_neighbors': 20,  # chosen: about a quarter of an expression's videos
      'batch_size': 32,
    }
  )
  # What the embedding holds at the end: expression, person or light, and
  # whether the frames' order matters.
  # With a map (t-SNE) of at most so many videos, 0 for none; chosen: as many
  # points as can be told apart.
  config.audit = ml_collections.ConfigDict(
    {'enabled': True, 'map_videos': 1000}
  )
  config.log_every_steps = 10
  # A loss or gradient that is no number: 'stop', or 'skip' the step (its update
  # is not made), which so many in a row stop as well. chosen: a single one can
  # come from a video, ten in a row from the network.
  config.non_finite = ml_collections.ConfigDict(
    {'action': 'stop', 'most_in_a_row': 10}
  )
  config.checkpoint = ml_collections.ConfigDict(
    {
      # chosen: an epoch of a fold is 13 steps, two seconds of the fastest GPU,
      # of which this and kNN should not take a hundredth.
      'every_epochs': 50,
      # Also within an epoch; chosen: what one can bear to lose.
      'every_minutes': 10.0,
      'keep': 2,
      'keep_epochs': (),  # kept as well, such as Table V's (100, 500)
      # And the best epoch by a figure of its end, such as 'loss' or
      # 'knn_accuracy_of_change' (which looks at labels).
      'keep_best': 'none',
    }
  )
  return config


def _demo(config):
  common.demo_overrides(config)
  # chosen: two minutes. At the paper's constant 1e-3 so few steps have hardly
  # begun; so they teach what can be seen (docs/fidelity.md, The shortcut).
  config.num_epochs = 40
  config.optimizer.schedule = 'cosine'
  config.optimizer.learning_rate = 0.05
  config.batch_size = 36  # twelve steps an epoch
  config.views.crop.area = (0.6, 1.0)  # at 32 pixels a mouth is small enough
  config.projection.hidden_features = 128
  config.log_every_steps = 1
  config.checkpoint.every_epochs = 10
  config.knn.every_epochs = 10
