"""The folder of a run: what it was asked, what it found, where it is."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys

import jax

from stclr_jax.errors import UserError
from stclr_jax.files import json_files
from stclr_jax.files import json_records
from stclr_jax.files import whole

CONFIG = 'config.json'
SUMMARY = 'summary.json'
ENVIRONMENT = 'environment.json'
PREDICTIONS = 'predictions.csv'
SHARE_SEEN = 'share_seen.csv'
ORACLE_PREDICTIONS = 'oracle_predictions.csv'
REPORT = 'report.html'
REPORT_TEXT = 'report.md'
FIGURES = 'figures'
FACES = f'{FIGURES}/faces'  # pictures of people, apart from what is passed on
EVENTS = 'events'  # of TensorBoard
# Of a tree of runs.
CONDITIONS = 'conditions.json'
CONDITIONS_TEXT = 'conditions.md'
TABLES = 'tables'
TREE_RUNS = 'runs.json'
_FOLD = 'fold_'
# Of `data`: where frames live changes no view, so that a run may go on on a
# smaller machine; what names mean forbids or allows a run, and changes none;
# and who sees pictures of people changes no number.
WITHOUT_EFFECT = ('placement', 'memory_share', 'same_names', 'with_faces')
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
# What to do about a run of another format.
RUN_ANEW = 'run it again in a new --workdir, or use the version that wrote it'
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
    begun_in = _begun_in(workdir)
    places = (begun_in, workdir)
    differences = list(_differences(read_config(workdir), described, places))
    if differences:
      raise UserError(
        f'The workdir {workdir} belongs to a run of another config:\n'
        + '\n'.join(f'  {line}' for line in differences)
        + '\nTo go on with that run, give its config; to start this one, give '
        'another --workdir.'
      )
  elif workdir.exists() and not _is_new(workdir):
    raise UserError(
      f'The workdir {workdir} holds files but no {CONFIG}, so it is not a run '
      "of this project's; give a new or empty folder as --workdir."
    )
  else:
    make_folder(workdir)
    write_json(workdir / ENVIRONMENT, _environment(workdir))
    write_json(config_file, {'format': json_records.FORMAT, **described})
  return workdir


def read_config(workdir):
  """Reads the config of a run.

  Args:
    workdir: path.

  Returns:
    A dict of dicts.

  Raises:
    UserError: if it is of another format.
  """
  path = pathlib.Path(workdir) / CONFIG
  written = read_json(path)
  json_records.check_format(written, source=path, remedy=RUN_ANEW)
  del written['format']
  return written


def fold_dir(tree, fold, run=''):
  """Returns where the runs of a fold are.

  Args:
    tree: path of a folder of folds.
    fold: its number, or text that stands for one, such as '{fold}'.
    run: which of a fold's runs, such as 'finetune'; '' where it has one only.

  Returns:
    A path.
  """
  return pathlib.Path(tree, f'{_FOLD}{fold}', run)


def folds_with(tree, run='', *, file=SUMMARY):
  """Lists the folds of which a file is there.

  Args:
    tree: path of a folder of folds.
    run: which of a fold's runs, see `fold_dir`.
    file: name of the file; the summary is there of finished runs.

  Returns:
    A dict from the number of a fold to the path of its run, by number.
  """
  found = pathlib.Path(tree).glob(f'{_FOLD}*')
  numbers = (path.name.removeprefix(_FOLD) for path in found)
  folds = sorted(int(number) for number in numbers if number.isdecimal())
  runs = {fold: fold_dir(tree, fold, run) for fold in folds}
  return {fold: run for fold, run in runs.items() if (run / file).exists()}


def make_folder(workdir):
  """Makes the folder of a run.

  Args:
    workdir: a `pathlib.Path`.

  Raises:
    OSError: naming it and the remedy, if it cannot be made.
  """
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise type(error)(
      error.errno,
      f'The workdir {workdir} cannot be made ({error.strerror}); give a place '
      'that can be written to: --workdir=DIR.',
    ) from error


read_json = json_files.read


def write_json(path, value):
  """Writes a file whole or not at all."""
  whole.write_text(path, json.dumps(value, indent=2) + '\n')


def as_json(config):
  """Returns a ConfigDict as what JSON can hold."""
  return json.loads(config.to_json_best_effort())


def versions():
  """Returns the versions of what a result depends on, by name."""
  return {name: importlib.metadata.version(name) for name in PACKAGES}


def _is_new(workdir):
  """Says whether a folder holds at most what is written before the config."""
  begun = (LOCK, ENVIRONMENT)
  partial = tuple(f'{name}.' for name in (ENVIRONMENT, CONFIG))
  return all(
    path.name in begun
    or (path.name.startswith(partial) and whole.is_left_over(path))
    for path in workdir.iterdir()
  )


def _begun_in(workdir):
  """Reads where a run was when it was begun; it may have been moved since."""
  try:
    return str(read_json(workdir / ENVIRONMENT)['workdir'])
  except (OSError, ValueError, KeyError):
    return str(workdir)


def _differences(earlier, now, places, prefix=''):
  without_effect = tuple(f'data.{name}' for name in WITHOUT_EFFECT)
  for key in sorted(earlier.keys() | now.keys()):
    if f'{prefix}{key}'.endswith(without_effect):
      continue
    was, is_now = earlier.get(key, 'absent'), now.get(key, 'absent')
    if isinstance(was, dict) and isinstance(is_now, dict):
      yield from _differences(was, is_now, places, f'{prefix}{key}.')
    elif was != is_now and not (
      key in PATHS
      and (_same_place(was, is_now) or _moved_along(was, is_now, places))
    ):
      yield f'{prefix}{key}: there {was!r}, here {is_now!r}'


def _same_place(*paths):
  """Says if paths, however they are spelled, lead to one file or folder."""
  if not all(isinstance(path, str) and path for path in paths):
    return False
  return len({os.path.realpath(os.path.expanduser(p)) for p in paths}) == 1


def _moved_along(was, is_now, places):
  """Says if a path has moved with the run, such as another run of its tree."""
  if not all(isinstance(path, str) and path for path in (was, is_now)):
    return False
  absolute = map(os.path.abspath, places)
  before, here = (
    os.path.relpath(os.path.abspath(os.path.expanduser(path)), place)
    for path, place in zip((was, is_now), absolute, strict=True)
  )
  return before == here


def _environment(workdir):
  return {
    'workdir': os.path.abspath(workdir),
    'started': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
    'command': shlex.join(['python', *sys.argv]),
    'git': _git_commit(),
    'python': platform.python_version(),
    'packages': versions(),
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
