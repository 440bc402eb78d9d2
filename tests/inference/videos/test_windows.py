import numpy as np
import pytest

from stclr_jax.inference.videos import prediction
from stclr_jax.inference.videos import windows


@pytest.mark.parametrize('num_frames', [1, 5, 10, 11, 14, 25])
@pytest.mark.parametrize('step', [1, 4, 10, 13])
def test_windows_cover_what_there_is(num_frames, step):
  found = windows.spans(num_frames, 10, step)
  starts = [start for start, _ in found]
  assert starts[0] == 0 and found[-1][1] == num_frames
  assert {stop - start for start, stop in found} == {min(10, num_frames)}
  assert all(start % step == 0 for start in starts[:-1])
  assert all(
    0 < b - a <= step for a, b in zip(starts, starts[1:], strict=False)
  )
  if step <= 10:
    shown = {frame for span in found for frame in range(*span)}
    assert shown == set(range(num_frames))


def test_nothing_has_no_window():
  assert windows.spans(0, 10, 5) == []


def make(labels, *, face=None, start=None, length=1.0):
  number = len(labels)
  start = np.arange(number) / 2 if start is None else np.array(start)
  invalid = np.array([not label for label in labels])
  confidence = np.where(invalid, np.nan, 0.5 + np.arange(number) / 100)
  return prediction.Windows(
    face=np.ones(number, int) if face is None else np.array(face),
    window=np.arange(number),
    start_s=start,
    end_s=start + length,
    frames=np.full(number, 10),
    coverage=np.ones(number),
    status=tuple('no_face' if none else 'ok' for none in invalid),
    probabilities=np.stack([confidence, 1 - confidence], 1),
    label=tuple(labels),
  )


def test_segments_are_runs_of_a_label_that_share_no_moment():
  found = windows.segments(make(['a', 'a', 'b', 'a', '', 'a', 'unsure']))
  assert [one.label for one in found] == ['a', 'b', 'a', 'a', 'unsure']
  times = [(one.start_s, one.end_s) for one in found]
  # Middles are at 0.5, 1.0, ...; a moment is of the nearest.
  assert times == [(0, 1.25), (1.25, 1.75), (1.75, 2.25), (2.75, 3.25),
                   (3.25, 4)]  # fmt: skip
  assert found[0].confidence_max == 0.51
  assert found[0].confidence_mean == pytest.approx(0.505)


def test_faces_and_gaps_divide_segments():
  found = windows.segments(make(['a', 'a', 'a'], face=[1, 1, 2]))
  assert [(one.face, one.start_s, one.end_s) for one in found] == [
    (1, 0, 1.5), (2, 1, 2),
  ]  # fmt: skip
  # Steps longer than a window leave time that nobody looked at to nobody.
  (one, two) = windows.segments(make(['a', 'b'], start=[0, 5]))
  assert (one.end_s, two.start_s) == (1, 5)


def test_no_windows_have_no_segments():
  assert windows.segments(make([])) == []
