"""From a data set to the batches of a step, wherever its frames live."""

import concurrent.futures
import contextlib
import functools

import numpy as np

from stclr_jax.data import clips
from stclr_jax.data import placement
from stclr_jax.files import thread_maps
from stclr_jax.learning import compiled_steps
from stclr_jax.learning import parallel
from stclr_jax.learning import steps

# chosen: one batch is ready while the next one is read; a third would only
# take memory.
_AHEAD = 2


def place(store, data):
  """Puts a data set where the config, or its size, wants it, and says where.

  Args:
    store: a `VideoStore`.
    data: `config.data`.

  Returns:
    `PlacedVideos`.

  Raises:
    ValueError: see `placement.choose`.
  """
  placed = placement.choose(
    data.placement,
    store.frame_bytes,
    in_host=store.frames is not None,
    memory_share=data.memory_share,
    # Processes that chose differently would run different programs.
    free=parallel.least(placement.free_device_bytes()),
  )
  print(f'{store.name}: {placed.reason}.', flush=True)
  return PlacedVideos(store, placed.placement)


class PlacedVideos:
  """A data set and the way from it to the steps.

  Attributes:
    arrays: `steps.DeviceVideos`, replicated; without frames unless they live
      on the devices.
    placement: 'device', 'host' or 'streamed'.
  """

  def __init__(self, store, where):
    """Puts on the devices what belongs there.

    Args:
      store: a `VideoStore`.
      where: 'device', 'host' or 'streamed'.
    """
    self.placement = where
    self._store = store
    self.arrays = parallel.replicate(
      steps.DeviceVideos(
        store.frames if where == placement.DEVICE else None,
        store.first,
        store.length,
        store.label,
      )
    )

  def epochs(self, batches, *, seed, view_numbers, options):
    """Makes what a training loop reads.

    Args:
      batches: `batches(epoch)` lists an epoch's `steps.Batch`es of NumPy
        arrays [batch_size], the same ones whenever it is asked, of every epoch
        equally many.
      seed: int, of all views.
      view_numbers: of the step, such as `steps.PRETRAIN_VIEWS`.
      options: a `views.ViewOptions`.

    Returns:
      `read(start, stop)`: a generator of the batches of some epochs, one after
      another, sharded, with clips where the frames are not on the devices. It
      works ahead in the background, also across epochs; close it.
    """
    batches = functools.lru_cache(maxsize=3)(batches)  # asked for by step

    def read(start, stop):
      per_epoch = len(batches(start))

      def batch(i):
        return batches(start + i // per_epoch)[i % per_epoch]

      def draw(i, shown):
        return clips.draw_frame_indices(
          self._store.length,
          shown,
          seed=seed,
          epoch=start + i // per_epoch,
          view_numbers=view_numbers,
          options=options,
        )

      return self._read((stop - start) * per_epoch, batch, draw)

    return read

  def inference(self, step, *, options, batch_size):
    """Runs a step on videos, each looked at once.

    Args:
      step: of `steps.make_inference_step`.
      options: its `views.ViewOptions`.
      batch_size: videos at a time; rounded up to what devices can share.

    Returns:
      `infer(variables, indices) -> [m, ...]` for any number m of videos, as a
      NumPy array.
    """
    run = compiled_steps.parallelize_inference(step)
    batch_size = parallel.divisible_batch_size(batch_size)

    def draw(_, shown):
      return clips.evaluation_frame_indices(
        self._store.length, shown, options=options
      )

    def infer(variables, indices):
      indices = np.asarray(indices, np.int32)
      num_batches = -(-len(indices) // batch_size)
      padded = np.resize(indices, (num_batches, batch_size))
      batches = self._read(num_batches, lambda i: steps.Batch(padded[i]), draw)
      with contextlib.closing(batches):
        outputs = [run(variables, self.arrays, batch) for batch in batches]
      return np.concatenate(outputs)[: len(indices)]

    return infer

  def _read(self, num_batches, batch, draw):
    """Generates sharded batches; `draw(i, videos)` gives frame numbers."""
    if self.placement == placement.DEVICE:
      for i in range(num_batches):
        yield parallel.shard(batch(i))
      return

    def request(i):
      shown = parallel.own_share(batch(i).video)
      return clips.Request(shown, draw(i, shown))

    read = clips.read_clips(self._store, num_batches, request)

    def send(i):
      own = parallel.own_share(batch(i))
      return parallel.send(own._replace(clips=next(read)))

    with (
      contextlib.closing(read),
      concurrent.futures.ThreadPoolExecutor(1) as reader,
    ):
      yield from thread_maps.map_ahead(
        reader, send, range(num_batches), ahead=_AHEAD
      )
