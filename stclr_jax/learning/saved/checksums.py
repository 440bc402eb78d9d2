"""Checksums of checkpoints, so that a damaged one is not gone on from."""

import hashlib
import json
import pathlib

from stclr_jax.files import whole

# Beside the checkpoints, not within: their folders are Orbax's.
NAME = 'checksums.json'
_ITSELF = 'itself'


def seal(directory):
  """Notes the checksums of checkpoints that have none yet; forgets others.

  Args:
    directory: of finished checkpoints, each a folder named by a number.
  """
  directory = pathlib.Path(directory)
  known, there = _read(directory), list_numbers(directory)
  sealed = {
    str(number): known.get(str(number)) or _digests(directory / str(number))
    for number in there
  }
  if sealed != known:
    written = {_ITSELF: _digest_of(sealed), **sealed}
    whole.write_text(directory / NAME, json.dumps(written) + '\n')


def find_changed(directory, number):
  """Looks for files that are not as they were written.

  Args:
    directory: see `seal`.
    number: of the checkpoint.

  Returns:
    The path of a file that is missing, unknown or changed; '' for none; None
    where no checksums are known, as after a kill.
  """
  directory = pathlib.Path(directory)
  expected = _read(directory).get(str(number))
  if expected is None:
    return None
  try:
    found = _digests(directory / str(number))
  except OSError as error:
    return str(error.filename or directory / str(number))
  wrong = sorted(
    name
    for name in expected.keys() | found.keys()
    if expected.get(name) != found.get(name)
  )
  return str(directory / str(number) / wrong[0]) if wrong else ''


def list_numbers(directory):
  """Lists the finished checkpoints of a folder, ascending."""
  directory = pathlib.Path(directory)
  if not directory.is_dir():
    return []
  return sorted(
    int(path.name) for path in directory.iterdir() if path.name.isdecimal()
  )


def _read(directory):
  """The checksums noted; {} where there are none that can be trusted."""
  try:
    noted = json.loads((directory / NAME).read_text())
    itself = noted.pop(_ITSELF)
  except (OSError, ValueError, AttributeError, KeyError, TypeError):
    return {}
  return noted if itself == _digest_of(noted) else {}


def _digests(folder):
  return {
    str(path.relative_to(folder)): _digest(path)
    for path in sorted(folder.rglob('*'))
    if path.is_file()
  }


def _digest(path):
  with path.open('rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _digest_of(noted):
  return hashlib.sha256(json.dumps(noted, sort_keys=True).encode()).hexdigest()
