"""Settings that cannot be meant, refused before anything is read or run.

Words that a setting may be are read from where they mean something; numbers
are checked here, since nonsense computes.
"""

import numbers
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import ml_collections

from stclr_jax.data import folds
from stclr_jax.data import labelled_subsets
from stclr_jax.data import placement
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.learning import batches
from stclr_jax.learning import descent
from stclr_jax.learning import losses
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.learning.saved import best_epoch
from stclr_jax.models import architectures
from stclr_jax.models import convolutions
from stclr_jax.models import encoders
from stclr_jax.models import heads
from stclr_jax.views import temporal


class Rule(NamedTuple):
  """Rule that a setting must keep.

  Attributes:
    allows: takes a value of the type that the config has.
    words: what it must be, after 'must be'.
  """

  allows: Callable[[Any], bool]
  words: str


def _all_numbers(length, allows=lambda value: True):
  """A rule for tuples; NaN fulfils no comparison."""
  return lambda values: (
    isinstance(values, (tuple, list))
    and len(values) == length
    and all(isinstance(v, numbers.Real) and allows(v) for v in values)
  )


_AT_LEAST_1 = Rule(lambda value: value >= 1, 'at least 1')
_NOT_NEGATIVE = Rule(lambda value: value >= 0, '0 or more')
_POSITIVE = Rule(lambda value: 0 < value < float('inf'), 'above 0')
_BELOW_1 = Rule(lambda value: 0 <= value < 1, '0 or more and below 1')
_PIXELS = Rule(
  _all_numbers(2, lambda value: value >= 1),
  'two numbers, height and width, of at least 1',
)
_PAIR = Rule(_all_numbers(2), 'two numbers, the smallest and the largest')
_COLORS = Rule(_all_numbers(3), 'three numbers, of red, green and blue')
_ANY = Rule(lambda values: len(values) > 0, 'at least one')

# By the end of the key, as the runs of a cross-validation have them too.
RULES = {
  'temperature': Rule(
    lambda value: value > 0, 'positive: eq. (1) divides by it; 0.1 is usual'
  ),
  'look_every_epochs': _NOT_NEGATIVE,
  'map_videos': _NOT_NEGATIVE,
  'negatives.other_people': Rule(
    lambda value: 0 <= value <= 1,
    'between 0 (only videos of the same person are negatives) and 1',
  ),
  'num_epochs': _AT_LEAST_1,
  'batch_size': _AT_LEAST_1,
  'batches.people': _AT_LEAST_1,
  'log_every_steps': _AT_LEAST_1,
  'report_every_epochs': _AT_LEAST_1,
  'checkpoint.every_epochs': _AT_LEAST_1,
  'non_finite.most_in_a_row': _AT_LEAST_1,
  'checkpoint.every_minutes': _POSITIVE,
  'checkpoint.keep': _AT_LEAST_1,
  'knn.every_epochs': _AT_LEAST_1,
  'knn.num_neighbors': _AT_LEAST_1,
  'encoder.width': _POSITIVE,
  'projection.hidden_features': _AT_LEAST_1,
  'projection.features': _AT_LEAST_1,
  'batch_norm.momentum': _BELOW_1,
  'batch_norm.epsilon': _POSITIVE,
  'optimizer.learning_rate': _POSITIVE,
  'optimizer.frozen_learning_rate': _POSITIVE,
  'optimizer.momentum': _BELOW_1,
  'optimizer.weight_decay': _NOT_NEGATIVE,
  'optimizer.clip_norm': _NOT_NEGATIVE,
  'optimizer.warmup_epochs': _NOT_NEGATIVE,
  'optimizer.patience': _NOT_NEGATIVE,
  'optimizer.factor': Rule(lambda value: 0 < value <= 1, 'above 0, at most 1'),
  'init_epoch': _NOT_NEGATIVE,
  'data.frame_size': _PIXELS,
  'views.crop.area': _PAIR,
  'views.crop.aspect': _PAIR,
  'views.temporal.distance': Rule(
    lambda value: 0 <= value <= 1, 'between 0 and 1, a share of the video'
  ),
  'views.mean': _COLORS,
  'views.std': _COLORS,
  'lbp.radius': _AT_LEAST_1,
  'lbp.blocks': _PIXELS,
  'labelled_draws': _ANY,
  'labelled_fractions': _ANY,
  'plan.videos': _AT_LEAST_1,
  'plan.teraflops': _POSITIVE,
}


# Beginnings of a fine-tuning; a pretraining has none but the others.
INITS = ('pretrained', 'scratch', 'kinetics400')
PEOPLE_SEEN = ('refuse', 'drop', 'mark')

