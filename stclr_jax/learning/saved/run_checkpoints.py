"""Checkpoints of a run under way: written behind it, checked when it goes on.

Those at the end of an epoch are what others read. One within an epoch, of a run
that was stopped or whose epochs are long, lies apart and goes with its epoch.
"""

import pathlib
import shutil
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp

from stclr_jax.files import disk
from stclr_jax.learning import parallel
from stclr_jax.learning.running import processes
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import checksums


class RunCheckpoints:
  """The checkpoints of one run; writing goes on in the background."""

  def __init__(
    self, workdir, *, steps_per_epoch, keep, keep_epochs=(), best=None
  ):
    """Opens the checkpoints of a run.

    Args:
      workdir: path of the run.
      steps_per_epoch: of the run.
      keep: how many of the newest, at the end of epochs, to keep.
      keep_epochs: epochs whose checkpoints are never removed.
      best: a `best_epoch.BestEpoch` whose epoch is kept, too.
    """
    self._workdir = pathlib.Path(workdir).absolute()
    self._steps_per_epoch = steps_per_epoch
    self._of_epochs = self._workdir / checkpoints.FOLDER
    self._within = self._workdir / checkpoints.UNFINISHED_EPOCH
    policies = ocp.checkpoint_managers.preservation_policy
    kept = [policies.LatestN(keep), policies.CustomSteps(list(keep_epochs))]
    if best is not None:
      kept.append(_KeepBest(best))
    self._policy = policies.AnyPreservationPolicy(kept)
    self._newest = policies.LatestN(1)
    self._managers = {}

  def check_space(self, state):
    """Makes sure that there is room for one more checkpoint.

    Asked for beforehand: of a disk that becomes full while it writes, Orbax
    tells once an array.

    Args:
      state: a `TrainState`.

    Raises:
      disk.FullDiskError: saying how much is needed and free.
    """
    if not processes.is_first():
      return
    self._settle()
    disk.check_space(
      sum(leaf.nbytes for leaf in jax.tree.leaves(state)),
      self._workdir,
      'for a checkpoint',
      otherwise='choose another disk (--workdir=DIR)',
    )

  def save(self, step, state, notes):
    """Saves a state; returns once it is copied, before it is written.

    Args:
      step: steps done, over all stages.
      state: a `TrainState`.
      notes: see `checkpoints.Checkpoint`.

    Raises:
      disk.FullDiskError: if there is no room for it.
    """
    if not processes.is_first():
      return  # it is the same in all
    self.check_space(state)
    epoch, more = divmod(step, self._steps_per_epoch)
    folder, number = (self._within, step) if more else (self._of_epochs, epoch)
    self._manager(folder).save(
      number,
      args=ocp.args.Composite(
        # One copy: Orbax would cut each array among the devices, with a program
        # for each shape; and the next step writes over the state's memory.
        state=ocp.args.StandardSave(jax.tree.map(parallel.own_copy, state)),
        notes=ocp.args.JsonSave(notes),
      ),
    )

  def find(self):
    """Finds the newest checkpoint that is whole; damaged ones are set aside.

    Returns:
      Its steps done, over all stages; 0 without one.
    """
    return processes.from_first(self._find)

  def _find(self):
    for step, folder, number in self._newest_first():
      damage = checkpoints.find_damage(folder, number)
      if not damage:
        return step
      self._set_aside(folder, number, damage)
    return 0

  def read_notes(self):
    """Reads the notes of the newest checkpoint, which there must be."""
    return processes.from_first(self._read_notes)

  def _read_notes(self):
    _, folder, number = self._newest_first()[0]
    notes = ocp.args.Composite(notes=ocp.args.JsonRestore())
    return self._manager(folder).restore(number, args=notes)['notes']

  def read_notes_of_epochs(self):
    """Reads the notes of all checkpoints at the end of an epoch, by epoch."""
    return dict(processes.from_first(self._read_notes_of_epochs))

  def _read_notes_of_epochs(self):
    notes = ocp.args.Composite(notes=ocp.args.JsonRestore())
    return [
      (
        epoch,
        self._manager(self._of_epochs).restore(epoch, args=notes)['notes'],
      )
      for epoch in checksums.list_numbers(self._of_epochs)
      if not checkpoints.find_damage(self._of_epochs, epoch)
    ]

  def restore(self, template):
    """Restores the newest checkpoint, which there must be; see `find`.

    Args:
      template: a state of the same shapes and dtypes.

    Returns:
      The state, of NumPy arrays.
    """
    leaves = processes.from_first(
      lambda: jax.tree.leaves(self._restore(template))
    )
    return jax.tree.unflatten(jax.tree.structure(template), leaves)

  def _restore(self, template):
    _, folder, number = self._newest_first()[0]
    empty = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), template)
    state = ocp.args.Composite(state=ocp.args.StandardRestore(empty))
    return self._manager(folder).restore(number, args=state)['state']

  def close(self):
    """Waits for writing to end."""
    if processes.is_first():
      self._settle()
    for manager in self._managers.values():
      manager.close()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()

  def _manager(self, folder):
    if folder not in self._managers:
      folder.mkdir(parents=True, exist_ok=True)
      self._managers[folder] = checkpoints.open_manager(
        folder,
        preservation_policy=(
          self._policy if folder == self._of_epochs else self._newest
        ),
        enable_async_checkpointing=True,
      )
    return self._managers[folder]

  def _settle(self):
    """Waits for writing to end, and puts in order what it has left."""
    for folder, manager in self._managers.items():
      manager.wait_until_finished()
      checksums.seal(folder)
    finished = max(checksums.list_numbers(self._of_epochs), default=0)
    newest = max(checksums.list_numbers(self._within), default=0)
    if self._within.exists() and newest <= finished * self._steps_per_epoch:
      if manager := self._managers.pop(self._within, None):
        manager.close()
      shutil.rmtree(self._within)

  def _newest_first(self):
    return newest_first(self._workdir, self._steps_per_epoch)

  def _set_aside(self, folder, number, damage):
    """Moves a damaged checkpoint away, and says so."""
    place = self._workdir / checkpoints.DAMAGED / f'{folder.name}_{number}'
    while place.exists():
      place = place.with_name(f'{place.name}_')
    place.parent.mkdir(exist_ok=True)
    (folder / str(number)).rename(place)
    checksums.seal(folder)  # forgets it: one of its number may follow
    if manager := self._managers.pop(folder, None):
      manager.close()  # it has listed what was there
    kind = 'epoch' if folder == self._of_epochs else 'step'
    print(
      f'The checkpoint of {kind} {number} is damaged ({damage}). It is now '
      f'{place}, and the one before it, if any, is gone on from.',
      file=sys.stderr,
      flush=True,
    )


def newest_first(workdir, steps_per_epoch):
  """Lists the finished checkpoints of a run, also those within an epoch.

  Args:
    workdir: `pathlib.Path` of the run.
    steps_per_epoch: of the run.

  Returns:
    A list of (steps done, folder, number in it), the newest first.
  """
  found = [
    (number * steps, workdir / name, number)
    for name, steps in (
      (checkpoints.FOLDER, steps_per_epoch),
      (checkpoints.UNFINISHED_EPOCH, 1),
    )
    for number in checksums.list_numbers(workdir / name)
  ]
  return sorted(found, reverse=True)


class _KeepBest:
  """Orbax's policy of keeping the epoch that is the best when it asks."""

  def __init__(self, best):
    self._best = best

  def should_preserve(self, checkpoints, *, context):
    """Says of each checkpoint whether it is kept."""
    del context
    return [one.step == self._best.epoch for one in checkpoints]
