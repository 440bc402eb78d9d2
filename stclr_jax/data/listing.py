"""Lists what is to be imported from a folder.

Nothing is decoded here. What cannot be used is collected and not raised, so
that the user sees all of it at once.
"""

import collections
import dataclasses
import os
import pathlib
import re
import unicodedata
from typing import NamedTuple

from stclr_jax.data import frame_images

VIDEO_SUFFIXES = (
  '.mp4', '.avi', '.mov', '.mkv', '.gif', '.webm',
  '.m4v', '.flv', '.wmv', '.mpg', '.mpeg',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Item:
  """A recording, or a part of one.

  Attributes:
    video_id: unique name, such as 'P001/smile'.
    path: a video file, or the folder of the frames.
    frames: the frames' files, in order; empty for a video file.
    label: name of its class; None for unlabelled.
    subject: name of its person; None for one of its own, named like it.
    start: where it begins, in seconds.
    end: where it ends, in seconds; None for the end of the recording.
    attributes: whatever else is known, JSON-able; kept in the report.
    notes: what the user should know of it, a line each; kept likewise.
  """

  video_id: str
  path: pathlib.Path
  frames: tuple[pathlib.Path, ...] = ()
  label: str | None = None
  subject: str | None = None
  start: float = 0.0
  end: float | None = None
  attributes: dict = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()


class Problem(NamedTuple):
  """Something that cannot be imported.

  Attributes:
    name: what: a path, or a line of a CSV file.
    reason: why, in words for the user.
  """

  name: str
  reason: str


@dataclasses.dataclass
class Listing:
  """What was found.

  Attributes:
    items: list of `Item`.
    problems: list of `Problem`.
    ignored: number of files passed over, by suffix.
    notes: what the user should know besides.
  """

  items: list
  problems: list
  ignored: dict
  notes: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Found:
  """What lies below a folder.

  Attributes:
    videos: dict from the path of each video file to (), and of each folder of
      images to the images in natural order; sorted.
    others: paths of the files passed over, without hidden ones.
    ignored: number of what is passed over, by suffix or in words.
    problems: list of `Problem`: folders that cannot be listed.
  """

  videos: dict
  others: list
  ignored: dict
  problems: list


def list_folder(source, *, label_from='none', subject_from='each', pattern=''):
  """Lists the video files and the folders of frames below a folder.

  A folder that holds images and no video is one video.

  Args:
    source: path.
    label_from: 'folder': the name of the folder that a video lies in; 'none'.
    subject_from: likewise; 'each' makes everyone a person of their own.
    pattern: regular expression with groups named label, subject or both, to be
      found in the path below `source`; it goes before the other two.

  Returns:
    A `Listing`.

  Raises:
    ValueError: if `pattern` is none, or names something else; if both label
      and subject are to be the same folder.
    NotADirectoryError: if source is a file.
    FileNotFoundError: if it does not exist, or nothing in it can be imported.
  """
  source = pathlib.Path(source)
  if label_from == subject_from == 'folder' and not pattern:
    raise ValueError(
      'A folder cannot be both the label and the subject; say which is which: '
      r"--pattern='(?P<subject>[^/]+)/(?P<label>[^/]+)/'."
    )
  pattern = _compile(pattern)
  found = walk(source)
  videos, ignored = found.videos, found.ignored
  if not videos and not found.problems:
    raise FileNotFoundError(
      f'{source} holds neither a video ({" ".join(VIDEO_SUFFIXES)}) nor a '
      f'folder of images; passed over: {describe_counts(ignored) or "nothing"}.'
    )
  listing = Listing([], found.problems, ignored)
  ids = name_videos([path.relative_to(source) for path in videos])
  for (path, frames), video_id in zip(videos.items(), ids, strict=True):
    relative = as_text(path.relative_to(source).as_posix())
    searched = relative + ('/' if frames else '')
    parent = pathlib.PurePosixPath(relative).parent.name
    label = parent if label_from == 'folder' else None
    subject = parent if subject_from == 'folder' else None
    if pattern:
      match = pattern.search(searched)
      if not match:
        listing.problems.append(
          Problem(relative, f'does not match --pattern={pattern.pattern}')
        )
        continue
      groups = match.groupdict()
      # A group may match nothing, and nothing is no name.
      label = groups.get('label', label) or None
      subject = groups.get('subject', subject) or None
    elif 'folder' in (label_from, subject_from) and not parent:
      wanted = 'label' if label_from == 'folder' else 'subject'
      listing.problems.append(
        Problem(relative, f'lies in no folder that would name its {wanted}')
      )
      continue
    listing.items.append(Item(video_id, path, frames, label, subject))
  return listing


def walk(source):
  """Finds the videos below a folder.

  Links are followed, save to a folder that holds them. Hidden files and folders
  and those of __MACOSX are passed over.

  Args:
    source: path.

  Returns:
    A `Found`.

  Raises:
    NotADirectoryError: if source is a file.
    FileNotFoundError: if it does not exist.
  """
  source = pathlib.Path(source)
  if source.is_file():
    raise NotADirectoryError(
      f'{source} is a file; give a folder of videos, or a .csv file that names '
      'them.'
    )
  if not source.is_dir():
    raise FileNotFoundError(f'There is no folder {source}.')
  found, others, ignored, problems = {}, [], collections.Counter(), []

  def note(error):
    folder = os.path.relpath(error.filename or source, source)
    reason = f'cannot be listed: {error.strerror}'
    problems.append(Problem(as_text(folder), reason))

  above = {str(source): ()}  # of each folder to come, those that it lies in
  for folder, folders, names in os.walk(source, onerror=note, followlinks=True):
    within = (*above.pop(folder), _identify(folder))
    visible = [f for f in folders if f[0] != '.' and f != '__MACOSX']
    paths = {name: os.path.join(folder, name) for name in visible}
    folders[:] = [f for f in visible if _identify(paths[f]) not in within]
    above.update((paths[name], within) for name in folders)
    if circles := len(visible) - len(folders):
      ignored['links to a folder around them'] += circles
    images, videos = [], []
    for name in names:
      suffix = pathlib.PurePath(name).suffix.lower()
      hidden = name.startswith('.')
      if suffix in VIDEO_SUFFIXES and not hidden:
        videos.append(name)
      elif suffix in frame_images.SUFFIXES and not hidden:
        images.append(name)
      else:
        ignored['hidden files' if hidden else as_text(suffix or name)] += 1
        others += [] if hidden else [pathlib.Path(folder, name)]
    folder = pathlib.Path(folder)
    found.update((folder / name, ()) for name in videos)
    if videos:  # pictures beside videos are previews
      ignored.update(pathlib.PurePath(name).suffix.lower() for name in images)
    elif images:
      images.sort(key=frame_images.natural_key)
      found[folder] = tuple(folder / name for name in images)
  order = sorted(found, key=lambda p: frame_images.natural_key(p.as_posix()))
  videos = {path: found[path] for path in order}
  return Found(videos, sorted(others), dict(ignored), problems)


def _identify(folder):
  try:
    status = os.stat(folder)
  except OSError:  # listing it will say why
    return folder
  return status.st_dev, status.st_ino


def discount(ignored, suffix, number=1):
  """Takes files that were read after all off what `walk` ignored, in place.

  Args:
    ignored: number of files by suffix.
    suffix: of those read.
    number: how many.
  """
  left = ignored.pop(suffix, 0) - number
  if left > 0:
    ignored[suffix] = left


def describe_counts(counts):
  """Puts counts into words, '3 .txt, 1 .db'."""
  return ', '.join(f'{n} {name}' for name, n in sorted(counts.items()))


def _compile(pattern):
  if not pattern:
    return None
  try:
    compiled = re.compile(pattern)
  except re.error as error:
    raise ValueError(
      f'`--pattern` (={pattern}) is no regular expression: {error}.'
    ) from error
  groups = set(compiled.groupindex)
  if not groups or groups - {'label', 'subject'}:
    raise ValueError(
      f'`--pattern` (={pattern}) must name the groups label, subject or both, '
      r"as in '(?P<subject>\d+)_(?P<label>[a-z]+)'; it names "
      f'{", ".join(sorted(groups)) or "none"}.'
    )
  return compiled


def name_videos(paths):
  """Names videos by their paths, with the suffix only where needed.

  Args:
    paths: relative paths, all different.

  Returns:
    As many names, all different where the paths are as text.
  """
  full = [as_text(p.as_posix()) for p in paths]
  # A folder's name may contain a dot that starts no suffix.
  names = [
    name.removesuffix(p.suffix) if p.suffix.lower() in VIDEO_SUFFIXES else name
    for p, name in zip(paths, full, strict=True)
  ]
  counts = collections.Counter(names)
  taken = set(full)  # as a.mp4 is beside a.avi, and a.mp4.mov must not be
  return [
    n if counts[n] == 1 and (n == f or n not in taken) else f
    for n, f in zip(names, full, strict=True)
  ]


def as_text(name):
  """Makes a file's name text that can be printed, stored and compared.

  Args:
    name: of a file, or its path, as the operating system gave it.

  Returns:
    The same, in one form of Unicode, and with the escapes of bytes that are
    not UTF-8.
  """
  from tfds_oulu import source_files

  # A Mac writes an accent as a letter of its own.
  return unicodedata.normalize('NFC', source_files.to_printable(str(name)))
