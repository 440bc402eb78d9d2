"""Who owns a run's folder, or a part of a tree of runs: one process at a time.

A run owns its folder. Processes may share a tree, each with folds of its own;
what they share they write in turn.
"""

import contextlib
import functools
import pathlib

from stclr_jax.files import locks
from stclr_jax.files import whole
from stclr_jax.runs import workdirs


def alone(run):
  """Makes a workflow own its folder, from its first look to its end.

  A second run in the same folder, however it is spelled, is refused before it
  reads or writes anything. What refuses its config leaves no folder behind.

  Args:
    run: `run(config, workdir, **options)`.

  Returns:
    The same, of one process at a time.
  """

  @functools.wraps(run)
  def run_alone(config, workdir, **options):
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
          pathlib.Path(tree) / f'.fold_{fold}{workdirs.LOCK}',
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


def open_tree(workdir, config):
  """Creates the folder of a tree of runs, or finds the one to go on in.

  Args:
    workdir: see `open_workdir`.
    config: of the tree, without what its processes may differ in.

  Returns:
    The path.

  Raises:
    ValueError: see `open_workdir`.
  """
  workdir = pathlib.Path(workdir)
  if (workdir / workdirs.CONFIG).exists():
    return workdirs.open_workdir(workdir, config)
  workdirs.make_folder(workdir)
  with in_turn(workdir):
    return workdirs.open_workdir(workdir, config)
