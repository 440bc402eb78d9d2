"""Lists what is to be imported from a CSV file."""

import functools
import math
import pathlib

from stclr_jax.data.listings import csv_rows
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings import path_hints
from stclr_jax.data.listings import picture_folders
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Listing
from stclr_jax.data.listings.listing import Problem
from stclr_jax.data.pictures import frame_images
from stclr_jax.errors import UserError
from stclr_jax.files import file_names
from stclr_jax.files import regular_files

COLUMNS = ('path', 'label', 'subject', 'start', 'end')
_SHOWN = 200  # chosen: letters of a path in a message


def list_csv(file):
  """Lists the videos that a CSV file names.

  Its columns: `path` (of a video file or a folder of frames, relative to the
  CSV file's folder; of a folder of several sequences `FOLDER/PART`, see
  `sequences`), and, each optional, `label`, `subject`, and `start` and
  `end` in seconds. Commas, semicolons or tabs between them.

  Args:
    file: path.

  Returns:
    A `Listing`; absent files, bad numbers and repeated rows are problems.

  Raises:
    FileNotFoundError: if there is no such file, or no row in it.
    ValueError: if it has no column `path`, or is no UTF-8 or no CSV.
  """
  file = pathlib.Path(file)
  rows, notes = csv_rows.read_rows(file, COLUMNS)
  split = functools.cache(_split_folder)  # which many rows may lie in
  paths = list(dict.fromkeys(row['path'] for _, row in rows))
  ids = dict(
    zip(
      paths,
      listings.name_videos([pathlib.PurePath(p) for p in paths]),
      strict=True,
    )
  )
  listing = Listing([], [], {}, notes)
  seen = {}
  for line, row in rows:
    shown = listings.as_text(row['path'][:_SHOWN]) or 'no path'
    name = f'{file.name}, line {line} ({shown})'
    try:
      item = _item_of_row(row, file.parent, ids[row['path']], split)
    except (ValueError, OSError) as error:  # OSError: a name that is too long
      reason = getattr(error, 'strerror', None) or str(error)
      listing.problems.append(Problem(name, reason))
      continue
    if item.video_id in seen:
      reason = f'the same part of the same video as line {seen[item.video_id]}'
      listing.problems.append(Problem(name, reason))
      continue
    seen[item.video_id] = line
    listing.items.append(item)
  return listing


def _item_of_row(row, folder, video_id, split):
  if not row['path']:
    raise UserError('names no path')
  if row['surplus']:
    raise UserError('more cells than columns; a comma in a path needs quotes')
  if any('\n' in row.get(column, '') for column in COLUMNS):
    raise UserError('a line break in a cell; a quote that is not closed?')
  path, frames, notes = _find_recording(row['path'], folder, split)
  start = _seconds(row, 'start') or 0.0
  end = _seconds(row, 'end')
  if end is not None and end <= start:
    raise UserError(f'ends at {end:g} s, which is not after {start:g} s')
  part_id = video_id
  if start or end is not None:
    part_id += f'@{start:g}-{"" if end is None else f"{end:g}"}'
  return Item(
    part_id,
    path,
    frames,
    listings.as_text(row.get('label', '')) or None,
    listings.as_text(row.get('subject', '')) or None,
    start,
    end,
    notes=notes,
    recording=video_id,
  )


def _find_recording(text, folder, split):
  """Finds what a cell names: (path, frames, notes)."""
  path = folder / path_hints.expand(text)
  if path.is_dir():
    return _only_part(path, text, split)
  fault = regular_files.find_fault(path)
  if not fault:
    return path, (), ()
  if fault != 'not there':
    raise UserError(f'{listings.as_text(path)} is {fault}')
  if path.parent.is_dir():  # one of the sequences of a folder
    for part in split(path.parent).found:
      if part.name == path.name:
        return part.path, part.frames, part.notes
  hint = path_hints.hint(text, folder)
  raise UserError(f'there is no {listings.as_text(path)}{hint}')


def _only_part(path, text, split):
  parts = split(path)
  if parts.problem:
    raise UserError(parts.problem)
  if not parts.found:
    raise UserError('a folder without images')
  if len(parts.found) > 1:
    # One row has one label, and so is one video.
    names = ', '.join(f'{text.rstrip("/")}/{p.name}' for p in parts.found[:8])
    more = ', …' if len(parts.found) > 8 else ''
    raise UserError(
      f'a folder of {len(parts.found)} sequences; name them one a row: '
      f'{names}{more}'
    )
  (part,) = parts.found
  return part.path, part.frames, part.notes


def _split_folder(folder):
  paths = (p for p in folder.iterdir() if not p.name.startswith('.'))
  images = [p for p in paths if p.suffix.lower() in frame_images.SUFFIXES]
  for image in images:
    if fault := regular_files.find_fault(image):
      reason = f'{listings.as_text(image.name)} in it is {fault}'
      return picture_folders.Parts([], reason, 0)
  if not images:
    return picture_folders.Parts([], None, 0)
  images.sort(key=lambda path: file_names.natural_key(path.name))
  return picture_folders.split(folder, images)


def _seconds(row, column):
  text = row.get(column, '')
  if not text:
    return None
  try:
    seconds = float(text)
  except ValueError:
    seconds = math.nan
  if not 0 <= seconds < math.inf:
    raise UserError(f'{column} (={text}) must be seconds, such as 12.5')
  return seconds
