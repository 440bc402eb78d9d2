"""Values that came at any times, put on the ticks of an even clock."""

import math

# How much of a tick a frame may come late and still count. chosen: more than
# .gif (10 ms) and .mkv (1 ms) round times by at 25 frames a second, and no
# whole fraction of a tick, where 50 or 60 frames a second would alternate. By
# as much a tick may come before `start`, so that each is in one part only.
_LATENESS = 0.3
_ROUNDING = 1e-5  # chosen: seconds; more than one clock differs from another


def resample(timed, *, fps, start=0.0, end=None):
  """Puts values that came at any times on the ticks of a clock.

  The ticks are those of the whole: the first value's time, 1/fps later, and so
  on. A part has those of them from start on up to, and without, end, so that
  it is a slice of the whole, and parts that follow one another share and lose
  none.

  Args:
    timed: iterable of (time, duration, value), seconds, times ascending; a
      value is shown from its time on until the next one's. The first is the
      whole's.
    fps: ticks a second; None for each value once, at its own time.
    start: where the part begins, in seconds.
    end: where it ends, in seconds; None for the end of the last value, of
      which a tick counts if at least half of it lies before.

  Yields:
    (time of the tick, value shown then). One at least, if anything is shown
    between start and end.
  """
  if fps is None:
    yield from _each_once(timed, start, end)
    return
  first = tick = shown = until = None
  begun = False
  for time, duration, value in timed:
    if first is None:
      first = time
      tick = max(0, math.ceil((start - first) * fps - _LATENESS))
    if end is not None and time >= end:
      until = end + 1 / fps
      break
    if shown is not None:
      while first + (tick + _LATENESS) / fps < time:
        yield first + tick / fps, shown[0]
        tick, begun = tick + 1, True
    shown, until = (value,), time + duration
  if shown is None or until <= start:
    return
  stop = math.inf if end is None else end - _LATENESS / fps
  # The small term is for 1.98 + 0.02, which is less than 2 in floating point.
  while first + (tick + 0.5) / fps <= until + 1e-6:
    if first + tick / fps >= stop:
      break
    yield first + tick / fps, shown[0]
    tick, begun = tick + 1, True
  if not begun:  # shorter than a tick is still a moment that shows something
    yield max(start, first), shown[0]


def _each_once(timed, start, end):
  for time, _, value in timed:
    # The small term is for clocks of microseconds and of 1/90000 s.
    if end is not None and time >= end - _ROUNDING:
      return
    if time >= start - _ROUNDING:
      yield time, value
