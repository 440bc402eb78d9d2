"""Opening a video file: as a file, in a known format, within stated limits."""

import contextlib
import errno
import os
import re

from stclr_jax.data.video import joined_files
from stclr_jax.files import regular_files
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import describe
from stclr_jax.files.unreadable import naming_errors

# Pixels of a picture. chosen: above 8K (33 million); each takes 3 bytes here
# and up to 8 in the decoder, several times over.
MAX_PIXELS = 64_000_000
# Longest side. Source: JPEG's, in which frames are stored, is 65535; less,
# because libjpeg stops at 65500.
MAX_SIDE = 65_500
# Frames a second, and seconds, that can be meant. chosen: beyond time-lapse
# and high-speed cameras, and beyond six weeks; what lies outside is ignored.
_RATES = (0.01, 2000.0)
_LONGEST = 3.6e6
_USUAL_RATE = 25.0  # chosen: where a file names none

# Formats that hold pictures themselves, by FFmpeg's names of their demuxers.
# Not among them: playlists and scripts (hls, concat, dash, sdp, imf), which
# name other files and hosts; numbered images, devices and filters; and text
# that is drawn. All that is opened is the file.
_FORMATS = (
  'amv', 'asf', 'av1', 'avi', 'cavsvideo', 'cine', 'dirac', 'dnxhd', 'dv',
  'flic', 'flv', 'gif', 'gxf', 'h261', 'h263', 'h264', 'hevc', 'ingenient',
  'ipu', 'ivf', 'jpeg_pipe', 'kux', 'lmlm4', 'm4v', 'matroska', 'mjpeg',
  'mjpeg_2000', 'mov', 'mpeg', 'mpegts', 'mpegvideo', 'mxf', 'nsv', 'nut',
  'nuv', 'obu', 'ogg', 'pva', 'rm', 'roq', 'ser', 'smjpeg', 'swf', 'ty',
  'vc1', 'vc1test', 'vivo', 'vvc', 'wtv', 'xmv', 'yuv4mpegpipe',
)  # fmt: skip
# Of these, the ones without times: a bare stream of pictures, or .avi, which
# counts what it holds in the order of decoding.
_UNTIMED = {
  'avi', 'cavsvideo', 'dirac', 'dnxhd', 'h261', 'h263', 'h264', 'hevc',
  'ingenient', 'ipu', 'm4v', 'mjpeg', 'mjpeg_2000', 'mpegvideo', 'obu', 'vc1',
  'vvc', 'jpeg_pipe',
}  # fmt: skip
# Broadcasts, whose clocks may leap. Source: FFmpeg's AVFMT_TS_DISCONT.
BROADCASTS = {'mpeg', 'mpegts', 'wtv', 'nut'}
_GENPTS = 1  # Source: FFmpeg's AVFMT_FLAG_GENPTS
_CUT_IN_HEADER = 'cut off within its header, before the picture is described'
# Of .mp4 and .mov. Source: ISO/IEC 14496-12, and QuickTime before it.
_FIRST_BOXES = (b'ftyp', b'moov', b'wide', b'free', b'skip', b'mdat')
_SIGNATURE_GIT_LFS = b'version https://git-lfs'


@contextlib.contextmanager
def open_track(path, part=None, *, one_thread=False):
  """Opens the picture track of a video file.

  Nothing but the file is opened, whatever its name or its content says, and
  whatever it holds that cannot be read ends in its named problem, also while
  it is read.

  Args:
    path: of the file.
    part: (first byte, byte after the last) of it; None for the whole.
    one_thread: whether each packet is decoded before the next is read.

  Yields:
    (container, stream) of PyAV, which gives the times that lie in the file and
    makes up none.

  Raises:
    UnreadableError: if it is no video, or its pictures are too large.
  """
  with naming_errors(), contextlib.ExitStack() as stack:
    _check_is_file(path)
    import av

    source = 'file:' + os.path.abspath(path)
    if part is not None:
      source = stack.enter_context(joined_files.PartOfFile(path, *part))
    try:
      container = av.open(
        source,
        metadata_errors='replace',
        options={'max_pixels': str(MAX_PIXELS)},
        container_options={
          'protocol_whitelist': 'file',
          'format_whitelist': ','.join(_FORMATS),
        },
      )
    except (av.FFmpegError, OSError) as error:
      raise UnreadableError(_say_why(path, error)) from error
    with container:
      container.flags = int(container.flags) & ~_GENPTS
      stream = _choose_track(path, container)
      if stream.codec_context is None:
        raise UnreadableError(
          _CUT_IN_HEADER
          if _is_cut_in_header(path)
          else 'pictures in a code that is not known'
        )
      check_size(stream.width, stream.height)
      if one_thread:
        stream.codec_context.thread_count = 1
      else:
        stream.thread_type = 'AUTO'
      yield container, stream


def is_untimed(container, first):
  """Says whether a container holds no times of showing, only an order.

  Args:
    container: of PyAV.
    first: its first frame, with the time that lies in the file.
  """
  names = set(container.format.name.split(','))
  if names & _UNTIMED:
    return True
  # Video for Windows within Matroska has times of decoding alone.
  return first.pts is None and not names & BROADCASTS


def rate_of(stream):
  """Frames a second that a track names; 0 where that cannot be meant."""
  rate = stream.average_rate
  rate = float(rate) if rate else 0.0
  return rate if _RATES[0] <= rate <= _RATES[1] else 0.0


