"""Times where frames live: on the device, on the host, or in their records.

    python -m benchmarks.pipeline.placement --name synthetic
    python -m benchmarks.pipeline.placement --name synthetic_demo \\
      --frame_size 64 64 --frames 4 --size 32

Each placement has a process of its own, which says how long it took from its
start to the first batch and how much memory that took at most. Then they take
turns: 'reading' is batches on the device and nothing done with them, 'drawing'
both views of each video as well. No encoder runs: a step slower than this
waits for nothing, and one that is faster waits.
"""

import argparse
import contextlib
import itertools
import resource
import statistics
import sys
import time

import numpy as np

from benchmarks import processes
from benchmarks import records

TARGET = 'benchmarks.pipeline.placement:Feed'
PLACEMENTS = ('device', 'host', 'streamed')
FIELDS = (
  'name',
  'split',
  'frame_size',
  'batch_size',
  'frames',
  'size',
  'batches',
  'blocks',
)
# What is read ahead when a block starts would flatter it.
_LEAD = 3
_KINDS = {'reading': False, 'drawing': True}


class Feed:
  """A data set at one placement and its batches; served by `processes`.

  Attributes:
    options: of the command line, with 'placement'.
  """

  def __init__(self, options):
    self.options = options

  def start(self):
    """Opens the data set, puts it in its place and takes a batch.

    Returns:
      A dict: 'open_s', 'place_s' and 'first_batch_s', which compiles;
      the most memory of this process, 'idle_bytes' before it opened anything,
      'placed_bytes' once the frames were in their place, 'peak_bytes' after
      compiling and a batch; 'frame_bytes' of all frames, decoded.
    """
    import jax

    from configs import common
    from stclr_jax.learning import parallel
    from stclr_jax.runs import run_videos
    from stclr_jax.views import views

    options = self.options
    parallel.use_cpu_cores(options.batch_size)
    data = common.data()
    data.name, data.split = options.name, options.split
    data.data_dir = options.data_dir or ''
    data.frame_size = tuple(options.frame_size)
    data.placement = options.placement
    self._views = views.ViewOptions(
      num_frames=options.frames, size=options.size
    )
    jax.block_until_ready(jax.numpy.zeros(()))
    idle = _peak_bytes()
    started = [time.perf_counter()]
    store = run_videos.load_videos(data)
    started.append(time.perf_counter())
    self._videos = run_videos.place(store, data)
    jax.block_until_ready(self._videos.arrays)
    started.append(time.perf_counter())
    placed = _peak_bytes()
    self._num_videos = store.num_videos
    self._draw = parallel.parallelize_inference(self._take_pair)
    self.block(batches=1, drawing=True)
    started.append(time.perf_counter())
    seconds = np.diff(started).tolist()
    return {
      **dict(zip(('open_s', 'place_s', 'first_batch_s'), seconds, strict=True)),
      'peak_bytes': _peak_bytes(),
      'placed_bytes': placed,
      'idle_bytes': idle,
      'frame_bytes': store.frame_bytes,
      'videos': store.num_videos,
      'device': jax.devices()[0].device_kind,
      'devices': jax.device_count(),
      'versions': records.versions(),
    }

  def block(self, *, batches, drawing):
    """Times batches, one after the other.

    Args:
      batches: how many.
      drawing: whether views are drawn; if not, they are only read.

    Returns:
      A dict of averages a batch: 'seconds', and 'cpu_seconds' of all of this
      process's threads, which other work on the machine changes less.
    """
    import jax

    from stclr_jax.learning import steps

    read = self._videos.epochs(
      self._batches,
      seed=0,
      view_numbers=steps.PRETRAIN_VIEWS,
      options=self._views,
    )
    with contextlib.closing(read(0, 10**6)) as stream:
      for i, batch in enumerate(itertools.islice(stream, batches + _LEAD)):
        if i == _LEAD:
          started = time.perf_counter()
          worked = time.process_time()
        if drawing:
          self._draw(np.int32(0), self._videos.arrays, batch)
        else:
          jax.block_until_ready(batch)
      return {
        'seconds': (time.perf_counter() - started) / batches,
        'cpu_seconds': (time.process_time() - worked) / batches,
      }

  def _batches(self, epoch):
    from stclr_jax.learning import steps

    size = self.options.batch_size
    order = np.random.default_rng(epoch).permutation(
      max(size, self._num_videos)
    )
    order = (order % self._num_videos).astype(np.int32)
    return [
      steps.Batch(order[i : i + size])
      for i in range(0, len(order) - size + 1, size)
    ]

  def _take_pair(self, epoch, videos, batch):
    import jax.numpy as jnp

    from stclr_jax.learning import steps
    from stclr_jax.views import views

    pair = [
      views.draw_views(
        videos.frames,
        batch.video,
        batch.clips_of(place),
        seed=0,
        epoch=epoch,
        view=view,
        options=self._views,
      )
      for place, view in enumerate(steps.PRETRAIN_VIEWS)
    ]
    # A number a view leaves the device, and all of its pixels were needed.
    return jnp.stack(pair, 1).mean((2, 3, 4, 5))


