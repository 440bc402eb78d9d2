"""Frames of a video file at a stated rate, upright, one at a time.

Files differ in what a reader must not guess: the rate may vary from frame to
frame, a phone stores a turned picture and a note about it, old cameras have
pixels that are not square, a copy may stop half-way. PyAV (FFmpeg) is used
because it tells the time of every frame; OpenCV does not.
"""

import contextlib
import dataclasses
import os

import numpy as np

# How much of a tick a frame may come late and still count. chosen: more than
# .gif (10 ms) and .mkv (1 ms) round times by at 25 frames a second, and no
# whole fraction of a tick, where 50 or 60 frames a second would alternate.
_LATENESS = 0.3
# A file is cut off if it ends this much before the end that its header names.
# chosen: headers that round, or count sound, are less; of anything over two
# frames or a tenth of a second there is a remark.
_CUT_OFF_SECONDS = 0.5
_CUT_OFF_SHARE = 0.1
_REMARK_FRAMES = 2.5
_REMARK_SECONDS = 0.1


class UnreadableError(ValueError):
  """A recording that cannot be read, with the reason in the user's words."""


@dataclasses.dataclass(frozen=True)
class Header:
  """What a file says of itself, before anything is decoded.

  Attributes:
    rate: mean frames a second; 0 where it does not say.
    seconds: length of the picture track; 0 where it does not say.
  """

  rate: float
  seconds: float


def read_header(path):
  """Reads what a video file says of itself.

  Args:
    path: of the file.

  Returns:
    A `Header`.

  Raises:
    UnreadableError: if it is no video.
  """
  with _open(path) as (container, stream):
    return Header(
      float(stream.average_rate or 0), _declared_seconds(container, stream)
    )


def read_frames(path, *, fps, start=0.0, end=None, remarks=None):
  """Decodes a video file at a constant rate.

  At each tick (start, start + 1/fps, ...) stands the frame that a player shows
  then, so that frames are repeated or passed over where the file's own rate is
  another or varies. The picture is turned as the file says, and pixels that
  are not square are made so by changing the width.

  Args:
    path: of the file.
    fps: ticks a second.
    start: seconds after the first frame.
    end: seconds after the first frame; None for the end of the file.
    remarks: list to which, at the end, is appended what the user should know.

  Yields:
    uint8 RGB [h, w, 3]. One frame is held at a time, whatever the length.

  Raises:
    UnreadableError: if the file is no video, a frame is damaged, the file is
      cut off, or nothing lies between start and end.
  """
  with _open(path) as (container, stream):
    aspect = stream.sample_aspect_ratio
    shown, picture = None, None
    remarks = [] if remarks is None else remarks
    tracks = container.streams.video
    if len(tracks) > 1:
      number = 1 + tracks.index(stream)
      remarks.append(f'{len(tracks)} picture tracks: number {number} was taken')
    _check_gif_end(path)
    for frame in _resampled(container, stream, fps, start, end, remarks):
      if frame is not shown:
        shown, picture = frame, _make_picture(frame, aspect)
      yield picture


def count_frames(path, *, fps, start=0.0, end=None):
  """Counts what `read_frames` yields; decodes, but makes no pictures.

  Args:
    path: as the other arguments, see `read_frames`.
    fps: ticks a second.
    start: seconds.
    end: seconds, or None.

  Returns:
    The number of frames.

  Raises:
    UnreadableError: as `read_frames` does.
  """
  with _open(path) as (container, stream):
    return sum(1 for _ in _resampled(container, stream, fps, start, end, []))


def resample(timed, *, fps, start=0.0, end=None):
  """Puts values that came at any times on the ticks of a clock.

  Args:
    timed: iterable of (time, duration, value), seconds, times ascending; a
      value is shown from its time on until the next one's.
    fps: ticks a second.
    start: time of the first tick, in seconds.
    end: last moment, in seconds; None for that of the last value. A tick counts
      if at least half of it lies before the end.

  Yields:
    The value shown at each tick; before the first value's time, the first.
    One value at least, if any is shown after start.
  """
  tick = 0
  shown = until = None
  for time, duration, value in timed:
    if end is not None and time >= end:
      until = end
      break
    if shown is not None:
      while start + (tick + _LATENESS) / fps < time:
        yield shown[0]
        tick += 1
    shown, until = (value,), time + duration
  if shown is None or until <= start:
    return
  if end is not None:
    until = min(until, end)
  # The small term is for 1.98 + 0.02, which is less than 2 in floating point.
  while tick == 0 or start + (tick + 0.5) / fps <= until + 1e-6:
    yield shown[0]
    tick += 1


def _resampled(container, stream, fps, start, end, remarks):
  timed = _timed(container, stream, start, end, remarks)
  frames = resample(timed, fps=fps, start=start, end=end)
  empty = True
  for frame in frames:
    empty = False
    yield frame
  if empty:
    span = f'{start:g} s to {"its end" if end is None else f"{end:g} s"}'
    raise UnreadableError(f'no frame from {span}')


