"""Times drawing views, ours against torchvision v2 on the same device.

    python -m benchmarks.pipeline.augment --views 64    # a GPU
    python -m benchmarks.pipeline.augment --views 4 --frames 8 --size 56 \\
      --height 60 --width_pixels 80 --videos 16

From uint8 frames on the device to normalised float32 clips: sampled frames,
crop and antialiased resize, flip, colour jitter. torchvision's transforms take
one clip at a time, because each clip has its own crop; theirs is timed on
uint8 and on float32 frames, and the faster one counts.
"""

import argparse
import statistics
import time

import numpy as np

from benchmarks import processes
from benchmarks import records
from benchmarks.pipeline import synthetic_videos
from benchmarks.step import speed


class JaxAugment:
  """Our views; served by `processes`.

  Attributes:
    options: of the command line.
  """

  def __init__(self, options):
    self.options = options

  def start(self):
    """Puts the videos on the device and compiles."""
    import jax

    from stclr_jax.views import views

    options = self.options
    view_options = views.ViewOptions(
      num_frames=options.frames, size=options.size
    )
    frames = jax.device_put(
      views.Frames(*synthetic_videos.make_videos(options))
    )

    def draw(frames, indices, epoch):
      return views.draw_views(
        frames, indices, seed=0, epoch=epoch, view=1, options=view_options
      )

    indices = np.arange(options.views, dtype=np.int32) % options.videos
    compiled = jax.jit(draw).lower(frames, indices, np.int32(0)).compile()
    indices = jax.device_put(indices)

    def run(epoch):
      return compiled(frames, indices, np.int32(epoch))

    self._run = run
    jax.block_until_ready(run(0))
    return {
      'device': jax.devices()[0].device_kind,
      'versions': records.versions(),
    }

  def block(self, *, steps):
    """Times draws of all views; seconds of each."""
    import jax

    seconds = []
    for epoch in range(steps):
      started = time.perf_counter()
      jax.block_until_ready(self._run(epoch))
      seconds.append(time.perf_counter() - started)
    return seconds


TARGETS = {
  'ours': 'benchmarks.pipeline.augment:JaxAugment',
  'torch_uint8': 'benchmarks.pipeline.torch_augment:TorchAugment',
  'torch_float32': 'benchmarks.pipeline.torch_augment:TorchAugment',
}


def run(options, *, emit):
  """Measures all, in blocks that take turns.

  Args:
    options: of the command line.
    emit: takes the record.
  """
  workers, started, blocks = {}, {}, {}
  record = {'benchmark': 'augment', 'failed': {}}
  names = ('views', 'frames', 'size', 'videos', 'height', 'width_pixels')
  record |= {name: getattr(options, name) for name in names}
  has_torch = speed.has_torch(options.torch_python)
  try:
    for name, target in TARGETS.items():
      if name == 'ours' or has_torch:
        workers[name] = processes.Worker(
          name,
          target,
          vars(options) | {'implementation': name},
          python=None if name == 'ours' else options.torch_python,
        )
        try:
          started[name] = workers[name].ask('start', timeout=300)
          blocks[name] = []
        except processes.WorkerError as error:
          record['failed'][name] = str(error)
    for _ in range(options.blocks):
      for name, seconds in blocks.items():
        seconds += workers[name].ask('block', steps=options.steps, timeout=300)
  finally:
    for worker in workers.values():
      worker.close()
  record |= summarize(blocks, options.views)
  emit(record | {'started': started} | records.origin())


def summarize(blocks, views):
  """Makes microseconds per view, and the ratio to the faster torchvision.

  Args:
    blocks: by implementation, seconds per draw of all views.
    views: of a draw.

  Returns:
    A dict with 'us_per_view' and 'spread' by implementation, and 'ratio',
    None without torch.
  """
  medians = {name: statistics.median(b) / views for name, b in blocks.items()}
  theirs = [median for name, median in medians.items() if name != 'ours']
  return {
    'us_per_view': {name: median * 1e6 for name, median in medians.items()},
    'spread': {n: records.summarize(b)['spread'] for n, b in blocks.items()},
    'ratio': min(theirs) / medians['ours'] if theirs else None,
  }


def add_options(parser):
  """Adds what this measures to a parser."""
  add = parser.add_argument
  add('--views', type=int, default=64)
  add('--frames', type=int, default=16)
  add('--size', type=int, default=224)
  synthetic_videos.add_options(parser)
  add('--steps', type=int, default=10, help='of a block')
  add('--blocks', type=int, default=3)
  add('--torch_python', help='interpreter; default: this one')
  add('--out', help='file to append the JSON line to')


def main(arguments=None):
  """Prints one JSON line.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  add_options(parser)
  options = parser.parse_args(arguments)
  run(options, emit=lambda record: records.emit(record, options.out))


if __name__ == '__main__':
  main()