def run(options, *, emit):
  """Starts a process a placement and lets them take turns.

  Args:
    options: of the command line.
    emit: takes a record, of each placement.
  """
  blocks = {(p, kind): [] for p in options.placements for kind in _KINDS}
  with contextlib.ExitStack() as stack:
    workers, started = {}, {}
    for p in options.placements:
      workers[p] = stack.enter_context(_start_worker(options, p))
      # One by one: what others do meanwhile would count.
      started[p] = workers[p].ask('start', timeout=options.timeout)
    for _, kind, p in itertools.product(
      range(options.blocks), _KINDS, options.placements
    ):
      taken = workers[p].ask(
        'block',
        batches=options.batches,
        drawing=_KINDS[kind],
        timeout=options.timeout,
      )
      blocks[p, kind].append(taken)
  for p in options.placements:
    emit(
      {
        'benchmark': 'placement',
        'placement': p,
        **{name: getattr(options, name) for name in FIELDS},
        **_rates(2 * options.batch_size, {k: blocks[p, k] for k in _KINDS}),
        **started[p],
        **records.origin(),
      }
    )


def _rates(views, blocks):
  """Views a second, and seconds a batch, of each kind of block."""
  found = {}
  for kind, averages in blocks.items():
    seconds = [block['seconds'] for block in averages]
    worked = statistics.median(block['cpu_seconds'] for block in averages)
    found[f'{kind}_views_per_s'] = views / statistics.median(seconds)
    found[f'{kind}_cpu_ms_per_view'] = 1e3 * worked / views
    found[kind] = records.summarize(seconds)
  return found


def _start_worker(options, placement):
  return processes.Worker(
    placement, TARGET, vars(options) | {'placement': placement}
  )


def _peak_bytes():
  """The most memory that this process has had, in bytes."""
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak if sys.platform == 'darwin' else peak * 1024


def main(arguments=None):
  """Prints a JSON line a placement.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  add = parser.add_argument
  add('--name', default='synthetic', help='data set, as `config.data.name`')
  add('--split', default='vl_strong')
  add('--data_dir', default='', help="TFDS's; '' for its own default")
  add('--frame_size', type=int, nargs=2, default=[240, 320])
  add('--placements', nargs='+', default=list(PLACEMENTS), choices=PLACEMENTS)
  add('--batch_size', type=int, default=16, help='videos; twice the views')
  add('--frames', type=int, default=16, help='of a view')
  add('--size', type=int, default=224, help='of a view, in pixels')
  add('--batches', type=int, default=10, help='of a block')
  add('--blocks', type=int, default=5, help='of each placement and kind')
  add('--timeout', type=float, default=1200, help='seconds')
  add('--out', help='JSON-lines file to append to')
  options = parser.parse_args(arguments)
  run(options, emit=lambda record: records.emit(record, options.out))


if __name__ == '__main__':
  main()
