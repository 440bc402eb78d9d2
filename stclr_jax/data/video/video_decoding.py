"""Decoded frames of a video track with their times, from its start or a part.

What is missing at either end, and what happened to the clock, is told.
"""

import itertools
import os

from stclr_jax.data.video import joined_files
from stclr_jax.data.video import video_clock
from stclr_jax.data.video import video_open
from stclr_jax.data.video import video_packets
from stclr_jax.files.unreadable import UnreadableError

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


class Track:
  """The picture track of a file, of which a part is read once.

  Attributes:
    aspect: width of a pixel over its height, or None.
    step: usual seconds from one frame to the next.
    first: time of the whole's first frame; None until it was read.
    last: end of what has been read, in seconds.
    ended: whether the file was read to its end.
  """

  def __init__(self, path, start, end, part=None):
    """Opens nothing yet.

    Args:
      path: of the file.
      start: of the part, in seconds after the file's start.
      end: of the part, or None.
      part: (first byte, byte after the last) of a recording in the file; None
        for all that are joined in it.
    """
    self._path, self._start, self._end, self._part = path, start, end, part
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
    if self._part is None and os.path.isfile(self._path):
      parts = joined_files.find_parts(self._path)
      if len(parts) > 1:
        yield from self._joined(parts)
        return
    if self._start > _SEEK_SECONDS and self._part is None:
      with video_open.open_track(self._path) as opened:
        found = self._look_for_start(*opened)
        if found is not None:
          yield from self._told(*opened, *found)
          return
    with video_open.open_track(self._path, self._part) as opened:
      decoder = video_packets.Decoder(*opened, self._reopen)
      yield from self._told(*opened, decoder, decoder.frames(), None)

  def _reopen(self):
    return video_open.open_track(self._path, self._part, one_thread=True)

  def _joined(self, parts):
    """Yields the frames of several recordings, one after the other."""
    for part in parts:
      one = Track(self._path, 0.0, None, part)
      shift = None
      for time, duration, frame in one.frames():
        if shift is None:
          shift = 0.0 if self.last is None else self.last - time
          if self.first is None:
            self.first = time
          else:
            self._account.anew.append(self.last)
          self.aspect, self.step = one.aspect, one.step
        time += shift
        self.last = time + duration
        yield time, duration, frame
        if self._end is not None and time >= self._end:
          return
      self._notes += one.notes()
    self.ended = True

  def notes(self):
    """Says what the user should know, once the frames have been read."""
    return self._notes + self._account.notes(self._start)

  def _look_for_start(self, container, stream):
    """Goes to a key frame before the start; None where that is not sure."""
    if not _INDEXED & set(container.format.name.split(',')):
      return None
    first = next(video_packets.Decoder(container, stream).frames())
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
    decoder = video_packets.Decoder(container, stream, self._reopen)
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
    timed = video_packets.present(
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
      size_of=video_packets.bytes_of,
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
