"""Hints at the path that may be meant by one that is not there."""

import pathlib
import re

_DRIVE = re.compile(r'^(?:[a-zA-Z]:[\\/]|\\\\)')


def hint(text, folder='.'):
  """Looks at how a path is written.

  Args:
    text: the path, of which it is known that nothing is there.
    folder: that it is relative to.

  Returns:
    '' or a phrase to follow '... there is no PATH'.
  """
  if _DRIVE.match(text):
    return (
      ' (a path of a Windows machine: write where the file is on this one, '
      'best relative and with /)'
    )
  if '\\' in text:
    written = text.replace('\\', '/')
    there = pathlib.Path(folder, written).exists()
    found = f', and there is {written}' if there else ''
    return f' (written on Windows? Folders are separated by / here{found})'
  return ''


def expand(text):
  """Replaces a leading ~ by the home folder, as a shell does.

  Args:
    text: a path.

  Returns:
    The same where nobody knows the home.
  """
  try:
    return str(pathlib.Path(text).expanduser()) if text[:1] == '~' else text
  except RuntimeError:
    return text
