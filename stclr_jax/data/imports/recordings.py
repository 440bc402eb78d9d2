"""Makes encoded frames of a recording: at one rate, in windows, cropped.

Frames pass through one at a time; what is held is one window of encoded
images, however long the recording.
"""

import collections
import dataclasses
import functools
import itertools
import math
import zlib
from typing import Any
from typing import NamedTuple

from stclr_jax.data.imports import window_notes
from stclr_jax.data.imports.recording_frames import RecordingFrames
from stclr_jax.data.pictures import frame_images
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import thread_maps
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors

NO_FACE = ('keep', 'skip', 'stop')


@dataclasses.dataclass(frozen=True)
class Options:
  """Options by which recordings become videos of a data set.

  Attributes:
    fps: frames a second. 25: Oulu-CASIA's.
    source_fps: that of folders of frames, which do not say; None takes their
      frames one by one.
    window_seconds: longer recordings are cut; 0 for never. Windows follow one
      another without overlap; a recording of up to one and a half stays whole,
      and so the last window has half to one and a half of it. chosen 4: posed
      and spontaneous expressions take 0.5 to 4 s (Ekman 2003), Oulu-CASIA's at
      most 2.9 s.
    max_size: of the shorter side of encoded frames, in pixels; larger ones
      are averaged over areas. 240: Oulu-CASIA's height.
    jpeg_quality: 1 to 100. chosen 95: as in `synthetic_faces.write_folder`;
      with colour at full resolution (4:4:4), since shrunken frames have it.
    keep_bytes: whether images that are upright JPEG or PNG of 8 bits already
      stay as they are, whatever their size.
    min_frames: a video with fewer different pictures is no video. chosen 2: one
      does not move.
    face_crop: `face_crops.FaceCropOptions` to cut one square around the face
      for each window; None for whole frames.
    no_face: where there is none: 'keep' the whole frame, 'skip' the window, or
      'stop' (an unreadable recording).
  """

  fps: float = 25.0
  source_fps: float | None = None
  window_seconds: float = 4.0
  max_size: int = 240
  jpeg_quality: int = 95
  keep_bytes: bool = True
  min_frames: int = 2
  face_crop: Any = None
  no_face: str = 'keep'

  def __post_init__(self):
    """Refuses impossible values.

    Raises:
      ValueError: naming the option.
    """
    for name, low in (('fps', 0), ('max_size', 15), ('min_frames', 0)):
      if not low < getattr(self, name) < math.inf:
        raise UserError(
          f'`{name}` (={getattr(self, name)}) must be more than {low}.'
        )
    if self.source_fps is not None and not 0 < self.source_fps < math.inf:
      raise UserError(f'`source_fps` (={self.source_fps}) must be more than 0.')
    if not 1 <= self.jpeg_quality <= 100:
      raise UserError(
        f'`jpeg_quality` (={self.jpeg_quality}) must be 1 to 100; 95 is usual.'
      )
    if not 0 <= self.window_seconds < math.inf:
      raise UserError(
        f'`window_seconds` (={self.window_seconds}) must be 0 or more seconds; '
        '0 never cuts.'
      )
    # The last window may have half of it.
    if self.window_seconds and self.window_length < 2 * self.min_frames:
      raise UserError(
        f'`window_seconds` (={self.window_seconds}) must be 0 (never cut) or '
        f'hold {2 * self.min_frames} frames at {self.fps:g} a second, twice '
        '`min_frames`.'
      )
    check_one_of('no_face', self.no_face, NO_FACE)

  @property
  def window_length(self):
    """Frames of a window; 0 for never cut."""
    return round(self.window_seconds * self.fps)


class Window(NamedTuple):
  """One video of the data set.

  Attributes:
    frames: encoded images, a list of bytes; empty if left out, see `notes`.
    start: where it begins in the recording, in seconds after the file's start
      (of sound or picture, as a player counts).
    coverage: share of the frames in which the face was found; None where
      nobody looked.
    notes: list of what the user should know.
    fps_known: see `recording_frames.RecordingFrames`.
  """

  frames: list
  start: float
  coverage: float | None
  notes: list
  fps_known: bool


def read_windows(item, options):
  """Reads a recording.

  Args:
    item: an `listing.Item`.
    options: an `Options`.

  Yields:
    `Window`s in order; those that are not left out have `min_frames` different
    pictures or more.

  Raises:
    UnreadableError: if any of it cannot be read, or it is too short.
  """
  recording = RecordingFrames(item, options)
  read = _read_cropped if options.face_crop else _read_whole
  with naming_errors():
    windows = window_notes.leave_stills_out(read(recording, options), options)
    yield from window_notes.add_remarks(windows, recording.remarks)