# The words that a setting may be, by the end of its key like `RULES`.
WORDS = {
  'data.placement': placement.PLACEMENTS,
  'data.same_names': identity.SAME_NAMES,
  'data.fold_assignment': folds.ASSIGNMENTS,
  'data.labelled_unit': labelled_subsets.UNITS,
  'views.temporal.variant': temporal.VARIANTS,
  'encoder.architecture': architectures.ARCHITECTURES,
  'encoder.dtype': ('float32', 'bfloat16'),
  'encoder.lowering': convolutions.LOWERINGS,
  'encoder.remat': encoders.REMAT,
  'encoder.kernels': encoders.KERNELS,
  'batch_norm.views': ('together', 'apart'),
  'loss': losses.CONTRASTIVE_LOSSES,
  'batches.composition': batches.COMPOSITIONS,
  'non_finite.action': descent.NON_FINITE,
  'checkpoint.keep_best': best_epoch.NAMES,
  'optimizer.name': optimizers.OPTIMIZERS,
  'optimizer.schedule': optimizers.SCHEDULES,
  'optimizer.state_between_stages': ('fresh', 'kept'),
  'classifier.rest': heads.RESTS,
  'classifier.initializer': heads.CLASSIFIER_INITIALIZERS,
  'projection.initializer': heads.PROJECTION_INITIALIZERS,
  'init': INITS,
  'pretrain_scope': ('train_folds', 'all_unlabelled'),
  'selection': ('last', 'inner_validation'),
  'people_seen': PEOPLE_SEEN,
}
_REMEDIES = {
  'selection': 'the best epoch on the test people is reported beside '
  "'last', as a test oracle"
}


def check(config):
  """Refuses a config with a word or a number that nobody can mean.

  Args:
    config: of any workflow.

  Raises:
    UserError: for the first such setting.
  """
  pretraining = config.workflow == 'pretrain'
  for key, value in flatten(config):
    for end, allowed in WORDS.items():
      if f'.{key}'.endswith(f'.{end}'):
        if end == 'init' and pretraining:
          allowed = INITS[1:]
        check_one_of(key, value, allowed, _REMEDIES.get(end, ''))
    for end, rule in RULES.items():
      if f'.{key}'.endswith(f'.{end}') and not rule.allows(value):
        raise UserError(f'`{key}` (={value!r}) must be {rule.words}.')
    if _is_unpaired_distance(config, key) and value != 1:
      raise UserError(
        f'`{key}` (={value!r}) must be 1.0: it is about the two clips of a '
        'pair, and fine-tuning has none; leave it out.'
      )


def _is_unpaired_distance(config, key):
  """Says whether a key is the distance of a pair where there is none."""
  run, _, name = f'{config.workflow}.{key}'.partition('views.')
  return name == 'temporal.distance' and run.endswith('finetune.')


def check_batch(config):
  """Refuses a batch that the devices, or its parts, cannot share.

  Args:
    config: of a run; without `batch_norm` it trains nothing, and may be of any
      batch.

  Raises:
    UserError: if it does not divide, or leaves a video without a negative.
  """
  if 'batch_norm' not in config:
    return
  size = config.batch_size
  parallel.check_batch_size(size)
  contrastive = 'negatives' in config
  for name in ('negatives', 'batch_norm') if contrastive else ('batch_norm',):
    parallel.check_groups(config[name].groups, size, name=f'{name}.groups')
  if contrastive and size // (groups := config.negatives.groups) < 2:
    raise UserError(
      f'`batch_size` (={size}) must be at least {2 * groups}, two videos for '
      f'each of `negatives.groups` (={groups}): a video has no negative but '
      'other videos, and without one there is nothing to learn.'
    )
  if contrastive:
    _check_negatives(config)


def _check_negatives(config):
  """Refuses negatives that there cannot be."""
  negatives, composition = config.negatives, config.batches.composition
  if not negatives.other_people and composition == 'shuffled':
    raise UserError(
      f'`negatives.other_people` (={negatives.other_people}) leaves negatives '
      "of the same person only, of whom `batches.composition` (='shuffled') "
      "seldom brings two videos together; 'by_person' does, or a weight above "
      '0 would do.'
    )
  if negatives.reversed and config.views.num_frames < 2:
    raise UserError(
      f'`views.num_frames` (={config.views.num_frames}) must be at least 2 '
      'where `negatives.reversed` is True: one frame played backwards is the '
      'same view.'
    )


def words(values):
  """Splits what was typed as one: `--config.methods=knn,chance` is two words.

  Numbers are split so by `ml_collections`, which leaves words as they are.

  Args:
    values: of a setting that holds words.

  Returns:
    A tuple of strings.
  """
  return tuple(word.strip() for value in values for word in value.split(','))


def flatten(config, prefix=''):
  """Yields (key, value) of all settings; keys of nodes with dots between."""
  for name, value in config.items():
    if isinstance(value, ml_collections.ConfigDict):
      yield from flatten(value, f'{prefix}{name}.')
    else:
      yield f'{prefix}{name}', value
