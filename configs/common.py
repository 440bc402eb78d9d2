"""Config nodes that runs share: data, views and the encoder.

A config shows every knob of a run. A value is followed by its place in the
paper, or by "chosen:" and the reason.
"""

import ml_collections

# The two clips' frames are normalised by what torchvision's Kinetics weights
# expect, as the first author's published loader does.
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)

PRESETS = ('demo', 'paper', 'paper_112')
# Of pretraining and fine-tuning: our recipe, `expression`, at the size of one.
EXPRESSION_PRESETS = {
  'expression': 'demo',
  'expression,paper': 'paper',
  'expression,paper_112': 'paper_112',
}


def make(preset, *, paper, demo, ours=None):
  """Makes the config of a preset.

  Args:
    preset: 'demo' (drawn faces, a laptop CPU), 'paper' (the recipe) or
      'paper_112' (the recipe at 112 pixels, for one GPU); with `ours` one of
      `EXPRESSION_PRESETS` too, which are not the paper's method.
    paper: makes the recipe.
    demo: changes the recipe into the demo, in place.
    ours: name of the run in `expression`; None of a workflow that has no part
      in it.

  Returns:
    A ConfigDict.

  Raises:
    ValueError: for another preset.
  """
  size = find_size(preset, EXPRESSION_PRESETS if ours else {})
  config = paper()
  config.preset = preset
  if size == 'paper_112':
    config.views.size = 112
  if size == 'demo':
    demo(config)
  if preset in EXPRESSION_PRESETS:
    config.update(expression(size)[ours])
  return config


def find_size(preset, others):
  """Finds the size at which a preset runs.

  Args:
    preset: its name.
    others: {name: size} of presets that are there beside `PRESETS`.

  Returns:
    One of `PRESETS`.

  Raises:
    ValueError: if there is no such preset.
  """
  size = others.get(preset, preset)
  if size not in PRESETS:
    ours = f"; not the paper's: {' or '.join(others)}" if others else ''
    raise ValueError(
      f'The preset (={preset!r}) must be one of {", ".join(PRESETS)}, as in '
      f'--config=configs/pretrain.py:paper{ours}.'
    )
  return size


def expression(size):
  """Our recipe for getting at the expression, which is not the paper's.

  A positive pair shows one person, so that who it is answers eq. (1), and takes
  most of what varies; the change from rest shows the expression. This is the
  one place that says what the recipe is: the presets and
  `reproduce.py:expression` read it.

  Args:
    size: of `PRESETS`.

  Returns:
    {'pretrain': ..., 'finetune': ...}: what it changes in the paper's run of
    that size, as dicts of dicts.
  """
  # The paper's: no contrast of changes was better, and that of the last frame
  # less the first leaves an encoder that fine-tunes badly: docs/expression.md.
  pretraining = {'projection': {'input': 'clip'}}
  if size != 'demo':
    # chosen: not measured at these sizes; the demo's cosine, and its rate by
    # the size of the batch, 32 for 36 (Goyal et al. 2017, arXiv:1706.02677).
    pretraining['optimizer'] = {'schedule': 'cosine', 'learning_rate': 0.044}
  finetuning = {'classifier': {'input': 'both'}}
  return {'pretrain': pretraining, 'finetune': finetuning}


def data():
  """Oulu-CASIA."""
  return ml_collections.ConfigDict(
    {
      # A config of the tfds_oulu builder: 'oulu_casia', 'synthetic' (drawn
      # faces at full size) or 'synthetic_demo'.
      'name': 'oulu_casia',
      'split': 'vl_strong',  # chosen: the field's usual 480 clips
      'data_dir': '',  # where TFDS keeps its data; '' is its own default
      'frame_size': (240, 320),  # height, width; Sec. IV.A
      # Where the frames live: 'device' (2.4 GB for vl_strong), 'host' or, left
      # in their records, 'streamed'; 'auto' takes the first that fits. The
      # views are the same.
      'placement': 'auto',
      # Of the free memory, what frames may fill under 'auto'. chosen: half; a
      # step on the other half of a GPU takes its usual batch.
      'memory_share': 0.5,
    }
  )


def data_tested():
  """The same of a run that tests people, who must not be met before."""
  config = data()
  # Who has been trained on is known by recordings and by names. In a set of
  # another source the same names are the 'same_people', or, if you know that
  # they merely sound alike, 'other_people'. chosen: the safe one.
  config.same_names = 'same_people'
  return config


