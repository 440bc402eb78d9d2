"""Reads files that are files: no pipe, no device, and no more than a limit.

Opening a pipe waits for somebody to write, and a device may never end, so that
one such name in a folder would stop an import for ever or take all memory.
"""

import errno
import os
import stat

_KINDS = (
  (stat.S_ISFIFO, 'a named pipe'),
  (stat.S_ISSOCK, 'a socket'),
  (stat.S_ISCHR, 'a device'),
  (stat.S_ISBLK, 'a device'),
  (stat.S_ISDIR, 'a folder'),
)
_CHUNK = 1 << 20  # chosen: bytes a read; what a file says of its size may lie


def find_fault(path):
  """Says why a path is no file that can be read from its beginning to its end.

  Nothing is opened.

  Args:
    path: of anything.

  Returns:
    None for a regular file or a link to one; otherwise a phrase such as 'a
    named pipe, not a file'.
  """
  try:
    mode = os.stat(path).st_mode
  except FileNotFoundError:
    if os.path.islink(path):
      return f'a link to {os.readlink(path)}, which is not there'
    return 'not there'
  except ValueError:
    return 'no name of a file'  # a NUL byte in it
  except OSError as error:
    return f'not to be reached ({error.strerror})'
  return _name_kind(mode)


def read_bytes(path, limit):
  """Reads a file.

  Args:
    path: of the file.
    limit: of its size, in bytes.

  Returns:
    bytes.

  Raises:
    OSError: with the reason as `strerror`: if it is absent, no regular file,
      or larger than the limit.
  """
  _refuse(os.stat(path), path)
  # Without O_NONBLOCK a pipe that took the file's place would be waited for.
  descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0))
  with open(descriptor, 'rb') as file:
    _refuse(os.fstat(descriptor), path)
    return read_stream(file, limit, path)


def read_stream(file, limit, path):
  """Reads an open file to its end, a piece at a time.

  Args:
    file: binary, readable.
    limit: of its size, in bytes.
    path: its name, for the error.

  Returns:
    bytes.

  Raises:
    OSError: if it is larger than the limit.
  """
  pieces, left = [], limit
  while piece := file.read(min(_CHUNK, left + 1)):
    pieces.append(piece)
    left -= len(piece)
    if left < 0:
      raise OSError(
        errno.EFBIG, f'more than {limit >> 20} MiB, the limit', os.fspath(path)
      )
  return b''.join(pieces)


def _refuse(status, path):
  if fault := _name_kind(status.st_mode):
    raise OSError(errno.EINVAL, fault, os.fspath(path))


def _name_kind(mode):
  if stat.S_ISREG(mode):
    return None
  kinds = (name for is_kind, name in _KINDS if is_kind(mode))
  return f'{next(kinds, "something else")}, not a file'
