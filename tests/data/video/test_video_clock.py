import numpy as np

from stclr_jax.data.video import video_clock

STEP = 0.04


def order(times, *, longest=video_clock.LONGEST_STANDSTILL, slips=False):
  """Puts frames 0, 1, ... in order: (their times in steps, notes)."""
  account = video_clock.Account()
  timed = (
    (None if t is None else t * STEP, STEP, i) for i, t in enumerate(times)
  )
  ordered = list(
    video_clock.put_in_order(
      timed,
      step=STEP,
      zero=next(t for t in times if t is not None) * STEP,
      longest=longest,
      account=account,
      size_of=lambda frame: 1,
      slips=slips,
    )
  )
  assert [frame for _, _, frame in ordered] == list(range(len(times)))
  return [round(time / STEP, 6) for time, _, _ in ordered], account.notes()


def steps(count, first=0):
  return list(range(first, first + count))


TABLE = {
  'even': (steps(40), steps(40), []),
  'none has a time': (
    [0] + [None] * 39, steps(40), []),
  'the last have none': (steps(30) + [None] * 3, steps(33), []),
  'the first have none': ([None, None, *steps(30)], steps(32, -2), []),
  'in order of decoding': (
    [0, 3, 1, 2, 6, 4, 5, 9, 7, 8] + steps(20, 10), steps(30), []),
  'two joined': (steps(30) + steps(20), steps(50), ['2 recordings']),
  'three joined': (
    steps(30) + steps(5) + steps(30), steps(65), ['3 recordings']),
  'the second begins later than the first': (
    steps(30) + steps(30, 7), steps(60), ['2 recordings']),
  'a short one before a long one': (
    steps(4) + steps(40), steps(44), ['2 recordings']),
  'a stray far behind': (
    [*steps(30, 60), 0, *steps(30, 91)], steps(61), []),
  'a stray far ahead': (
    [*steps(30), 9**9, *steps(30, 31)], steps(61), []),
  'a leap of days': (
    steps(30) + steps(30, 10**8), steps(60), ['the clock leaps ahead by']),
  'a pause': (
    steps(30) + steps(30, 100), steps(30) + steps(30, 100),
    ['for 2.84 s from 1.16 s']),
  'a double before its hole': (
    [*steps(20), 19, *steps(20, 21)], steps(41), []),
  'a hole before its double': (
    [*steps(20), *steps(3, 21), *steps(20, 23)], steps(43), []),
}  # fmt: skip


def test_each_frame_keeps_its_place(subtests):
  for name, (times, expected, notes) in TABLE.items():
    with subtests.test(name=name):
      ordered, told = order(times)
      assert ordered == expected
      assert len(told) == len(notes)
      for note, part in zip(told, notes, strict=True):
        assert part in note


def test_clocks_of_broadcasts_leap_sooner_and_slip():
  ordered, (note,) = order(steps(30) + steps(30, 400), longest=10)
  assert ordered == steps(60) and 'read on without the gap' in note
  assert order([*steps(20), *steps(20, 18)], slips=True)[0] == steps(40)


def test_any_times_give_a_clock_that_rises():
  generator = np.random.default_rng(0)
  for _ in range(100):
    kind = generator.integers(3)
    times = generator.normal(0, 10.0**kind, 60).cumsum().tolist()
    for i in generator.integers(1, 60, 10):
      times[i] = None
    ordered, _ = order(times)
    assert np.diff(ordered).min() >= 0 and len(ordered) == 60
