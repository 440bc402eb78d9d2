"""The named problem of a recording, and the net that makes one of any error."""

import contextlib
import errno

from stclr_jax.errors import UserError

# What FFmpeg's codes mean, beside those of the system.
_DAMAGED = 'damaged: its decoder cannot make anything of it'
_CODES = {
  errno.EINVAL: _DAMAGED,
  errno.EPERM: _DAMAGED,
  errno.ENOMEM: 'damaged, or needs more memory than there is',
}


class UnreadableError(UserError):
  """A recording that cannot be read, with the reason in the user's words."""


@contextlib.contextmanager
def naming_errors():
  """Turns whatever the content of a file causes into its named problem.

  A file can hold any number and any name, and so cause nearly any error in
  the code that reads it. One such file must neither end the import of the
  others nor do so without being named.

  Yields:
    Nothing. An interrupt, a missing package and a full memory of the whole
    system (which kills) are no fault of the file and pass.

  Raises:
    UnreadableError: in place of any other error of the body.
  """
  try:
    yield
  except (UnreadableError, ImportError):
    raise
  except MemoryError as error:
    raise UnreadableError('needs more memory than there is') from error
  except Exception as error:
    raise UnreadableError(describe(error)) from error


def describe(error):
  """Says what an error means of the file that caused it.

  Args:
    error: an exception.

  Returns:
    A line.
  """
  reason = getattr(error, 'strerror', None) or str(error).strip()
  if isinstance(error, OSError) and error.errno in _CODES:
    reason = _CODES[error.errno]
  elif isinstance(error, EOFError):
    reason = 'damaged or cut off: it ends before its first picture'
  # Errors of Python itself say little without their kind.
  elif not isinstance(error, OSError | ValueError) or not reason:
    reason = f'{type(error).__name__}: {reason}' if reason else repr(error)
  return ' '.join(reason.split())
