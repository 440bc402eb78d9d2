"""Checkpoints with Orbax: the train state, and what was done to get it."""

import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from stclr_jax.errors import UserError
from stclr_jax.files import disk


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """One saved moment of a run.

  Attributes:
    epoch: epochs finished, over all stages.
    state: the `TrainState`.
    notes: JSON-able facts of the loop and of the run, such as the plateau's
      state, the people that the encoder saw, and the encoder's architecture.
  """

  epoch: int
  state: Any
  notes: dict[str, Any]


class Checkpoints:
  """The checkpoints of one run; writing goes on in the background."""

  def __init__(self, directory, *, keep, keep_epochs=()):
    """Opens a folder of checkpoints, creating it.

    Args:
      directory: path.
      keep: how many of the newest to keep.
      keep_epochs: epochs whose checkpoints are never removed.
    """
    policies = ocp.checkpoint_managers.preservation_policy
    self._manager = ocp.CheckpointManager(
      pathlib.Path(directory).absolute(),
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policies.AnyPreservationPolicy(
          [policies.LatestN(keep), policies.CustomSteps(list(keep_epochs))]
        ),
        enable_async_checkpointing=True,
      ),
      item_names=('state', 'notes'),
    )

  def check_space(self, state):
    """Makes sure that there is room for one more checkpoint.

    Asked for beforehand: of a disk that becomes full while it writes, Orbax
    tells once an array.

    Args:
      state: a `TrainState`.

    Raises:
      disk.FullDiskError: saying how much is needed and free.
    """
    self._manager.wait_until_finished()
    disk.check_space(
      sum(leaf.nbytes for leaf in jax.tree.leaves(state)),
      self._manager.directory,
      'for a checkpoint',
      otherwise='choose another disk (--workdir=DIR)',
    )

  def save(self, epoch, state, notes):
    """Saves a state; returns once it is copied, before it is written.

    Args:
      epoch: epochs finished.
      state: a `TrainState`.
      notes: see `Checkpoint`.

    Raises:
      disk.FullDiskError: if there is no room for it.
    """
    self.check_space(state)
    self._manager.save(
      epoch,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(_one_copy(state)),
        notes=ocp.args.JsonSave(notes),
      ),
    )

  def latest_epoch(self):
    """Returns the epoch of the newest complete checkpoint, or None."""
    return self._manager.latest_step()

  def restore(self, template):
    """Restores the newest checkpoint.

    Args:
      template: a state of the same shapes, dtypes and shardings.

    Returns:
      A `Checkpoint`.

    Raises:
      FileNotFoundError: if there is none.
    """
    epoch = self.latest_epoch()
    if epoch is None:
      raise FileNotFoundError(
        f'No finished checkpoint in {self._manager.directory}; ask '
        '`latest_epoch` first.'
      )
    restored = self._manager.restore(
      epoch,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(template),
        notes=ocp.args.JsonRestore(),
      ),
    )
    return Checkpoint(epoch, restored['state'], restored['notes'])

  def close(self):
    """Waits for writing to end."""
    self._manager.wait_until_finished()
    self._manager.close()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()


def read(workdir, epoch=0):
  """Reads a checkpoint of a run, whatever its shapes.

  Args:
    workdir: of a run of this project.
    epoch: epochs finished; 0 for the newest checkpoint.

  Returns:
    A `Checkpoint` whose `state` is a dict of NumPy arrays.

  Raises:
    FileNotFoundError: if there is none, naming the folder looked at and the
      epochs it holds.
  """
  directory = _directory(workdir)
  if not _holds_any(directory):
    raise FileNotFoundError(
      f'No finished checkpoint in {directory}. Give the workdir of a '
      'finished pretraining (`init_from`).'
    )
  handlers = {
    'state': ocp.StandardCheckpointHandler(),
    'notes': ocp.JsonCheckpointHandler(),
  }
  with ocp.CheckpointManager(directory, item_handlers=handlers) as manager:
    epochs = sorted(manager.all_steps())
    if epoch and epoch not in epochs:
      raise FileNotFoundError(
        f'{directory} holds no checkpoint of epoch {epoch}, only of '
        f'{", ".join(map(str, epochs))}. Give one of these, or pretrain with '
        f'--config.checkpoint.keep_epochs="({epoch},)".'
      )
    epoch = epoch or epochs[-1]
    # Abstract arrays without a sharding read as NumPy on any machine.
    template = jax.tree.map(
      lambda leaf: np.empty(leaf.shape, leaf.dtype),
      manager.item_metadata(epoch)['state'].tree,
    )
    restored = manager.restore(
      epoch,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(template),
        notes=ocp.args.JsonRestore(),
      ),
    )
  return Checkpoint(epoch, restored['state'], restored['notes'])


