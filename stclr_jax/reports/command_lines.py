"""The command that a run was started with, for the commands that follow it."""

import os
import pathlib
import re
import shlex
import sys

from stclr_jax import programs
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import checksums
from stclr_jax.runs import workdirs

_DATA_DIR = '--config.data.data_dir'
_WITH_FACES = '--with_faces'


def describe_kept(workdir):
  """Says what a run that was stopped has kept, and how to go on with it.

  Args:
    workdir: path of the run or tree, begun or not.

  Returns:
    Lines to print; '' where there is nothing to go on with.
  """
  workdir = pathlib.Path(workdir)
  if not (workdir / workdirs.CONFIG).exists():
    return ''
  epoch, step = (
    max(checksums.list_numbers(workdir / name), default=0)
    for name in (checkpoints.FOLDER, checkpoints.UNFINISHED_EPOCH)
  )
  kept = f'the checkpoint of epoch {epoch}' if epoch else 'no checkpoint'
  if step:
    kept = f'the checkpoint of step {step}, within an epoch'
  if any(workdir.glob(f'**/{workdirs.fold_dir("", "*")}/**/{workdirs.CONFIG}')):
    kept = 'each finished run, and the checkpoints of the one under way'
  place = [] if _is_given('workdir') else [f'--workdir={workdir}']
  main = pathlib.Path(sys.argv[0]).name == 'main.py'
  start = ['python', sys.argv[0]] if main else programs.training().split()
  command = shlex.join([*start, *sys.argv[1:], *place])
  return f'In {workdir} is kept: {kept}. To go on:\n  {command}'


def _is_given(flag):
  return any(re.match(f'--?{flag}(=|$)', given) for given in sys.argv[1:])


def forwarded_flags(prefixes=('--config.data.', '--config.encoder.')):
  """The user's own settings that the next command needs as well.

  Args:
    prefixes: of the flags to keep, beside --with_faces.

  Returns:
    The flags as one string, ready to paste.
  """
  kept, value_follows = [], False
  for argument in sys.argv[1:]:
    if re.match('--?[a-z]', argument):  # a value may be -5
      name = '--' + argument.lstrip('-').removeprefix('no')  # of a switch
      wanted = name.startswith((*prefixes, _WITH_FACES))
      value_follows = wanted and '=' not in argument
    else:
      wanted, value_follows = value_follows, False
    if wanted:
      kept.append(argument)
  # A relative folder would be another one in another place.
  place = os.path.expanduser(os.environ.get('TFDS_DATA_DIR', ''))
  wanted = _DATA_DIR.startswith(prefixes) and not _is_given(_DATA_DIR[2:])
  if wanted and place and not os.path.isabs(place):
    kept.append(f'{_DATA_DIR}={os.path.abspath(place)}')
  return ''.join(f' {shlex.quote(argument)}' for argument in kept)
