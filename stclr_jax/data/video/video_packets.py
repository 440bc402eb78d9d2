"""Frames as a decoder gives them, with the times that lie in the file."""

import itertools

from stclr_jax.data.video import video_clock
from stclr_jax.data.video import video_open
from stclr_jax.files.unreadable import UnreadableError

# Codecs whose decoders give pictures without the ones that they are made from.
_BLIND = (
  'mpeg1video', 'mpeg2video', 'mpeg4', 'h263', 'flv', 'msmpeg4', 'wmv', 'vc1',
  'rv',
)  # fmt: skip
# Decoders, of those that FFmpeg has, which give opacity as well.
_WITH_OPACITY = {'vp8': 'libvpx', 'vp9': 'libvpx-vp9'}
# Packets that several threads may have in hand, and lose without a word where
# those are damaged. Source: FFmpeg starts 16 threads at most.
_IN_HAND = 16
_DIFFERENCES = (2, 3, 4)  # Source: FFmpeg's AV_PICTURE_TYPE_P, _B and _S


class Decoder:
  """Gives frames in the order in which they are shown.

  What comes before the first frame that can be decoded is passed over.

  Attributes:
    stamps: times of decoding of the packets, in the file's unit, from the one
      of the first frame on; missing where it has none.
    heard: end of what other tracks hold, in seconds; None for no other.
    cut: whether the last packet cannot be decoded.
  """

  def __init__(self, container, stream, reopen=None):
    """Reads nothing yet.

    Args:
      container: of PyAV.
      stream: its picture track.
      reopen: opens it again for one thread, a context manager of the two.
    """
    self._container, self._stream = container, stream
    self._reopen = reopen
    self.stamps, self.heard, self.cut = [], None, None

  def frames(self):
    """Yields frames.

    Raises:
      UnreadableError: if none can be decoded.
    """
    import av

    blind = self._stream.codec_context.name.startswith(_BLIND)
    failure, first, given, taken = None, None, 0, 0
    decode = _choose_decoder(self._stream)
    for packet in self._container.demux():
      if packet.stream is not self._stream:
        self._hear(packet)
        continue
      # An empty packet says that the picture stays; it is no end.
      if not packet.size and packet.dts is not None:
        continue
      if packet.dts is not None:
        self.stamps.append(packet.dts)
      taken += bool(packet.size)
      try:
        frames = decode(packet)
      except av.InvalidDataError as error:
        if given and self.cut is None:
          self.cut = error  # told as the missing end, if it is the last one
          continue
        if given and packet.size:
          raise
        failure, taken = failure or error, 0
        self.stamps.clear()
        continue
      if self.cut is not None and packet.size:
        raise self.cut
      for frame in frames:
        if not given and blind and frame.pict_type in _DIFFERENCES:
          continue
        first, given = first if given else frame.pts, given + 1
        video_open.check_size(frame.width, frame.height)
        yield frame
    if not given:
      raise UnreadableError(
        'no picture in it can be decoded: it is damaged, or cut between key '
        'frames'
      ) from failure
    fewer = 0 < taken - given <= _IN_HAND
    if self._reopen is not None and (self.cut is not None or fewer):
      yield from self._last_ones(first, given)

  def _last_ones(self, first, given):
    """Yields what several threads had in hand when the last packets failed.

    At the end they give frames or an error, and of some neither; one thread
    gives both.
    """
    with self._reopen() as opened:
      decoder = Decoder(*opened)
      frames = itertools.dropwhile(
        lambda frame: frame.pts != first, decoder.frames()
      )
      yield from itertools.islice(frames, given, None)
      self.cut = decoder.cut

  def _hear(self, packet):
    if packet.pts is not None and packet.time_base:
      end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
      self.heard = end if self.heard is None else max(self.heard, end)


def _choose_decoder(stream):
  """Takes the decoder that reads opacity, where there is some in the file."""
  import av

  name = _WITH_OPACITY.get(stream.codec_context.name)
  # WebM's own mark; a decoder that does not read it shows what is hidden.
  if name is None or stream.metadata.get('alpha_mode') != '1':
    return lambda packet: packet.decode()
  context = av.CodecContext.create(name, 'r')
  return lambda packet: context.decode(packet if packet.size else None)


def present(container, decoder, raw, step, begin):
  """Gives frames the times that the file means.

  Args:
    container: of PyAV.
    decoder: the `Decoder` that gives the frames.
    raw: iterator of its frames, from which none was taken, or a key frame on.
    step: usual seconds from one frame to the next.
    begin: time in the file at which the track begins, in seconds.

  Yields:
    (time in the file or None, duration, frame), in seconds.
  """
  first = next(raw)
  frames = itertools.chain([first], raw)
  if video_open.is_untimed(container, first):
    times = _slots(decoder, frames, step, begin)
  else:
    times = ((_seconds(frame.pts, frame), frame) for frame in frames)
  for time, frame in times:
    duration = _seconds(frame.duration, frame) or 0.0
    if not 0 < duration <= video_clock.LONGEST_STANDSTILL:
      duration = step
    yield time, duration, frame


def _seconds(stamp, frame):
  return None if stamp is None else float(stamp * (frame.time_base or 0))


def _slots(decoder, frames, step, begin):
  """Gives the first frame the first packet's time of decoding, and so on.

  A file without times of showing has one packet for each moment at which a
  picture is shown, in another order. When the decoder gives a frame it has
  read some packets more, always as many, and names the time of the last.
  """
  positions, delay, position, previous = {}, None, -1, None
  late = 0.0  # some begin to count below 0
  for frame in frames:
    for i in range(len(positions), len(decoder.stamps)):
      positions.setdefault(decoder.stamps[i], i)
    read = positions.get(frame.dts)
    if delay is None:
      delay = read or 0
    position = position + 1 if read is None else max(read - delay, position + 1)
    if position < len(decoder.stamps):
      time = _seconds(decoder.stamps[position], frame)
      late = max(late, begin - time) if previous is None else late
      time += late
    else:
      time = begin if previous is None else previous + step
    if previous is not None and previous - 1.5 * step < time <= previous:
      time = previous + step
    previous = time
    yield time, frame


def bytes_of(frame):
  """Says how much memory a decoded frame takes, in bytes."""
  return sum(plane.buffer_size for plane in frame.planes)
