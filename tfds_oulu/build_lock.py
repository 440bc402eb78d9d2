"""One build of a data set at a time, begun from a clean state."""

import contextlib
import pathlib
import re
import shutil


@contextlib.contextmanager
def building_alone(directory):
  """Builds a data set in one process at a time, and cleans up first.

  A process that another one builds for waits. One that was killed held the
  lock until then, so what is incomplete when the lock is taken is abandoned.

  Args:
    directory: where the data set will be; need not be there yet.
  """
  import fcntl

  directory = pathlib.Path(directory)
  directory.parent.mkdir(parents=True, exist_ok=True)
  with open(directory.parent / '.build_lock', 'a') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      print(f'Another process builds {directory}; waiting for it.', flush=True)
      fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:  # a file system without locks: nobody to be sure of
      yield
      return
    _remove_abandoned(directory)
    yield


def _remove_abandoned(directory):
  """Removes the folders of TFDS builds that were killed."""
  pattern = rf'incomplete\.[A-Z0-9]{{6}}_{re.escape(directory.name)}'
  for folder in directory.parent.iterdir():
    if re.fullmatch(pattern, folder.name):
      print(f'Removing {folder}, left by an interrupted build.', flush=True)
      shutil.rmtree(folder)
