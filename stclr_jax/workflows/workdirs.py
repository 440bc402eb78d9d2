"""The folder of a run: what it was asked, what it found, where it is."""

import contextlib
import datetime
import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys

import jax

from stclr_jax.files import locks
from stclr_jax.files import whole

CONFIG = 'config.json'
SUMMARY = 'summary.json'
ENVIRONMENT = 'environment.json'
# Of `data`: where frames live changes no view, so that a run may go on on a
# smaller machine; what names mean forbids or allows a run, and changes none.
WITHOUT_EFFECT = ('placement', 'memory_share', 'same_names')
# Settings that name a file or folder, which can be spelled in many ways.
PATHS = (
  'classifier',
  'data_dir',
  'encoder_from',
  'init_from',
  'init_weights',
  'kinetics_weights',
)
LOCK = '.lock'
PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'numpy')


def default_workdir(config):
  """Names a fresh folder after the run and the time.

  Args:
    config: with `workflow` and `preset`.

  Returns:
    A relative path, such as 'runs/pretrain-demo-20261124-101706'.
  """
  now = datetime.datetime.now().strftime('%Y%m%d-%H%M%S')
  return os.path.join('runs', f'{config.workflow}-{config.preset}-{now}')


def alone(run):
  """Makes a workflow own its folder, from its first look to its end.

  A second run in the same folder, however it is spelled, is refused before it
  reads or writes anything. What refuses its config leaves no folder behind.

  Args:
    run: `run(config, workdir, **options)`.

  Returns:
    The same, of one process at a time.
  """

  @functools.wraps(run)
  def run_alone(config, workdir, **options):
    with owned(workdir):
      return run(config, workdir, **options)

  return run_alone


@contextlib.contextmanager
def owned(workdir):
  """Owns the folder of a run, made if need be; taken away if nothing is in it.

  Args:
    workdir: path.

  Raises:
    locks.OwnedError: if another process owns it.
    OSError: if it cannot be made.
  """
  workdir = pathlib.Path(workdir)
  missing = [
    folder for folder in (workdir, *workdir.parents) if not folder.exists()
  ]
  _make_folder(workdir)
  try:
    with locks.own(
      workdir / LOCK,
      what=f'The workdir {workdir}',
      remedy='Wait until it has ended, or give another --workdir.',
    ):
      if (workdir / CONFIG).exists():
        whole.clear(workdir)
      yield
  finally:
    for folder in missing:
      with contextlib.suppress(OSError):  # not empty: a run has begun
        folder.rmdir()


@contextlib.contextmanager
def owned_folds(tree, folds):
  """Owns folds of a tree of runs; other processes may run its other folds.

  Args:
    tree: path of a folder that is there.
    folds: their numbers.

  Raises:
    locks.OwnedError: if another process owns one of them.
  """
  with contextlib.ExitStack() as all_of_them:
    for fold in folds:
      all_of_them.enter_context(
        locks.own(
          pathlib.Path(tree) / f'.fold_{fold}{LOCK}',
          what=f'Fold {fold} of {tree}',
          remedy='Wait until it has ended, give other folds (--config.folds), '
          'or another --workdir.',
        )
      )
    yield


def in_turn(tree):
  """Writes what the processes of a tree share: one after another.

  Args:
    tree: path of a folder that is there.

  Returns:
    A context; where another process writes, it begins when that one ends.
  """
  return locks.own(
    pathlib.Path(tree) / LOCK,
    what=f'The common part of {tree}',
    remedy='Wait until it has ended.',
    wait=True,
  )


def open_tree(workdir, config):
  """Creates the folder of a tree of runs, or finds the one to go on in.

  Args:
    workdir: see `open_workdir`.
    config: of the tree, without what its processes may differ in.

  Returns:
    The path.

  Raises:
    ValueError: see `open_workdir`.
  """
  workdir = pathlib.Path(workdir)
  if (workdir / CONFIG).exists():
    return open_workdir(workdir, config)
  _make_folder(workdir)
  with in_turn(workdir):
    return open_workdir(workdir, config)


def open_workdir(workdir, config):
  """Creates the folder of a run, or finds the one to go on in.

  Args:
    workdir: path; new, empty, or of an earlier run of the same config, also
      of one that was stopped while it was opened.
    config: the run's ConfigDict.

  Returns:
    The path.

  Raises:
    ValueError: if the folder belongs to another config or holds other files;
      nothing is overwritten.
  """
  workdir = pathlib.Path(workdir)
  config_file = workdir / CONFIG
  described = as_json(config)
  if config_file.exists():
    earlier = read_json(config_file)
    differences = list(_differences(earlier, described))
    if differences:
      raise ValueError(
        f'The workdir {workdir} belongs to a run of another config:\n'
        + '\n'.join(f'  {line}' for line in differences)
        + '\nTo go on with that run, give its config; to start this one, give '
        'another --workdir.'
      )
  elif workdir.exists() and not _is_new(workdir):
    raise ValueError(
      f'The workdir {workdir} holds files but no {CONFIG}, so it is not a run '
      "of this project's; give a new or empty folder as --workdir."
    )
  else:
    _make_folder(workdir)
    write_json(workdir / ENVIRONMENT, _environment())
    write_json(config_file, described)
  return workdir


