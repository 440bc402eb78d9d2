"""Lists what is to be imported from a CSV file."""

import csv
import math
import pathlib

from stclr_jax.data import frame_images
from stclr_jax.data import listing as listings
from stclr_jax.data.listing import Item
from stclr_jax.data.listing import Listing
from stclr_jax.data.listing import Problem

COLUMNS = ('path', 'label', 'subject', 'start', 'end')


def list_csv(file):
  """Lists the videos that a CSV file names.

  Its columns: `path` (of a video file or a folder of frames, relative to the
  CSV file's folder), and, each optional, `label`, `subject`, and `start` and
  `end` in seconds. Commas, semicolons or tabs between them.

  Args:
    file: path.

  Returns:
    A `Listing`; absent files, bad numbers and repeated rows are problems.

  Raises:
    FileNotFoundError: if there is no such file, or no row in it.
    ValueError: if it has no column `path`, or is not UTF-8.
  """
  file = pathlib.Path(file)
  if not file.is_file():
    raise FileNotFoundError(f'There is no file {file}.')
  rows, notes = _read_rows(file)
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
    name = f'{file.name}, line {line} ({row["path"] or "no path"})'
    try:
      item = _item_of_row(row, file.parent, ids[row['path']])
    except ValueError as error:
      listing.problems.append(Problem(name, str(error)))
      continue
    if item.video_id in seen:
      reason = f'the same part of the same video as line {seen[item.video_id]}'
      listing.problems.append(Problem(name, reason))
      continue
    seen[item.video_id] = line
    listing.items.append(item)
  return listing


def _read_rows(file):
  try:
    lines = file.read_text(encoding='utf-8-sig').splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(
      f'{file} is not UTF-8 ({error}); save it as "CSV UTF-8".'
    ) from error
  header = lines[0] if lines else ''
  delimiter = max(',;\t', key=header.count)
  names = next(csv.reader([header], delimiter=delimiter), [])
  names = [name.strip().lower() for name in names]
  if 'path' not in names:
    raise ValueError(
      f'{file} has no column `path`; its first line must name the columns '
      f'{", ".join(COLUMNS)}, all but `path` optional; it is {header!r}.'
    )
  repeated = sorted(n for n in set(names) if names.count(n) > 1)
  if repeated:
    raise ValueError(f'{file} names these columns twice: {repeated}.')
  others = [name for name in names if name not in COLUMNS]
  notes = [f'columns passed over: {", ".join(others)}'] if others else []
  rows = []
  reader = csv.reader(lines[1:], delimiter=delimiter)
  for cells in reader:
    cells = [cell.strip() for cell in cells]
    if any(cells):
      row = dict.fromkeys(names, '') | dict(zip(names, cells, strict=False))
      row['surplus'] = len(cells) > len(names)
      rows.append((reader.line_num + 1, row))
  if not rows:
    raise FileNotFoundError(f'{file} names no video: no line after the first.')
  return rows, notes


def _item_of_row(row, folder, video_id):
  if not row['path']:
    raise ValueError('names no path')
  if row['surplus']:
    raise ValueError('more cells than columns; a comma in a path needs quotes')
  path = folder / row['path']
  frames = ()
  if path.is_dir():
    images = (p for p in path.iterdir() if not p.name.startswith('.'))
    images = [p for p in images if p.suffix.lower() in frame_images.SUFFIXES]
    images.sort(key=lambda p: frame_images.natural_key(p.name))
    frames = tuple(images)
    if not frames:
      raise ValueError('a folder without images')
  elif not path.exists():
    raise ValueError(f'there is no {path}')
  start = _seconds(row, 'start') or 0.0
  end = _seconds(row, 'end')
  if end is not None and end <= start:
    raise ValueError(f'ends at {end:g} s, which is not after {start:g} s')
  part_id = video_id
  if start or end is not None:
    part_id += f'@{start:g}-{"" if end is None else f"{end:g}"}'
  return Item(
    part_id,
    path,
    frames,
    row.get('label') or None,
    row.get('subject') or video_id,
    start,
    end,
  )


def _seconds(row, column):
  text = row.get(column, '')
  if not text:
    return None
  try:
    seconds = float(text)
  except ValueError:
    seconds = math.nan
  if not 0 <= seconds < math.inf:
    raise ValueError(f'{column} (={text}) must be seconds, such as 12.5')
  return seconds
