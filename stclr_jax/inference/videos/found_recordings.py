"""Finds the recordings that a user names: files, folders, patterns, lists."""

import collections
import dataclasses
import glob
import os
import pathlib

from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.listings.listing import Item
from stclr_jax.errors import MissingFileError
from stclr_jax.inference.videos import results_folder

_LISTS = ('.csv', '.tsv')


def find(sources):
  """Finds recordings.

  Args:
    sources: paths of video files, of folders that hold videos or pictures, of
      CSV files as an import takes them; or patterns such as 'a/*.mp4'.

  Returns:
    (items, problems): lists of `listing.Item`, each of a name of its own, and
    of `listing.Problem`.

  Raises:
    MissingFileError: if there is no such file.
    UserError: if a list cannot be read.
  """
  items, problems = [], []
  for source in sources:
    asked = pathlib.Path(source).expanduser()
    for path in _expand(os.fspath(source)):
      if path.suffix.lower() in _LISTS:
        listing = listing_csv.list_csv(path)
      elif path.is_dir():
        listing = listing_folder.list_folder(path)
      else:
        (name,) = listings.name_videos([pathlib.Path(path.name)])
        listing = listings.Listing([Item(name, path)], [], {})
      # What lies among results, such as an annotated copy, is no recording,
      # unless it is asked for by its very name.
      items += [
        item
        for item in listing.items
        if item.path == asked or not results_folder.holds(item.path)
      ]
      problems += listing.problems
  return _with_names_of_their_own(items), problems


def _expand(source):
  path = pathlib.Path(source).expanduser()
  if path.exists():
    return [path]
  found = sorted(glob.glob(str(path), recursive=True))
  if not found:
    raise MissingFileError(
      f'{source} is not there: it must be a video, a folder, a .csv file of '
      "videos, or a pattern such as 'folder/*.mp4' that some are called by."
    )
  return [pathlib.Path(one) for one in found]


def _with_names_of_their_own(items):
  """Names recordings of one name by their whole paths, and once each."""
  unique = list(
    {(i.path.resolve(), i.start, i.end): i for i in reversed(items)}.values()
  )[::-1]
  counts = collections.Counter(item.video_id for item in unique)
  named = []
  for item in unique:
    name = item.video_id
    if counts[name] > 1:
      name = listings.as_text(item.path.resolve().as_posix().lstrip('/'))
      if item.start or item.end is not None:
        name += f'@{item.start:g}-{item.end if item.end is not None else ""}'
    named.append(dataclasses.replace(item, video_id=name))
  return named
