"""Locks on folders: one process at a time owns one, until it ends.

The system holds the lock and drops it with the process, also after a kill or
a crash, so that a lock file that was left behind stops nobody.
"""

import contextlib
import datetime
import errno
import json
import os
import pathlib
import socket
import sys

import filelock

# What file systems without locks answer. Source: flock(2), fcntl(2).
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
# Where nothing can be written, nobody can take anything away.
_NO_WRITING = (errno.EROFS, errno.EACCES, errno.EPERM)


class OwnedError(BlockingIOError):
  """Another process owns what is asked for."""


@contextlib.contextmanager
def own(lock_file, *, what, remedy, wait=False):
  """Owns a thing while the context lasts.

  Args:
    lock_file: path in a folder that is there; the file is made, says who owns
      the thing, and is taken away at the end.
    what: names the thing, for messages.
    remedy: what to do in place of it, a sentence.
    wait: whether to wait for another owner to end.

  Yields:
    Whether it is owned: not where the file system has no locks, or nothing can
    be written.

  Raises:
    OwnedError: naming the owner, unless `wait`.
    OSError: if the lock file cannot be made.
  """
  # However it is spelled, a folder has one lock.
  path = pathlib.Path(os.path.realpath(lock_file))
  lock = filelock.FileLock(path, fallback_to_soft=False)
  if not _acquire(lock, path, what, remedy, wait):
    yield False
    return
  try:
    path.write_text(json.dumps(_identify_self()))
    yield True
  finally:
    # Before the release: whoever makes the file next makes another one.
    path.unlink(missing_ok=True)
    lock.release()


def _acquire(lock, path, what, remedy, wait):
  """Takes a lock; False where the file system has none, or is not written."""
  try:
    _acquire_or_refuse(lock, path, what, remedy, wait)
  except OSError as error:
    if error.errno in _NO_LOCKS:
      print(
        f'Warning: the file system of {path.parent} has no locks '
        f'({error.strerror}). {what} is not kept from a second process.',
        file=sys.stderr,
        flush=True,
      )
    elif error.errno not in _NO_WRITING:
      raise
    return False
  return True


def _acquire_or_refuse(lock, path, what, remedy, wait):
  told = False
  while True:
    try:
      lock.acquire(blocking=told)
      return
    except filelock.Timeout:
      if not path.exists():
        continue  # its owner ended in between
      owner = _read_owner(path)
      if not wait:
        raise OwnedError(f'{what} is owned by {owner}. {remedy}') from None
      print(f'{what} is owned by {owner}; waiting.', flush=True)
      told = True


def _identify_self():
  now = datetime.datetime.now().astimezone()
  return {
    'pid': os.getpid(),
    'host': socket.gethostname(),
    'since': now.isoformat(' ', 'seconds'),
  }


def _read_owner(path):
  try:
    owner = json.loads(path.read_text())
    return f'process {owner["pid"]} on {owner["host"]}, since {owner["since"]}'
  except (OSError, ValueError, KeyError, TypeError):
    return 'another process'  # which has not yet said who it is
