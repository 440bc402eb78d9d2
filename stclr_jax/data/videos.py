"""The videos of a data set, decoded once and kept as one array of frames."""

import concurrent.futures
import dataclasses
import os
import sys
from collections.abc import Iterable

import numpy as np
from tqdm import tqdm


@dataclasses.dataclass(frozen=True)
class VideoStore:
  """All videos of a split, sorted by id, so that an index names a video.

  Attributes:
    frames: uint8 RGB [num_frames, h, w, 3], all videos' one after the other.
    first: index of each video's first frame, int32 [n].
    length: number of its frames, int32 [n].
    label: its class, int32 [n].
    subject: its person, int32 [n].
    video_id: such as 'P001/Anger', n strings.
    label_names: names of the classes, in order.
    name: which data this is, such as 'oulu_casia:vl_strong'.
    synthetic: whether the faces are drawn.
  """

  frames: np.ndarray
  first: np.ndarray
  length: np.ndarray
  label: np.ndarray
  subject: np.ndarray
  video_id: tuple[str, ...]
  label_names: tuple[str, ...]
  name: str
  synthetic: bool

  @property
  def num_videos(self):
    """Number of videos."""
    return len(self.first)


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
  import cv2

  # The pool has the processors; more threads inside each call only wait.
  cv2_threads = cv2.getNumThreads()
  cv2.setNumThreads(1)
  try:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      decoded = pool.map(lambda r: (r, _decode_video(r, frame_size)), records)
      videos = list(
        tqdm(
          decoded,
          desc=f'Reading {name}',
          unit='video',
          disable=not (progress and sys.stderr.isatty()),
        )
      )
  finally:
    cv2.setNumThreads(cv2_threads)
  if not videos:
    raise ValueError(f'{name} holds no videos; build it again.')
  videos.sort(key=lambda video: video[0].video_id)
  ids = tuple(record.video_id for record, _ in videos)
  repeated = sorted({a for a, b in zip(ids, ids[1:], strict=False) if a == b})
  if repeated:
    raise ValueError(f'{name} holds these video ids twice: {repeated}.')
  length = np.array([len(frames) for _, frames in videos], np.int32)
  return VideoStore(
    frames=np.concatenate([frames for _, frames in videos]),
    first=(np.cumsum(length) - length).astype(np.int32),
    length=length,
    label=np.array([record.label for record, _ in videos], np.int32),
    subject=np.array([record.subject for record, _ in videos], np.int32),
    video_id=ids,
    label_names=tuple(label_names),
    name=name,
    synthetic=synthetic,
  )


def _decode_video(record, frame_size):
  frames = list(record.frames)
  if not frames:
    raise ValueError(f'The video {record.video_id} has no frames.')
  stored = np.empty((len(frames), *frame_size, 3), np.uint8)
  for i, frame in enumerate(frames):
    if isinstance(frame, bytes):
      frame = _decode(frame, record.video_id, i)
    stored[i] = fit(frame, frame_size)
  return stored


def _decode(encoded, video_id, index):
  import cv2

  # Grey images become three equal channels.
  flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
  frame = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
  if frame is None:
    raise ValueError(
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
