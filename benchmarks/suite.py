"""Runs every benchmark in one call that ends in time.

    python -m benchmarks.suite --out results                   # a GPU
    python -m benchmarks.suite --out results --preset cpu --torch_python ...
    python -m benchmarks.suite --out results --parts memory ablations

Parts come in the order of what they are worth. Each result is in
OUT/results.jsonl as soon as it exists; a part for which no time is left says
so there, and OUT/summary.md ends with what was found beside what was aimed at.
Nothing that fails keeps the next part from running.
"""

import argparse
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

from benchmarks import processes
from benchmarks import records
from benchmarks import summary
from benchmarks.pipeline import augment
from benchmarks.pipeline import end_to_end
from benchmarks.step import ablations
from benchmarks.step import compare
from benchmarks.step import compile_time
from benchmarks.step import kernels
from benchmarks.step import memory
from benchmarks.step import speed

# What a call may take, chosen: a minute less than ten.
BUDGET_S = 540
MAX_FILE_BYTES = 15 * 2**20

COMMON = {
  'steps': 50, 'warmup': 20, 'group': 5, 'blocks': 3, 'dtype': 'bfloat16',
  'frames': 16, 'size': 224, 'videos': 480, 'height': 240,
  'width_pixels': 320, 'workers': 16,
}  # fmt: skip
# Views so that ours and one of torch's fit on the device at once: about 1.0
# and 1.2 GB a view. `large` is measured one process at a time.
PRESETS = {
  'h200': COMMON | {'views': 32, 'large': 64, 'memory': (16, 32)},
  'h100': COMMON | {'views': 16, 'large': 32, 'memory': (8, 16)},
  'cpu': COMMON | {
    'views': 4, 'large': None, 'memory': (4, 8), 'dtype': 'float32',
    'frames': 4, 'size': 32, 'steps': 3, 'warmup': 1, 'group': 1, 'blocks': 2,
    'videos': 8, 'height': 40, 'width_pixels': 48, 'workers': 1,
  },
}  # fmt: skip

CORRECTNESS_SIZE = {'views': 8, 'frames': 8, 'size': 56}


class Suite:
  """Settings that the parts share.

  Attributes:
    options: a namespace that holds the options of all benchmarks.
    folder: for caches and traces.
    found: records so far.
  """

  def __init__(self, options, folder):
    self.options, self.folder = options, folder
    self.found = []
    self._started = time.monotonic()
    self._results = os.path.join(options.out, 'results.jsonl')

  def emit(self, record):
    """Keeps a record and writes it at once."""
    record = record | {'elapsed_s': time.monotonic() - self._started}
    self.found.append(record)
    with open(self._results, 'a') as file:
      file.write(json.dumps(record) + '\n')
    print(json.dumps(record)[:200], flush=True)

  def left(self):
    """Returns the seconds that are left."""
    return self.options.budget - (time.monotonic() - self._started)

  def changed(self, **changes):
    """Returns the options with some changed."""
    return argparse.Namespace(**vars(self.options) | changes)

  def run(self, name, part, least_s):
    """Runs a part if there is time for it; whatever fails is written down."""
    if self.left() < least_s:
      note = f'{self.left():.0f} s were left, and it takes {least_s} s'
      self.emit({'benchmark': name, 'skipped': note})
      return
    try:
      part(self)
    except Exception:
      self.emit({'benchmark': name, 'failed': traceback.format_exc()[-2000:]})


def check_correctness(suite):
  """Compares this device's first step with a float32 one on a CPU."""
  answers = {}
  reference = suite.changed(
    **CORRECTNESS_SIZE, dtype='float32', lowering='convolution', devices=1
  )
  if suite.options.preset == 'cpu':
    reference = suite.changed(lowering='convolution', devices=1)
  tested = suite.changed(
    **{n: getattr(reference, n) for n in CORRECTNESS_SIZE}, devices=1
  )
  for name, options, environment in (
    ('ours', reference, {'JAX_PLATFORMS': 'cpu'}),
    ('this device', tested, {}),
  ):
    with processes.Worker(
      name,
      'benchmarks.step.jax_step:JaxStep',
      vars(options),
      environment=environment,
    ) as worker:
      answers[name] = worker.ask('start')
  found = compare.disagreements(answers, tested.dtype)
  suite.emit(
    {
      'benchmark': 'correctness',
      'passed': not found,
      'disagreements': found,
      'answers': answers,
    }
  )


def run_compare(suite):
  """Ours against torch in turns."""
  options = suite.changed(apart=False, trace=None)
  compare.run(options, folder=suite.folder, emit=suite.emit)


def run_compare_large(suite):
  """The same with more views, one process at a time."""
  options = suite.changed(
    views=suite.options.large, apart=True, trace=None, blocks=2, steps=30
  )
  compare.run(options, folder=suite.folder, emit=suite.emit)


def run_kernels(suite):
  """Profiles our step: the bound of each kernel beside the time it took."""
  trace = os.path.join(suite.folder, 'trace')
  device = next(r for r in suite.found if r['benchmark'] == 'ceilings')
  with speed.start_worker('ours', suite.options, cache=suite.folder) as worker:
    started = worker.ask('start')
    worker.ask('block', steps=suite.options.warmup)
    worker.ask('profile', folder=trace, steps=3)
  fields = ('name', 'peak_flops', 'matmul_flops', 'bytes_per_s', 'item_bytes')
  record = kernels.analyse(
    trace,
    suite.options,
    steps=3,
    devices=started['devices'],
    device=kernels.ceilings.Device(**{f: device[f] for f in fields}),
  )
  suite.emit(record)
  print('\n'.join(kernels.table_of_kernels(record)), flush=True)
  # What a closer look needs, if it is small enough to take home.
  for path in (*pathlib.Path(trace).rglob('*.trace.json.gz'),
               _zipped(os.path.join(trace, 'hlo.txt'))):  # fmt: skip
    if os.path.getsize(path) < MAX_FILE_BYTES:
      name = 'trace.json.gz' if 'trace' in os.path.basename(path) else 'hlo.gz'
      shutil.copy(path, os.path.join(suite.options.out, name))


