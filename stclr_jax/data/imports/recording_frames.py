"""The frames of a recording at one rate, be it a video, a folder or a picture.

A recording can be read as often as is wanted: face crops go through it three
times. Each time gives the same frames.
"""

from stclr_jax.data.pictures import animations
from stclr_jax.data.pictures import frame_images
from stclr_jax.data.video import ticks
from stclr_jax.data.video import video_files
from stclr_jax.files.unreadable import UnreadableError


class RecordingFrames:
  """Frames of an item at the stated rate, as often as asked for.

  Attributes:
    item: a `listing.Item`.
    is_animation: whether it is a picture that moves.
    remarks: list of what the user should know, complete once it was read to
      its end.
    fps_known: whether the recording tells when its pictures were taken, or
      `source_fps` does; of an animation it is known once it is read.
  """

  def __init__(self, item, options):
    """Opens nothing yet.

    Args:
      item: a `listing.Item`.
      options: a `recordings.Options`.
    """
    self.item = item
    self.remarks = []
    self._rate = options.source_fps or options.fps
    self._told = options.source_fps is not None
    self.fps_known = self._told or not item.frames
    self._span = dict(fps=options.fps, start=item.start, end=item.end)
    self.is_animation = not item.frames and animations.is_animation(item.path)

  def read(self, *, keep_bytes):
    """Reads the frames.

    Args:
      keep_bytes: see `frame_images.read_frames`.

    Yields:
      (seconds after the recording's start, uint8 RGB [h, w, 3] or bytes, the
      file of a folder's picture; None for others).

    Raises:
      UnreadableError: if any of it cannot be read.
    """
    self.remarks.clear()
    if self.item.frames:
      images = list(self._on_ticks(self._pages(enumerate(self.item.frames))))
      times, paths = zip(*images, strict=True)
      frames = frame_images.read_frames(
        paths, keep_bytes=keep_bytes, remarks=self.remarks
      )
      yield from zip(times, frames, paths, strict=True)
      return
    timed = (
      self._on_ticks(self._animated())
      if self.is_animation
      else video_files.read_timed(
        self.item.path, remarks=self.remarks, **self._span
      )
    )
    for time, frame in timed:
      yield time, frame, None

  def count(self):
    """Says how many frames `read` gives."""
    if self.item.frames:
      pages = self._pages(enumerate(self.item.frames))
      return sum(1 for _ in self._on_ticks(pages))
    if self.is_animation:
      return sum(1 for _ in self.read(keep_bytes=False))
    return video_files.count_frames(self.item.path, **self._span)

  def notes(self):
    """Says what is to be known of every part of it, a list of lines."""
    return list(self.item.notes)

  def _animated(self):
    pictures = animations.read_animation(self.item.path, remarks=self.remarks)
    for i, (time, duration, picture) in enumerate(pictures):
      if time is None:  # pages, which are ticks as the files of a folder are
        time, duration = i / self._rate, 1 / self._rate
        self.fps_known = self._told
      yield time, duration, picture

  def _pages(self, numbered):
    for i, page in numbered:
      yield i / self._rate, 1 / self._rate, page

  def _on_ticks(self, timed):
    last, step, empty = 0.0, 1 / self._rate, True

    def followed():
      nonlocal last, step
      for time, duration, value in timed:
        last, step = time + duration, duration
        yield time, duration, value

    for each in ticks.resample(followed(), **self._span):
      empty = False
      yield each
    start, end = self.item.start, self.item.end
    if empty:
      raise UnreadableError(
        f'begins at {start:g} s; its frames last {last:g} s at '
        f'{self._rate:g} a second (--source_fps)'
      )
    if end is not None:
      self.remarks += video_files.note_end(end, last, step)
