"""Settings that cannot be meant, refused before anything is read or run.

What a setting may be is checked where it is used, too late for those that are
used after an epoch, and not at all where nonsense computes.
"""

import numbers
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import ml_collections

from stclr_jax.errors import UserError


class Rule(NamedTuple):
  """What a setting must be.

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

# By the end of the key, as stages of a cross-validation have them too.
RULES = {
  'num_epochs': _AT_LEAST_1,
  'batch_size': _AT_LEAST_1,
  'log_every_steps': _AT_LEAST_1,
  'report_every_epochs': _AT_LEAST_1,
  'checkpoint.every_epochs': _AT_LEAST_1,
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
  'optimizer.warmup_epochs': _NOT_NEGATIVE,
  'optimizer.patience': _NOT_NEGATIVE,
  'optimizer.factor': Rule(lambda value: 0 < value <= 1, 'above 0, at most 1'),
  'init_epoch': _NOT_NEGATIVE,
  'data.frame_size': _PIXELS,
  'views.crop.area': _PAIR,
  'views.crop.aspect': _PAIR,
  'views.mean': _COLORS,
  'views.std': _COLORS,
  'lbp.radius': _AT_LEAST_1,
  'lbp.blocks': _PIXELS,
  'seeds': _ANY,
  'labelled_draws': _ANY,
  'labelled_fractions': _ANY,
  'plan.videos': _AT_LEAST_1,
  'plan.teraflops': _POSITIVE,
}


def check(config):
  """Refuses a config that holds a number which nobody can mean.

  Args:
    config: of any workflow.

  Raises:
    ValueError: for the first such setting.
  """
  for key, value in _flatten(config):
    for end, rule in RULES.items():
      if f'.{key}'.endswith(f'.{end}') and not rule.allows(value):
        raise UserError(f'`{key}` (={value!r}) must be {rule.words}.')


def _flatten(config, prefix=''):
  for name, value in config.items():
    if isinstance(value, ml_collections.ConfigDict):
      yield from _flatten(value, f'{prefix}{name}.')
    else:
      yield f'{prefix}{name}', value