def step_of(stream):
  """Seconds from one frame to the next, as the track names them."""
  return 1 / (rate_of(stream) or _USUAL_RATE)


def zero_of(container, stream):
  """Finds a player's second 0: the earlier of sound and picture.

  Args:
    container: of PyAV.
    stream: its picture track.

  Returns:
    Seconds, on the file's own clock.
  """
  if container.start_time is not None:
    return container.start_time / 1e6
  return begin_of(stream) or 0.0


def begin_of(stream):
  """Time in the file at which a track begins, in seconds; None if not said."""
  if stream.start_time is None or not stream.time_base:
    return None
  return float(stream.start_time * stream.time_base)


def declared_end(container, stream):
  """Time in the file at which a track ends, as its header says.

  Args:
    container: of PyAV.
    stream: its picture track.

  Returns:
    Seconds on the file's own clock; None where the header does not say.

  Raises:
    UnreadableError: if it says so in no way that can be read.
  """
  begin = begin_of(stream) or 0.0
  whole = _meant(container.duration / 1e6 if container.duration else 0)
  if stream.duration and stream.time_base:
    seconds = _meant(float(stream.duration * stream.time_base))
    if 'asf' in container.format.name:  # of picture and sound together
      begin = zero_of(container, stream)
    return begin + seconds if seconds else None
  # Matroska's tag of each track, such as 00:00:04.000, counts from 0.
  tag = stream.metadata.get('DURATION', '').strip()
  if found := re.fullmatch(r'(\d{1,4}):(\d\d):(\d\d(?:\.\d+)?)', tag):
    hours, minutes, seconds = map(float, found.groups())
    end = 3600 * hours + 60 * minutes + seconds
    # A tag that contradicts the header is of another file.
    if 0 < end and (not whole or end <= 1.1 * (whole + max(0, begin)) + 1):
      return end
  elif tag and 'matroska' in container.format.name:
    # Passed over, it could not be told whether the file is cut off.
    raise UnreadableError(
      f'its tag DURATION (={tag[:40]!r}) is no length such as 00:00:04.000; '
      'write it anew by `ffmpeg -i IN.mkv -map 0 -c copy OUT.mkv`'
    )
  if whole and len(container.streams) == 1:
    return begin + whole
  return None


def declared_seconds(container, stream):
  """Length of a track as its header says, in seconds; 0 where it does not."""
  end = declared_end(container, stream)
  return 0.0 if end is None else max(0.0, end - (begin_of(stream) or 0.0))


def _meant(seconds):
  return seconds if 0 < seconds <= _LONGEST else 0.0


def check_size(width, height):
  """Refuses pictures that would take all memory, or that cannot be stored.

  Args:
    width: in pixels.
    height: in pixels.

  Raises:
    UnreadableError: naming the size and the limit.
  """
  if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
    raise UnreadableError(
      f'pictures of {width}x{height} pixels; at most {MAX_PIXELS // 10**6} '
      f'million and {MAX_SIDE} a side can be read: make it smaller'
    )


def _check_is_file(path):
  os.stat(path)  # says best that there is none
  if fault := regular_files.find_fault(path):
    raise UnreadableError(fault)


def _say_why(path, error):
  import av

  with open(path, 'rb') as file:
    if file.read(40).startswith(_SIGNATURE_GIT_LFS):
      return 'a Git LFS pointer in place of the video; run `git lfs pull`'
  if not os.path.getsize(path):
    return 'an empty file'
  if _is_cut_in_header(path):
    return _CUT_IN_HEADER
  # FFmpeg's answer where the format is not among those allowed.
  if error.errno == errno.EINVAL:
    return (
      'no recording in a format that can be read; playlists and scripts, '
      'which name other files, are not followed'
    )
  if isinstance(error, av.InvalidDataError):
    return (
      'no video: another kind of file, or damaged from its beginning on '
      f'(FFmpeg: {describe(error)})'
    )
  return describe(error)


def _choose_track(path, container):
  """The first picture track that is a video, and no cover or thumbnail."""
  from av.stream import Disposition

  tracks = container.streams.video
  if not tracks:
    raise UnreadableError(_say_why_empty(path, container))
  tracks = [t for t in tracks if not t.disposition & Disposition.attached_pic]
  if not tracks:
    raise UnreadableError('no video in it, only a cover picture')
  moving = [track for track in tracks if not _is_still(container, track)]
  return (moving or tracks)[0]


def _say_why_empty(path, container):
  if not container.streams:
    return 'damaged or cut off: its header names neither picture nor sound'
  if 'mov' in container.format.name and _is_cut_in_header(path):
    return _CUT_IN_HEADER
  return 'no picture in it, only sound or text'


def _is_cut_in_header(path):
  """Says whether an .mp4 ends within the box that describes its tracks."""
  size = os.path.getsize(path)
  with open(path, 'rb') as file:
    at, first = 0, True
    while at + 8 <= size:
      file.seek(at)
      head = file.read(16)
      if first and head[4:8] not in _FIRST_BOXES:
        return False
      length = int.from_bytes(head[:4], 'big')
      if length == 1:
        length = int.from_bytes(head[8:16], 'big')
      if head[4:8] == b'moov':
        return at + length > size
      if length < 8:
        return False
      at, first = at + length, False
  return False


def _is_still(container, track):
  seconds = declared_seconds(container, track)
  # Some files name a track's length, but not its number of frames.
  return track.frames == 1 or 0 < seconds * rate_of(track) < 1.5
