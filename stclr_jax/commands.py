"""How every command ends when it cannot go on: in a line, not a traceback."""

import contextlib
import errno
import os
import signal
import sys

from stclr_jax.errors import UserError
from stclr_jax.files import disk
from stclr_jax.files import locks

# Exit codes of shells for commands that a signal has ended: 128 and its number.
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
  """SIGTERM, such as of a batch system whose time is up."""


@contextlib.contextmanager
def ending_in_a_line(folder='.', *, otherwise='', describe_kept=lambda: ''):
  """Turns what stops a command into a line and an exit code.

  Errors that this project did not raise, and that the system did not, keep
  their traceback: they are mistakes of the program.

  Args:
    folder: where the command writes, for the name of a disk that is full.
    otherwise: how to choose another one, such as ' (--workdir=DIR)'.
    describe_kept: says, once something has stopped the command, what is kept
      and how to go on; '' for nothing.

  Raises:
    SystemExit: with 1, or `INTERRUPTED` or `TERMINATED`.
  """
  try:
    with (
      _termination_raised(),
      disk.naming_full_disk(
        folder,
        doing='was written',
        kept='what was whole before is kept',
        otherwise=f'choose another disk{otherwise}.',
      ),
    ):
      yield
  except KeyboardInterrupt as interrupt:
    ended = isinstance(interrupt, Terminated)
    said = 'Terminated.' if ended else 'Interrupted.'
    print(_join(said, describe_kept()), file=sys.stderr, flush=True)
    sys.exit(TERMINATED if ended else INTERRUPTED)
  except BrokenPipeError:
    raise  # a reader of the output who went away, such as `head`
  except locks.OwnedError as error:  # nothing has begun
    sys.exit(f'{type(error).__name__}: {error}')
  except OSError as error:
    said = f'{type(error).__name__}: {_words(error)}'
    if error.errno == errno.EROFS and otherwise:
      said += f'; write to another place{otherwise}.'
    sys.exit(_join(said, describe_kept()))
  except UserError as error:
    sys.exit(f'Error: {error}')


def call(run):
  """Calls a command that may have threads of JAX's at work.

  Once it was interrupted, Python is left without being taken down: that can
  crash under threads that still compile or compute.

  Args:
    run: called without arguments.
  """
  try:
    run()
  except SystemExit as end:
    if end.code not in (INTERRUPTED, TERMINATED):
      raise
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code)


@contextlib.contextmanager
def _termination_raised():
  def terminate(*_):
    raise Terminated

  try:
    before = signal.signal(signal.SIGTERM, terminate)
  except ValueError:  # only the main thread may
    yield
    return
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _words(error):
  """Python's words for an error of the system, without its number."""
  if error.errno is None or error.strerror is None:
    return str(error)
  of = f': {error.filename}' if error.filename is not None else ''
  return f'{error.strerror}{of}'


def _join(*lines):
  return '\n'.join(filter(None, lines))
