"""Tests a trained classifier on any data set.

    python main.py --config=configs/evaluate.py --config.classifier=WORKDIR
    python main.py --config=configs/evaluate.py:paper \
      --config.classifier=WORKDIR --config.data.split=ni_strong

`classifier` is the workdir of a fine-tuning. Encoder, views and normalisation
are that run's; nothing is trained.
"""

import ml_collections

from configs import common


def get_config(preset='demo'):
  """Returns the config of an evaluation; see `common.make`."""
  # The size of a view is the trained run's, whatever the preset.
  sized = 'paper' if preset == 'paper_112' else preset
  config = common.make(sized, paper=_paper, demo=_demo)
  config.preset = preset
  return config


def _paper():
  config = ml_collections.ConfigDict()
  config.workflow = 'evaluate'
  config.preset = ''
  config.classifier = ''  # workdir of a fine-tuning run
  # People that the classifier was trained on, where the data set has them:
  # 'refuse' to run, 'drop' their videos, or 'mark' them and test all.
  config.people_seen = 'refuse'
  # From the data's labels to the classifier's: 'happy=Happiness,neutral='
  # renames one and leaves one out; 'oulu_casia' knows other sets' words.
  config.label_map = ''
  config.batch_size = 32  # videos looked at together
  config.data = common.data_tested()
  return config


def _demo(config):
  config.data.name = 'synthetic_demo'
  config.data.frame_size = (64, 64)
