import numpy as np
import pytest

from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import statistics

SUBJECT = np.repeat(np.arange(80), 6)


def flip(correct, videos):
  changed = correct.copy()
  changed[videos] = ~changed[videos]
  return changed


@pytest.fixture
def correct():
  named = np.ones(480, bool)
  named[np.random.default_rng(0).choice(480, 51, replace=False)] = False
  return named


def test_accuracy_holds_counts_and_both_intervals(correct):
  found = comparison.accuracy(correct, SUBJECT)
  assert (found.correct, found.total, found.people) == (429, 480, 80)
  assert found.accuracy == 429 / 480
  assert found.wilson == statistics.wilson_interval(429, 480)
  assert found.by_people.low < 429 / 480 < found.by_people.high
  line = found.describe()
  assert line.startswith('429/480 = 89.38 %, 95 % interval')
  assert '86.3 to 91.8 %' in line and 'few' not in line


def test_few_people_are_pointed_out(correct):
  assert 'few' in comparison.accuracy(correct[:48], SUBJECT[:48]).describe()


def test_comparison_counts_changes(correct):
  right, wrong = np.flatnonzero(correct), np.flatnonzero(~correct)
  other = flip(correct, np.r_[right[:20], wrong[:5]])
  found = comparison.compare(correct, other, SUBJECT)
  assert (found.only_first, found.only_second) == (20, 5)
  assert found.difference == pytest.approx(-15 / 480)
  assert found.mcnemar_p == statistics.mcnemar_test(20, 5)
  assert found.by_people.low < -15 / 480 < found.by_people.high < 0
  assert '-3.12 points (5 videos gained, 20 lost)' in found.describe()


def test_comparison_turned_round(correct):
  other = flip(correct, np.arange(0, 480, 11))
  there = comparison.compare(correct, other, SUBJECT)
  back = comparison.compare(other, correct, SUBJECT)
  assert there.difference == -back.difference
  assert there.sign_flip_p == back.sign_flip_p
  assert there.mcnemar_p == back.mcnemar_p
  assert there.by_people.low == pytest.approx(-back.by_people.high, abs=0.003)


def test_a_run_equals_itself(correct):
  found = comparison.compare(correct, correct, SUBJECT)
  assert found.difference == 0
  assert found.sign_flip_p == found.mcnemar_p == 1
  assert found.by_people.low < 0 < found.by_people.high


def test_comparison_is_paired(correct):
  # Two runs of the same accuracies: their difference is far better known
  # where they fail on the same videos.
  right = np.flatnonzero(correct)
  near = flip(correct, right[::36])  # twelve, each another person's
  far = flip(correct, np.r_[right[::7][:60], np.flatnonzero(~correct)[:48]])
  assert near.sum() == far.sum()
  width = [
    (found := comparison.compare(correct, other, SUBJECT)).by_people.high
    - found.by_people.low
    for other in (near, far)
  ]
  assert width[0] < width[1] / 2
  found = comparison.compare(correct, near, SUBJECT)
  assert found.sign_flip_p < 0.01
  assert comparison.compare(correct, far, SUBJECT).sign_flip_p > 0.1


def test_rows_are_corrected_over_the_table(correct):
  right = np.flatnonzero(correct)
  found = [
    comparison.compare(correct, flip(correct, right[:number]), SUBJECT)
    for number in (3, 8, 30)
  ]
  rows = comparison.correct_for_number(found)
  assert [row.only_first for row in rows] == [3, 8, 30]
  assert [row.sign_flip_p_holm for row in rows] == pytest.approx(
    statistics.holm([row.sign_flip_p for row in found])
  )
  assert rows[2].mcnemar_p_holm == pytest.approx(3 * found[2].mcnemar_p)
  assert 'after Holm' in rows[0].describe()
  assert comparison.correct_for_number([]) == []


@pytest.mark.parametrize(
  'correct,subject,message',
  [
    ([1, 0], [1], r'\(2,\).*\(1,\)'),
    ([], [], 'at least one'),
    ([1, 2], [1, 1], 'not 2'),
    ([0.5, 1], [1, 1], 'not 0.5'),
  ],
)
def test_bad_input_is_refused(correct, subject, message):
  with pytest.raises(ValueError, match=message):
    comparison.accuracy(correct, subject)
