"""Recordings that occur twice: by the bytes of their files, or by pixels.

A copy under another name, a link or a backup is the same recording, and shows
the same person, whatever anybody calls them.
"""

import collections
import hashlib
import itertools
import math
from typing import NamedTuple

import numpy as np

from stclr_jax.data.people import listed_people
from stclr_jax.data.pictures import frame_images
from stclr_jax.files import regular_files

# chosen: frames of a video whose pixels are compared, at equal distances. Two
# videos that agree in all of them, and in their number, are taken for one.
_FRAMES_COMPARED = 8


def source_checksums(items, keep=lambda items: items):
  """Fingerprints what recordings lie in files, whatever those are called.

  Args:
    items: list of `listing.Item`.
    keep: iterates over items, as a progress bar does.

  Returns:
    For each item SHA-256 in hexadecimal, of a file's bytes or of those of a
    folder's frames, in order; '' where they cannot be read, which reading the
    recording will tell.
  """
  known = {}
  found = []
  for item in keep(items):
    files = item.frames or (item.path,)
    if files not in known:
      known[files] = _checksum(files)
    found.append(known[files])
  return found


def picture_checksum(frames):
  """Fingerprints what encoded frames show, whatever their encoding.

  Args:
    frames: encoded images, a list of bytes.

  Returns:
    SHA-256 in hexadecimal of some frames' pixels and of how many there are;
    '' where there is none, one cannot be decoded, or all are one picture: a
    title or a black screen is in many recordings, and tells nobody.
  """
  if len(set(frames)) < 2:
    return ''
  number = min(len(frames), _FRAMES_COMPARED)
  digest = hashlib.sha256(f'{len(frames)}'.encode())
  for index in np.linspace(0, len(frames) - 1, number).round().astype(int):
    pixels = frame_images.decode(frames[index])
    if pixels is None:
      return ''
    digest.update(repr(pixels.shape).encode() + pixels.tobytes())
  return digest.hexdigest()


def pair_sources(items, checksums):
  """Finds the items that show the same frames, by their files.

  Of one file, parts that do not overlap may be of different people if somebody
  named them so; they are no pair then.

  Args:
    items: list of `listing.Item`.
    checksums: as `source_checksums` returns them.

  Returns:
    Pairs of indices that show the same frames, enough to join all that do; and
    pairs that need not, but are of one person: those that nobody named, and
    whoever is the only one named in the same recording.
  """
  groups = collections.defaultdict(list)
  for i, checksum in enumerate(checksums):
    if checksum:
      groups[checksum].append(i)
  same, people_only = [], []
  for group in groups.values():
    group.sort(key=lambda i: items[i].start)
    # Whatever overlaps an earlier part overlaps the one of them that ends last,
    # and through it all that run at that time are joined.
    last = group[0]
    for i in group[1:]:
      if _end(items[last]) > items[i].start:
        same.append((last, i))
      if _end(items[i]) > _end(items[last]):
        last = i
    unnamed = [i for i in group if items[i].subject is None]
    people_only += itertools.pairwise(unnamed)
    named = {items[i].subject: i for i in group if items[i].subject is not None}
    if unnamed and len(named) == 1:  # nobody else is known to be in it
      people_only.append((unnamed[0], *named.values()))
  return same, people_only


class Repeated(NamedTuple):
  """Recordings that occur twice in a data set.

  Attributes:
    pairs: of indices of items that share a video's frames.
    lines: of words for the whole set, one a group of recordings.
    of_videos: of words for a video, by its index.
  """

  pairs: list
  lines: list
  of_videos: dict


def find_repeated(videos, places, same):
  """Finds the videos that show the same frames.

  Args:
    videos: list of `imported_report.Video`.
    places: index of the item that each is of.
    same: pairs of items that show the same frames, see `pair_sources`.

  Returns:
    A `Repeated`.
  """
  of_item = collections.defaultdict(list)
  for i, place in enumerate(places):
    of_item[place].append(i)
  pairs = [
    (i, j)
    for a, b in same
    for i, j in itertools.product(of_item[a], of_item[b])
    if _overlap(videos[i], videos[j])
  ]
  equal = collections.defaultdict(list)
  for i, video in enumerate(videos):
    if video.frames and video.picture_checksum:
      equal[video.picture_checksum].append(i)
  for group in equal.values():
    pairs += itertools.pairwise(group)
  of_videos = {}
  for group in _join(pairs, len(videos)):
    for i in group:
      others = [videos[j].video_id for j in group if j != i]
      of_videos[i] = (
        f'shows the same frames as {_some(others)}; they count as one person'
      )
  of_items = sorted({(places[i], places[j]) for i, j in pairs})
  lines = []
  for group in _join(of_items, max(places, default=-1) + 1):
    found = [videos[i] for place in group for i in of_item[place]]
    names = dict.fromkeys(v.video_id.partition('#')[0] for v in found)
    labels = dict.fromkeys(v.label or 'unlabelled' for v in found)
    lines.append(
      f'{_some(list(names))} are the same recording, or share frames; they '
      'count as one person, who is never trained on and tested'
      + (f', though their labels differ ({_some(list(labels))})'
         if len(labels) > 1 else '')
      + '; leave out all but one'
    )  # fmt: skip
  return Repeated([(a, b) for a, b in of_items if a != b], lines, of_videos)


def names_of_pairs(pairs, items):
  """Returns the pairs of people's names that pairs of items are of."""
  return [
    (listed_people.person_of(items[i]), listed_people.person_of(items[j]))
    for i, j in pairs
  ]


def _checksum(files):
  digests = []
  for path in files:
    if regular_files.find_fault(path):  # a pipe never ends
      return ''
    try:
      with path.open('rb') as file:
        digests.append(hashlib.file_digest(file, 'sha256'))
    except OSError:
      return ''
  if len(digests) == 1:
    return digests[0].hexdigest()
  return hashlib.sha256(b''.join(d.digest() for d in digests)).hexdigest()


def _overlap(a, b):
  """Says whether two videos of one recording show the same times of it."""
  ends = (v.start + v.seconds for v in (a, b))
  return max(a.start, b.start) < min(ends)


def _end(item):
  return math.inf if item.end is None else item.end


def _join(pairs, number):
  """Groups of indices that pairs connect, each sorted."""
  first = list(range(number))

  def find(i):
    while first[i] != i:
      i = first[i]
    return i

  for a, b in pairs:
    a, b = sorted((find(a), find(b)))
    first[b] = a
  groups = collections.defaultdict(list)
  for i in range(number):
    groups[find(i)].append(i)
  return [group for group in groups.values() if len(group) > 1]


def _some(names, limit=5):
  if len(names) <= limit:
    return ' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))
  return f'{", ".join(names[:limit])} and {len(names) - limit} more'
