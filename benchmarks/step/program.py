"""Compiles a step for an accelerator that is not there, and reads its program.

    python -m benchmarks.step.program                    # the paper's, an H200
    python -m benchmarks.step.program --step update --remat batch_norm --rows 20
    python -m benchmarks.step.program --devices 8 --accelerator h100
    python -m benchmarks.step.program --against HEAD~3   # what changed since
    python -m benchmarks.step.program --check_budget     # as a slow test does
    python -m benchmarks.step.program --budget           # measures it anew

What the compiler decided is read: kernels, bytes, memory, what is sent. How
fast a device runs them is not: a bound says what no device of these ceilings
can undercut.
"""

import argparse
import dataclasses
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

from benchmarks.step import accelerators
from benchmarks.step import bounds
from benchmarks.step import budgets
from benchmarks.step import compiled_report
from benchmarks.step import device_compilers
from benchmarks.step import lowered_steps
from stclr_jax.errors import UserError
from stclr_jax.files import whole

ROOT = pathlib.Path(__file__).parents[2]

# Flags for the settings that are changed most.
SETTINGS = {
  'architecture': 'encoder.architecture',
  'width': 'encoder.width',
  'dtype': 'encoder.dtype',
  'remat': 'encoder.remat',
  'frames': 'views.num_frames',
  'size': 'views.size',
}


