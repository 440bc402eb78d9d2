"""CSV files that no spreadsheet takes for a program.

A cell that begins with '=' is a formula to a spreadsheet, and runs. Names of
files and classes can be anything, so such cells get an apostrophe in front,
which says "text"; reading takes it off again.
"""

import csv
import re

# Source: OWASP's list for CSV injection, with the wide forms of its marks.
_RUNS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r'[+-]?\d+(\.\d+)?(e[+-]?\d+)?', re.ASCII)


def write(file, rows):
  """Writes rows.

  Args:
    file: open for text, with newline=''.
    rows: iterable of lists of cells.
  """
  csv.writer(file).writerows([_protect(cell) for cell in row] for row in rows)


def read(file):
  """Reads what `write` wrote, or any CSV file.

  Args:
    file: open for text, with newline=''.

  Yields:
    Lists of cells.
  """
  for row in csv.reader(file):
    yield [_release(cell) for cell in row]


def _protect(cell):
  text = str(cell)
  runs = _RUNS.match(text) and not _NUMBER.fullmatch(text)
  return f"'{text}" if runs else text


def _release(cell):
  return cell[1:] if cell.startswith("'") and _RUNS.match(cell) else cell
