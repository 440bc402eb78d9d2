"""Recordings that are to be imported: what is known before they are read.

What cannot be used is collected and not raised, so that the user sees all of it
at once. `listing_folder`, `listing_csv` and `recipes` make the lists.
"""

import collections
import dataclasses
import pathlib
import unicodedata
from typing import NamedTuple

from stclr_jax.data.listings import file_kinds
from stclr_jax.data.pictures import frame_images
from stclr_jax.files import file_names

_SUFFIXES = {*file_kinds.VIDEO_SUFFIXES, *frame_images.SUFFIXES}


@dataclasses.dataclass(frozen=True)
class Item:
  """A recording, or a part of one.

  Attributes:
    video_id: unique name, such as 'P001/smile'.
    path: a video file, a picture that moves, or the folder of the frames.
    frames: the frames' files, in order; empty for a file.
    label: name of its class; None for unlabelled.
    subject: name of its person; None for one of its own, named like it.
    start: where it begins, in seconds.
    end: where it ends, in seconds; None for the end of the recording.
    attributes: whatever else is known, JSON-able; kept in the report.
    notes: what the user should know of it, a line each; kept likewise.
    recording: what parts of one recording are called without their times; ''
      for what is no part. Parts of nobody named are of one person, called so.
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
  recording: str = ''


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
  """Listed recordings, and problems met.

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


def count(ignored, what):
  """Counts one more of what is passed over, in place.

  Args:
    ignored: number of files by suffix, or in words.
    what: a suffix or words.
  """
  ignored[what] = ignored.get(what, 0) + 1


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


def name_videos(paths):
  """Names videos by their paths, with the suffix only where needed.

  Args:
    paths: relative paths, all different.

  Returns:
    As many names, all different.
  """
  full = [as_text(p.as_posix()) for p in paths]
  same = collections.Counter(full)  # such as a byte and its escape, written out
  full = [
    f if same[f] == 1 else p.as_posix().encode('unicode_escape').decode()
    for p, f in zip(paths, full, strict=True)
  ]
  # A folder's name may contain a dot that starts no suffix.
  names = [
    name.removesuffix(p.suffix) if p.suffix.lower() in _SUFFIXES else name
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
    The same, in one form of Unicode, and with the escapes of control characters
    and of bytes that are not UTF-8.
  """

  # A Mac writes an accent as a letter of its own.
  return unicodedata.normalize('NFC', file_names.to_printable(str(name)))