def folds():
  """One fold of people held out."""
  return ml_collections.ConfigDict(
    {
      'num_folds': 10,  # Sec. IV.B
      'fold': 0,  # which people are held out; fold 0 tests P001 to P008
      # 'consecutive' (chosen: most public fold lists are), 'strided' and
      # 'shuffled' deal people; 'leaky_clips' deals videos, so that people are
      # trained on and tested: only to measure what that does.
      'fold_assignment': 'consecutive',
      'fold_seed': 0,  # of 'shuffled' and 'leaky_clips'
    }
  )


def batches():
  """Which videos meet in a batch."""
  return ml_collections.ConfigDict(
    {
      # In `stclr_jax.learning.batches.COMPOSITIONS`; 'by_person' is not the
      # paper's.
      'composition': 'shuffled',
      # Of a batch 'by_person', each in equally many videos. chosen: at the
      # usual 32 to 36 videos all six that Oulu-CASIA has of a person.
      'people': 6,
    }
  )


def encoder():
  """Table I, full width."""
  return ml_collections.ConfigDict(
    {
      'architecture': 'r2plus1d_18',  # Table I; Table III: r3d_18, mc3_18
      'width': 1.0,  # factor on every number of features
      # chosen: half the memory; parameters, statistics and loss stay float32.
      'dtype': 'bfloat16',
      'lowering': 'auto',  # how convolutions are computed, see convolutions.py
      # What the backward pass computes again to save memory: 'none',
      # 'batch_norm' or 'block'; results do not change. Compiled for an H200,
      # not measured: 1.01, 0.61 and 0.43 GB a view of 16x224x224; the latter
      # two have 7 and 30 % more bound. chosen: 'none', as the paper's batch
      # fits one H200 with it, or two GPUs of 80 GB, and time is what runs are
      # short of; --plan says which batch fits.
      'remat': 'none',
      # 'pallas': kernels of our own for GPUs, in (2+1)D networks; slow on a
      # CPU. chosen: xla until a GPU has said that they are faster.
      'kernels': 'xla',
    }
  )


def batch_norm():
  """torchvision's batch norm, over all devices."""
  return ml_collections.ConfigDict(
    {
      'momentum': 0.9,  # torch's 0.1
      'epsilon': 1e-5,
      'sync': True,  # chosen: statistics do not depend on the device count
      # Parts of the batch with statistics of their own, whatever the devices:
      # 4 is what the paper's 4 GPUs compute without synchronising.
      'groups': 1,
    }
  )


def views():
  """The augmentations of Sec. III.A.1."""
  return ml_collections.ConfigDict(
    {
      'num_frames': 16,  # Sec. IV.A
      'size': 224,  # Sec. IV.A
      'temporal': {
        'enabled': True,  # off (Table IV): always uniform
        'variant': 'paper',  # 'author_code': the sampler the author published
        # Of random, uniform and sequential. () is the variant's own: a third
        # each for 'paper' (chosen: Sec. III says "randomly choose"), 0.5, 0.1
        # and 0.4 for 'author_code'.
        'probabilities': (),
        # How far apart the middles of a pair's clips may be, as a share of the
        # video; 1 is anywhere, as in the paper. Fine-tuning has no pair and
        # takes nothing else.
        'distance': 1.0,
      },
      'crop': {
        'enabled': True,  # off (Table IV): the evaluation's centre square
        'area': (0.2, 1.0),  # chosen: the author's later code (ActiveFER)
        'aspect': (3 / 4, 4 / 3),  # chosen: torchvision's default
      },
      'flip': {
        'enabled': True,
        'probability': 0.5,  # chosen: torchvision's default
      },
      'color': {
        'enabled': True,
        'probability': 0.8,  # chosen: SimCLR's and ActiveFER's
        'brightness': 0.4,  # chosen: these four are ActiveFER's
        'contrast': 0.4,
        'saturation': 0.4,
        'hue': 0.1,
      },
      'mean': KINETICS_MEAN,
      'std': KINETICS_STD,
    }
  )


def demo_overrides(config):
  """Makes a config small: drawn faces, few pixels, a narrow encoder.

  Each line, here and in the demos themselves, is a deviation from the paper
  for a laptop's sake.
  """
  config.data.name = 'synthetic_demo'
  config.data.frame_size = (64, 64)
  config.views.num_frames = 4  # first to last still shows the change
  # Four consecutive frames of 21 see little of the change; sixteen see it.
  config.views.temporal.probabilities = (0.5, 0.5, 0.0)
  config.views.size = 32
  config.encoder.width = 0.25
  config.encoder.dtype = 'float32'  # a CPU has no fast bfloat16
