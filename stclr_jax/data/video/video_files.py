"""Frames of a video file at a stated rate, upright, one at a time.

Files differ in what a reader must not guess: the rate may vary from frame to
frame, the times may be missing or begin anew, a phone stores a turned picture
and a note about it, old cameras have pixels that are not square, a copy may
stop half-way. PyAV (FFmpeg) is used because it tells the time of every frame;
OpenCV does not.

Seconds are a player's: they count from the file's start, which is the earlier
of sound and picture.
"""

import dataclasses
import os
from typing import NamedTuple

import numpy as np

from stclr_jax.data.video import ticks
from stclr_jax.data.video import video_decoding
from stclr_jax.data.video import video_open
from stclr_jax.data.video import video_pictures
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors

# An `end` so much behind the last picture is told. chosen: lists round to less,
# and count to the end of the sound.
_TOLD_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Header:
  """Facts that a file states, before anything is decoded.

  Attributes:
    rate: mean frames a second; 0 where it does not say.
    seconds: length of the picture track; 0 where it does not say.
    start: where the picture begins, in seconds after the file's start.
  """

  rate: float
  seconds: float
  start: float = 0.0


class Clock(NamedTuple):
  """Account of a file's own pictures, whatever rate is asked for.

  Attributes:
    times: of each picture, seconds after the file's start, ascending; float
      [n].
    rotation: degrees by which the file says they are to be turned,
      counterclockwise.
  """

  times: np.ndarray
  rotation: float


def read_clock(path, each=lambda seconds: None):
  """Reads when a file's pictures are shown; decodes, but makes no pictures.

  Args:
    path: of the file.
    each: called with the seconds of each picture once it is reached.

  Returns:
    A `Clock`.

  Raises:
    UnreadableError: as `read_frames` does.
  """
  times, rotation = [], 0.0
  with naming_errors():
    for time, _, frame in video_decoding.Track(path, 0.0, None).frames():
      if not times:
        rotation = float(frame.rotation)
      times.append(time)
      each(time)
  return Clock(np.array(times), rotation)


def read_header(path):
  """Reads what a video file says of itself.

  Args:
    path: of the file.

  Returns:
    A `Header`.

  Raises:
    UnreadableError: if it is no video.
  """
  with video_open.open_track(path) as (container, stream):
    zero = video_open.zero_of(container, stream)
    begin = video_open.begin_of(stream)
    return Header(
      video_open.rate_of(stream),
      video_open.declared_seconds(container, stream),
      0.0 if begin is None else max(0.0, begin - zero),
    )


def read_frames(path, *, fps, start=0.0, end=None, remarks=None):
  """Decodes a video file at a constant rate.

  At each tick (first picture, 1/fps later, ...) stands the frame that a player
  shows then, so that frames are repeated or passed over where the file's own
  rate is another or varies. Interlaced pictures are made whole, the picture is
  turned as the file says, and pixels that are not square are made so by
  changing the width.

  Args:
    path: of the file.
    fps: ticks a second; None for each frame once, as it lies in the file.
    start: seconds after the file's start. A part has the same frames as the
      whole has from there on.
    end: seconds after the file's start, the first moment that is no longer
      wanted; None for the end of the file.
    remarks: list to which, at the end, is appended what the user should know.

  Yields:
    uint8 RGB [h, w, 3]. One picture is held at a time, whatever the length.

  Raises:
    UnreadableError: if the file is no video, a frame is damaged, the file is
      cut off, its pictures are too large, or nothing lies between start and
      end.
  """
  timed = read_timed(path, fps=fps, start=start, end=end, remarks=remarks)
  for _, picture in timed:
    yield picture


def read_timed(path, *, fps, start=0.0, end=None, remarks=None):
  """Decodes as `read_frames` does, and tells where each tick lies.

  Args:
    path: as the other arguments, see `read_frames`.
    fps: ticks a second, or None.
    start: seconds.
    end: seconds, or None.
    remarks: list, or None.

  Yields:
    (seconds after the file's start, uint8 RGB [h, w, 3]).

  Raises:
    UnreadableError: as `read_frames` does.
  """
  remarks = [] if remarks is None else remarks
  with naming_errors():
    _check_gif_end(path)
    appearance = video_pictures.Appearance()
    shown = picture = None
    track = video_decoding.Track(path, start, end)
    timed = _seen(video_pictures.deinterlace(track.frames()), appearance, start)
    for time, frames in _on_ticks(track, timed, fps, start, end):
      if frames is not shown:
        shown = frames
        picture, transparent = video_pictures.make_picture(
          *frames, track.aspect
        )
        appearance.transparent += transparent
      yield time, picture
    remarks += track.notes() + appearance.notes() + _note_end(track, end)


def count_frames(path, *, fps, start=0.0, end=None):
  """Counts what `read_frames` yields; decodes, but makes no pictures.

  Args:
    path: as the other arguments, see `read_frames`.
    fps: ticks a second, or None.
    start: seconds.
    end: seconds, or None.

  Returns:
    The number of frames.

  Raises:
    UnreadableError: as `read_frames` does.
  """
  with naming_errors():
    _check_gif_end(path)
    track = video_decoding.Track(path, start, end)
    return sum(1 for _ in _on_ticks(track, track.frames(), fps, start, end))


def find_frame_end(path, number):
  """Finds when a frame has been shown, by counting frames.

  Lists that name frames count what lies in the file, whatever the times say.

  Args:
    path: of the file.
    number: of the frame, from 1.

  Returns:
    Seconds after the file's start, in the middle of the time for which the
    frame is shown, so that the next one is not; None if there are fewer frames.

  Raises:
    UnreadableError: as `read_frames` does.
  """
  with naming_errors():
    frames = video_decoding.Track(path, 0.0, None).frames()
    shown = [None, None]
    for i, (time, duration, _) in enumerate(frames, 1):
      if i == number:
        shown = [time, time + duration]
      elif i > number:
        shown[1] = time
        break
    return None if shown[0] is None else sum(shown) / 2


def _seen(timed, appearance, start):
  for time, duration, frame, original in timed:
    if time + duration > start:
      appearance.see(time, original)
    yield time, duration, (frame, original)


def _on_ticks(track, timed, fps, start, end):
  empty = True
  for each in ticks.resample(timed, fps=fps, start=start, end=end):
    empty = False
    yield each
  if empty:
    span = f'{start:g} s to {"its end" if end is None else f"{end:g} s"}'
    first, last = track.first or 0.0, track.last or 0.0
    raise UnreadableError(
      f'no frame from {span}; its pictures lie from {first:.2f} to {last:.2f} s'
    )


def _note_end(track, end):
  last = track.last
  if end is None or last is None or not track.ended:
    return []
  return note_end(end, last, track.step)


def note_end(end, last, step):
  """Says that a part's `end` lies behind the end of its recording.

  Args:
    end: of the part, in seconds.
    last: end of the recording, in seconds.
    step: seconds from one frame to the next.

  Returns:
    A list of one line, or of none if it lies there or before.
  """
  if end - last <= max(_TOLD_SECONDS, step):
    return []
  return [
    f'ends at {last:.2f} s; its `end` (={end:g}) lies behind that: seconds are '
    'meant, not frames'
  ]


def _check_gif_end(path):
  """Finds a .gif that was cut off, whose header names no length."""
  if not os.path.isfile(path):  # told by who opens it
    return
  with open(path, 'rb') as file:
    if file.read(4) != b'GIF8':
      return
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - 4096))
    if not file.read().rstrip(b'\0\r\n').endswith(b';'):
      raise UnreadableError('cut off: the mark that ends a .gif is missing')
