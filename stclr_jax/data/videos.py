"""The videos of a data set: decoded once into one array, or left in records."""

import concurrent.futures
import dataclasses
import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from tqdm import tqdm

from stclr_jax.data.people import identity
from stclr_jax.data.pictures import frame_images
from stclr_jax.errors import UserError
from stclr_jax.files import thread_maps

_AHEAD = 32  # chosen: videos read ahead of the one whose turn it is


@dataclasses.dataclass(frozen=True)
class VideoStore:
  """All videos of a split, sorted by id, so that an index names a video.

  Attributes:
    frames: uint8 RGB [num_frames, h, w, 3], all videos' one after the other;
      None where `records` are read instead, as often as frames are needed.
    first: index of each video's first frame, int32 [n].
    length: number of its frames, int32 [n].
    label: its class, int32 [n].
    subject: its person, int32 [n].
    video_id: such as 'P001/Anger', n strings.
    label_names: names of the classes, in order.
    name: which data this is, such as 'oulu_casia:vl_strong'.
    synthetic: whether the faces are drawn.
    records: a `streaming.RecordReader` where `frames` is None.
    who: an `identity.Who`: what the people are called; None where they are
      called by their numbers, as P001.
    directory: path of the records' folder; None where the faces were drawn
      when they were asked for.
    making: a `making.Making`, what the data set knows of how its videos were
      made; None for nothing.
  """

  frames: np.ndarray | None
  first: np.ndarray
  length: np.ndarray
  label: np.ndarray
  subject: np.ndarray
  video_id: tuple[str, ...]
  label_names: tuple[str, ...]
  name: str
  synthetic: bool
  records: Any = None
  who: Any = None
  directory: Any = None
  making: Any = None

  @property
  def num_videos(self):
    """Number of videos."""
    return len(self.first)

  @property
  def subject_name(self):
    """Names of each video's person, n strings."""
    return tuple(identity.names_of(self, self.subject))

  @property
  def frame_size(self):
    """(height, width) of a frame, in pixels."""
    if self.frames is None:
      return self.records.frame_size
    return self.frames.shape[1:3]

  @property
  def frame_bytes(self):
    """Size of all frames in memory, decoded, in bytes."""
    height, width = self.frame_size
    return int(self.length.sum()) * height * width * 3

  def only(self, indices):
    """Takes the frames of some videos into memory and leaves the others.

    Args:
      indices: which videos, int [m].

    Returns:
      A `VideoStore` in which every video keeps its index, its length and so
      its views; of those not taken there are no frames.
    """
    frames = [self.read_clip(i, np.arange(self.length[i])) for i in indices]
    length = np.array([len(part) for part in frames])
    first = np.zeros_like(self.first)
    first[np.asarray(indices)] = np.cumsum(length) - length
    return dataclasses.replace(
      self, frames=np.concatenate(frames), first=first, records=None
    )

  def read_clip(self, index, frames):
    """Takes frames of a video, from memory or from its record.

    Args:
      index: which video.
      frames: numbers of its frames, int [n].

    Returns:
      uint8 RGB [n, h, w, 3].
    """
    if self.frames is None:
      return self.records.read_clip(index, frames)
    return self.frames[self.first[index] + frames]


@dataclasses.dataclass(frozen=True)
class Record:
  """One video before its frames are decoded or resized.

  Attributes:
    video_id: such as 'P001/Anger'.
    subject: its person.
    label: its class.
    frames: encoded images (bytes), or uint8 RGB arrays [h, w, 3].
  """

  video_id: str
  subject: int
  label: int
  frames: Iterable[bytes | np.ndarray]


def make_store(
  records, *, frame_size, label_names, name, synthetic, progress=True
):
  """Decodes and resizes records, in threads, and sorts them by id.

  Args:
    records: iterable of `Record`.
    frame_size: (height, width) of the stored frames, in pixels. Larger or
      smaller frames are cut to this aspect around their centre, then resized.
    label_names: see `VideoStore`.
    name: see `VideoStore`.
    synthetic: see `VideoStore`.
    progress: whether to show a progress bar on a terminal.

  Returns:
    A `VideoStore`.

  Raises:
    ValueError: if there is no video, an id occurs twice, a video has no
      frame, or a frame cannot be decoded (naming video and frame).
  """
  with (
    thread_maps.single_threaded_opencv(),
    concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
  ):
    decoded = thread_maps.map_ahead(
      pool, lambda r: _decode_video(r, frame_size), records, ahead=_AHEAD
    )
    videos = list(
      tqdm(
        decoded,
        desc=f'Reading {name}',
        unit='video',
        disable=not (progress and sys.stderr.isatty()),
      )
    )
  videos.sort(key=lambda video: video[0].video_id)
  decoded = [frames for _, frames in videos]
  store = list_videos(
    [record for record, _ in videos],
    [len(frames) for frames in decoded],
    label_names=label_names,
    name=name,
    synthetic=synthetic,
  )
  del videos
  return dataclasses.replace(store, frames=_join(decoded))


