"""Reads a trained network from whatever folder holds one."""

import pathlib

from stclr_jax.errors import MissingFileError
from stclr_jax.inference import exported_folder
from stclr_jax.inference import workdir_network
from stclr_jax.learning.saved import checkpoints

_GIVE = (
  'give the workdir of a finished fine-tuning or pretraining, or a folder that '
  '`python -m stclr_jax.export` wrote'
)
_NAMED = 3  # chosen: of runs inside a folder, as many as are read at a glance


def read(directory):
  """Reads a trained network.

  Args:
    directory: workdir of a pretraining or fine-tuning run, or a folder that
      `stclr_jax.export` wrote.

  Returns:
    A `trained_network.Trained`.

  Raises:
    MissingFileError: if it holds none.
    UserError: if it is of another format, or damaged.
  """
  if exported_folder.is_one(directory):
    return exported_folder.read(directory)
  _check_holds_run(pathlib.Path(directory))
  return workdir_network.read(directory)


def _check_holds_run(path):
  if not path.is_dir():
    why = 'is a file' if path.exists() else 'is not there'
    raise MissingFileError(f'The model (--model={path}) {why}: {_GIVE}.')
  if checkpoints.latest_epoch(path):
    return
  inside = [
    str(found.parent)
    for depth in ('*', '*/*', '*/*/*')
    for found in sorted(path.glob(f'{depth}/checkpoints'))
  ]
  hint = f' In it lie runs, such as {", ".join(inside[:_NAMED])}.'
  raise MissingFileError(
    f'The folder {path} (--model) holds no trained network, neither '
    f'checkpoints of a run nor an export: {_GIVE}.{hint if inside else ""}'
  )