def run_compile_time(suite):
  """Our step's compilation, cold and from a cache."""
  with tempfile.TemporaryDirectory() as folder:
    suite.emit(compile_time.run(suite.options, folder=folder))


def run_pipeline(suite):
  """End to end, ours and torch's."""
  end_to_end.run(suite.options, emit=suite.emit, cache=suite.folder)


def run_augment(suite):
  """Drawing views alone."""
  options = suite.changed(steps=min(10, suite.options.steps))
  augment.run(options, emit=suite.emit)


def run_memory(suite):
  """Bytes per view."""
  memory.run(
    suite.options,
    views=suite.options.memory,
    emit=suite.emit,
    implementations=('ours', 'torch_eager'),
  )


def run_ablations(suite):
  """Our changes, undone one at a time."""
  ablations.run(
    suite.changed(blocks=2, steps=min(20, suite.options.steps)),
    names=list(ablations.ABLATIONS),
    emit=suite.emit,
    cache=suite.folder,
    clock=lambda: suite.left() > suite.options.least_s,
  )


def run_autotune(suite):
  """Block sizes of our own kernels, for as long as there is time."""
  command = [sys.executable, '-m', 'benchmarks.step.autotune']
  seconds = max(10, suite.left() - 30)
  command += ['--out', os.path.join(suite.options.out, 'autotune.jsonl')]
  command += ['--seconds', str(seconds)]
  if suite.options.preset == 'cpu':
    command += ['--dry']
  done = subprocess.run(
    command, text=True, capture_output=True, timeout=seconds + 30, check=False
  )
  if done.returncode:
    raise RuntimeError(done.stderr[-2000:])
  suite.emit({'benchmark': 'autotune', 'tables': done.stdout[-8000:]})


def _zipped(path):
  with open(path, 'rb') as text, gzip.open(f'{path}.gz', 'wb') as packed:
    shutil.copyfileobj(text, packed)
  return f'{path}.gz'


# Name, part, and the seconds under which it is not worth starting on a GPU.
PARTS = {
  'correctness': (check_correctness, 60),
  'kernels': (run_kernels, 60),
  'compare': (run_compare, 150),
  'augment': (run_augment, 40),
  'pipeline': (run_pipeline, 90),
  'memory': (run_memory, 60),
  'ablations': (run_ablations, 90),
  'compile_time': (run_compile_time, 90),
  'compare_large': (run_compare_large, 150),
  'autotune': (run_autotune, 60),
}


def main(arguments=None):
  """Runs the parts and writes the summary.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--preset', choices=('auto', *PRESETS), default='auto')
  parser.add_argument('--out', required=True, help='folder; made if need be')
  parser.add_argument('--budget', type=float, default=BUDGET_S, help='seconds')
  parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
  parser.add_argument(
    '--implementations', nargs='+', choices=speed.IMPLEMENTATIONS
  )
  parser.add_argument('--torch_python', help='interpreter; default: this one')
  parser.add_argument('--width', type=float, default=1.0, help='for tests')
  chosen = parser.parse_args(arguments)
  os.makedirs(chosen.out, exist_ok=True)
  processes.set_deadline(chosen.budget)
  device = measure_ceilings()
  if chosen.preset == 'auto':
    chosen.preset = preset_of(device)
  options = all_options(chosen)
  with tempfile.TemporaryDirectory() as folder:
    suite = Suite(options, folder)
    suite.emit(device | {'preset': chosen.preset} | records.origin())
    for name in chosen.parts:
      part, least_s = PARTS[name]
      if name == 'compare_large' and not options.large:
        continue
      # On a CPU no part is so long.
      least_s = least_s if chosen.preset != 'cpu' else 20
      options.least_s = least_s
      suite.run(name, part, least_s)
  processes.set_deadline(None)
  text = summary.write(suite.found)
  pathlib.Path(chosen.out, 'summary.md').write_text(text)
  print(text, flush=True)


class Ceilings:
  """Measures the device in a process that then gives its memory back."""

  def __init__(self, options):
    self._options = options

  def measure(self):
    """Returns a record, see `ceilings.this_device`."""
    from benchmarks.step import ceilings

    device = ceilings.this_device()
    return {'benchmark': 'ceilings', **vars(device)} | {
      'versions': records.versions()
    }


def measure_ceilings():
  """Measures the device in a process of its own."""
  with processes.Worker('ceilings', 'benchmarks.suite:Ceilings', {}) as worker:
    return worker.ask('measure')


def preset_of(device):
  """Chooses a preset for a device."""
  if device['item_bytes'] == 4:
    return 'cpu'
  return 'h200' if 'H200' in device['name'] else 'h100'


def all_options(chosen):
  """Merges the defaults of all benchmarks, a preset and the command line."""
  parser = argparse.ArgumentParser(conflict_handler='resolve')
  for module in (compare, end_to_end, augment):
    module.add_options(parser)
  options = parser.parse_args([])
  changes = PRESETS[chosen.preset] | {
    name: value for name, value in vars(chosen).items() if value is not None
  }
  if chosen.preset == 'cpu' and chosen.implementations is None:
    changes['implementations'] = ['ours', 'torch_eager']  # compiles in a minute
  for name, value in changes.items():
    setattr(options, name, value)
  return options


if __name__ == '__main__':
  main()
