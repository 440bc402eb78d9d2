"""Videos that are read from their records whenever frames are needed.

Nothing but ids, labels and lengths stays in memory. Threads read the records of
the next clips and decode only the frames that were sampled.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from stclr_jax.data import videos
from stclr_jax.errors import UserError
from stclr_jax.files import thread_maps
from stclr_jax.files import whole

FORMAT = 1  # of the index file
_HAS_AFFINITY = hasattr(os, 'sched_getaffinity')  # not on a Mac


class TfdsRecords(Sequence):
  """The records of a TFDS data source, in the order in which they lie there."""

  def __init__(self, source):
    """Wraps a source.

    Args:
      source: what `builder.as_data_source(split=...)` returns.
    """
    self._source = source

  def __len__(self):
    return len(self._source)

  def __getitem__(self, index):
    example = self._source[int(index)]
    return videos.Record(
      video_id=_text(example['video_id']),
      subject=int(example['subject']),
      label=int(example['label']),
      frames=[bytes(frame) for frame in example['frames']],
    )


@dataclasses.dataclass(frozen=True)
class RecordReader:
  """Reads clips from records.

  Attributes:
    records: `videos.Record`s by number, such as `TfdsRecords`.
    row: number of each video's record, int [n].
    video_id: n strings.
    frame_size: (height, width) that frames get, as in `videos.make_store`.
    num_threads: workers; None for one a processor.
  """

  records: Sequence
  row: np.ndarray
  video_id: tuple[str, ...]
  frame_size: tuple[int, int]
  num_threads: int | None = None

  def read_clip(self, video, frames):
    """Reads and decodes some frames of a video, each different one once.

    Args:
      video: index of the video.
      frames: numbers of its frames, int [...].

    Returns:
      uint8 [..., h, w, 3].

    Raises:
      ValueError: if the record cannot be read or a frame not be decoded,
        naming the video.
    """
    video_id = self.video_id[video]
    try:
      record = self.records[self.row[video]]
    except Exception as error:
      raise UserError(
        f'The record of the video {video_id} cannot be read ({error}); build '
        'the data set again.'
      ) from error
    if record.video_id != video_id:
      raise UserError(
        f'The record of the video {video_id} is now that of {record.video_id}: '
        'the data set was built again meanwhile; start the run again.'
      )
    wanted, place = np.unique(frames, return_inverse=True)
    decoded = np.empty((len(wanted), *self.frame_size, 3), np.uint8)
    for i, frame in enumerate(wanted):
      decoded[i] = videos.decode_frame(record, int(frame), self.frame_size)
    return decoded[place.reshape(np.shape(frames))]

  def read_clips(self, requests):
    """Reads clips in threads, in order and ahead of the consumer.

    Threads and not processes: OpenCV and ArrayRecord leave Python's lock to
    others while they work, and clips need not be copied between processes.

    Args:
      requests: see `clips.read_clips`.

    Yields:
      See `clips.read_clips`.
    """
    sizes = collections.deque()  # of the requests under way

    def list_clips():
      for request in requests:
        sizes.append(len(request.videos))
        yield from zip(request.videos.tolist(), request.frames, strict=True)

    threads = self.num_threads or _num_processors()
    with (
      thread_maps.single_threaded_opencv(),
      concurrent.futures.ThreadPoolExecutor(threads) as pool,
      contextlib.closing(
        thread_maps.map_ahead(
          pool,
          lambda clip: self.read_clip(*clip),
          list_clips(),
          # chosen: twice as many clips under way as workers; none then waits.
          ahead=2 * threads,
        )
      ) as ready,
    ):
      for first in ready:
        others = itertools.islice(ready, sizes.popleft() - 1)
        yield np.stack([first, *others])


def open_store(
  records, *, frame_size, label_names, name, synthetic, index_file=None
):
  """Makes a store that leaves the frames in their records.

  Args:
    records: `videos.Record`s by number, such as `TfdsRecords`.
    frame_size: see `videos.make_store`.
    label_names: see `videos.VideoStore`.
    name: see `videos.VideoStore`.
    synthetic: see `videos.VideoStore`.
    index_file: where `read_index` keeps what it has found.

  Returns:
    A `VideoStore` with `records` in place of `frames`; the same videos in the
    same order as `videos.make_store` has.

  Raises:
    ValueError: see `videos.list_videos`.
  """
  index = read_index(records, index_file, name=name)
  rows = sorted(range(len(index)), key=lambda row: index[row].record.video_id)
  store = videos.list_videos(
    [index[row].record for row in rows],
    [index[row].length for row in rows],
    label_names=label_names,
    name=name,
    synthetic=synthetic,
  )
  reader = RecordReader(
    records, np.array(rows), store.video_id, tuple(frame_size)
  )
  return dataclasses.replace(store, records=reader)


class Entry(NamedTuple):
  """Facts of a record that need no decoding.

  Attributes:
    record: a `videos.Record` without its frames.
    length: how many those are.
  """

  record: videos.Record
  length: int


def read_index(records, index_file=None, *, name=''):
  """Lists the records, reading each once, or never again.

  Args:
    records: `videos.Record`s by number.
    index_file: path of a file to keep the list in, or None. Where it cannot be
      written, the list is not kept; where it cannot be read, it is made anew.
    name: of the data, for the progress bar.

  Returns:
    List of `Entry`, in the records' order.
  """
  path = pathlib.Path(index_file) if index_file else None
  if path is not None:
    kept = _read_kept(path)
    if len(kept) == len(records):
      return kept
  rows = []
  for i in tqdm(
    range(len(records)), desc=f'Listing {name}', unit='video', disable=None
  ):
    record = records[i]
    rows.append(
      (record.video_id, record.subject, record.label, len(record.frames))
    )
  if path is not None:
    _keep(path, rows)
  return [_make_entry(*row) for row in rows]


def _make_entry(video_id, subject, label, length):
  return Entry(videos.Record(video_id, subject, label, ()), length)


def _read_kept(path):
  """The list in a file, empty where there is none of this format."""
  try:
    kept = json.loads(path.read_text())
    if kept['format'] != FORMAT:
      return []
    return [_make_entry(*row) for row in kept['rows']]
  except (OSError, ValueError, TypeError, KeyError):
    return []


def _keep(path, rows):
  # Processes that write at the same time write the same.
  with contextlib.suppress(OSError):
    whole.write_text(path, json.dumps({'format': FORMAT, 'rows': rows}))


def _num_processors():
  return len(os.sched_getaffinity(0)) if _HAS_AFFINITY else os.cpu_count()


def _text(value):
  return value.decode() if isinstance(value, bytes) else str(value)