@contextlib.contextmanager
def _open(path):
  """Opens a file; FFmpeg's errors become ours, also while it is read."""
  import av

  try:
    with av.open(str(path)) as container:
      stream = _choose_track(container)
      stream.thread_type = 'AUTO'
      yield container, stream
  except UnreadableError:
    raise
  except (av.FFmpegError, OSError) as error:
    if _is_git_lfs_pointer(path):
      reason = 'a Git LFS pointer in place of the video; run `git lfs pull`'
    else:
      reason = error.strerror or str(error)
    raise UnreadableError(reason) from error


def _choose_track(container):
  """The first picture track that is a video, and no cover or thumbnail."""
  from av.stream import Disposition

  tracks = container.streams.video
  if not tracks:
    raise UnreadableError('no picture in it, only sound or text')
  tracks = [t for t in tracks if not t.disposition & Disposition.attached_pic]
  if not tracks:
    raise UnreadableError('no video in it, only a cover picture')
  moving = [track for track in tracks if not _is_still(container, track)]
  return (moving or tracks)[0]


def _is_still(container, track):
  seconds = _declared_seconds(container, track)
  # Some files name a track's length, but not its number of frames.
  return track.frames == 1 or 0 < seconds * float(track.average_rate or 0) < 1.5


def _is_git_lfs_pointer(path):
  try:
    with open(path, 'rb') as file:
      return file.read(40).startswith(b'version https://git-lfs')
  except OSError:
    return False


def _check_gif_end(path):
  """Finds a .gif that was cut off, whose header names no length."""
  with open(path, 'rb') as file:
    if file.read(4) != b'GIF8':
      return
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - 4096))
    if not file.read().rstrip(b'\0\r\n').endswith(b';'):
      raise UnreadableError('cut off: the mark that ends a .gif is missing')


def _timed(container, stream, start, end, remarks):
  """Yields (time, duration, frame), times from the first frame on."""
  step = 1 / float(stream.average_rate or 25)
  zero = time = None
  if start and stream.start_time is not None:
    # To the last key frame before it; a format that cannot seek begins anew.
    zero = float(stream.start_time * stream.time_base)
    with contextlib.suppress(OSError, ValueError):
      offset = round((start + zero) / stream.time_base)
      container.seek(offset, stream=stream)
  for frame in container.decode(stream):
    presented = frame.time
    if zero is None:
      zero = presented or 0.0
    if presented is None:  # some .avi files name no times
      presented = zero if time is None else zero + time + step
    # Times that go backwards are a muxer's fault; order is kept.
    time = max(presented - zero, time or 0.0)
    if frame.is_corrupt and time >= start:
      raise UnreadableError(f'the frame at {time:.2f} s is damaged')
    duration = float((frame.duration or 0) * (frame.time_base or 0)) or step
    yield time, duration, frame
    if end is not None and time >= end:
      return
  declared = _declared_seconds(container, stream)
  last = 0.0 if time is None else time + duration
  missing = declared - last
  if missing > max(_CUT_OFF_SECONDS, _CUT_OFF_SHARE * declared):
    raise UnreadableError(
      f'cut off: {last:.2f} s of the {declared:.2f} s that its header names'
    )
  if missing > max(_REMARK_SECONDS, _REMARK_FRAMES * step):
    remarks.append(
      f'ends {missing:.2f} s before the {declared:.2f} s that its header names'
    )


def _declared_seconds(container, stream):
  if stream.duration:
    return float(stream.duration * stream.time_base)
  if duration := stream.metadata.get('DURATION'):  # Matroska: 00:00:04.000
    hours, minutes, seconds = duration.split(':')
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
  if container.duration and len(container.streams) == 1:
    return container.duration / 1e6
  return 0.0


def _make_picture(frame, aspect):
  import cv2

  picture = frame.to_ndarray(format='rgb24')
  if aspect and aspect != 1:
    width = max(1, round(picture.shape[1] * float(aspect)))
    picture = cv2.resize(picture, (width, picture.shape[0]))
  return turn(picture, _display_matrix(frame))


def _display_matrix(frame):
  for data in frame.side_data:
    if data.type.name == 'DISPLAYMATRIX':
      matrix = np.frombuffer(bytes(data), '<i4').reshape(3, 3)
      return matrix[:2, :2].tolist()
  return None


def turn(picture, matrix):
  """Turns and mirrors a picture by quarter turns.

  Args:
    picture: [h, w, 3].
    matrix: ((a, b), (c, d)), of which one diagonal is 0: the pixel at (x, y)
      goes to (a x + c y, b x + d y), y downwards, as in .mp4 files; None for
      no change. Of other angles the nearest quarter turn is taken.

  Returns:
    [h, w, 3] or [w, h, 3].
  """
  if matrix is None:
    return picture
  (a, b), (c, d) = matrix
  if abs(b) > abs(a):
    picture, a, d = picture.transpose(1, 0, 2), c, b
  if a < 0:
    picture = picture[:, ::-1]
  if d < 0:
    picture = picture[::-1]
  return np.ascontiguousarray(picture)