def read_notes(workdir):
  """Reads the newest checkpoint's notes without its arrays.

  Args:
    workdir: of a run of this project, also one that has not begun.

  Returns:
    The notes, see `Checkpoint`; None without a checkpoint.
  """
  directory = _directory(workdir)
  if not _holds_any(directory):
    return None
  handlers = {'notes': ocp.JsonCheckpointHandler()}
  with ocp.CheckpointManager(directory, item_handlers=handlers) as manager:
    restored = manager.restore(
      manager.latest_step(),
      args=ocp.args.Composite(notes=ocp.args.JsonRestore()),
    )
  return restored['notes']


def merge_encoder(variables, state, *, source):
  """Puts a pretrained encoder into fresh variables; other parts stay.

  Args:
    variables: {'params': {'encoder': ...}, 'batch_stats': ...} of the new
      network.
    state: a dict with 'params' and 'batch_stats', as `read` gives it.
    source: where it comes from, for the message.

  Returns:
    The variables with the encoder's parameters and statistics replaced.

  Raises:
    ValueError: unless both sides hold the same arrays; shows both sides of
      the difference.
  """
  merged = {}
  for collection in ('params', 'batch_stats'):
    wanted = variables[collection]['encoder']
    found = state[collection]['encoder']
    check_same_arrays(wanted, found, source=f'{source}, {collection}')
    merged[collection] = variables[collection] | {'encoder': found}
  return variables | merged


def check_same_arrays(wanted, found, *, source):
  """Refuses trees of different arrays, showing what only one side has.

  Args:
    wanted: tree of arrays that the network of this run has.
    found: tree of arrays in a checkpoint.
    source: names the checkpoint.

  Raises:
    ValueError: if a name or a shape differs.
  """
  wanted, found = _array_names(wanted), _array_names(found)
  if wanted == found:
    return
  raise UserError(
    f'The encoder in {source} is another one than this config describes '
    '(`encoder.architecture`, `encoder.width`).\n'
    f'  Only in the checkpoint: {_listing(found - wanted)}\n'
    f'  Only in this config:    {_listing(wanted - found)}\n'
    'Set the encoder as it was pretrained, or give another `init_from`.'
  )


def _one_copy(state):
  """Copies one device's part of a state that is the same on all.

  Orbax would cut each array among them, with a program for each shape. A copy:
  the next step writes over the state's own memory.
  """
  if jax.process_count() > 1:
    return state

  def copy(leaf):
    return np.array(
      leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf
    )

  return jax.tree.map(copy, state)


def _directory(workdir):
  return pathlib.Path(workdir).absolute() / 'checkpoints'


def _holds_any(directory):
  return directory.is_dir() and bool(ocp.utils.checkpoint_steps(directory))


def _array_names(tree):
  leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
  return {
    f'{"/".join(str(k.key) for k in path)} {list(leaf.shape)}'
    for path, leaf in leaves
  }


def _listing(names, limit=6):
  names = sorted(names)
  shown = ', '.join(names[:limit]) or 'nothing'
  more = len(names) - limit
  return f'{shown}, and {more} more' if more > 0 else shown
