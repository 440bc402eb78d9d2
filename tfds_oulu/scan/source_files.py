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
from stclr_jax.files import file_names
from stclr_jax.files import regular_files

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
# chosen: of a file, which is a frame or a video of three seconds; a header can
# name any size, and a few are in memory at once.
MAX_BYTES = 2**28


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
    self._entered = set()

  def files(self):
    """Lists all files.

    Each folder is entered once, by its own path before that of a link to it.

    Yields:
      `File`s, those of a folder in order of their names.
    """
    self._entered.clear()
    if self.root.is_dir():
      yield from self._list_folder(self.root, '')
    elif fault := regular_files.find_fault(self.root):
      self._fail(file_names.to_printable(str(self.root)), f'is {fault}')
    else:
      name = file_names.to_printable(self.root.name)
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

  def _list_folder(self, folder, shown):
    """Lists a folder and the real ones below it, then what links lead to: each
    folder once, however many links there are to it."""
    links = [(shown, folder)]
    while links:
      below = []
      for path, link in sorted(links, key=lambda p: (p[0].count('/'), p[0])):
        yield from self._list_real_folder(link, path, below)
      links = below

  def _list_real_folder(self, folder, shown, links):
    try:
      status = os.stat(folder)
      identity = (status.st_dev, status.st_ino)
      if identity in self._entered:
        return
      self._entered.add(identity)
      entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
      self._fail(shown or '.', f'cannot be listed: {error.strerror}')
      return
    for entry in entries:
      path = _join(shown, file_names.to_printable(entry.name))
      fault = regular_files.find_fault(entry.path)
      if fault is None and _is_zip(entry.name):
        yield from self._list_archive(entry.path, path, depth=1)
      elif fault is None:
        read = functools.partial(
          regular_files.read_bytes, entry.path, MAX_BYTES
        )
        yield File(path, _size(entry), False, read)
      elif not os.path.isdir(entry.path):
        yield File(path, 0, False, functools.partial(_refuse, path, fault))
      elif entry.is_symlink():
        links.append((path, entry.path))
      else:
        yield from self._list_real_folder(entry.path, path, links)

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
      name = file_names.to_printable(member.filename.replace('\\', '/'))
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
    # Whatever size the table of contents names, no more is unpacked.
    with archive.open(member) as file:
      return regular_files.read_stream(file, MAX_BYTES, member.filename)
  # Damaged members raise whatever their decoder happens to stumble over.
  except (OSError, MemoryError):
    raise
  except Exception as error:
    raise OSError(f'the archive is damaged here: {error}') from error


def _refuse(path, fault):
  raise OSError(f'{path} is {fault}')
