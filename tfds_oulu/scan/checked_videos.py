"""A video whose frames were each read and decoded once."""

import dataclasses
import functools
import hashlib
from typing import NamedTuple

from tfds_oulu.scan import frame_check
from tfds_oulu.scan import layout
from tfds_oulu.scan import original_videos
from tfds_oulu.scan import source_files


class Frame(NamedTuple):
  """A frame that was read, or an original video.

  Attributes:
    number: that in its name.
    file: a `source_files.File`.
    digest: SHA-256 of its bytes; None if they cannot be read.
    unusable: why, or None.
    size: (width, height) in pixels, or None.
    count: how many frames it is.
  """

  number: int
  file: source_files.File
  digest: bytes | None
  unusable: str | None
  size: tuple[int, int] | None
  count: int

  @property
  def stored_bytes(self):
    """Bytes of a record that it takes, at most."""
    if self.count == 1:
      return self.file.size
    width, height = self.size or (0, 0)
    return self.count * width * height * 3


@dataclasses.dataclass(frozen=True)
class Video:
  """A video, its frames in order.

  Attributes:
    place: a `layout.Place`, that of its first file.
    video_id: such as 'P001/Anger'.
    folder: where its frames are; of an original video its file.
    frames: tuple of `Frame`; one, the file, of an original video.
  """

  place: layout.Place
  video_id: str
  folder: str
  frames: tuple[Frame, ...]

  @property
  def root(self):
    """The folder that holds those of people, or the original videos."""
    levels = 1 if self.place.number is None else 2
    return '/'.join(self.folder.split('/')[:-levels]) or '.'

  @property
  def num_frames(self):
    """Number of frames, those of a file being decoded."""
    return sum(frame.count for frame in self.frames)

  @property
  def digests(self):
    """SHA-256 of each file, in order."""
    return tuple(frame.digest for frame in self.frames)

  def read(self):
    """Reads the frames again.

    Returns:
      A list of encoded images, bytes: as they came, those of an original video
      as PNG.

    Raises:
      OSError: if a file cannot be read, or changed since it was checked.
    """
    contents = []
    for frame in self.frames:
      content = frame.file.read()
      if hashlib.sha256(content).digest() != frame.digest:
        raise OSError(
          f'{frame.file.path} changed while the data set was built; '
          'nothing is kept. Build it again.'
        )
      contents.append(content)
    if self.place.number is None:
      return original_videos.encode_frames(*contents)
    return contents

  def without_unusable(self):
    """Leaves out the frames that cannot be decoded."""
    frames = tuple(frame for frame in self.frames if not frame.unusable)
    return dataclasses.replace(self, frames=frames)


def check_video(folder, files):
  """Reads and decodes the frames of a video once.

  Args:
    folder: where they are.
    files: list of (`layout.Place`, `source_files.File`).

  Returns:
    A `Video` with all files as frames, sorted by number and path.
  """
  frames = [_check_file(place, file) for place, file in files]
  frames.sort(key=lambda frame: (frame.number, frame.file.path))
  place = files[0][0]
  return Video(place, layout.find_video_id(place), folder, tuple(frames))


def _check_file(place, file):
  make = functools.partial(Frame, place.number or 0, file)
  try:
    content = file.read()
  except OSError as error:
    return make(None, f'cannot be read: {error.strerror or error}', None, 1)
  digest = hashlib.sha256(content).digest()
  if place.number is None:
    found = original_videos.check_video(content)
    if isinstance(found, str):
      return make(digest, found, None, 0)
    return make(digest, None, found[1], found[0])
  found = frame_check.check_frame(content)
  if isinstance(found, str):
    return make(digest, found, None, 1)
  return make(digest, None, found, 1)
