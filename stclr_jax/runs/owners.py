"""Begins a run: its folder is owned by one process at a time, and opened.

A run owns its folder. Processes may share a tree, each with folds of its own;
what they share they write in turn.
"""

import contextlib
import functools
import pathlib
import time
from typing import NamedTuple

import ml_collections

from stclr_jax.files import locks
from stclr_jax.files import whole
from stclr_jax.learning.running import processes
from stclr_jax.runs import provenance
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks


class Begun(NamedTuple):
  """A run that has begun.

  Attributes:
    workdir: path of its folder.
    finished: the `Summary` of a run that is finished already, else None.
    started: when this session began, in seconds of `time.monotonic`.
  """

  workdir: pathlib.Path
  finished: summaries.Summary | None
  started: float

  def seconds(self, earlier=0.0):
    """Seconds since then, and those of earlier sessions."""
    return earlier + time.monotonic() - self.started


def begin(workdir, config, store, *kinds, of_call=()):
  """Opens the folder of a run, once nothing forbids it any more.

  Args:
    workdir: see `workdirs.open_workdir`.
    config: the run's ConfigDict.
    store: the `VideoStore` of its data.
    *kinds: see `summaries.read`.
    of_call: names of settings that may differ from call to call; with any, a
      run is never finished, as the next call may ask for more.

  Returns:
    `Begun`; if the run is finished already, that is printed.

  Raises:
    UserError: see `workdirs.open_workdir`; if the data has changed since the
      run was begun.
  """
  processes.check_same(
    'data set',
    {store.name: provenance.hash_data(store)},
    remedy='Give all of them the same videos, people and labels.',
  )
  workdir = workdirs.open_workdir(workdir, _without(config, of_call))
  finished = None if of_call else summaries.read(workdir, *kinds)
  if finished is None:
    provenance.refuse_other_data(workdir, store)
  else:
    print(f'The run in {workdir} is finished already.')
  return Begun(workdir, finished, time.monotonic())


def alone(run):
  """Makes a workflow own its folder, from its first look to its end.

  A second run in the same folder, however it is spelled, is refused before it
  reads or writes anything, and so is a config that nobody can mean. What
  refuses it leaves no folder behind.

  Args:
    run: `run(config, workdir, **options)`.

  Returns:
    The same, of one process at a time.
  """

  @functools.wraps(run)
  def run_alone(config, workdir, **options):
    config_checks.check(config)
    config_checks.check_batch(config)
    with owned(workdir):
      return run(config, workdir, **options)

  return run_alone


@contextlib.contextmanager
def owned(workdir):
  """Owns the folder of a run, made if need be; taken away if nothing is in it.

  Args:
    workdir: path.

  Raises:
    locks.OwnedError: if another process owns it.
    OSError: if it cannot be made.
  """
  workdir = pathlib.Path(workdir)
  missing = [
    folder for folder in (workdir, *workdir.parents) if not folder.exists()
  ]
  workdirs.make_folder(workdir)
  try:
    with locks.own(
      workdir / workdirs.LOCK,
      what=f'The workdir {workdir}',
      remedy='Wait until it has ended, or give another --workdir.',
    ):
      if (workdir / workdirs.CONFIG).exists():
        whole.clear(workdir)
      yield
  finally:
    for folder in missing:
      with contextlib.suppress(OSError):  # not empty: a run has begun
        folder.rmdir()


@contextlib.contextmanager
def owned_folds(tree, folds):
  """Owns folds of a tree of runs; other processes may run its other folds.

  Args:
    tree: path of a folder that is there.
    folds: their numbers.

  Raises:
    locks.OwnedError: if another process owns one of them.
  """
  with contextlib.ExitStack() as all_of_them:
    for fold in folds:
      all_of_them.enter_context(
        locks.own(
          pathlib.Path(tree) / f'.{workdirs.fold_dir("", fold)}{workdirs.LOCK}',
          what=f'Fold {fold} of {tree}',
          remedy='Wait until it has ended, give other folds (--config.folds), '
          'or another --workdir.',
        )
      )
    yield


def in_turn(tree):
  """Writes what the processes of a tree share: one after another.

  Args:
    tree: path of a folder that is there.

  Returns:
    A context; where another process writes, it begins when that one ends.
  """
  return locks.own(
    pathlib.Path(tree) / workdirs.LOCK,
    what=f'The common part of {tree}',
    remedy='Wait until it has ended.',
    wait=True,
  )


def open_tree(workdir, config, *, of_call=()):
  """Creates the folder of a tree of runs, or finds the one to go on in.

  Args:
    workdir: see `workdirs.open_workdir`.
    config: of the tree.
    of_call: names of settings that may differ from call to call.

  Returns:
    The path.

  Raises:
    UserError: see `workdirs.open_workdir`.
  """
  config_checks.check(config)
  config = _without(config, of_call)
  workdir = pathlib.Path(workdir)
  if (workdir / workdirs.CONFIG).exists():
    return workdirs.open_workdir(workdir, config)
  workdirs.make_folder(workdir)
  with in_turn(workdir):
    return workdirs.open_workdir(workdir, config)


def _without(config, names):
  return ml_collections.ConfigDict(
    {name: value for name, value in config.items() if name not in names}
  )