def list_videos(records, lengths, *, label_names, name, synthetic):
  """Makes a store of everything but the frames.

  Args:
    records: list of `Record`, sorted by id; their frames are not looked at.
    lengths: number of frames of each.
    label_names: see `VideoStore`.
    name: see `VideoStore`.
    synthetic: see `VideoStore`.

  Returns:
    A `VideoStore` without frames.

  Raises:
    ValueError: if there is no video, an id occurs twice or a video has no
      frame.
  """
  if not records:
    raise UserError(f'{name} holds no videos; build it again.')
  ids = tuple(record.video_id for record in records)
  repeated = sorted({a for a, b in zip(ids, ids[1:], strict=False) if a == b})
  if repeated:
    raise UserError(f'{name} holds these video ids twice: {repeated}.')
  length = np.array(lengths, np.int32)
  for video_id in np.array(ids)[length == 0]:
    raise UserError(f'The video {video_id} has no frames.')
  return VideoStore(
    frames=None,
    first=(np.cumsum(length) - length).astype(np.int32),
    length=length,
    label=np.array([record.label for record in records], np.int32),
    subject=np.array([record.subject for record in records], np.int32),
    video_id=ids,
    label_names=tuple(label_names),
    name=name,
    synthetic=synthetic,
  )


def decode_frame(record, index, frame_size):
  """Decodes and resizes one frame of a video.

  Args:
    record: a `Record` whose frames can be indexed.
    index: which frame.
    frame_size: see `make_store`.

  Returns:
    uint8 RGB [h, w, 3].

  Raises:
    ValueError: if it cannot be decoded, naming video and frame.
  """
  frame = record.frames[index]
  if isinstance(frame, bytes):
    frame = _decode(frame, record.video_id, index)
  return fit(frame, frame_size)


def _decode_video(record, frame_size):
  """Decodes all frames; returns the record without them, and them."""
  record = dataclasses.replace(record, frames=list(record.frames))
  decoded = np.empty((len(record.frames), *frame_size, 3), np.uint8)
  for i in range(len(decoded)):
    decoded[i] = decode_frame(record, i, frame_size)
  return dataclasses.replace(record, frames=()), decoded


def _join(videos):
  """Concatenates a list of arrays and empties it on the way.

  Memory is taken from the system when it is written to, so that all frames
  are never there twice.
  """
  joined = np.empty((sum(map(len, videos)), *videos[0].shape[1:]), np.uint8)
  stop = len(joined)
  while videos:
    frames = videos.pop()
    joined[stop - len(frames) : stop] = frames
    stop -= len(frames)
  return joined


def _decode(encoded, video_id, index):
  frame = frame_images.decode(encoded)
  if frame is None:
    raise UserError(
      f'Frame {index} of the video {video_id} ({len(encoded)} bytes) is not '
      'an image that can be decoded; build the data set again.'
    )
  return frame


def fit(frame, frame_size):
  """Cuts a frame to an aspect around its centre and resizes it.

  Args:
    frame: uint8 [h, w, 3].
    frame_size: (height, width) in pixels.

  Returns:
    uint8 [height, width, 3]; shrunk frames are averages over areas.
  """
  import cv2

  height, width = frame_size
  h, w = frame.shape[:2]
  if (h, w) == (height, width):
    return frame
  cut_h = min(h, max(1, round(w * height / width)))
  cut_w = min(w, max(1, round(h * width / height)))
  top, left = (h - cut_h) // 2, (w - cut_w) // 2
  frame = frame[top : top + cut_h, left : left + cut_w]
  shrinks = cut_h >= height
  interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
  return cv2.resize(frame, (width, height), interpolation=interpolation)
