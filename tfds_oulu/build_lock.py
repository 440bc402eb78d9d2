"""One build of a data set at a time, begun from a clean state."""

import contextlib
import pathlib
import re
import shutil

from stclr_jax.files import locks


@contextlib.contextmanager
def building_alone(directory):
  """Builds a data set in one process at a time, and cleans up first.

  A process that another one builds for waits. One that was killed held the
  lock until then, so what is incomplete when the lock is taken is abandoned.

  Args:
    directory: where the data set will be; need not be there yet.
  """
  directory = pathlib.Path(directory)
  directory.parent.mkdir(parents=True, exist_ok=True)
  with locks.own(
    directory.parent / '.build_lock',
    what=f'The data set {directory}',
    remedy='Wait until it is built.',
    wait=True,
  ) as owned:
    if owned:
      _remove_abandoned(directory)
    yield


def _remove_abandoned(directory):
  """Removes the folders of TFDS builds that were killed."""
  pattern = rf'incomplete\.[A-Z0-9]{{6}}_{re.escape(directory.name)}'
  for folder in directory.parent.iterdir():
    if re.fullmatch(pattern, folder.name):
      print(f'Removing {folder}, left by an interrupted build.', flush=True)
      shutil.rmtree(folder)
