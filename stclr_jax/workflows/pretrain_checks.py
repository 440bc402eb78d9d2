"""Settings of a pretraining that can run on no data."""

from stclr_jax.errors import UserError
from stclr_jax.learning import losses
from stclr_jax.learning import parallel

BATCH_NORM_VIEWS = ('together', 'apart')


def check(config):
  """Refuses a config that cannot run on any data.

  Args:
    config: as `configs/pretrain.py` gives it.

  Raises:
    ValueError: for a temperature, or a batch or its parts, that cannot be.
  """
  losses.check_temperature(config.temperature)
  parallel.check_batch_size(config.batch_size)
  _check_groups(config)


def _check_groups(config):
  for name in ('negatives', 'batch_norm'):
    parallel.check_groups(
      config[name].groups, config.batch_size, name=f'{name}.groups'
    )
  groups = config.negatives.groups
  if config.batch_size // groups < 2:
    raise UserError(
      f'`batch_size` (={config.batch_size}) must be at least {2 * groups}, two '
      f'videos for each of `negatives.groups` (={groups}): a video has no '
      'negative but other videos, and without one there is nothing to learn.'
    )
  if config.batch_norm.views not in BATCH_NORM_VIEWS:
    raise UserError(
      f'`batch_norm.views` (={config.batch_norm.views!r}) must be one of '
      f'{", ".join(BATCH_NORM_VIEWS)}.'
    )
