"""Runs one workflow: `python main.py --config=configs/NAME.py[:PRESET]`."""

import importlib
import math
import sys

from stclr_jax.files import huge_pages

if __name__ == '__main__':
  huge_pages.use()  # before all that takes a second to import

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

from stclr_jax import commands
from stclr_jax.learning import compilation
from stclr_jax.learning import parallel
from stclr_jax.reports import command_lines
from stclr_jax.reports import notices
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks

_CONFIG = config_flags.DEFINE_config_file(
  'config',
  None,
  'What to run, such as configs/pretrain.py or configs/pretrain.py:paper; '
  'each key can be set by --config.KEY=VALUE.',
)
_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'Folder of the run; that of an unfinished run resumes it. Default: a fresh '
  'folder in runs/.',
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
  _run(config, _WORKDIR.value or workdirs.default_workdir(config))


def _place(_, workdir):
  return commands.Place(
    workdir, ' (--workdir=DIR)', lambda: command_lines.describe_kept(workdir)
  )


@commands.report_errors(_place)
def _run(config, workdir):
  config_checks.check(config)
  if notice := notices.notice(config):
    print(notice, flush=True)
  parallel.use_cpu_cores(_common_batch_size(config))
  compilation.use_several_gpus()
  compilation.use_cache()
  if _PLAN.value:
    if config.workflow not in _PLANS:
      raise app.UsageError(
        f'--plan is for configs/reproduce.py, not for {config.workflow}.'
      )
    print(importlib.import_module(_PLANS[config.workflow]).plan(config))
    return
  workflow = importlib.import_module(_MODULES[config.workflow])
  summary = workflow.run(config, workdir)
  print(workflow.describe(summary, workdir))
  if notice:
    print(notice)


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
  return config


def _common_batch_size(config):
  """What divides the batches of all runs that a config asks for."""
  recipe = config.recipe if 'recipe' in config else config
  runs = [recipe[name] for name in ('pretrain', 'finetune') if name in recipe]
  return math.gcd(*(run.batch_size for run in runs or [config]))


if __name__ == '__main__':
  flags.mark_flag_as_required('config')
  commands.call(lambda: app.run(main, flags_parser=_parse_flags))
