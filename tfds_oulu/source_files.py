"""Lists every file below a folder, also those in its zip archives."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable

from stclr_jax.files import disk

# What operating systems leave behind, and resource forks such as ._000.jpeg.
_SYSTEM_NAMES = ('thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r')
# zipfile names others, such as Deflate64, but cannot unpack them.
_METHODS = (
  zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
  zipfile.ZIP_LZMA,
)  # fmt: skip
_ENCRYPTED = 0x1
# chosen: Oulu-CASIA is seen at two; a zip that holds itself ends somewhere.
_MAX_NESTING = 4


@dataclasses.dataclass(frozen=True)
class File:
  """A file on disk or in an archive.

  Attributes:
    path: relative to the folder listed, with '/'; an archive is written as if
      it were a folder.
    size: in bytes, unpacked.
    archived: whether it is in an archive.
    read: returns its bytes; raises OSError.
  """

  path: str
  size: int
  archived: bool
  read: Callable[[], bytes]

  @property
  def folder(self):
    """Path of the folder that it is in, '' for the one listed."""
    return self.path.rpartition('/')[0]

  @property
  def name(self):
    """Its name, without folders."""
    return self.path.rpartition('/')[2]


class FileTree(contextlib.ExitStack):
  """The files below a folder or in an archive.

  Used in a `with` statement: files can be read until it ends. Zip archives are
  read where they are; one inside another is copied to a temporary folder
  first.

  Attributes:
    root: path of what is listed.
    problems: list of (path, reason) of folders and archives that cannot be
      listed; filled while `files` is iterated over.
  """

  def __init__(self, root):
    """Prepares the listing.

    Args:
      root: path of a folder or of a zip archive.
    """
    super().__init__()
    self.problems = []
    self.root = pathlib.Path(root)
    self._temporary = None

  def files(self):
    """Lists all files.

    Yields:
      `File`s, those of a folder in order of their names.
    """
    if self.root.is_dir():
      yield from self._list_folder(self.root, '', ())
    else:
      name = to_printable(self.root.name)
      yield from self._list_archive(self.root, name, depth=1)

  def temporary_folder(self):
    """Makes a folder that is removed at the end.

    Returns:
      Its path; the same each time.
    """
    if self._temporary is None:
      self._temporary = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory(prefix='oulu_casia_'))
      )
    return self._temporary

  def _list_folder(self, folder, shown, above):
    try:
      status = folder.stat()
      entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
      self._fail(shown or '.', f'cannot be listed: {error.strerror}')
      return
    identity = (status.st_dev, status.st_ino)
    if identity in above:  # a link to a folder that holds it
      return
    for entry in entries:
      path = _join(shown, to_printable(entry.name))
      if entry.is_dir():
        yield from self._list_folder(
          pathlib.Path(entry.path), path, (*above, identity)
        )
      elif not entry.is_file():
        yield File(path, 0, False, functools.partial(_refuse, path))
      elif _is_zip(entry.name):
        yield from self._list_archive(entry.path, path, depth=1)
      else:
        read = pathlib.Path(entry.path).read_bytes
        yield File(path, _size(entry), False, read)

  def _list_archive(self, file, shown, *, depth):
    try:
      archive = self.enter_context(zipfile.ZipFile(file))
    # Other errors than BadZipFile come from damaged tables of contents.
    except Exception as error:
      self._fail(
        shown,
        f'is no whole zip archive ({error}); get it again, or move it away',
      )
      return
    members = [m for m in archive.infolist() if not m.is_dir()]
    if any(m.flag_bits & _ENCRYPTED for m in members):
      self._fail(shown, 'is encrypted; unpack it with its password')
      return
    if any(m.compress_type not in _METHODS for m in members):
      self._fail(
        shown, 'is packed in a way that Python cannot read; unpack it (7-Zip)'
      )
      return
    for member in members:
      name = to_printable(member.filename.replace('\\', '/'))
      path = _join(shown, name)
      if _is_zip(name) and not is_system_file(path):
        if depth == _MAX_NESTING:
          self._fail(path, 'is an archive too deep in others; unpack it')
        elif copy := self._copy_out(archive, member, path):
          yield from self._list_archive(copy, path, depth=depth + 1)
      else:
        read = functools.partial(_read_member, archive, member)
        yield File(path, member.file_size, True, read)

  def _copy_out(self, archive, member, path):
    """Copies an archive out of another; its path, or None with a problem."""
    folder = self.temporary_folder()
    disk.check_space(member.file_size, folder, f'to unpack {path}')
    copy = folder / f'{len(os.listdir(folder))}.zip'
    try:
      with archive.open(member) as source, open(copy, 'wb') as target:
        shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
      self._fail(path, f'cannot be unpacked ({error}); get it again')
      return None
    return copy

  def _fail(self, path, reason):
    self.problems.append((path, reason))


def is_system_file(path):
  """Tells what an operating system left behind.

  Args:
    path: of a file, with '/'.

  Returns:
    True for Thumbs.db, .DS_Store, anything in __MACOSX and the like.
  """
  name = path.rpartition('/')[2]
  return (
    name.startswith('.')
    or name.lower() in _SYSTEM_NAMES
    or '/__macosx/' in f'/{path.lower()}'
  )


def to_printable(name):
  """Makes a file's name text that can be printed and stored anywhere.

  Args:
    name: as the operating system gave it.

  Returns:
    The same, where needed with the escapes of undecodable bytes.
  """
  return name.encode('utf-8', 'surrogateescape').decode(
    'utf-8', 'backslashreplace'
  )


def _is_zip(name):
  return name.lower().endswith('.zip') and not name.startswith('._')


def _join(folder, name):
  return f'{folder}/{name}' if folder else name


def _size(entry):
  try:
    return entry.stat().st_size
  except OSError:  # reading it will say why
    return 0


def _read_member(archive, member):
  try:
    return archive.read(member)
  except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
    raise OSError(f'the archive is damaged here: {error}') from error


def _refuse(path):
  raise OSError(f'{path} is a broken link or no regular file')
