"""Times training end to end, from decoded frames in memory.

    python -m benchmarks.pipeline.end_to_end --views 64 --dtype bfloat16 \\
      --steps 50
    python -m benchmarks.pipeline.end_to_end --views 4 --frames 8 --size 56 \\
      --height 60 --width_pixels 80 --videos 16 --workers 1

Ours draws the views of uint8 frames in device memory inside of the step, and
is compared with the step alone. Torch's reads the same frames in host memory
through a DataLoader, with torchvision v2 in its workers ('cpu') or, on a GPU,
behind it ('device'); its step is eager or compiled.
"""

import argparse
import copy
import os
import statistics

from benchmarks import processes
from benchmarks import records
from benchmarks.pipeline import synthetic_videos
from benchmarks.step import roofline
from benchmarks.step import speed

ENTRANTS = {
  'ours_step': ('ours', 'benchmarks.step.jax_step:JaxStep', None),
  'ours': ('ours', 'benchmarks.pipeline.jax_pipeline:JaxPipeline', None),
  'torch_cpu': (
    'torch_eager', 'benchmarks.pipeline.torch_pipeline:TorchPipeline', 'cpu',
  ),
  'torch_device': (
    'torch_eager', 'benchmarks.pipeline.torch_pipeline:TorchPipeline', 'device',
  ),
}  # fmt: skip


def run(options, *, emit, cache=None):
  """Measures the entrants, one process after the other.

  Args:
    options: of the command line.
    emit: takes a record, of each entrant and of the whole.
    cache: folder for compiled programs.

  Returns:
    The record of the whole.
  """
  blocks, failed, started = {}, {}, {}
  has_torch = speed.has_torch(options.torch_python)
  for name in options.entrants:
    implementation, target, placement = ENTRANTS[name]
    if implementation != 'ours' and not has_torch:
      failed[name] = 'torch and torchvision are not installed here'
      continue
    chosen = copy.copy(options)
    chosen.placement = placement
    if implementation != 'ours' and options.compiled:
      implementation = 'torch_compiled'
    try:
      with speed.start_worker(
        implementation, chosen, cache=cache, target=target
      ) as worker:
        started[name] = worker.ask('start', timeout=options.timeout)
        worker.ask('block', steps=options.warmup, timeout=options.timeout)
        blocks[name] = worker.ask(
          'block',
          steps=options.steps,
          group=options.group,
          timeout=options.timeout,
        )
    except processes.WorkerError as error:
      failed[name] = str(error)
      continue
    emit(
      {
        'benchmark': 'pipeline_block',
        'entrant': name,
        'seconds': blocks[name],
        **records.summarize(blocks[name]),
        **started[name],
      }
    )
  record = conclude(blocks, options) | {'failed': failed}
  emit(record | {'started': started} | records.origin())
  return record


def conclude(blocks, options):
  """Compares the entrants.

  Args:
    blocks: by entrant, seconds per step.
    options: of the command line.

  Returns:
    A dict: 'views_per_s' by entrant; 'of_step_alone', our end-to-end speed
    over that of the step alone; 'ratio', ours over the fastest torch;
    'paper_minutes', the paper's pretraining extrapolated, at this size.
  """
  medians = {name: statistics.median(b) for name, b in blocks.items()}
  record = {'benchmark': 'pipeline'}
  names = (*speed.FIELDS, 'videos', 'height', 'width_pixels', 'workers')
  record |= {name: getattr(options, name) for name in names}
  record['views_per_s'] = {n: options.views / m for n, m in medians.items()}
  ours = medians.get('ours')
  theirs = [m for name, m in medians.items() if name.startswith('torch')]
  if options.width != 1:  # not their network
    theirs = []
  alone = medians.get('ours_step')
  return record | {
    'of_step_alone': alone / ours if alone and ours else None,
    'ratio': min(theirs) / ours if theirs and ours else None,
    'paper_minutes': roofline.PAPER_VIEWS / options.views * ours / 60
    if ours
    else None,
  }


def add_options(parser):
  """Adds what this measures, beside a step, to a parser."""
  speed.add_options(parser)
  synthetic_videos.add_options(parser)
  add = parser.add_argument
  add('--workers', type=int, default=os.cpu_count(), help="of torch's loader")
  add('--compiled', action='store_true', help="compile torch's step")
  add('--entrants', nargs='+', default=list(ENTRANTS), choices=ENTRANTS)
  add('--timeout', type=float, default=600, help='seconds')


def main(arguments=None):
  """Prints JSON lines.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  add_options(parser)
  options = parser.parse_args(arguments)
  run(options, emit=lambda record: records.emit(record, options.out))


if __name__ == '__main__':
  main()