def read_summary(workdir):
  """Returns the summary of a finished run, or None."""
  path = pathlib.Path(workdir) / SUMMARY
  return read_json(path) if path.exists() else None


def read_json(path):
  """Reads what `write_json` wrote.

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
    raise ValueError(
      f'{path} must hold what a run wrote there, a JSON object ({reason}); '
      'bring it back, or run again in a new --workdir.'
    )
  return found


def write_json(path, value):
  """Writes a file whole or not at all."""
  whole.write_text(path, json.dumps(value, indent=2) + '\n')


def as_json(config):
  """Returns a ConfigDict as what JSON can hold."""
  return json.loads(config.to_json_best_effort())


def describe_kept(workdir):
  """Says what a run that was stopped has kept, and how to go on with it.

  Args:
    workdir: path of the run or tree, begun or not.

  Returns:
    Lines to print; '' where there is nothing to go on with.
  """
  workdir = pathlib.Path(workdir)
  if not (workdir / CONFIG).exists():
    return ''
  saved = [
    int(path.name)
    for path in workdir.glob('checkpoints/*')
    if path.name.isdecimal()
  ]
  kept = f'the checkpoint of epoch {max(saved)}' if saved else 'no checkpoint'
  if any(workdir.glob(f'**/fold_*/**/{CONFIG}')):
    kept = 'each finished run, and the checkpoints of the one under way'
  place = [] if _is_given('workdir') else [f'--workdir={workdir}']
  command = shlex.join(['python', *sys.argv, *place])
  return f'In {workdir} is kept: {kept}. To go on:\n  {command}'


def _is_given(flag):
  return any(re.match(f'--?{flag}(=|$)', given) for given in sys.argv[1:])


def forwarded_flags(prefixes=('--config.data.', '--config.encoder.')):
  """The user's own settings that the next command needs as well.

  Args:
    prefixes: of the flags to keep.

  Returns:
    The flags as one string, ready to paste.
  """
  kept, value_follows = [], False
  for argument in sys.argv[1:]:
    if re.match('--?[a-z]', argument):  # a value may be -5
      name = '--' + argument.lstrip('-').removeprefix('no')  # of a switch
      wanted = name.startswith(prefixes)
      value_follows = wanted and '=' not in argument
    else:
      wanted, value_follows = value_follows, False
    if wanted:
      kept.append(argument)
  return ''.join(f' {shlex.quote(argument)}' for argument in kept)


def _is_new(workdir):
  """Whether a folder holds at most what is written before the config."""
  begun = (LOCK, ENVIRONMENT)
  partial = tuple(f'{name}.' for name in (ENVIRONMENT, CONFIG))
  return all(
    path.name in begun
    or (path.name.startswith(partial) and whole.is_left_over(path))
    for path in workdir.iterdir()
  )


def _make_folder(workdir):
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise type(error)(
      error.errno,
      f'The workdir {workdir} cannot be made ({error.strerror}); give a place '
      'that can be written to: --workdir=DIR.',
    ) from error


def _differences(earlier, now, prefix=''):
  without_effect = tuple(f'data.{name}' for name in WITHOUT_EFFECT)
  for key in sorted(earlier.keys() | now.keys()):
    if f'{prefix}{key}'.endswith(without_effect):
      continue
    was, is_now = earlier.get(key, 'absent'), now.get(key, 'absent')
    if isinstance(was, dict) and isinstance(is_now, dict):
      yield from _differences(was, is_now, f'{prefix}{key}.')
    elif was != is_now and not (key in PATHS and _same_place(was, is_now)):
      yield f'{prefix}{key}: there {was!r}, here {is_now!r}'


def _same_place(*paths):
  """Whether paths, however they are spelled, lead to one file or folder."""
  if not all(isinstance(path, str) and path for path in paths):
    return False
  return len({os.path.realpath(os.path.expanduser(p)) for p in paths}) == 1


def _environment():
  return {
    'started': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
    'command': shlex.join(['python', *sys.argv]),
    'git': _git_commit(),
    'python': platform.python_version(),
    'packages': {name: importlib.metadata.version(name) for name in PACKAGES},
    'devices': [device.device_kind for device in jax.devices()],
  }


def _git_commit():
  try:
    return subprocess.run(
      ['git', 'describe', '--always', '--dirty'],
      cwd=pathlib.Path(__file__).parent,
      capture_output=True,
      check=True,
      text=True,
    ).stdout.strip()
  except (OSError, subprocess.CalledProcessError):
    return None
