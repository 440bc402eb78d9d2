"""Runs what a config names: a training, a test, a table of many.

    python -m stclr_jax.train --config=pretrain:paper

A config that is not a file here is looked for among those that come with the
package, with or without its folder and ending.
"""

import importlib
import math
import os
import pathlib
import sys

from stclr_jax.files import huge_pages

if __name__ == '__main__':
  huge_pages.use()  # before all that takes a second to import

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

from stclr_jax import commands
from stclr_jax import programs
from stclr_jax.learning import parallel
from stclr_jax.learning.running import compilation
from stclr_jax.learning.running import processes
from stclr_jax.reports import command_lines
from stclr_jax.reports import notices
from stclr_jax.runs import private_workdirs
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks

_PACKAGE = pathlib.Path(__file__).parent
# The folder that holds `configs/`: of a wheel or, in a clone, beside the
# package (setup.py).
_CARRIED = _PACKAGE / 'carried'
_CONFIGS_IN = _CARRIED if _CARRIED.is_dir() else _PACKAGE.parent


class _Finding(flags.ArgumentParser):
  """Parses a config, also one that comes with the package."""

  def __init__(self, parser):
    self._parser = parser

  def parse(self, argument):
    return self._parser.parse(_find(argument))

  def flag_type(self):
    return self._parser.flag_type()


def _find(config):
  """Puts the path of ours in place of a name that is no file here."""
  name, colon, preset = config.partition(':')
  asked = pathlib.Path(name)
  ours = _CONFIGS_IN / 'configs' / f'{asked.stem}.py'
  if asked.is_file() or not ours.is_file():
    return config
  if asked.parent not in (pathlib.Path('.'), pathlib.Path('configs')):
    return config
  sys.path.insert(0, str(_CONFIGS_IN))  # they import each other
  return f'{ours}{colon}{preset}'


_CONFIG = config_flags.DEFINE_config_file(
  'config',
  None,
  'What to run, such as configs/pretrain.py or configs/pretrain.py:paper; '
  'each key can be set by --config.KEY=VALUE.',
)
_FLAG = flags.FLAGS['config']
_FLAG.parser = _Finding(_FLAG.parser)
_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'Folder of the run; that of an unfinished run resumes it. Default: a fresh '
  'folder in runs/.',
)

_WITH_FACES = flags.DEFINE_bool(
  'with_faces',
  False,
  'Let reports, figures and events show people, of Oulu-CASIA or of your own '
  'videos; drawn faces are always shown. The same as data.with_faces.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator',
  '',
  'HOST:PORT of the first process, of a run on several; not needed where srun, '
  'mpirun or Kubernetes starts them.',
)
_NUM_PROCESSES = flags.DEFINE_integer(
  'num_processes',
  None,
  'How many processes make up the run; 1 runs alone whatever started it.',
)
_PROCESS_ID = flags.DEFINE_integer(
  'process_id', None, 'Which of the processes this is, from 0.'
)

# The workflow that a config names: one run, or many.
_MODULES = {
  **{
    name: f'stclr_jax.workflows.{name}'
    for name in ('pretrain', 'finetune', 'evaluate')
  },
  **{
    name: f'stclr_jax.experiments.{name}'
    for name in ('crossval', 'reproduce', 'baselines')
  },
}
# Those that can say what they would run.
_PLANS = {'reproduce': 'stclr_jax.experiments.planning'}
_PLAN = flags.DEFINE_bool(
  'plan',
  False,
  'Only say what would be run and what it would cost (configs/reproduce.py).',
)


def main(argv):
  """Reads the flags and hands over to the workflow that the config names."""
  if len(argv) > 1:
    raise app.UsageError(f'Unknown arguments: {" ".join(argv[1:])}')
  logging.set_verbosity(logging.WARNING)  # Orbax tells of every file
  config = _read_config()
  _run(config, _join(config))


@commands.report_errors()
def _join(config):
  """Joins the other processes of the run, if any; returns its workdir."""
  processes.join(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
  # Before devices are set up, as all that follows does.
  parallel.use_cpu_cores(_common_batch_size(config))
  compilation.use_several_gpus()
  compilation.use_cache()
  parallel.meet()
  if not processes.is_first():  # what it says, the first one says, too
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  return processes.from_first(
    lambda: str(_WORKDIR.value or workdirs.default_workdir(config))
  )


def _place(_, workdir):
  return commands.Place(
    workdir, ' (--workdir=DIR)', lambda: command_lines.describe_kept(workdir)
  )


@commands.report_errors(_place)
def _run(config, workdir):
  config_checks.check(config)
  if not _PLAN.value:  # which reads no data and trains nothing
    programs.check_training()
  processes.check_same(
    'config',
    _comparable(config),
    remedy='Give all of them the same --config and settings.',
  )
  processes.check_same(
    'version of a package',
    workdirs.versions(),
    remedy='Install the same everywhere.',
  )
  if notice := notices.notice(config):
    print(notice, flush=True)
  if _PLAN.value:
    if config.workflow not in _PLANS:
      raise app.UsageError(
        f'--plan is for configs/reproduce.py, not for {config.workflow}.'
      )
    print(importlib.import_module(_PLANS[config.workflow]).plan(config))
    return
  workflow = importlib.import_module(_MODULES[config.workflow])
  with (
    processes.naming_lost_ones(),
    private_workdirs.of_process(workdir) as folder,
  ):
    summary = workflow.run(config, folder)
    print(workflow.describe(summary, folder))
  if notice:
    print(notice)


def _comparable(config):
  """Flattens what all processes must agree on: no places, nor what is free."""
  left_out = (*workdirs.PATHS, *workdirs.WITHOUT_EFFECT)
  return {
    key: value
    for key, value in config_checks.flatten(config)
    if key.rpartition('.')[2] not in left_out
  }


def _parse_flags(argv):
  """Parses the flags; a mistyped setting ends in a line, not in a traceback."""
  with commands.naming_mistyped_settings():
    try:
      return flags.FLAGS(argv)
    except flags.Error as error:
      sys.exit(commands.describe_flags_error(error))


def _read_config():
  config = _CONFIG.value
  try:
    _ = config.workflow  # a file that cannot be read says so only now
  except OSError as error:
    sys.exit(f'The config file cannot be read. {error}')
  if _WITH_FACES.value:
    _show_faces(config)
  return config


def _show_faces(config):
  data = config.recipe.data if 'recipe' in config else config.data
  if 'with_faces' not in data:
    raise app.UsageError(
      '--with_faces is for runs whose reports could show people; '
      f'{config.workflow} draws nobody.'
    )
  data.with_faces = True


def _common_batch_size(config):
  """The largest divisor of the batches of all runs that a config asks for."""
  recipe = config.recipe if 'recipe' in config else config
  runs = [recipe[name] for name in ('pretrain', 'finetune') if name in recipe]
  return math.gcd(*(run.batch_size for run in runs or [config]))


def _run_app():
  with processes.leaving_others():
    app.run(main, flags_parser=_parse_flags)


def start():
  """Runs the command; does not return."""
  flags.mark_flag_as_required('config')
  commands.call(_run_app)


if __name__ == '__main__':
  start()
