"""Decorator of commands: whatever stops one ends it in a line and a code."""

import contextlib
import dataclasses
import errno
import functools
import os
import signal
import sys
from collections.abc import Callable

from absl import flags
from ml_collections import config_flags

from stclr_jax.errors import UserError
from stclr_jax.files import disk
from stclr_jax.files import locks

# Exit codes of shells for commands that a signal has ended: 128 and its number.
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
  """SIGTERM, such as of a batch system whose time is up."""


@dataclasses.dataclass(frozen=True)
class Place:
  """The place that a command writes to.

  Attributes:
    folder: for the name of a disk that is full.
    otherwise: how to choose another one, such as ' (--workdir=DIR)'.
    describe_kept: says, once something has stopped the command, what is kept
      and how to go on; '' for nothing.
  """

  folder: os.PathLike | str = '.'
  otherwise: str = ''
  describe_kept: Callable[[], str] = lambda: ''


def report_errors(place=lambda *_, **__: Place()):
  """Makes a decorator: what stops a command is printed as a line.

  That is a `UserError`, what the system refuses (a file that is missing, a full
  disk), an interrupt and SIGTERM. All else is a mistake of the program and
  keeps its traceback. The decorated function raises SystemExit with 1, or with
  `INTERRUPTED` or `TERMINATED`.

  Args:
    place: makes a `Place` of the arguments of the decorated function.

  Returns:
    The decorator.
  """

  def decorate(run):
    @functools.wraps(run)
    def reporting(*args, **kwargs):
      with _ending_in_a_line(place(*args, **kwargs)):
        return run(*args, **kwargs)

    return reporting

  return decorate


@contextlib.contextmanager
def _ending_in_a_line(place):
  try:
    with (
      _termination_raised(),
      disk.naming_full_disk(
        place.folder,
        doing='was written',
        kept='what was whole before is kept',
        otherwise=f'choose another disk{place.otherwise}.',
      ),
    ):
      yield
  except KeyboardInterrupt as interrupt:
    ended = isinstance(interrupt, Terminated)
    said = 'Terminated.' if ended else 'Interrupted.'
    print(_join(said, place.describe_kept()), file=sys.stderr, flush=True)
    sys.exit(TERMINATED if ended else INTERRUPTED)
  except BrokenPipeError:
    raise  # a reader of the output who went away, such as `head`
  except (UserError, locks.OwnedError) as error:  # nothing has begun
    sys.exit(f'Error: {error}')
  except OSError as error:
    said = f'Error: {_words(error)}'
    if error.errno == errno.EROFS and place.otherwise:
      said += f'; write to another place{place.otherwise}.'
    sys.exit(_join(said, place.describe_kept()))


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
def naming_mistyped_settings():
  """Says in a line which --config.KEY=VALUE does not fit a config."""
  try:
    yield
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    told = error.args[0]
    while isinstance(told, BaseException) and told.args:
      told = told.args[0]  # ml_collections hands an error on within another
    sys.exit(
      'A setting, --config.KEY=VALUE, does not fit the config: '
      f'{str(told).replace(chr(10), ". ")}'
    )


def read_config(arguments, default):
  """Reads a config out of a command's arguments, as main.py does.

  Args:
    arguments: list of strings.
    default: path of the config file, with preset, where --config is not given.

  Returns:
    (config, others): a ConfigDict, and the arguments that are not about it.
  """
  given, others = [], []
  rest = iter(arguments)
  for argument in rest:
    name, has_value, _ = argument.partition('=')
    if name.lstrip('-').split('.')[0] != 'config' or name[:1] != '-':
      others.append(argument)
    elif has_value:
      given.append(argument)
    else:
      given += [argument, *(value for value in [next(rest, None)] if value)]
  values, argv = flags.FlagValues(), ['', *given]
  try:
    with naming_mistyped_settings():
      config_flags.DEFINE_config_file(
        'config', default, '', flag_values=values, sys_argv=argv
      )
      values(argv)
      _ = values.config.workflow  # a file that cannot be read says so only now
  except OSError as error:
    sys.exit(f'The config file cannot be read. {error}')
  except flags.Error as error:
    sys.exit(describe_flags_error(error))
  return values.config, others


def describe_flags_error(error):
  """Returns a line of what is wrong with flags.

  Args:
    error: absl's, which may hold the traceback of what a config file refused;
      one of a mistake in the file is kept.
  """
  *before, said = str(error).strip().splitlines()
  kind, is_traceback, rest = said.strip().partition(': ')
  if not before:
    return f'Error: {said}'
  if kind.strip() == 'ValueError' and is_traceback:
    return f'Error: {rest}'
  return f'Error: {error}'


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
