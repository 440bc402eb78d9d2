"""The videos of a run: opened once, and placed where they fit.

Configs of data end here.
"""

import collections
import contextlib
import copy
import dataclasses
import itertools
import pathlib
from typing import Any

import numpy as np

from stclr_jax.data import clips
from stclr_jax.data import placement
from stclr_jax.data import sources
from stclr_jax.data import streaming
from stclr_jax.data import videos as stores
from stclr_jax.files import host_memory
from stclr_jax.files import thread_maps
from stclr_jax.learning import parallel
from stclr_jax.learning import steps
from stclr_jax.learning.running import compiled_steps
from stclr_jax.views import views

# chosen: one batch is ready while the next one is read; a third would only
# take memory.
_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class DataOptions:
  """Which videos, and where their frames live.

  Attributes:
    name: see `sources.load_videos`.
    split: see `sources.load_videos`.
    data_dir: see `sources.load_videos`; '' for TFDS's own default.
    frame_size: (height, width) of the stored frames, in pixels.
    placement: one of `placement.PLACEMENTS`.
    memory_share: of the free memory, what frames may fill under 'auto'.
  """

  name: str
  split: str
  data_dir: str
  frame_size: tuple[int, int]
  placement: str
  memory_share: float


@dataclasses.dataclass
class Kept:
  """The videos that the last run in this process read, for the next one.

  Folds and rows of a table share them, and to decode them takes longer than a
  small run. Two data sets may not fit into memory, so that it is one at most.

  Attributes:
    asked: what was asked for; None before the first.
    store: the `VideoStore`.
  """

  asked: Any = None
  store: Any = None

  def forget(self):
    """Gives the memory back."""
    self.asked = self.store = None


KEPT = Kept()


def load_videos(data, kept=KEPT):
  """Opens a data set, building the embedded one if needed.

  Args:
    data: `DataOptions`, or a `config.data`, which has the same.
    kept: what the last run has read, and where this one leaves its own.

  Returns:
    A `VideoStore`; its frames stay in their records if `data.placement` says
    so, or is 'auto' and they would not fit into memory.

  Raises:
    ValueError: for an unknown name, split or placement, or frames that do not
      fit.
    FileNotFoundError: if the data set has not been built.
  """
  placement.check(data.placement, data.memory_share)
  asked = (data.name, data.split, tuple(data.frame_size), data.data_dir)
  if data.placement != placement.STREAMED and asked == kept.asked:
    return kept.store
  kept.forget()  # before the next: memory may not hold both
  if data.placement != placement.STREAMED and _is_drawn(data):
    store = sources.load_videos(
      data.name, split=data.split, frame_size=tuple(data.frame_size)
    )
  else:
    source = _open_source(data)
    store = _list_records(source, data)
    if not placement.keep_in_host(
      data.placement,
      store.frame_bytes,
      memory_share=data.memory_share,
      free=parallel.min_over_processes(host_memory.free_host_bytes()),
    ):
      return store
    store = sources.tell(
      stores.make_store(
        sources.read_records(source),
        frame_size=tuple(data.frame_size),
        label_names=source.label_names,
        name=source.name,
        synthetic=source.synthetic,
      ),
      source,
    )
  kept.asked, kept.store = asked, store
  return store


def list_videos(data):
  """Opens a data set and leaves the frames in their records.

  Args:
    data: see `load_videos`.

  Returns:
    A `VideoStore` of records.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the data set has not been built, or TFDS is not
      installed.
  """
  return _list_records(_open_source(data), data)


def check_videos(data):
  """Makes sure that a data set is there, without reading its frames.

  Args:
    data: see `load_videos`.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the data set has not been built.
  """
  if not _is_drawn(data):
    _open_source(data)


def _is_drawn(data):
  return sources.must_draw(data.name, data.split)


def _open_source(data):
  return sources.open_source(
    data.name, split=data.split, data_dir=data.data_dir or None
  )


