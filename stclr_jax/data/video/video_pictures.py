"""Makes pictures of decoded frames: upright, square pixels, no combs."""

import collections

import numpy as np

from stclr_jax.data.pictures import opacity
from stclr_jax.data.video import video_open
from stclr_jax.files.unreadable import UnreadableError

# Pixels wider or higher than this are an error of the file. chosen: the widest
# in use, of anamorphic films on narrow tapes, are below 4:1.
_WIDEST_PIXEL = 20.0


class Appearance:
  """Notes on a video's pictures: changes of size, combs."""

  def __init__(self):
    self._shape = None
    self.sizes = []  # lines
    self.interlaced = 0
    self.transparent = 0

  def see(self, time, frame):
    """Takes note of a frame that is shown from `time` on, in seconds."""
    shape = frame.width, frame.height
    if self._shape not in (None, shape):
      old = 'x'.join(map(str, self._shape))
      new = 'x'.join(map(str, shape))
      self.sizes.append(f'from {old} to {new} at {time:.2f} s')
    self._shape = shape
    self.interlaced += bool(frame.interlaced_frame)

  def notes(self):
    """Says it in lines for the user."""
    notes = []
    if self.sizes:
      more = len(self.sizes) - 4
      places = ', '.join(self.sizes[:4]) + (f' and {more} more' * (more > 0))
      notes.append(f"the picture's size changes {places}")
    if self.interlaced:
      notes.append('interlaced pictures: the two fields were made one')
    if self.transparent:
      notes.append(
        f'{self.transparent} pictures are transparent: laid on '
        f'{opacity.GROUND_NAME}'
      )
    return notes


def deinterlace(timed):
  """Makes one picture of the two fields of each frame that has two.

  By FFmpeg's filter bwdif, and of frames that the file calls interlaced alone;
  it looks at the frames before and after as well.

  Args:
    timed: iterable of (time, duration, frame).

  Yields:
    (time, duration, frame, original), as many as came: the frame to be shown,
    and the one that was decoded, with what it says of itself.
  """
  comb = None
  for time, duration, frame in timed:
    if comb is not None and not comb.fits(frame):
      yield from comb.finish()
      comb = None
    if comb is None and frame.interlaced_frame:
      comb = _Comb(frame)
    if comb is None:
      yield time, duration, frame, frame
    else:
      yield from comb.push(time, duration, frame)
  if comb is not None:
    yield from comb.finish()


class _Comb:
  """FFmpeg's filter, which gives a frame when it has seen the next."""

  def __init__(self, frame):
    import av

    self._kind = self._kind_of(frame)
    self._waiting = collections.deque()
    self._count = 0
    self._graph = av.filter.Graph()
    source = self._graph.add_buffer(
      width=frame.width,
      height=frame.height,
      format=frame.format,
      time_base=frame.time_base,
    )
    comb = self._graph.add('bwdif', 'mode=send_frame:deint=interlaced')
    sink = self._graph.add('buffersink')
    source.link_to(comb)
    comb.link_to(sink)
    self._graph.configure()

  def _kind_of(self, frame):
    return frame.width, frame.height, frame.format.name

  def fits(self, frame):
    return self._kind_of(frame) == self._kind

  def push(self, time, duration, frame):
    self._waiting.append((time, duration, frame))
    frame.pts, self._count = self._count, self._count + 1
    self._graph.push(frame)
    yield from self._pull()

  def finish(self):
    self._graph.push(None)
    yield from self._pull()
    for time, duration, frame in self._waiting:
      yield time, duration, frame, frame
    self._waiting.clear()

  def _pull(self):
    import av

    while self._waiting:
      try:
        made = self._graph.pull()
      except (av.BlockingIOError, av.EOFError):
        return
      time, duration, frame = self._waiting.popleft()
      yield time, duration, made, frame


def make_picture(frame, original, aspect):
  """Makes the picture of a frame.

  Args:
    frame: of PyAV, to be shown.
    original: the one that was decoded, which says how it was turned.
    aspect: width of a pixel over its height, or None.

  Returns:
    (uint8 RGB [h, w, 3], upright, with square pixels; whether any of it was
    transparent).

  Raises:
    UnreadableError: if its pixels are no pixels, or the picture is too large.
  """
  import cv2

  width = frame.width
  if aspect and aspect > 0 and aspect != 1:
    aspect = float(aspect)
    if not 1 / _WIDEST_PIXEL <= aspect <= _WIDEST_PIXEL:
      raise UnreadableError(
        f'pixels {aspect:g} times as wide as high (sample aspect ratio); '
        f'{_WIDEST_PIXEL:g} times is the most that can be meant'
      )
    width = max(1, round(width * aspect))
  video_open.check_size(width, frame.height)
  picture, transparent = _to_rgb(frame)
  if width != frame.width:
    picture = cv2.resize(picture, (width, frame.height))
  return turn(picture, _display_matrix(original)), transparent


def _to_rgb(frame):
  if any(part.is_alpha for part in frame.format.components):
    rgba = frame.to_ndarray(format='rgba')
    if opacity.is_transparent(rgba):
      return opacity.lay_on_ground(rgba), True
  return frame.to_ndarray(format='rgb24'), False


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
