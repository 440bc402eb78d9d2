"""The clock of a video: one that rises, made of the times that a file gives.

A decoder gives frames in the order in which they are shown; what the file says
of their times may be missing, scrambled, or begin anew where recordings were
joined. Here each frame keeps its place and gets the time that belongs there.
"""

import collections
import dataclasses
import heapq
import itertools
import statistics

# Frames that are looked ahead. Source: as many as H.264 and HEVC can reorder.
_AHEAD = 16
# Of what is looked ahead, in bytes. chosen: 16 frames of 4K, decoded.
_AHEAD_BYTES = 256 << 20
# Longer than this, in seconds, no picture stands still; the clock has leapt.
# chosen: a clock of hours in a broken file would be millions of frames.
LONGEST_STANDSTILL = 600.0
# Of broadcasts, whose clocks may leap. Source: FFmpeg's dts_delta_threshold.
LONGEST_OF_BROADCASTS = 10.0
# From here on a standstill is told. chosen: more than any camera needs for a
# picture in the dark, and than screen recorders leave out.
_TOLD_STANDSTILL = 1.0
_TOLD_STEPS = 2.5  # and more than this many pictures of the usual length
_STRAY = 3  # chosen: so many frames with a foreign time are no recording
_EQUAL = 0.02  # chosen: of a step; times that are the same but for rounding
_HOLE = 2.5  # chosen: of a step; a frame lost one, and more are a pause
_SLACK = 1.5  # chosen: of a step; times that round fall back by less


@dataclasses.dataclass
class Account:
  """Notes on a repaired clock, in seconds of the repaired one.

  Attributes:
    anew: where it began anew.
    leaps: (where, by how much it leapt ahead, which was left out).
    standstills: (where, how long).
  """

  anew: list = dataclasses.field(default_factory=list)
  leaps: list = dataclasses.field(default_factory=list)
  standstills: list = dataclasses.field(default_factory=list)

  def notes(self, start=0.0):
    """Says it in lines for the user, of a part from `start` on."""
    notes = []
    if self.anew:
      places = _list([f'{time:.2f} s' for time in self.anew])
      notes.append(
        f'{len(self.anew) + 1} recordings joined: the clock begins anew after '
        f'{places}, read on'
      )
    if self.leaps:
      places = _list(
        [f'by {by:.2f} s after {at:.2f} s' for at, by in self.leaps]
      )
      notes.append(f'the clock leaps ahead {places}: read on without the gap')
    still = [each for each in self.standstills if sum(each) > start]
    if still:
      places = _list(
        [f'for {long:.2f} s from {at:.2f} s' for at, long in still]
      )
      notes.append(f'no picture {places} on: it stands still')
    return notes


def _list(places):
  more = f' and {len(places) - 4} more' if len(places) > 4 else ''
  return ', '.join(places[:4]) + more


