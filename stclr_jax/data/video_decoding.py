"""Decoded frames of a video track with their times, from its start or a part.

What is missing at either end, and what happened to the clock, is told.
"""

import itertools

from stclr_jax.data import video_clock
from stclr_jax.data import video_open
from stclr_jax.data.unreadable import UnreadableError

# A file is cut off if it ends this much before the end that its header names.
# chosen: headers that round, or count sound, are less; of anything over two
# frames or a tenth of a second there is a remark.
_CUT_OFF_SECONDS = 0.5
_CUT_OFF_SHARE = 0.1
_REMARK_FRAMES = 2.5
_REMARK_SECONDS = 0.1
# A part that begins later is looked for by the file's index. chosen: decoding
# so much takes less than a second.
_SEEK_SECONDS = 4.0
# Formats whose index names each key frame with its time of showing.
_INDEXED = {'mov', 'matroska'}
# Codecs whose decoders give pictures without the ones that they are made from.
_BLIND = (
  'mpeg1video', 'mpeg2video', 'mpeg4', 'h263', 'flv', 'msmpeg4', 'wmv', 'vc1',
  'rv',
)  # fmt: skip
_DIFFERENCES = (2, 3, 4)  # Source: FFmpeg's AV_PICTURE_TYPE_P, _B and _S


class Track:
  """The picture track of a file, of which a part is read once.

  Attributes:
    aspect: width of a pixel over its height, or None.
    step: usual seconds from one frame to the next.
    first: time of the whole's first frame; None until it was read.
    last: end of what has been read, in seconds.
    ended: whether the file was read to its end.
  """

  def __init__(self, path, start, end):
    """Opens nothing yet.

    Args:
      path: of the file.
      start: of the part, in seconds after the file's start.
      end: of the part, or None.
    """
    self._path, self._start, self._end = path, start, end
    self._account = video_clock.Account()
    self._notes = []
    self.aspect = self.first = self.last = None
    self.step = 0.0
    self.ended = False

  def frames(self):
    """Yields (time, duration, frame) in order of time, a player's seconds.

    The first is the whole's; others before the part may be among them.

    Raises:
      UnreadableError: if the file is no video, a frame of the part is damaged,
        or the file is cut off.
    """
    if self._start > _SEEK_SECONDS:
      with video_open.open_track(self._path) as opened:
        found = self._look_for_start(*opened)
        if found is not None:
          yield from self._told(*opened, *found)
          return
    with video_open.open_track(self._path) as opened:
      decoder = _Decoder(*opened)
      yield from self._told(*opened, decoder, decoder.frames(), None)

  def notes(self):
    """Says what the user should know, once the frames have been read."""
    return self._notes + self._account.notes(self._start)

  def _look_for_start(self, container, stream):
    """Goes to a key frame before the start; None where that is not sure."""
    if not _INDEXED & set(container.format.name.split(',')):
      return None
    first = next(_Decoder(container, stream).frames())
    if first.time is None:
      return None
    if video_open.is_untimed(container, first):
      return None
    zero = video_open.zero_of(container, stream)
    step = video_open.step_of(stream)
    # Frames that are shown before the key frame may come after it, and the
    # one that is looked for must have another before it.
    wanted = self._start + zero - 16 * step
    if wanted <= first.time + 1:
      return None
    container.seek(int(wanted / stream.time_base), stream=stream)
    times = [e.timestamp * stream.time_base for e in stream.index_entries]
    leaps = (b - a for a, b in itertools.pairwise(times))
    if max(leaps, default=0) > video_clock.LONGEST_STANDSTILL:
      return None  # the clock before the part is not known
    decoder = _Decoder(container, stream)
    raw = itertools.dropwhile(
      lambda frame: not frame.key_frame, decoder.frames()
    )
    key = next(raw, None)
    if key is None or key.time is None or key.time > self._start + zero - step:
      return None
    return decoder, itertools.chain([key], raw), first

  def _told(self, container, stream, decoder, raw, first):
    self.aspect = stream.sample_aspect_ratio
    self.step = video_open.step_of(stream)
    tracks = container.streams.video
    if len(tracks) > 1:
      number = 1 + tracks.index(stream)
      self._notes.append(
        f'{len(tracks)} picture tracks: number {number} was taken'
      )
    zero = video_open.zero_of(container, stream)
    begin = video_open.begin_of(stream)
    names = set(container.format.name.split(','))
    broadcast = bool(names & video_open.BROADCASTS)
    longest = (
      video_clock.LONGEST_OF_BROADCASTS
      if broadcast
      else video_clock.LONGEST_STANDSTILL
    )
    timed = _presented(
      container, decoder, raw, self.step, zero if begin is None else begin
    )
    peeked = next(timed)
    # What was probed of a broadcast may be another recording, joined to it.
    if peeked[0] is not None and peeked[0] - zero > longest:
      zero, begin = peeked[0], None
    ordered = video_clock.put_in_order(
      itertools.chain([peeked], timed),
      step=self.step,
      zero=zero,
      longest=longest,
      account=self._account,
      size_of=_bytes_of,
      slips=broadcast,
    )
    if first is not None:
      ordered = itertools.chain(
        [(first.time - zero, self.step, first)], ordered
      )
    for time, duration, frame in ordered:
      if self.first is None:
        self.first = time
        self._note_begin(None if begin is None else begin - zero)
      self.last = time + duration
      if frame.is_corrupt and time >= self._start:
        raise UnreadableError(f'the frame at {time:.2f} s is damaged')
      yield time, duration, frame
      if self._end is not None and time >= self._end:
        return
    self.ended = True
    if decoder.cut is not None:
      self._notes.append('its last picture is cut off: left out')
    # The length that .wmv names is that of picture and sound together.
    heard = decoder.heard if 'asf' in names else None
    self._check_end(video_open.declared_end(container, stream), zero, heard)

  def _note_begin(self, begin):
    """Says why a picture does not begin with the file."""
    if begin is None:
      return
    told = max(_REMARK_SECONDS, _REMARK_FRAMES * self.step)
    if begin > _REMARK_SECONDS:
      self._notes.append(
        f'the picture begins {begin:.2f} s after the sound; seconds count from '
        "the file's start"
      )
    if self.first - begin > told:
      self._notes.append(
        f'the first {self.first - begin:.2f} s cannot be shown: the file '
        'begins between key frames'
      )

  def _check_end(self, declared, zero, heard):
    if declared is None or self._account.anew:
      return
    declared -= zero
    last = self.last + sum(leap for _, leap in self._account.leaps)
    last = last if heard is None else max(last, heard - zero)
    missing = declared - last
    if missing > max(_CUT_OFF_SECONDS, _CUT_OFF_SHARE * declared):
      raise UnreadableError(
        f'cut off: {last:.2f} s of the {declared:.2f} s that its header names'
      )
    if missing > max(_REMARK_SECONDS, _REMARK_FRAMES * self.step):
      self._notes.append(
        f'ends {missing:.2f} s before the {declared:.2f} s that its header '
        'names'
      )


