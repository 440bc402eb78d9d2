"""Lists what is to be imported from a folder."""

import pathlib
import re

from stclr_jax.data.listings import file_kinds
from stclr_jax.data.listings import folder_walk
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings import picture_folders
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Listing
from stclr_jax.data.listings.listing import Problem
from stclr_jax.errors import UserError

_LEFT_OUT = 'pictures left out of sequences'
_BESIDE = (
  'an animated picture beside videos: move it away if it is a preview of one'
)


def list_folder(source, *, label_from='none', subject_from='each', pattern=''):
  """Lists the video files and the folders of frames below a folder.

  A folder of images is one video or several, as `sequences` says.

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
    raise UserError(
      'A folder cannot be both the label and the subject; say which is which: '
      r"--pattern='(?P<subject>[^/]+)/(?P<label>[^/]+)/'."
    )
  pattern = _compile(pattern)
  found = folder_walk.walk(source)
  videos, ignored = found.videos, found.ignored
  listing = Listing([], found.problems, ignored)
  if not videos and not found.problems:
    raise FileNotFoundError(
      f'{source} holds neither a video '
      f'({" ".join(file_kinds.VIDEO_SUFFIXES)}) nor a folder of images; passed '
      f'over: {listings.describe_counts(ignored) or "nothing"}.'
    )
  parts = _find_parts(source, videos, listing)
  ids = listings.name_videos([path for path, *_ in parts])
  for (path, searched, part), video_id in zip(parts, ids, strict=True):
    name = listings.as_text(path.as_posix())
    relative = listings.as_text(searched)
    parent = pathlib.PurePosixPath(relative).parent.name
    label = parent if label_from == 'folder' else None
    subject = parent if subject_from == 'folder' else None
    if pattern:
      match = pattern.search(relative)
      if not match:
        listing.problems.append(
          Problem(name, f'does not match --pattern={pattern.pattern}')
        )
        continue
      groups = match.groupdict()
      # A group may match nothing, and nothing is no name.
      label = groups.get('label', label) or None
      subject = groups.get('subject', subject) or None
    elif 'folder' in (label_from, subject_from) and not parent:
      wanted = 'label' if label_from == 'folder' else 'subject'
      listing.problems.append(
        Problem(name, f'lies in no folder that would name its {wanted}')
      )
      continue
    listing.items.append(
      Item(video_id, part.path, part.frames, label, subject, notes=part.notes)
    )
  return listing


def _find_parts(source, videos, listing):
  """Lists (path that names it, path that is searched, `Part`) of each video.

  What is searched is text: of a file and a whole folder its path; of one of
  several sequences that of its first picture, where CK+48 and others have the
  person. Folders that are refused become problems, and pictures left out are
  counted.
  """
  beside = {path.parent for path, frames in videos.items() if not frames}
  parts = []
  for path, pictures in videos.items():
    relative = path.relative_to(source)
    if not pictures:
      part = picture_folders.Part('', path, (), ())
      parts.append((relative, relative.as_posix(), part))
      continue
    found, problem, left_out = picture_folders.split(path, pictures)
    if problem:
      name = listings.as_text(relative.as_posix())
      listing.problems.append(Problem(name, problem))
    if left_out:
      counts = listing.ignored
      counts[_LEFT_OUT] = counts.get(_LEFT_OUT, 0) + left_out
    for part in found:
      searched = relative.as_posix() + '/'
      if part.name:
        first = part.frames[0] if part.frames else part.path
        searched = (relative / first.name).as_posix()
      if path in beside:
        part = part._replace(notes=(*part.notes, _BESIDE))
      parts.append((relative / part.name, searched, part))
  return parts


def _compile(pattern):
  if not pattern:
    return None
  try:
    compiled = re.compile(pattern)
  except re.error as error:
    raise UserError(
      f'`--pattern` (={pattern}) is no regular expression: {error}.'
    ) from error
  groups = set(compiled.groupindex)
  if not groups or groups - {'label', 'subject'}:
    raise UserError(
      f'`--pattern` (={pattern}) must name the groups label, subject or both, '
      r"as in '(?P<subject>\d+)_(?P<label>[a-z]+)'; it names "
      f'{", ".join(sorted(groups)) or "none"}.'
    )
  return compiled
