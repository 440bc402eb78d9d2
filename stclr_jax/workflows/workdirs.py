"""The folder of a run: what it was asked, what it found, where it is."""

import datetime
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

CONFIG = 'config.json'
SUMMARY = 'summary.json'
ENVIRONMENT = 'environment.json'
# Of `data`: where frames live changes no view, so that a run may go on on a
# smaller machine.
WITHOUT_EFFECT = ('placement', 'memory_share')
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
    earlier = json.loads(config_file.read_text())
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
    workdir.mkdir(parents=True, exist_ok=True)
    write_json(workdir / ENVIRONMENT, _environment())
    write_json(config_file, described)
  return workdir


def read_summary(workdir):
  """Returns the summary of a finished run, or None."""
  path = pathlib.Path(workdir) / SUMMARY
  return read_json(path) if path.exists() else None


def read_json(path):
  """Reads what `write_json` wrote."""
  return json.loads(pathlib.Path(path).read_text())


def write_json(path, value):
  """Writes a file whole or not at all."""
  path = pathlib.Path(path)
  partial = _partial(path)
  partial.write_text(json.dumps(value, indent=2) + '\n')
  partial.replace(path)


def as_json(config):
  """Returns a ConfigDict as what JSON can hold."""
  return json.loads(config.to_json_best_effort())


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
  before = (workdir / ENVIRONMENT, workdir / CONFIG)
  begun = {before[0], *map(_partial, before)}
  return set(workdir.iterdir()) <= begun


def _partial(path):
  return path.with_name(path.name + '.partial')


def _differences(earlier, now, prefix=''):
  without_effect = tuple(f'data.{name}' for name in WITHOUT_EFFECT)
  for key in sorted(earlier.keys() | now.keys()):
    if f'{prefix}{key}'.endswith(without_effect):
      continue
    was, is_now = earlier.get(key, 'absent'), now.get(key, 'absent')
    if isinstance(was, dict) and isinstance(is_now, dict):
      yield from _differences(was, is_now, f'{prefix}{key}.')
    elif was != is_now:
      yield f'{prefix}{key}: there {was!r}, here {is_now!r}'


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
