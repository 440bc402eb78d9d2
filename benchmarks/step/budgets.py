"""Limits of what compiled steps take; held by a slow test.

`budgets.json` has, for each step, its command line and the figures that were
read when it was measured: bytes and memory as floats, numbers of kernels and of
collectives. To measure them anew, in a commit of its own, as after another
version of jax: python -m benchmarks.step.program --budget
"""

import collections
import itertools
import json
import pathlib

from benchmarks import records
from benchmarks.step import accelerators
from benchmarks.step import lowered_steps
from stclr_jax.errors import UserError
from stclr_jax.experiments import step_memory
from stclr_jax.files import whole
from stclr_jax.models import encoders

PATH = pathlib.Path(__file__).with_name('budgets.json')
COMMAND = 'python -m benchmarks.step.program --budget'

_SMALL = ['--preset', 'demo', '--set', 'encoder.dtype=bfloat16']
STEPS = {
  'paper': ['--views', '64'],
  'small, eight devices': [*_SMALL, '--views', '8', '--devices', '8'],
  'small, fine-tuning': [*_SMALL, '--views', '8', '--step', 'finetune'],
}

# Of the table by which `--plan` says what fits. chosen: views that fit an H200
# with every `remat`, so that XLA need not compute anything again.
MEMORY_PRESETS, MEMORY_VIEWS = ('paper', 'paper_112'), 32

# Of what was measured, how much more is let pass. chosen: what another order of
# two fusions changes; a kernel of the paper's step is more.
SLACK = 0.005


def limits(figures):
  """Takes what is held of a step's figures.

  Args:
    figures: of `compiled_report.summarize`, with its memory.

  Returns:
    {name: number}.
  """
  sent = figures['collectives']
  return {
    'bytes': figures['bytes'],
    'temporary_bytes_per_view': figures['temporary_bytes'] / figures['views'],
    'masks_bytes': figures['masks_bytes'],
    'moves_bytes': figures['moves_bytes'],
    'kernels': figures['kernels'],
    'all_reduces': sent.get('all-reduce', {}).get('count', 0),
    'all_gathers': sent.get('all-gather', {}).get('count', 0),
  }


def by_layer(kernels):
  """Sums kernels up by layer and group.

  Args:
    kernels: `bounds.Kernel`s.

  Returns:
    {'layer, group': [number, bytes]}.
  """
  rows = collections.defaultdict(lambda: [0, 0.0])
  for one in kernels:
    row = rows[f'{one.layer or "no layer"}, {one.group}']
    row[0] += one.times
    row[1] += one.bytes
  return dict(sorted(rows.items()))


def exceeded(budget, figures, kernels):
  """Says where a step takes more than its budget.

  Args:
    budget: of a step, as in `budgets.json`.
    figures: see `limits`.
    kernels: `bounds.Kernel`s.

  Returns:
    Lines, the figures first and then the kernels that grew; none if it holds.
  """
  lines = []
  for name, value in limits(figures).items():
    allowed = budget['limits'][name]
    if value > allowed * (1 + SLACK):
      lines.append(f'{name}: {value:,.0f} where {allowed:,.0f} are allowed')
  if not lines:
    return []
  grown = []
  for name, (number, moved) in by_layer(kernels).items():
    had, moved_before = budget['kernels'].get(name, (0, 0.0))
    if number > had or moved > moved_before * (1 + SLACK):
      more = f'{had} -> {number} kernels, '
      more += f'{moved_before / 1e6:,.1f} -> {moved / 1e6:,.1f} MB'
      grown.append((moved_before - moved, f'  {name}: {more}'))
  return lines + [line for _, line in sorted(grown)]


def write(measure, path=PATH):
  """Measures all budgets anew.

  Args:
    measure: takes the arguments of a command line and returns (figures,
      kernels), see `compiled_report.summarize`.
    path: of the file.
  """
  steps = {}
  for name, arguments in STEPS.items():
    figures, kernels = measure(arguments)
    steps[name] = {
      'arguments': arguments,
      'bound_s': figures['bound_s'],
      'limits': limits(figures),
      'kernels': by_layer(kernels),
    }
    print(f'{name}: {steps[name]["limits"]}', flush=True)
  record = {'versions': records.versions(), 'steps': steps}
  whole.write_text(path, json.dumps(record, indent=1) + '\n')


def write_memory(measure, path=step_memory.PATH):
  """Measures the table by which `--plan` names the batch that fits.

  Args:
    measure: see `write`.
    path: of the file.
  """
  rows = {}
  for preset, remat in itertools.product(MEMORY_PRESETS, encoders.REMAT):
    figures, _ = measure(
      ['--preset', preset, '--remat', remat, '--views', str(MEMORY_VIEWS)]
    )
    config = lowered_steps.make_config('pretrain', preset)
    row = rows.setdefault(step_memory.key(config), {'bytes_per_view': {}})
    temporary = figures['temporary_bytes']
    row['fixed_bytes'] = figures['device_bytes'] - temporary
    row['bytes_per_view'][remat] = round(temporary / MEMORY_VIEWS)
    print(f'{preset}, {remat}: {temporary / MEMORY_VIEWS / 1e9:.3f} GB a view')
  record = {
    'versions': records.versions(),
    'gpus': {
      name: accelerators.find(device).memory_bytes
      for name, device in (('80 GB', 'h100'), ('141 GB', 'h200'))
    },
    'rows': rows,
  }
  whole.write_text(path, json.dumps(record, indent=1) + '\n')


def check(measure, path=PATH):
  """Holds all steps against their budgets.

  Args:
    measure: see `write`.
    path: of the file.

  Raises:
    UserError: naming what is exceeded, and the kernels that grew.
  """
  record = json.loads(pathlib.Path(path).read_text())
  lines = []
  for name, budget in record['steps'].items():
    found = exceeded(budget, *measure(budget['arguments']))
    lines += [f'{name}: {found[0]}', *found[1:]] if found else []
    print(f'{name}: {"exceeded" if found else "within its budget"}', flush=True)
  if not lines:
    return
  then, now = record['versions'], records.versions()
  lines += [
    f'  measured with {package} {then[package]}, here is {version}'
    for package, version in now.items()
    if package in ('jax', 'flax') and then.get(package) != version
  ]
  raise UserError('\n'.join([*lines, f'Where that is meant: {COMMAND}']))
