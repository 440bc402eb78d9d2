"""Videos that begin at rest, and others."""

import numpy as np
import pytest

from stclr_jax.evaluation.audits import rest

SUBJECT = np.arange(60) // 3
TIME = np.linspace(0, 1, rest.NUM_FRAMES)


def make(pace, *, noise=0.02, seed=0):
  """Sixty videos of twenty people that go from one picture to another.

  Args:
    pace: share of the way that is gone at a time, of `TIME`.
    noise: of each frame.
    seed: of what is drawn.
  """
  random = np.random.default_rng(seed)
  first, last = random.uniform(0, 1, (2, 60, 1, 4, 4, 3))
  gone = pace(TIME)[:, None, None, None]
  frames = first + gone * (last - first)
  return frames + noise * random.standard_normal(frames.shape)


def smooth(time):
  return time**2 * (3 - 2 * time)


def test_a_calm_beginning_passes():
  found = rest.look(make(smooth, noise=1e-4), SUBJECT)
  assert found.holds and found.videos == 60
  gone = smooth(TIME)
  assert found.start == pytest.approx(gone[1], rel=1e-2)
  assert found.middle == pytest.approx((gone[5] - gone[3]) / 2, rel=1e-2)
  assert found.later.low <= found.middle - found.start <= found.later.high
  assert rest.describe(found) == ''
  assert rest.look(make(smooth), SUBJECT).holds


@pytest.mark.parametrize(
  'pace', [lambda t: t, lambda t: 2 * smooth((t + 1) / 2) - 1, np.sqrt]
)
def test_a_beginning_in_mid_expression_is_spoken_of(pace):
  found = rest.look(make(pace), SUBJECT)
  assert found.holds is False
  said = rest.describe(found)
  assert f'{found.start:.1%} of the way' in said and 'mid-expression' in said


def test_a_head_that_sways_is_not_on_its_way():
  frames = make(smooth)
  sway = np.sin(16 * np.pi * TIME + 1)[:, None, None, None]
  frames += 0.3 * sway * np.random.default_rng(1).standard_normal((4, 4, 3))
  assert rest.look(frames, SUBJECT).holds


@pytest.mark.parametrize('videos', [0, 60])
def test_nothing_is_said_of_what_is_not_there_or_stands_still(videos):
  frames = make(np.zeros_like, noise=0)[:videos]
  found = rest.look(frames, SUBJECT[:videos])
  assert found == rest.Rest(0, None, None, None) and found.holds is None
  assert 'cannot be told' in rest.describe(found)


def test_videos_that_stand_still_are_left_out():
  frames = make(smooth)
  frames[::2] = frames[::2, :1]
  found = rest.look(frames, SUBJECT)
  assert found.videos == 30
  assert found == rest.look(make(smooth)[1::2], SUBJECT[1::2])
