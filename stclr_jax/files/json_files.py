"""Reads the JSON objects that runs write for runs that follow."""

import json
import pathlib

from stclr_jax.errors import UserError


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
