"""Files that are there whole or not at all."""

import contextlib
import pathlib
import re
import secrets

# The name of a file, then what makes its partial one unique.
_LEFT_OVER = re.compile(r'.+\.[0-9a-f]{8}\.partial')


@contextlib.contextmanager
def writing(path, mode='w', **options):
  """Opens a file that takes its name once it is written.

  Args:
    path: of the file; one of that name is replaced at the end.
    mode: 'w' or 'wb'.
    **options: see `open`.

  Yields:
    The open file.
  """
  path = pathlib.Path(path)
  # A name of its own: two processes must not write into one file.
  partial = path.with_name(f'{path.name}.{secrets.token_hex(4)}.partial')
  try:
    with partial.open(mode, **options) as file:
      yield file
    partial.replace(path)
  except BaseException as error:  # Ctrl-C as well
    with contextlib.suppress(OSError):
      partial.unlink(missing_ok=True)
    if isinstance(error, OSError) and error.filename == str(partial):
      with contextlib.suppress(AttributeError):  # PyAV's cannot be told
        error.filename = str(path)  # the name that was asked for
    raise


def write_text(path, text):
  """Writes a text file whole.

  Args:
    path: of the file.
    text: its content, kept as UTF-8.
  """
  with writing(path, encoding='utf-8') as file:
    file.write(text)


def is_left_over(path):
  """Says whether a file is what a killed process has left of another.

  Args:
    path: of the file.
  """
  return _LEFT_OVER.fullmatch(pathlib.Path(path).name) is not None


def clear(folder):
  """Removes what processes that were killed have left.

  Args:
    folder: path of a folder in which nobody else writes.
  """
  for path in pathlib.Path(folder).glob('*.partial'):
    if is_left_over(path):
      path.unlink(missing_ok=True)