def put_in_order(timed, *, step, zero, longest, account, size_of, slips=False):
  """Gives frames, in the order in which they are shown, times that rise.

  Times that are scrambled, so that each falls into a hole of those around it,
  are sorted. Where they begin anew, or leap ahead by more than `longest`, what
  follows is shown at the end of what came.

  Args:
    timed: iterable of (time or None, duration, frame), in seconds, in the order
      in which the decoder gives them. A frame without a time counts on.
    step: usual seconds from one to the next.
    zero: time in the file at which the clock begins.
    longest: seconds that a picture may stand still.
    account: `Account` to be filled.
    size_of: of a frame, in bytes; so many are held as fit.
    slips: whether the clock may slip back by a few frames, as of MPEG streams.

  Yields:
    (time, duration, frame), times ascending. What `timed` raises is raised
    after all that came before it.
  """
  order = _Order(step, zero, longest, account, slips)
  source, failure = _count_on(timed, step), None
  while failure is None:
    try:
      time, duration, frame = next(source)
    except StopIteration:
      break
    except Exception as error:  # raised below
      failure = error
      break
    order.add(time, duration, frame)
    if len(order.waiting) > min(_AHEAD, _AHEAD_BYTES // max(1, size_of(frame))):
      yield order.pop()
  while order.waiting:
    yield order.pop()
  if failure is not None:
    raise failure


def _count_on(timed, step):
  """Gives frames without a time the one after the last, or before the next.

  After such frames a time that is another than was counted is believed once
  the next one says the same: in MPEG's packets, which name the time of one
  frame in several, it may be that of a frame nearby.
  """
  untimed, counted, sure, doubt = [], None, True, None
  for time, duration, frame in timed:
    if counted is None and time is None and len(untimed) < _AHEAD:
      untimed.append((duration, frame))
      continue
    if counted is None:
      time = len(untimed) * step if time is None else time
      for i, (before, early) in enumerate(untimed):
        yield time - (len(untimed) - i) * step, before, early
      untimed.clear()
    elif time is None:
      time, sure = counted, False
    elif not sure:
      off = time - counted
      if abs(off) < step / 2 or abs(off) > _AHEAD * step:
        sure, doubt = True, None
      elif doubt is not None and abs(off - doubt) < step / 2:
        sure, doubt = True, None
      else:
        time, doubt = counted, off
    counted = time + duration
    yield time, duration, frame
  for i, (duration, frame) in enumerate(untimed):
    yield i * step, duration, frame


class _Stretch:
  """Times between two places at which the clock begins anew or leaps."""

  def __init__(self, leap):
    self.leap = leap  # in seconds, 0 where the clock begins anew
    self.times = []  # a heap of those of frames that wait
    self.recent = collections.deque(maxlen=2 * _AHEAD)
    self.top = None
    self.count = 0
    self.shift = self.last = None
    self.slipped = 0.0  # of shift, where the clock slipped back

  def add(self, time):
    heapq.heappush(self.times, time)
    self.recent.append(time)
    self.top = time if self.top is None else max(self.top, time)
    self.count += 1

  def step(self, usual):
    if len(self.recent) < 4:
      return usual
    gaps = [b - a for a, b in itertools.pairwise(sorted(self.recent))]
    gaps = [gap for gap in gaps if gap > 1e-6]  # doubles tell nothing
    return statistics.median(gaps) if gaps else usual

  def spread(self, time, last, step, slips):
    """Moves a run of times between a double and a hole by one into the hole.

    Args:
      time: of the frame whose turn it is; the others wait.
      last: time of the one before.
      step: from one to the next.
      slips: whether the clock may slip back, so that there is no hole and all
        that follows moves on.

    Returns:
      The time, or one step later or earlier.
    """
    run = [time, *sorted(self.times)]
    gaps = [b - a for a, b in itertools.pairwise([last, *run])]

    def find(is_wanted):
      found = (i for i, gap in enumerate(gaps[1:], 1) if is_wanted(gap))
      return next(found, None)

    def is_double(gap):
      return gap <= _EQUAL * step

    def is_hole(gap):
      return _SLACK * step < gap < _HOLE * step

    by = 0
    if is_double(gaps[0]):
      by, stop = step, find(is_hole)
      if stop is None and slips:
        self.shift += step
        self.slipped += step
    elif self.slipped and gaps[0] > _SLACK * step:  # and forth again
      back = min(self.slipped, gaps[0] - step)
      self.shift -= back
      self.slipped -= back
    elif is_hole(gaps[0]):
      by, stop = -step, find(is_double)
    if by and stop is not None:
      run[:stop] = [each + by for each in run[:stop]]
      self.times = run[1:]  # sorted, and so a heap
    return run[0]

  def has_hole(self, time, step):
    if time <= min(self.recent):
      return False
    return min(abs(time - other) for other in self.recent) > step / 2


class _Order:
  def __init__(self, step, zero, longest, account, slips):
    self._step, self._zero, self._longest = step, zero, longest
    self._account, self._slips = account, slips
    self._stretches = []  # the last two
    self._last = self._end = None
    self.waiting = collections.deque()  # [stretch, duration, frame]

  def add(self, time, duration, frame):
    self._take_back_strays(time)
    if not self._stretches:
      self._stretches = [_Stretch(0)]
    stretch = self._stretches[-1]
    if stretch.count:
      step = stretch.step(self._step)
      ahead = time - stretch.top
      anew = ahead < -_SLACK * step and not stretch.has_hole(time, step)
      if anew or ahead > self._longest:
        stretch = _Stretch(max(0, ahead))
        self._stretches = [self._stretches[-1], stretch]
    stretch.add(time)
    self.waiting.append([stretch, duration, frame])

  def _take_back_strays(self, time):
    """A few foreign times, after which the clock goes on, are no stretch."""
    if len(self._stretches) < 2:
      return
    before, stray = self._stretches
    step = before.step(self._step)
    goes_on = 0 < time - before.top <= (stray.count + _SLACK) * step
    leaves = abs(time - stray.top) > _SLACK * step
    if stray.count > _STRAY or stray.shift is not None:
      return
    if goes_on and leaves:
      top, part = before.top, (time - before.top) / (stray.count + 1)
      for i in range(stray.count):
        before.add(top + (i + 1) * part)
      for entry in self.waiting:
        if entry[0] is stray:
          entry[0] = before
      self._stretches = [before]

  def pop(self):
    stretch, duration, frame = self.waiting.popleft()
    time = heapq.heappop(stretch.times)
    if stretch.shift is None:
      stretch.shift = -self._zero if self._end is None else self._end - time
      if self._end is not None:
        if stretch.leap:
          self._account.leaps.append((self._end, stretch.leap))
        else:
          self._account.anew.append(self._end)
    else:
      time = stretch.spread(
        time, stretch.last, stretch.step(self._step), self._slips
      )
    stretch.last = time
    time += stretch.shift
    if self._last is not None:
      time = max(time, self._last)
      gap = time - self._last
      if gap > max(_TOLD_STANDSTILL, _TOLD_STEPS * self._step):
        self._account.standstills.append((self._last, gap))
    self._last, self._end = time, time + duration
    return time, duration, frame
