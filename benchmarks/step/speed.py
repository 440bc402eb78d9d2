"""Times one contrastive training step: ours, and torchvision's with torch.

    python -m benchmarks.step.speed --views 4 --frames 8 --size 56
    python -m benchmarks.step.speed --views 64 --dtype bfloat16 \\
      --steps 50   # a GPU
    python -m benchmarks.step.speed --implementation ours --remat block

A step is forward, NT-Xent, backward and SGD, on random clips that are on the
device already. Each implementation runs in a process of its own, one after
the other, and prints one JSON line a block of steps. Torch is no requirement
of the project: without it, its lines say so.
"""

import argparse
import os
import subprocess
import sys

from benchmarks import processes
from benchmarks import records
from benchmarks.step import ceilings
from benchmarks.step import roofline
from stclr_jax.models import convolutions
from stclr_jax.models import encoders
from stclr_jax.models.architectures import ARCHITECTURES

TORCH = ('torch_eager', 'torch_compiled', 'torch_2d')
IMPLEMENTATIONS = ('ours', *TORCH)
DEFAULT = ('ours', 'torch_eager')  # what needs no C++ compiler


def add_options(parser):
  """Adds what describes a step to a parser.

  Args:
    parser: an `argparse.ArgumentParser`.
  """
  add = parser.add_argument
  add('--architecture', default='r2plus1d_18', choices=ARCHITECTURES)
  add('--views', type=int, default=4, help='clips in a step')
  add('--frames', type=int, default=16)
  add('--size', type=int, default=224)
  add('--dtype', default='float32', choices=('float32', 'bfloat16'))
  ours = parser.add_argument_group('ours only')
  add = ours.add_argument
  add('--width', type=float, default=1.0, help='of the encoder; 1 is theirs')
  add('--lowering', default='auto', choices=convolutions.LOWERINGS)
  add('--remat', default='none', choices=tuple(encoders.REMAT))
  add('--channel_multiple', type=int)
  add('--kernels', default='xla', choices=encoders.KERNELS)
  add('--devices', type=int, default=0, help='of a CPU; 0 for one a core')
  add('--off', action='append', default=[], help='one of our changes, undone')
  add('--set', action='append', default=[], metavar='MODULE.NAME=VALUE')
  add('--xla_flags', default='')
  torch = parser.add_argument_group('torch only')
  torch.add_argument('--compile_mode', help='such as max-autotune')
  torch.add_argument('--torch_python', help='interpreter; default: this one')
  measuring = parser.add_argument_group('measuring')
  add = measuring.add_argument
  add('--steps', type=int, default=10, help='of a block')
  add('--group', type=int, default=1, help='steps between two waits')
  add('--warmup', type=int, default=3)
  add('--out', help='file to append the JSON lines to')


FIELDS = ('architecture', 'views', 'frames', 'size', 'dtype')
OUR_FIELDS = (
  'width',
  'lowering',
  'remat',
  'channel_multiple',
  'kernels',
  'off',
  'set',
  'xla_flags',
)
TORCH_FIELDS = ('compile_mode',)


def start_worker(implementation, options, *, cache=None, target=None):
  """Starts an implementation in a process.

  Args:
    implementation: one of `IMPLEMENTATIONS`.
    options: of `add_options`.
    cache: folder in which compiled programs are kept between processes.
    target: the class to serve; None for the step.

  Returns:
    A `processes.Worker` of a `JaxStep` or a `TorchStep`.
  """
  fields = vars(options) | {'implementation': implementation}
  environment = {}
  if implementation == 'ours':
    target = target or 'benchmarks.step.jax_step:JaxStep'
    environment['XLA_FLAGS'] = options.xla_flags
    if cache:
      environment |= cache_environment(cache)
    python = None
  else:
    target = target or 'benchmarks.step.torch_step:TorchStep'
    if cache:
      environment['TORCHINDUCTOR_CACHE_DIR'] = os.path.join(cache, 'inductor')
    python = options.torch_python
  return processes.Worker(
    implementation, target, fields, python=python, environment=environment
  )


def cache_environment(folder):
  """Returns the variables that make JAX keep compiled programs in a folder."""
  return {
    'JAX_COMPILATION_CACHE_DIR': str(folder),
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
    'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
  }


def has_torch(python=None):
  """Finds whether an interpreter has torch and torchvision."""
  program = 'import importlib.metadata as m; m.version("torchvision")'
  return (
    subprocess.run(
      [python or sys.executable, '-c', program], capture_output=True
    ).returncode
    == 0
  )


def describe(implementation, options, started):
  """Makes what all records of a worker share.

  Args:
    implementation: one of `IMPLEMENTATIONS`.
    options: of `add_options`.
    started: the worker's answer to 'start'.

  Returns:
    A dict.
  """
  own = OUR_FIELDS if implementation == 'ours' else TORCH_FIELDS
  record = {'implementation': implementation}
  record |= {name: getattr(options, name) for name in (*FIELDS, *own)}
  record['data'] = 'random clips on the device'
  return record | started | records.origin()


def add_rates(record, options):
  """Adds views per second, TFLOP/s and MFU to a record with 'median_s'.

  Args:
    record: a dict, of `describe` and `records.summarize`.
    options: of `add_options`.

  Returns:
    The record with 'views_per_s', 'tflops', of the model's own arithmetic, and
    'mfu', their share of the datasheet's bfloat16 rate; None off a known GPU.
  """
  found = roofline.layers(
    options.architecture,
    frames=options.frames,
    size=options.size,
    width=options.width if record['implementation'] == 'ours' else 1.0,
  )
  rate = options.views / record['median_s']
  flops = rate * roofline.training_flops(found)
  peak = ceilings.peak_flops(record['device'])
  return record | {
    'views_per_s': rate,
    'tflops': flops / 1e12,
    'mfu': flops / peak if peak else None,
  }


def measure(implementation, options, *, cache=None):
  """Measures one implementation by itself.

  Args:
    implementation: one of `IMPLEMENTATIONS`.
    options: of `add_options`, with 'blocks'.
    cache: see `start_worker`.

  Yields:
    A record a block.
  """
  if implementation != 'ours' and not has_torch(options.torch_python):
    yield {
      'benchmark': 'step',
      'implementation': implementation,
      'skipped': 'torch and torchvision are not installed here',
    }
    return
  with start_worker(implementation, options, cache=cache) as worker:
    shared = describe(implementation, options, worker.ask('start'))
    worker.ask('block', steps=options.warmup)
    for block in range(options.blocks):
      seconds = worker.ask('block', steps=options.steps, group=options.group)
      record = {'benchmark': 'step', 'block': block, **shared}
      record |= {'seconds': seconds, **records.summarize(seconds)}
      yield add_rates(record, options) | worker.ask('memory')


def main(arguments=None):
  """Runs each implementation in its own process, one after the other.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--implementation', choices=IMPLEMENTATIONS)
  parser.add_argument('--blocks', type=int, default=1)
  add_options(parser)
  options = parser.parse_args(arguments)
  chosen = [options.implementation] if options.implementation else DEFAULT
  for implementation in chosen:
    for record in measure(implementation, options):
      records.emit(record, options.out)


if __name__ == '__main__':
  main()