def make_parser():
  """Makes the parser of the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--accelerator', default='h200')
  parser.add_argument('--step', default='pretrain', choices=lowered_steps.STEPS)
  parser.add_argument('--preset', default='paper', help='of the config')
  parser.add_argument('--views', type=int, default=64, help='of one device')
  for flag, key in SETTINGS.items():
    parser.add_argument(f'--{flag}', help=f'{key}; default: of the config')
  parser.add_argument(
    '--set', action='append', default=[], metavar='KEY=VALUE',
    help='any setting of the config; may be repeated',
  )  # fmt: skip
  parser.add_argument(
    '--placement', default='device', choices=lowered_steps.PLACEMENTS,
    help='of the frames',
  )  # fmt: skip
  parser.add_argument('--devices', type=int, default=1, help='of a host')
  parser.add_argument('--hosts', type=int, default=1)
  parser.add_argument('--rows', type=int, default=0, help='largest kernels')
  parser.add_argument(
    '--against', metavar='COMMIT|FILE',
    help='what changed since a commit, or since a file of --text or --out',
  )  # fmt: skip
  parser.add_argument('--out', help='JSON file of figures and kernels')
  parser.add_argument('--text', help='file for the program itself')
  parser.add_argument(
    '--budget',
    action='store_true',
    help="measure budgets and --plan's memory anew",
  )
  parser.add_argument(
    '--check_budget', action='store_true', help='fail where one is exceeded'
  )
  return parser


def run(options):
  """Compiles and reads what the options say.

  Args:
    options: of `make_parser`.

  Returns:
    (figures, `bounds.Kernel`s), see `compiled_report.summarize`.

  Raises:
    UserError: for what there is not.
  """
  accelerator = accelerators.find(options.accelerator)
  device_compilers.use(accelerator.platform)
  step = make_step(options)

  def compile_step(step):
    return compiled_report.compile_step(
      step, accelerator, hosts=options.hosts, per_host=options.devices
    )

  text, planned = compile_step(step)
  if options.text:
    whole.write_text(options.text, text)
  figures, kernels = compiled_report.summarize(
    text, step, accelerator, num_devices=options.hosts * options.devices
  )
  compiled_report.check_memory(
    planned, step, accelerator, lambda small: compile_step(small)[1]
  )
  return figures | planned, kernels


def make_step(options):
  """Makes the `lowered_steps.Step` of the options."""
  given = {key: getattr(options, flag) for flag, key in SETTINGS.items()}
  settings = [f'{key}={value}' for key, value in given.items() if value]
  config = lowered_steps.make_config(
    options.step, options.preset, [*settings, *options.set]
  )
  return lowered_steps.Step(
    options.step, config, options.views, options.placement
  )


def read_earlier(options):
  """Reads the kernels of the program to compare with.

  Args:
    options: of `make_parser`, with `against`.

  Returns:
    A list of `bounds.Kernel`.

  Raises:
    UserError: for what is neither a file nor a commit that compiles.
  """
  path = pathlib.Path(options.against)
  if not path.is_file():
    with tempfile.TemporaryDirectory() as folder:
      return _read_text(options, _compile_commit(options, folder))
  if path.suffix != '.json':
    return _read_text(options, path)
  found = json.loads(path.read_text())
  try:
    return [bounds.Kernel(**row) for row in found['kernel_rows']]
  except (KeyError, TypeError):
    raise UserError(
      f'`against` (={options.against!r}) must be a file of --out, a program '
      'of --text, or a commit.'
    ) from None


def _read_text(options, path):
  step = make_step(options)
  return bounds.read(
    path.read_text(), accelerators.find(options.accelerator), step.layers,
    views=options.views,
  )  # fmt: skip


def _compile_commit(options, folder):
  """Compiles the same step by a commit's own code; the program's path."""
  tree = pathlib.Path(folder) / 'tree'
  program = pathlib.Path(folder) / 'program.hlo'
  git = ['git', '-C', str(ROOT), 'worktree']
  added = _call([*git, 'add', '--detach', str(tree), options.against])
  if added.returncode:
    raise UserError(
      f'`against` (={options.against!r}) is no file, and git knows no such '
      f'commit: {_last_line(added)}'
    )
  try:
    if not (tree / 'benchmarks/step/program.py').is_file():
      raise UserError(
        f'`against` (={options.against!r}) has no benchmarks/step/program.py; '
        'a later commit, or a file of --text, can be compared with.'
      )
    arguments = _without(vars(options), 'against', 'out', 'rows', 'text')
    command = [sys.executable, '-m', 'benchmarks.step.program', *arguments]
    compiled = _call([*command, '--text', str(program)], cwd=tree)
    if compiled.returncode and not program.is_file():
      raise UserError(
        f'`against` (={options.against!r}) does not compile '
        f'`{shlex.join(arguments)}`: {_last_line(compiled)}'
      )
    return program
  finally:
    _call([*git, 'remove', '--force', str(tree)])


def _without(options, *dropped):
  """Command line of options, without those that are as they are by default."""
  defaults = vars(make_parser().parse_args([]))
  arguments = []
  for name, value in options.items():
    if name in dropped or value == defaults[name]:
      continue
    for one in value if isinstance(value, list) else [value]:
      arguments += [f'--{name}', str(one)]
  return arguments


def _call(command, cwd=None):
  return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def _last_line(finished):
  lines = (finished.stderr or finished.stdout).strip().splitlines()
  return lines[-1] if lines else f'exit code {finished.returncode}'


def measure(arguments):
  """Compiles and reads a step by a command line's arguments, for budgets."""
  return run(make_parser().parse_args(arguments))


def main(arguments=None):
  """Prints figures; writes them as JSON.

  Args:
    arguments: of the command line; None for this process's own.

  Raises:
    SystemExit: with 1 and a line, for what cannot be compiled and where a
      budget is exceeded.
  """
  parser = make_parser()
  options = parser.parse_args(arguments)
  try:
    if options.budget:
      budgets.write(measure)
      budgets.write_memory(measure)
    elif options.check_budget:
      budgets.check(measure)
    else:
      _report(options)
  except UserError as error:
    parser.exit(1, f'Error: {error}\n')


def _report(options):
  accelerator = accelerators.find(options.accelerator)
  figures, kernels = run(options)
  print(compiled_report.describe(figures, accelerator))
  print(compiled_report.describe_kernels(kernels, options.rows))
  if options.against:
    earlier = read_earlier(options)
    rows = options.rows or 20
    print(compiled_report.describe_changes(earlier, kernels, rows))
  if options.out:
    rows = [dataclasses.asdict(one) for one in kernels]
    record = figures | {'kernel_rows': rows}
    whole.write_text(options.out, json.dumps(record, indent=1) + '\n')


if __name__ == '__main__':
  main()
