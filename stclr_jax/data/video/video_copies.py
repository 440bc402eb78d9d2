"""Copies of a video that browsers play, as it is or with boxes and labels."""

import dataclasses
import fractions

import numpy as np

from stclr_jax.data.video import video_files
from stclr_jax.files import whole
from stclr_jax.files.unreadable import UnreadableError

# Of the copy's longer side, in pixels. chosen: more is not seen on a page, and
# takes four times as long to write.
LONGEST_SIDE = 1280
# Ticks a second of its clock. Source: MPEG's, which holds the usual rates
# exactly.
_TICKS = 90_000
# Seconds before the first picture: so few are none, and so few are no black
# ones, which would flash. chosen: a tick, and some frames.
_AT_ONCE, _SHORT = 1e-3, 0.2
# chosen: x264's own defaults for what is looked at once.
_ENCODER = {'preset': 'veryfast', 'crf': '23'}


@dataclasses.dataclass(frozen=True)
class Copied:
  """Facts about a video, told by those who have seen all of it.

  Attributes:
    duration_s: from the start of its clock to the end of the last picture, in
      seconds.
    width_px: of the upright picture, before it was made smaller.
    height_px: of the same.
    frames: how many there are.
  """

  duration_s: float
  width_px: int
  height_px: int
  frames: int


def write(source, target, *, start=0.0, end=None, draw=None):
  """Writes a copy: H.264, upright, each frame at its own time, without sound.

  Many players count from the first picture that there is. Where the source's
  comes later, as behind sound or in a part, a black one stands before it.

  Args:
    source: path of a video that `data.video` reads.
    target: path of the copy, .mp4; one that is there is replaced.
    start: seconds of the source's clock from which on it is copied; times stay
      those of the source.
    end: seconds, the first moment that is no longer copied; None for the end.
    draw: function of (seconds, picture uint8 RGB [h, w, 3]) that returns the
      picture to show, of the same shape; None for the picture itself.

  Returns:
    A `Copied`.

  Raises:
    UnreadableError: if the source is no video, or has no picture in the part.
  """
  import av

  stream = last = step = None
  frames = 0
  with (
    whole.writing(target, 'wb') as file,
    # By name: what comes first in the copy is known when all is written.
    av.open(
      file.name, 'w', format='mp4', options={'movflags': 'faststart'}
    ) as out,
  ):
    timed = video_files.read_timed(source, fps=None, start=start, end=end)
    for seconds, picture in timed:
      height, width = picture.shape[:2]
      if stream is None:
        stream = out.add_stream('libx264', rate=30, options=_ENCODER)
        stream.width, stream.height = _fit(width, height)
        stream.pix_fmt = 'yuv420p'
        stream.time_base = fractions.Fraction(1, _TICKS)
        stream.codec_context.time_base = stream.time_base
        first_shape = picture.shape
        if seconds > _AT_ONCE:
          still = picture * np.uint8(seconds < _SHORT)
          for packet in stream.encode(_make_frame(still, 0, stream)):
            out.mux(packet)
      if picture.shape != first_shape:  # a track that changes its size
        picture = _resized(picture, first_shape)
      if draw is not None:
        picture = draw(seconds, picture)
      frame = _make_frame(picture, seconds, stream)
      if last is not None:
        step = seconds - last
        frame.pts = max(frame.pts, round(last * _TICKS) + 1)
      last = seconds
      frames += 1
      for packet in stream.encode(frame):
        out.mux(packet)
    if stream is None:
      raise UnreadableError('no picture in the part that is wanted')
    for packet in stream.encode():
      out.mux(packet)
  height, width = first_shape[:2]
  return Copied(last + (step or 1 / 25), width, height, frames)


def _make_frame(picture, seconds, stream):
  import av

  frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
  if (frame.width, frame.height) != (stream.width, stream.height):
    frame = frame.reformat(stream.width, stream.height, interpolation='AREA')
  frame.pts = round(seconds * _TICKS)
  frame.time_base = stream.time_base
  return frame


def _fit(width, height):
  """The copy's (width, height): not too large, and even, as H.264 wants."""
  scale = min(1.0, LONGEST_SIDE / max(width, height))
  return tuple(max(2, 2 * round(scale * side / 2)) for side in (width, height))


def _resized(picture, shape):
  import cv2

  return np.ascontiguousarray(cv2.resize(picture, (shape[1], shape[0])))
