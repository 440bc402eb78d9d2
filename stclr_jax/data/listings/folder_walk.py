"""Finds the videos below a folder: files, and folders of pictures."""

import collections
import dataclasses
import os
import pathlib

from stclr_jax.data.listings import file_kinds
from stclr_jax.data.listings import path_hints
from stclr_jax.data.listings.listing import Listing
from stclr_jax.data.listings.listing import Problem
from stclr_jax.data.listings.listing import as_text
from stclr_jax.data.pictures import animations
from stclr_jax.data.pictures import frame_images
from stclr_jax.files import file_names
from stclr_jax.files import regular_files


@dataclasses.dataclass
class Found:
  """Videos below a folder, and what was left out.

  Attributes:
    videos: dict from the path of each video file to (), and of each folder of
      images to the images in natural order; sorted. Of a folder with video
      files only the images that move are there.
    others: paths of the files passed over, without hidden ones.
    ignored: number of what is passed over, by suffix or in words.
    problems: list of `Problem`: folders that cannot be listed, and videos and
      images that are no regular files.
  """

  videos: dict
  others: list
  ignored: dict
  problems: list


def walk(source):
  """Finds the videos below a folder.

  Links are followed, but each folder is entered once, by its own path before
  that of a link to it. Hidden files and folders and those of __MACOSX are
  passed over. No pipe and no device is opened.

  Args:
    source: path.

  Returns:
    A `Found`.

  Raises:
    NotADirectoryError: if source is a file.
    FileNotFoundError: if it does not exist.
  """
  source = pathlib.Path(source)
  if not source.is_dir():
    fault = regular_files.find_fault(source)
    if fault is None:
      raise NotADirectoryError(
        f'{source} is a file; give a folder of videos, or a .csv file that '
        'names them.'
      )
    raise FileNotFoundError(
      f'There is no folder {source}{path_hints.hint(str(source))}.'
      if fault == 'not there'
      else f'{source} is {fault}; give a folder.'
    )
  walker = _Walker(source)
  walker.enter(source)
  while links := sorted(walker.links, key=lambda p: (len(p.parts), p.parts)):
    walker.links = []
    for link in links:
      walker.enter(link)
  order = sorted(
    walker.found, key=lambda p: file_names.natural_key(p.as_posix())
  )
  videos = {path: walker.found[path] for path in order}
  return Found(
    videos, sorted(walker.others), dict(walker.ignored), walker.problems
  )


def begin(source):
  """Begins a listing with what is below a folder.

  Args:
    source: path.

  Returns:
    (source as a path, its `Found`, a `Listing` without items).

  Raises:
    OSError: see `walk`.
  """
  found = walk(source)
  return pathlib.Path(source), found, Listing([], found.problems, found.ignored)


class _Walker:
  def __init__(self, source):
    self._source = source
    self._entered = set()
    self.links = []  # to folders, met and not entered yet
    self.found, self.others, self.problems = {}, [], []
    self.ignored = collections.Counter()

  def enter(self, folder):
    """Goes through a folder and the real ones below it, links apart."""
    folders = [folder]
    while folders:
      folder = folders.pop()
      identity = _identify(folder)
      if identity in self._entered:
        self.ignored['links to a folder that is read elsewhere'] += 1
        continue
      self._entered.add(identity)
      try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
      except OSError as error:
        self._fail(folder, f'cannot be listed: {error.strerror}')
        continue
      below, names = [], []
      for entry in entries:
        if not _is_folder(entry):
          names.append(entry.name)
        elif entry.name[0] != '.' and entry.name != '__MACOSX':
          path = pathlib.Path(folder, entry.name)
          (self.links if entry.is_symlink() else below).append(path)
      self._sort(pathlib.Path(folder), names)
      folders += reversed(below)

  def _sort(self, folder, names):
    """Sorts a folder's files into videos, images and others."""
    images, videos = [], []
    for name in names:
      path = folder / name
      if name.startswith('.'):
        self.ignored['hidden files'] += 1
        continue
      is_video = file_kinds.is_video(path)
      is_image = path.suffix.lower() in frame_images.SUFFIXES
      if fault := regular_files.find_fault(path):
        if is_video or is_image:
          self._fail(path, f'{fault}: never opened')
        else:
          self.ignored['names of no regular file'] += 1
      elif is_video:
        videos.append(path)
      elif is_image:
        images.append(path)
      else:
        self.ignored[as_text(path.suffix.lower() or name)] += 1
        self.others.append(path)
    self.found.update((path, ()) for path in videos)
    if videos:  # pictures beside videos are previews, unless they move
      still = [p for p in images if not animations.is_animation(p)]
      self.ignored.update(path.suffix.lower() for path in still)
      images = [path for path in images if path not in set(still)]
    if images:
      images.sort(key=lambda path: file_names.natural_key(path.name))
      self.found[folder] = tuple(images)

  def _fail(self, path, reason):
    shown = as_text(os.path.relpath(path, self._source))
    self.problems.append(Problem(shown, reason))


def _is_folder(entry):
  try:
    return entry.is_dir()
  except OSError:  # a link to itself; as a file it is no regular one
    return False


def _identify(folder):
  try:
    status = os.stat(folder)
  except OSError:  # listing it will say why
    return folder
  return status.st_dev, status.st_ino
