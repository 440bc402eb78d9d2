"""Checkpoints of earlier runs, read: the state, and what was done to get it."""

import contextlib
import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from stclr_jax.errors import UserError
from stclr_jax.learning.running import processes
from stclr_jax.learning.saved import checksums
from stclr_jax.learning.saved import chosen_networks

# Folders of a run: one checkpoint an epoch or a step, each named by its number.
FOLDER = 'checkpoints'
UNFINISHED_EPOCH = 'unfinished_epoch'
DAMAGED = 'damaged'


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


def read(workdir, epoch=0):
  """Reads a checkpoint of a run, whatever its shapes.

  Args:
    workdir: of a run of this project.
    epoch: epochs finished; 0 for the network that the run has chosen
      (`chosen_networks`), and where it has chosen none the newest checkpoint.

  Returns:
    A `Checkpoint` whose `state` is a dict of NumPy arrays; of a network that
    was chosen without the optimiser's.

  Raises:
    FileNotFoundError: if there is none, naming the folder looked at and the
      epochs it holds.
    UserError: if it is damaged, naming the file.
  """
  return Checkpoint(
    **processes.from_first(lambda: dict(vars(_read(workdir, epoch))))
  )


def _read(workdir, epoch):
  directory = _directory(workdir)
  chosen = None if epoch else chosen_networks.read(workdir)
  if chosen is not None and (notes := _read_notes(workdir)):
    return Checkpoint(chosen.epoch, chosen.variables, notes)
  epochs = checksums.list_numbers(directory)
  if not epochs:
    raise FileNotFoundError(
      f'No finished checkpoint in {directory}. Give the workdir of a run that '
      'has trained at least until its first one.'
    )
  if epoch and epoch not in epochs:
    raise FileNotFoundError(
      f'{directory} holds no checkpoint of epoch {epoch}, only of '
      f'{", ".join(map(str, epochs))}. Give one of these, or pretrain with '
      f'--config.checkpoint.keep_epochs="({epoch},)".'
    )
  epoch = epoch or epochs[-1]
  damage = find_damage(directory, epoch)
  if damage:
    raise UserError(
      f'The checkpoint of epoch {epoch} in {directory} is damaged ({damage}). '
      'Bring it back, or give the command of its run again: if the run is not '
      'finished, it goes on from the checkpoint before.'
    )
  return read_folder(directory, epoch)


def find_damage(directory, number):
  """Looks for what is wrong with a finished checkpoint.

  Args:
    directory: of checkpoints.
    number: of the checkpoint.

  Returns:
    What is wrong, in words; '' for nothing.
  """
  changed = checksums.find_changed(directory, number)
  if changed is not None:
    return changed and f'{changed} is not as it was written'
  try:  # the run was killed before it noted the checksums
    read_folder(directory, number)
  except Exception as error:  # Orbax's and TensorStore's are of many kinds
    return f'it cannot be read: {str(error).splitlines()[0]}'
  return ''


def read_folder(directory, number):
  """Reads a checkpoint, whatever its shapes.

  Args:
    directory: of checkpoints.
    number: of the checkpoint.

  Returns:
    A `Checkpoint`, see `read`; its `epoch` is the number.
  """
  with open_manager(directory) as manager:
    # Abstract arrays without a sharding read as NumPy on any machine.
    template = jax.tree.map(
      lambda leaf: np.empty(leaf.shape, leaf.dtype),
      manager.item_metadata(number)['state'].tree,
    )
    restored = manager.restore(
      number,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(template),
        notes=ocp.args.JsonRestore(),
      ),
    )
  return Checkpoint(number, restored['state'], restored['notes'])


def read_notes(workdir):
  """Reads the newest checkpoint's notes without its arrays.

  Args:
    workdir: of a run of this project, also one that has not begun.

  Returns:
    The notes, see `Checkpoint`, of the newest checkpoint whose notes can be
    read, also of one within an epoch; None without any.
  """
  return processes.from_first(lambda: _read_notes(workdir))


def _read_notes(workdir):
  for name in (FOLDER, UNFINISHED_EPOCH):
    directory = pathlib.Path(workdir).absolute() / name
    for number in reversed(checksums.list_numbers(directory)):
      # A damaged one is told of by who reads it whole.
      with contextlib.suppress(Exception), open_manager(directory) as manager:
        notes = ocp.args.Composite(notes=ocp.args.JsonRestore())
        return manager.restore(number, args=notes)['notes']
  return None


def latest_epoch(workdir):
  """Says how far a run's newest complete checkpoint is; 0 without one."""
  return processes.from_first(
    lambda: max(checksums.list_numbers(_directory(workdir)), default=0)
  )


def open_manager(directory, **options):
  """Opens checkpoints with Orbax, by this process alone.

  Args:
    directory: of checkpoints, which is there.
    **options: of Orbax's manager.

  Returns:
    An `ocp.CheckpointManager`.
  """
  own = jax.process_index()
  alone = ocp.options.MultiprocessingOptions()
  if jax.process_count() > 1:
    alone = ocp.options.MultiprocessingOptions(
      primary_host=own,
      active_processes={own},
      barrier_sync_key_prefix=f'process_{own}',
    )
  return ocp.CheckpointManager(
    directory,
    item_handlers={
      'state': ocp.StandardCheckpointHandler(multiprocessing_options=alone),
      'notes': ocp.JsonCheckpointHandler(multiprocessing_options=alone),
    },
    options=ocp.CheckpointManagerOptions(
      create=False, multiprocessing_options=alone, **options
    ),
  )


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


def _directory(workdir):
  return pathlib.Path(workdir).absolute() / FOLDER


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
