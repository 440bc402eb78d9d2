"""Arguments that the commands on recordings share."""

import argparse
import dataclasses
import os
import sys

from stclr_jax.inference.videos import settings


class Parser(argparse.ArgumentParser):
  """A parser that says how a file is named that begins with a dash."""

  def parse_known_args(self, args=None, namespace=None):
    """See `argparse.ArgumentParser`."""
    self._given = list(sys.argv[1:] if args is None else args)
    return super().parse_known_args(args, namespace)

  def error(self, message):
    """Ends the command with what is wrong, and code 2.

    Args:
      message: what is wrong.
    """
    for name in self._given:
      if name.startswith('-') and os.path.exists(name):
        message += f'. {name} begins as an option does: write ./{name}'
        break
    super().error(message)


def make_parser(program, description):
  """Makes the parser of a command.

  Args:
    program: what is called, such as 'python -m stclr_jax.predict'.
    description: the text of `--help`, as it stands.

  Returns:
    A `Parser` without arguments.
  """
  return Parser(
    prog=program,
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )


def add_windows(parser):
  """Adds how long windows are, and how far apart.

  Args:
    parser: a parser, or a group of one.
  """
  parser.add_argument(
    '--window', type=float, help="length in seconds (default: the model's)"
  )
  parser.add_argument(
    '--step',
    type=float,
    help='seconds from one to the next (default: window / 4)',
  )


def add_faces(parser):
  """Adds which faces are looked at.

  Args:
    parser: a parser, or a group of one.
  """
  parser.add_argument(
    '--faces',
    choices=settings.FACES,
    default=settings.Asked().faces,
    help='all: a track each, told by place and continuity '
    '(default: %(default)s)',
  )
  parser.add_argument(
    '--whole_frames', action='store_true', help='cut out no face'
  )


def read(args):
  """Reads the settings among a command's arguments.

  Args:
    args: as a parser gives them; what it has no argument for is the model's.

  Returns:
    A `settings.Asked`.
  """
  names = {field.name for field in dataclasses.fields(settings.Asked)}
  return settings.Asked(
    **{name: value for name, value in vars(args).items() if name in names}
  )
