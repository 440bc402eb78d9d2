"""Free disk space, the disk that fills up, the user's cache folder."""

import contextlib
import errno
import os
import pathlib
import shutil

# chosen: the descriptions beside the records, and what a disk keeps back.
_MARGIN = 32 << 20


class FullDiskError(OSError):
  """ENOSPC, with what was to be done."""


def check_space(
  needed,
  folder,
  purpose,
  *,
  otherwise='choose another disk (--data_dir=…, or TMPDIR for what is '
  'unpacked)',
):
  """Refuses to begin what a disk has no room for.

  Args:
    needed: bytes.
    folder: where they would be written; need not be there yet.
    purpose: in words, for the message.
    otherwise: what else the user can do than make room.

  Raises:
    FullDiskError: saying how much is needed and free.
  """
  folder = pathlib.Path(folder).absolute()
  while not folder.exists():
    folder = folder.parent
  free = shutil.disk_usage(folder).free
  if free < needed + _MARGIN:
    raise FullDiskError(
      errno.ENOSPC,
      f'{_gigabytes(needed + _MARGIN)} are needed {purpose} and '
      f'{_gigabytes(free)} are free in {folder}; make room, or '
      f'{otherwise}',
    )


@contextlib.contextmanager
def naming_full_disk(
  folder,
  *,
  doing='was built',
  kept='nothing of it is kept',
  otherwise='choose another disk (--data_dir=…)',
):
  """Says which disk is full, should one become so.

  Args:
    folder: what is written on it.
    doing: what became of the folder when the disk became full.
    kept: what is left of it.
    otherwise: what else the user can do than make room.

  Raises:
    FullDiskError: in place of what writers raise then.
  """
  try:
    yield
  except FullDiskError:
    raise
  except Exception as error:
    full = getattr(error, 'errno', None) == errno.ENOSPC
    # ArrayRecord and Orbax raise other errors with the system's words.
    if not full and os.strerror(errno.ENOSPC) not in str(error):
      raise
    raise FullDiskError(
      errno.ENOSPC,
      f'the disk became full while {folder} {doing}; {kept}. Make room, or '
      f'{otherwise}',
    ) from error


def cache_folder(name):
  """Says where to keep what can be had again: `$XDG_CACHE_HOME`, or `~/.cache`.

  Args:
    name: of what is kept, a folder of its own.

  Returns:
    Path, which need not be there yet.

  Raises:
    RuntimeError: if the user has no home.

  Source: XDG Base Directory Specification; a relative path is to be ignored.
  """
  given = pathlib.Path(os.environ.get('XDG_CACHE_HOME', ''))
  home = given if given.is_absolute() else pathlib.Path.home() / '.cache'
  return home / 'stclr_jax' / name


def _gigabytes(number):
  return f'{number / 1e9:.2f} GB'
