"""The commands that a user types, in a clone and of an installed copy."""

import importlib.util
import pathlib

from stclr_jax.errors import MissingPackageError

_CLONE = pathlib.Path(__file__).parents[1]
# Modules of the packages of the extra [train] in pyproject.toml.
FOR_TRAINING = (
  'tensorflow_datasets',
  'array_record',
  'sklearn',
  'skimage',
  'matplotlib',
  'tensorboardX',
)


def training(beside=_CLONE):
  """Says how a training is begun here.

  Args:
    beside: the folder that holds the package.

  Returns:
    'python main.py' in a clone, 'stclr train' of an installed copy.
  """
  return 'python main.py' if (beside / 'main.py').exists() else 'stclr train'


def check_training(modules=FOR_TRAINING):
  """Refuses to train where packages for it are missing, before hours of work.

  Args:
    modules: names of what is imported later on.

  Raises:
    MissingPackageError: naming them, and how they are installed.
  """
  missing = [name for name in modules if not importlib.util.find_spec(name)]
  if missing:
    raise MissingPackageError(
      f'To train, {", ".join(missing)} must be installed: '
      'pip install "stclr_jax[train]", or in a clone '
      'pip install -r requirements.txt.'
    )
