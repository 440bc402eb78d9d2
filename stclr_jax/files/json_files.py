"""JSON objects that runs write for runs that follow, alone or one a line."""

import json
import pathlib

from stclr_jax.errors import UserError
from stclr_jax.files import whole


def read(path):
  """Reads a JSON object that a run wrote.

  Args:
    path: of a file of a run or a tree.

  Returns:
    A dict.

  Raises:
    FileNotFoundError: if there is none.
    ValueError: if it is damaged.
  """
  try:
    found = json.loads(pathlib.Path(path).read_text())
  except ValueError as error:  # JSON's, or bytes that are no text
    found, reason = None, str(error)
  else:
    reason = f'it holds a {type(found).__name__}'
  if not isinstance(found, dict):
    raise UserError(
      f'{path} must hold what a run wrote there, a JSON object ({reason}); '
      'bring it back, or run again in a new --workdir.'
    )
  return found


def read_lines(path):
  """Reads a file of JSON objects, one a line.

  Args:
    path: of the file; need not be there.

  Returns:
    A list of dicts. A last line that a kill or a full disk has cut is left out.

  Raises:
    UserError: if another line cannot be read.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  lines = path.read_text(errors='replace').splitlines()
  found = []
  for number, line in enumerate(lines, 1):
    try:
      found.append(json.loads(line))
    except json.JSONDecodeError as error:
      if number < len(lines):
        raise UserError(
          f'Line {number} of {path} (={line[:60]!r}) must be JSON ({error}); '
          'remove the line to go on without it.'
        ) from error
  return found


def append_line(path, value):
  """Appends a JSON object to a file of such lines.

  Args:
    path: of the file.
    value: a dict.
  """
  with pathlib.Path(path).open('a') as file:
    file.write(json.dumps(value) + '\n')


def drop_lines_beyond(path, step):
  """Drops the lines of steps that will be done again.

  Args:
    path: of the file; need not be there.
    step: of the last line to keep, by their 'step'.
  """
  if not pathlib.Path(path).exists():
    return
  kept = [line for line in read_lines(path) if line.get('step', 0) <= step]
  # Replaced, not rewritten: a kill in between must not lose the other lines.
  whole.write_text(path, ''.join(json.dumps(line) + '\n' for line in kept))