class _Decoder:
  """Gives frames in the order in which they are shown.

  What comes before the first frame that can be decoded is passed over.

  Attributes:
    stamps: times of decoding of the packets, in the file's unit, from the one
      of the first frame on; missing where it has none.
    heard: end of what other tracks hold, in seconds; None for no other.
    cut: whether the last packet cannot be decoded.
  """

  def __init__(self, container, stream):
    self._container, self._stream = container, stream
    self.stamps, self.heard, self.cut = [], None, None

  def frames(self):
    """Yields frames.

    Raises:
      UnreadableError: if none can be decoded.
    """
    import av

    blind = self._stream.codec_context.name.startswith(_BLIND)
    begun, failure = False, None
    for packet in self._container.demux():
      if packet.stream is not self._stream:
        self._hear(packet)
        continue
      # An empty packet says that the picture stays; it is no end.
      if not packet.size and packet.dts is not None:
        continue
      if packet.dts is not None:
        self.stamps.append(packet.dts)
      try:
        frames = packet.decode()
      except av.InvalidDataError as error:
        if begun:
          # Told as the end that is missing, if it is the last one.
          self.cut = self.cut or error
          continue
        failure = failure or error
        self.stamps.clear()
        continue
      if self.cut is not None and packet.size:
        raise self.cut
      for frame in frames:
        if not begun and blind and frame.pict_type in _DIFFERENCES:
          continue
        begun = True
        video_open.check_size(frame.width, frame.height)
        yield frame
    if not begun:
      raise failure or UnreadableError('no picture in it that can be decoded')

  def _hear(self, packet):
    if packet.pts is not None and packet.time_base:
      end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
      self.heard = end if self.heard is None else max(self.heard, end)


def _presented(container, decoder, raw, step, begin):
  """Yields (time or None, duration, frame), times as the file means them."""
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


def _bytes_of(frame):
  return sum(plane.buffer_size for plane in frame.planes)
