"""Reads the rows of a CSV file as spreadsheets of any country write it."""

import csv
import io
import re

from stclr_jax.data.listings import path_hints
from stclr_jax.data.listings.listing import as_text
from stclr_jax.data.people import spelling
from stclr_jax.errors import UserError
from stclr_jax.files import regular_files

# chosen: a million rows of sixty letters; more is some other file.
MAX_BYTES = 2**26
_DELIMITERS = ',;\t'
# Excel writes and reads this line, which names the delimiter.
_SEP = re.compile(r'\s*"?sep=(.)"?[\s,;]*', re.IGNORECASE)


def read_rows(file, columns):
  """Reads a table whose first line names its columns.

  Args:
    file: `pathlib.Path`.
    columns: names of those known; the first must be there.

  Returns:
    (rows, notes): a list of (number of the line, dict from column to text
    without blanks around it, and 'surplus' to whether there are more cells
    than columns), without empty ones; a list of what the user should know.

  Raises:
    FileNotFoundError: if there is no such file, or no row in it.
    ValueError: if it is no regular file, too large, not UTF-8, no CSV or has
      not the first column.
  """
  text = _read_text(file)
  header = (text.splitlines() or [''])[0]
  first_line = 1
  if sep := _SEP.fullmatch(header):
    text = text[text.index(header) + len(header) :].removeprefix('\r')
    text = text.removeprefix('\n')
    header, first_line = (text.splitlines() or [''])[0], 2
  delimiter = sep[1] if sep else max(_DELIMITERS, key=header.count)
  table = _parse(file, text, delimiter, first_line)
  names = next((cells for _, cells in table), [])
  names = [name.lower() for name in names]
  if columns[0] not in names:
    raise UserError(
      f'{file} has no column `{columns[0]}`; its first line must name the '
      f'columns {", ".join(columns)}, all but `{columns[0]}` optional; it is '
      f'{header[:200]!r}.'
    )
  repeated = sorted(n for n in set(names) if names.count(n) > 1)
  if repeated:
    raise UserError(f'{file} names these columns twice: {repeated}.')
  others = [as_text(name) for name in names if name not in columns]
  notes = []
  if others:
    known = ', '.join(columns)
    notes.append(
      f'columns passed over: {", ".join(others)}; those read are called {known}'
    )
  rows = []
  for line, cells in table:
    if any(cells):
      row = dict.fromkeys(names, '') | dict(zip(names, cells, strict=False))
      row['surplus'] = len(cells) > len(names)
      rows.append((line, row))
  if not rows:
    raise FileNotFoundError(f'{file} names no video: no line after the first.')
  return rows, notes


def _read_text(file):
  if fault := regular_files.find_fault(file):
    if fault == 'not there':
      raise FileNotFoundError(
        f'There is no file {file}{path_hints.hint(str(file))}.'
      )
    raise UserError(f'{file} is {fault}.')
  try:
    return regular_files.read_bytes(file, MAX_BYTES).decode('utf-8-sig')
  except UnicodeDecodeError as error:
    raise UserError(
      f'{file} is not UTF-8 ({error}); save it as "CSV UTF-8".'
    ) from error
  except OSError as error:
    raise UserError(
      f'{file} cannot be read: {error.strerror or error}.'
    ) from error


def _parse(file, text, delimiter, first_line):
  """Yields (number of the line that a row begins in, its cells)."""
  # newline='': a line break inside of a cell stays; strict: a quote that is
  # never closed would swallow the rows behind it.
  reader = csv.reader(
    io.StringIO(text, newline=''), delimiter=delimiter, strict=True
  )
  while True:
    line = first_line + reader.line_num
    try:
      cells = next(reader)
    except StopIteration:
      return
    except csv.Error as error:
      raise UserError(
        f'{file}, line {line}: {error}; a quote (") that is not closed, or not '
        'doubled inside of a cell?'
      ) from error
    yield line, [spelling.strip(cell) for cell in cells]
