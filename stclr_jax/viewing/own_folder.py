"""A temporary folder of this process, and those that killed ones left behind.

The system drops a process's lock with the process, however it ends, so that a
folder whose lock can be had is nobody's any more.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile

from stclr_jax.files import locks

_READY, _NEW = 'stclr_web_', 'stclr_new_'
_LOCK = '.lock'
_WHAT = {'what': 'A temporary folder', 'remedy': 'It goes with its process.'}


class OwnFolder:
  """A folder that is deleted with `close`, or by the next process.

  Attributes:
    path: of the folder.
  """

  def __init__(self):
    """Makes it, and owns it."""
    self._owned = contextlib.ExitStack()
    new = pathlib.Path(tempfile.mkdtemp(prefix=_NEW))
    self._owned.enter_context(locks.own(new / _LOCK, **_WHAT))
    # Its name from now on says that without an owner it may be deleted.
    self.path = new.with_name(new.name.replace(_NEW, _READY))
    os.rename(new, self.path)

  def close(self):
    """Deletes it, and what is in it."""
    shutil.rmtree(self.path, ignore_errors=True)
    self._owned.close()


def clear_left_behind():
  """Deletes the folders of processes that were killed; of others none."""
  for folder in pathlib.Path(tempfile.gettempdir()).glob(f'{_READY}*'):
    lock = folder / _LOCK
    # Without a lock nobody can tell whether its process lives.
    with contextlib.suppress(OSError), contextlib.ExitStack() as owned:
      if folder.is_symlink() or not lock.is_file():
        continue
      if owned.enter_context(locks.own(lock, **_WHAT)):
        shutil.rmtree(folder)
