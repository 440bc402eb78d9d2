"""Memory per view: the slope of the peak over two numbers of views.

    python -m benchmarks.step.memory --views 4 8 --frames 8 --size 56
    python -m benchmarks.step.memory --views 16 32 --dtype bfloat16    # a GPU

A slope leaves out what does not grow with the batch: parameters, their
gradients, the frameworks themselves. Ours is measured in every remat mode, as
the compiler planned it and, where the device has an allocator that says so, at
its peak; torch's at its allocator's peak, or its process's on a CPU.
"""

import argparse
import copy

from benchmarks import processes
from benchmarks import records
from benchmarks.step import roofline
from benchmarks.step import speed
from stclr_jax.models import encoders

# Trying algorithms takes most of the compilation, and none of the activations.
QUICK_COMPILATION = '--xla_gpu_autotune_level=0'


def measure(implementation, options, views):
  """Measures the peak of one step.

  Args:
    implementation: one of `speed.IMPLEMENTATIONS`.
    options: of `speed.add_options`.
    views: of the step.

  Returns:
    See `memory` of `JaxStep` and `TorchStep`; per device.
  """
  options = copy.copy(options)
  options.views, options.devices = views, 1
  with speed.start_worker(implementation, options) as worker:
    worker.ask('start')
    worker.ask('block', steps=2)
    return worker.ask('memory')


def measure_slope(implementation, options, views):
  """Measures bytes per view.

  Args:
    implementation: one of `speed.IMPLEMENTATIONS`.
    options: of `speed.add_options`.
    views: two numbers of views.

  Returns:
    A record: 'bytes_per_view' by what was measured, and 'measured', both
    peaks.
  """
  record = {
    'benchmark': 'memory',
    'implementation': implementation,
    **{name: getattr(options, name) for name in speed.FIELDS},
    'remat': options.remat if implementation == 'ours' else None,
    'views': list(views),
  }
  try:
    peaks = [measure(implementation, options, n) for n in views]
  except processes.WorkerError as error:
    return record | {'failed': str(error)}
  low, high = peaks
  slopes = {
    name: (high[name] - low[name]) / (views[1] - views[0])
    for name in low
    if low[name] is not None
  }
  found = roofline.layers(
    options.architecture, frames=options.frames, size=options.size,
    width=options.width if implementation == 'ours' else 1.0,
  )  # fmt: skip
  remat = options.remat if implementation == 'ours' else 'torch'
  item_bytes = 2 if options.dtype == 'bfloat16' else 4
  return record | {
    'measured': peaks,
    'bytes_per_view': slopes,
    'predicted_bytes_per_view': roofline.kept_bytes(
      found, remat=remat, item_bytes=item_bytes
    ),
  }


def run(options, *, views, emit, implementations, remats=tuple(encoders.REMAT)):
  """Measures all of them.

  Args:
    options: of `speed.add_options`.
    views: two numbers of views.
    emit: takes a record.
    implementations: of `speed.IMPLEMENTATIONS`.
    remats: modes to measure ours in.
  """
  for implementation in implementations:
    if implementation != 'ours':
      if speed.has_torch(options.torch_python):
        emit(measure_slope(implementation, options, views))
      continue
    for remat in remats:
      ours = copy.copy(options)
      ours.remat = remat
      ours.xla_flags = f'{options.xla_flags} {QUICK_COMPILATION}'.strip()
      emit(measure_slope('ours', ours, views))


def main(arguments=None):
  """Prints a JSON line an implementation and remat mode.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(
    description=__doc__.split('\n')[0], conflict_handler='resolve'
  )
  speed.add_options(parser)
  parser.add_argument('--views', type=int, nargs=2, default=[4, 8])
  parser.add_argument(
    '--implementations', nargs='+', default=['ours', 'torch_eager'],
    choices=speed.IMPLEMENTATIONS,
  )  # fmt: skip
  parser.add_argument('--remats', nargs='+', default=list(encoders.REMAT))
  options = parser.parse_args(arguments)
  run(
    options,
    views=options.views,
    emit=lambda record: records.emit(record | records.origin(), options.out),
    implementations=options.implementations,
    remats=options.remats,
  )


if __name__ == '__main__':
  main()
