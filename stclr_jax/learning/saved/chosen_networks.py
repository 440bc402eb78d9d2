"""The network that a run chooses to be tested, kept beside its checkpoints.

A run that goes on from its newest checkpoint forgets what it had found beyond
it, so that the best network up to there is kept as well, and all found since:
a checkpoint may be under way.
"""

import pathlib
import shutil
import zipfile
from typing import Any
from typing import NamedTuple

import numpy as np
from flax import traverse_util

from stclr_jax.errors import UserError
from stclr_jax.files import disk
from stclr_jax.files import whole

CHOSEN = 'chosen_network.npz'


class Network(NamedTuple):
  """A network that was kept.

  Attributes:
    epoch: epochs that it was trained for.
    variables: {'params': ..., 'batch_stats': ...}, NumPy arrays.
  """

  epoch: int
  variables: dict[str, Any]


def keep(workdir, variables, epochs, *, safe):
  """Keeps a network that is better than those before it.

  Args:
    workdir: of the run.
    variables: {'params': ..., 'batch_stats': ...}.
    epochs: ascending, of the networks that were the best so far, whose last is
      this one.
    safe: epoch of the newest complete checkpoint; 0 without one.

  Raises:
    disk.FullDiskError: if there is no room for it.
  """
  folder = _candidates(workdir)
  folder.mkdir(exist_ok=True)
  leaves = traverse_util.flatten_dict(variables, sep='/')
  arrays: dict[str, Any] = {k: np.asarray(leaf) for k, leaf in leaves.items()}
  disk.check_space(
    sum(array.nbytes for array in arrays.values()),
    folder,
    'for the best network so far',
    otherwise='choose another disk (--workdir=DIR)',
  )
  with whole.writing(_of_epoch(folder, epochs[-1]), 'wb') as file:
    np.savez(file, epoch=epochs[-1], **arrays)
  first = max((epoch for epoch in epochs if epoch <= safe), default=0)
  needed = {_of_epoch(folder, epoch) for epoch in epochs if epoch >= first}
  for path in {*folder.glob('*')} - needed:
    path.unlink()


def choose(workdir, epoch):
  """Makes a network that was kept the one that `read` reads.

  Args:
    workdir: of the run.
    epoch: of the network.

  Raises:
    FileNotFoundError: if it was not kept, or is gone.
  """
  kept, chosen = _of_epoch(_candidates(workdir), epoch), read(workdir)
  if kept.exists():
    kept.replace(_chosen(workdir))
  elif chosen is None or chosen.epoch != epoch:
    raise FileNotFoundError(
      f'{kept}, the network of the epoch chosen, must be there when training '
      'has ended; fine-tune anew in another --workdir.'
    )
  shutil.rmtree(kept.parent, ignore_errors=True)


def read(workdir):
  """Reads the network that a run has chosen.

  Args:
    workdir: of the run.

  Returns:
    A `Network`; None if it has chosen none, or not yet.

  Raises:
    UserError: if it is damaged.
  """
  path = _chosen(workdir)
  if not path.exists():
    return None
  try:
    with np.load(path) as kept:
      arrays = {name: kept[name] for name in kept.files}
    epoch = int(arrays.pop('epoch'))
  except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
    raise UserError(
      f'{path}, the network of the epoch chosen, is damaged ({error}); bring '
      'it back, or run again in a new --workdir.'
    ) from error
  return Network(epoch, traverse_util.unflatten_dict(arrays, sep='/'))


def _candidates(workdir):
  return pathlib.Path(workdir) / 'best_networks'


def _of_epoch(folder, epoch):
  return folder / f'{epoch}.npz'


def _chosen(workdir):
  return pathlib.Path(workdir) / CHOSEN
