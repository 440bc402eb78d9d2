"""ST-CLR's fine-tuning (Sec. III.B, IV.A).

    python main.py --config=configs/finetune.py --config.init_from=WORKDIR
    python main.py --config=configs/finetune.py:paper --config.init_from=...

The recipe: the projection head dropped, one linear layer on the encoder; 30
epochs of that layer, then 70 of everything; Adam at 1e-4, divided by ten when
the training loss has not fallen for more than 3 epochs. Tested on people
never seen. 'expression' (the demo's size), 'expression,paper' and
'expression,paper_112' are not the paper's method: `common.expression`.
"""

import ml_collections

from configs import common


def get_config(preset='demo'):
  """Returns the config of a fine-tuning run; see `common.make`."""
  return common.make(preset, paper=_paper, demo=_demo, ours='finetune')


def _paper():
  config = ml_collections.ConfigDict()
  config.workflow = 'finetune'
  config.preset = ''
  config.seed = 0
  # 'pretrained': the encoder of the run `init_from`; 'scratch': fresh, and
  # everything is trained for all epochs, as a frozen random encoder would be
  # no fair baseline. 'kinetics400': torchvision's weights of the same encoder,
  # from the file `init_weights`.
  config.init = 'pretrained'
  config.init_from = ''
  config.init_epoch = 0  # which of its checkpoints; 0: the last, if finished
  config.init_weights = ''
  # What pretraining may have seen: 'train_folds' refuses an encoder that saw
  # a test person; 'all_unlabelled' allows it.
  config.pretrain_scope = 'train_folds'
  # Which epoch is tested: 'last' (chosen: the paper does not say), or
  # 'inner_validation': the best one on the next fold's people, who are left
  # out of training and also fit the calibration temperature.
  config.selection = 'last'
  # Epochs between looks at those people or, with 'last', at the test people:
  # the best look is reported apart, as a test oracle. 0: never.
  config.look_every_epochs = 1
  config.num_epochs = 100  # Sec. IV.A: 30 + 70
  config.frozen_epochs = 30  # Sec. IV.A
  config.batch_size = 32  # videos; chosen: as in pretraining
  config.batches = common.batches()  # chosen: as in pretraining

  config.data = common.data_tested()
  config.data.update(common.folds())
  config.data.labelled_fraction = 1.0  # Table VI: 0.75, 0.5, 0.25, 0.1
  config.data.labelled_unit = 'clip'  # or 'person': all of a person's videos
  config.data.labelled_draw = 0  # which of the fixed, nested subsets, 0 to 4
  config.data.with_faces = False  # see configs/pretrain.py
  config.views = common.views()
  # chosen: milder than pretraining's, so that the expression stays in sight
  config.views.crop.area = (0.5, 1.0)
  config.views.color.enabled = False
  # What the linear layer reads: 'clip', 'change', 'change_of_clip' or 'both',
  # as `projection.input` in configs/pretrain.py; 'clip' is the paper's.
  config.classifier = ml_collections.ConfigDict(
    {
      'input': 'clip',
      # What a change is from: 'first_frame' or, for videos that do not begin at
      # rest, 'person_mean' of all the person's videos; a person tested is then
      # known by their test videos together, without labels. It needs
      # `batches.composition` = 'of_whole_people'.
      'rest': 'first_frame',
      # How the layer begins: 'normal', of deviation 0.01 (chosen: torchvision's
      # video networks), or 'torch_linear', as nn.Linear.
      'initializer': 'normal',
    }
  )
  config.encoder = common.encoder()
  config.batch_norm = common.batch_norm()
  config.optimizer = ml_collections.ConfigDict(
    {
      'name': 'adam',  # Sec. IV.A
      # At stage two the classifier's moments are 'fresh' (chosen: the paper
      # does not say), as of a new optimiser, or 'kept'.
      'state_between_stages': 'fresh',
      'learning_rate': 1e-4,  # Sec. IV.A
      'frozen_learning_rate': 1e-4,  # of stage one; Sec. IV.A
      'momentum': 0.9,  # of SGD, unused by Adam
      'weight_decay': 0.0,  # of SGD, unused by Adam
      'clip_norm': 0.0,  # of the gradient, the longest allowed; 0: none
      'schedule': 'plateau',  # Sec. IV.A; on the training loss (chosen)
      'patience': 3,  # Sec. IV.A
      'factor': 0.1,  # chosen: torch's default
      'warmup_epochs': 0,  # of the cosine
    }
  )
  config.report_every_epochs = 10
  config.evaluation = ml_collections.ConfigDict({'batch_size': 32})
  config.log_every_steps = 10
  # `report.html`: who was named what, how surely, from how much of a video, and
  # a map (t-SNE) of at most so many videos' representations; 0: no map.
  # chosen: a minute, and as many points as can be told apart.
  config.report = ml_collections.ConfigDict(
    {'enabled': True, 'map_videos': 1000}
  )
  # A loss or gradient that is no number: 'stop', or 'skip' the step (its update
  # is not made), which so many in a row stop as well. chosen: a single one can
  # come from a video, ten in a row from the network.
  config.non_finite = ml_collections.ConfigDict(
    {'action': 'stop', 'most_in_a_row': 10}
  )
  config.checkpoint = ml_collections.ConfigDict(
    {
      'every_epochs': 10,
      'every_minutes': 10.0,
      'keep': 1,
      'keep_epochs': (),
      'keep_best': 'none',  # as in configs/pretrain.py
    }
  )
  return config


def _demo(config):
  common.demo_overrides(config)
  config.num_epochs = 50
  config.frozen_epochs = 2
  config.batch_size = 24  # eighteen steps an epoch
  config.views.crop.area = (0.8, 1.0)  # at 32 pixels a mouth is small enough
  config.optimizer.learning_rate = 7e-4  # at 2e-3 nothing is learned for long
  config.optimizer.frozen_learning_rate = 3e-3
  config.optimizer.schedule = 'cosine'  # a plateau needs more epochs
  config.optimizer.warmup_epochs = 2
  config.report_every_epochs = 5
  config.log_every_steps = 1