def _read_whole(recording, options):
  frames = recording.read(keep_bytes=options.keep_bytes)
  encode = functools.partial(_encode, options=options)
  encoded = _map_bounded(encode, frames)
  notes = recording.notes()
  for window in cut_windows(encoded, options.window_length):
    times, pictures, frames = zip(*window, strict=True)
    known = recording.fps_known
    window = Window(list(frames), times[0], None, notes, known)
    yield window, set(pictures)


def _read_cropped(recording, options):
  """Goes through the recording three times: its length, its faces, its frames.

  The square of a window is known only at its end, and the last window only
  once the length is known.
  """
  from stclr_jax.data.faces import face_crops

  lengths = window_lengths(recording.count(), options.window_length)
  tracks, starts = [], []
  timed = recording.read(keep_bytes=False)
  for length in lengths:
    window = _noting_first(itertools.islice(timed, length), starts)
    part = _same_size(window)
    tracks.append(face_crops.find_square(part, options.face_crop))
    collections.deque(part, maxlen=0)  # whatever the detector left
  timed = recording.read(keep_bytes=False)
  for length, start, track in zip(lengths, starts, tracks, strict=True):
    part = itertools.islice(timed, length)
    notes = recording.notes() + list(track.notes)
    if track.square is None:
      if options.no_face == 'stop':
        raise UnreadableError(f'no face from {start:g} s on (--no_face)')
      if options.no_face == 'skip':
        collections.deque(part, maxlen=0)
        notes.append('no face: left out')
        yield Window([], start, 0.0, notes, recording.fps_known), set()
        continue
      notes.append('no face: whole frames')
    encode = functools.partial(_encode, options=options, square=track.square)
    _, pictures, encoded = zip(*_map_bounded(encode, part), strict=True)
    coverage, known = float(track.coverage), recording.fps_known
    window = Window(list(encoded), start, coverage, notes, known)
    yield window, set(pictures)
  collections.deque(timed, maxlen=0)  # so that its remarks are complete


def _noting_first(timed, starts):
  for i, (time, frame, _) in enumerate(timed):
    if not i:
      starts.append(time)
    yield frame


def _same_size(frames):
  shape = None
  for frame in frames:
    if shape is not None and frame.shape != shape:
      raise UnreadableError(
        f'frames of different sizes, {shape[1]}x{shape[0]} and '
        f'{frame.shape[1]}x{frame.shape[0]}: a face cannot be followed'
      )
    shape = frame.shape
    yield frame


def _map_bounded(function, timed):
  """Maps in threads; large pictures are not read far ahead."""

  def size_of(each):
    frame = each[1]
    return len(frame) if isinstance(frame, bytes) else frame.nbytes

  return thread_maps.map_threaded(function, timed, size_of=size_of)


def _encode(timed, *, options, square=None):
  """Returns (time, what tells pictures apart, encoded image)."""
  time, frame, file = timed
  picture = file, zlib.crc32(frame)
  if isinstance(frame, bytes):
    return time, picture, frame
  frame = shrink(frame, square, options.max_size)
  return time, picture, frame_images.encode_jpeg(frame, options.jpeg_quality)


def shrink(frame, square, max_size):
  """Cuts a frame, and brings it to the size in which it is kept.

  Args:
    frame: uint8 RGB [h, w, 3].
    square: a `face_crops.Square` to cut out; None for the whole frame.
    max_size: see `Options`.

  Returns:
    uint8 [h', w', 3].
  """
  import cv2

  if square is not None:
    from stclr_jax.data.faces import face_crops

    side = min(max_size, max(1, round(square[2])))
    frame = face_crops.cut(frame, square, side)
  h, w = frame.shape[:2]
  scale = max_size / min(h, w)
  if scale < 1:
    size = max(1, round(w * scale)), max(1, round(h * scale))
    frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
  return frame


def cut_windows(values, length):
  """Cuts a stream into windows.

  Args:
    values: iterable.
    length: of a window; 0 for one window of everything.

  Yields:
    Lists of `length` values; the last has half to one and a half of it. Up to
    one and a half are held.
  """
  held = []
  for value in values:
    held.append(value)
    if length and len(held) > 1.5 * length:
      yield held[:length]
      held = held[length:]
  if held:
    yield held


def window_lengths(total, length):
  """Says what `cut_windows` makes of `total` values: a list of lengths."""
  return [len(window) for window in cut_windows(range(total), length)]