def _list_records(source, data):
  store = streaming.open_store(
    streaming.TfdsRecords(source.examples),
    frame_size=tuple(data.frame_size),
    label_names=source.label_names,
    name=source.name,
    synthetic=source.synthetic,
    index_file=pathlib.Path(source.directory) / f'index_{data.split}.json',
  )
  return sources.tell(store, source)


def place(store, data):
  """Puts a data set where its options, or its size, want it, and says where.

  Args:
    store: a `VideoStore`.
    data: see `load_videos`.

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
    free=parallel.min_over_processes(placement.free_device_bytes()),
  )
  print(f'{store.name}: {placed.reason}.', flush=True)
  return PlacedVideos(store, placed.placement)


class PlacedVideos:
  """A data set and the way from it to the steps.

  Attributes:
    store: the `VideoStore`.
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
    self.store = store
    self.arrays = parallel.replicate(
      steps.DeviceVideos(
        views.Frames(
          store.frames if where == placement.DEVICE else None,
          store.first,
          store.length,
        ),
        store.label,
        store.subject,
      )
    )

  def beginnings(self, share):
    """Makes the same videos, cut off after a share of their frames.

    Args:
      share: of the frames that is left, above 0 and at most 1; one at least.

    Returns:
      `PlacedVideos` with the same frames in memory.
    """
    length = np.ceil(share * self.store.length - 1e-6)  # not 4 for 3 by 0.3
    length = np.maximum(length, 1).astype(np.int32)
    short = copy.copy(self)
    short.store = dataclasses.replace(self.store, length=length)
    frames = self.arrays.frames._replace(length=parallel.replicate(length))
    short.arrays = self.arrays._replace(frames=frames)
    return short

  def epochs(self, batches, *, seed, view_numbers, options):
    """Makes what a training loop reads.

    Args:
      batches: `batches(epoch)` lists an epoch's `steps.Batch`es of NumPy
        arrays [batch_size], see `batches.Batches`.
      seed: int, of all views.
      view_numbers: of the step, such as `steps.PRETRAIN_VIEWS`.
      options: a `views.ViewOptions`.

    Returns:
      `read(start, stop, skip=0)`: a generator of the batches of some epochs,
      one after another, but for the first few; sharded, with clips where the
      frames are not on the devices. It works ahead in the background, also
      across epochs; close it.
    """

    def draw(epoch, shown):
      return clips.draw_frame_indices(
        self.store.length,
        shown,
        seed=seed,
        epoch=epoch,
        view_numbers=view_numbers,
        options=options,
      )

    def read(start, stop, skip=0):
      epochs = range(start, stop)
      numbered = ((epoch, one) for epoch in epochs for one in batches(epoch))
      return self._read(itertools.islice(numbered, skip, None), draw)

    return read

  def inference(self, step, *, options, batch_size):
    """Runs a step on videos, each seen once.

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
        self.store.length, shown, options=options
      )

    def infer(variables, indices):
      indices = np.asarray(indices, np.int32)
      num_batches = -(-len(indices) // batch_size)
      padded = np.resize(indices, (num_batches, batch_size))
      numbered = ((0, steps.Batch(video)) for video in padded)
      with contextlib.closing(self._read(numbered, draw)) as batches:
        outputs = [run(variables, self.arrays, batch) for batch in batches]
      return np.concatenate(outputs)[: len(indices)]

    return infer

  def _read(self, numbered, draw):
    """Generates sharded batches of (epoch, batch) pairs.

    `draw(epoch, videos)` gives the frame numbers of their clips.
    """
    if self.placement == placement.DEVICE:
      return (parallel.shard(batch) for _, batch in numbered)
    return thread_maps.iterate_ahead(self._send(numbered, draw), ahead=_AHEAD)

  def _send(self, numbered, draw):
    """Generates batches with their clips, on the devices."""
    waiting = collections.deque()  # batches whose clips are being read

    def requests():
      for epoch, batch in numbered:
        own = parallel.own_share(batch)
        waiting.append(own)
        yield clips.Request(own.video, draw(epoch, own.video))

    with contextlib.closing(clips.read_clips(self.store, requests())) as read:
      for shown in read:
        yield parallel.send(waiting.popleft()._replace(clips=shown))
