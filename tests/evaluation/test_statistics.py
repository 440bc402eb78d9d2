import itertools
import math

import numpy as np
import pytest
from scipy import stats

from stclr_jax.evaluation import statistics


def simulate(key, people, *, videos=6, accuracy=0.89, correlation=0.15):
  """Videos named rightly, those of a person correlated (beta-binomial)."""
  scale = 1 / correlation - 1
  share = key.beta(accuracy * scale, (1 - accuracy) * scale, people)
  correct = key.random((people, videos)) < share[:, None]
  return correct.ravel(), np.repeat(np.arange(people), videos)


# statsmodels 0.15.0: proportion_confint(k, 480, method='wilson').
@pytest.mark.parametrize(
  'correct,low,high',
  [
    (429, 0.8629884234851256, 0.9182592209836432),
    (410, 0.8197810653954575, 0.8829284560843872),
    (370, 0.7311713113869571, 0.8061947932741007),
    (260, 0.49693765203250967, 0.5857340563768839),
  ],
)
def test_wilson_interval_equals_statsmodels(correct, low, high):
  interval = statistics.wilson_interval(correct, 480)
  assert interval.low == pytest.approx(low, abs=1e-12)
  assert interval.high == pytest.approx(high, abs=1e-12)


def test_wilson_interval_of_the_papers_headline():
  assert statistics.wilson_interval(429, 480).describe() == '86.3 to 91.8 %'


def test_wilson_interval_solves_its_equation():
  # Its ends are the shares that lie z standard errors from the one found.
  interval = statistics.wilson_interval(17, 40, level=0.9)
  z = stats.norm.ppf(0.95)
  for end in (interval.low, interval.high):
    distance = abs(17 / 40 - end)
    assert distance == pytest.approx(z * math.sqrt(end * (1 - end) / 40))


def test_bootstrap_of_single_videos_equals_scipys_of_a_mean():
  value = np.random.default_rng(3).random(60)
  interval = statistics.cluster_bootstrap_interval(value, np.arange(60), seed=5)
  expected = stats.bootstrap(
    (np.sort(value),), np.mean, method='BCa', rng=np.random.default_rng(5)
  ).confidence_interval
  assert interval.low == pytest.approx(expected.low, abs=1e-12)
  assert interval.high == pytest.approx(expected.high, abs=1e-12)


def test_bootstrap_does_not_ask_what_people_are_called():
  correct, subject = simulate(np.random.default_rng(1), 30, videos=6)
  interval = statistics.cluster_bootstrap_interval(correct, subject)
  names = np.array([str(person) for person in subject])  # '10' before '2'
  assert statistics.cluster_bootstrap_interval(correct, names) == interval
  shuffled = np.random.default_rng(2).permutation(len(correct))
  assert interval == statistics.cluster_bootstrap_interval(
    correct[shuffled], subject[shuffled]
  )


def test_bootstrap_counts_people_not_videos():
  # Six copies of a person's video say no more than one.
  correct, subject = simulate(np.random.default_rng(0), 50, videos=1)
  once = statistics.cluster_bootstrap_interval(correct, subject)
  copied = statistics.cluster_bootstrap_interval(
    np.repeat(correct, 6), np.repeat(subject, 6)
  )
  assert (once.low, once.high) == pytest.approx((copied.low, copied.high))
  wilson = statistics.wilson_interval(6 * correct.sum(), 300)
  assert copied.high - copied.low > 2 * (wilson.high - wilson.low)


def test_bootstrap_of_many_people_is_the_normal_interval():
  correct, subject = simulate(np.random.default_rng(1), 400, videos=3)
  error = correct.reshape(400, 3).mean(1).std(ddof=1) / 20
  interval = statistics.cluster_bootstrap_interval(correct, subject)
  expected = correct.mean() + 1.96 * error * np.array([-1, 1])
  assert [interval.low, interval.high] == pytest.approx(expected, abs=0.003)


def test_bootstrap_weights_people_by_their_videos():
  # One person of 90 videos, all right, and nine of one, all wrong.
  subject = np.r_[np.zeros(90), np.arange(1, 10)]
  correct = subject == 0
  interval = statistics.cluster_bootstrap_interval(correct, subject)
  assert interval.low == 0 and interval.high > 90 / 99


def test_bootstrap_depends_on_its_seed_alone():
  value = np.random.default_rng(2).random(30)
  first, again, other = (
    statistics.cluster_bootstrap_interval(value, np.arange(30), seed=seed)
    for seed in (0, 0, 1)
  )
  assert first == again != other


def coverage(people, repetitions):
  """Share of intervals that hold the truth: by people, Wilson's."""
  key = np.random.default_rng(people)
  held = np.zeros(2)
  for seed in range(repetitions):
    correct, subject = simulate(key, people)
    by_people = statistics.cluster_bootstrap_interval(
      correct, subject, num_resamples=999, seed=seed
    )
    wilson = statistics.wilson_interval(correct.sum(), len(correct))
    held += [some.low <= 0.89 <= some.high for some in (by_people, wilson)]
  return held / repetitions


def test_bootstrap_interval_holds_the_truth_where_wilsons_does_not():
  by_people, wilson = coverage(80, 400)
  # Standard error 0.011: four of it around 0.95; Wilson's is near 0.88.
  assert by_people > 0.906
  assert wilson < by_people - 0.03


@pytest.mark.slow
def test_stated_coverage_is_measured():
  for people, stated in ((80, 0.96), (40, 0.93), (20, 0.93), (8, 0.85)):
    assert coverage(people, 2000)[0] == pytest.approx(stated, abs=0.025)


def test_interval_of_people_all_alike_is_wilsons_of_people():
  subject = np.repeat(np.arange(8), 6)
  interval = statistics.cluster_bootstrap_interval(np.ones(48), subject)
  wilson = statistics.wilson_interval(8, 8)
  assert (interval.low, interval.high) == pytest.approx(
    (wilson.low, wilson.high)
  )
  unchanged = statistics.cluster_bootstrap_interval(
    np.zeros(48), subject, bounds=(-1, 1)
  )
  assert unchanged.low == -unchanged.high < -0.2


def enumerate_signs(change, subject):
  """The oracle: all assignments of signs to people, one by one."""
  sums = [change[subject == person].sum() for person in np.unique(subject)]
  found = abs(sum(sums))
  signs = itertools.product((-1, 1), repeat=len(sums))
  reached = [abs(np.dot(sign, sums)) >= found for sign in signs]
  return np.mean(reached)


@pytest.mark.parametrize('seed', range(8))
def test_sign_flip_test_counts_every_assignment(seed):
  key = np.random.default_rng(seed)
  subject = key.integers(0, 9, 40)
  change = key.choice([-1, 0, 1], 40, p=[0.1, 0.6, 0.3])
  assert statistics.sign_flip_test(change, subject) == pytest.approx(
    enumerate_signs(change, subject), abs=1e-12
  )


def test_sign_flip_test_equals_scipys_permutation_test():
  key = np.random.default_rng(4)
  first, second = key.integers(0, 7, (2, 11))
  result = stats.permutation_test(
    (second, first),
    lambda x, y: (x - y).sum(),
    permutation_type='samples',
    vectorized=False,
    n_resamples=np.inf,
  )
  assert statistics.sign_flip_test(second - first, np.arange(11)) == (
    pytest.approx(result.pvalue, abs=1e-12)
  )


def test_sign_flip_test_by_hand():
  # Five people all gained: two of 32 assignments are as far from zero.
  assert statistics.sign_flip_test(np.ones(5, int), np.arange(5)) == 2 / 32
  # Two people, +3 and -1: all four sums, 4, 2, -2, -4, reach 2.
  assert statistics.sign_flip_test([1, 1, 1, -1], [0, 0, 0, 1]) == 1
  assert statistics.sign_flip_test([0, 0, 0], [1, 2, 3]) == 1


def test_sign_flip_test_of_single_videos_is_mcnemars():
  change = np.repeat([-1, 1, 0], [15, 8, 60])
  assert statistics.sign_flip_test(change, np.arange(83)) == pytest.approx(
    statistics.mcnemar_test(15, 8), abs=1e-12
  )


def test_sign_flip_test_never_rejects_more_often_than_it_says():
  # Under the null all assignments are equally likely: exact, by counting.
  size = np.array([1, 1, 2, 2, 3, 3, 4, 5])
  p_values = np.array(
    [
      statistics.sign_flip_test(size * sign, np.arange(8))
      for sign in itertools.product((-1, 1), repeat=8)
    ]
  )
  for p in np.unique(p_values):
    assert (p_values <= p).mean() == pytest.approx(p)


def test_few_people_who_all_change_prove_less_than_many():
  # McNemar sees 12 gained videos in both.
  two, twelve = np.repeat([0, 1], 6), np.arange(12)
  gained = np.ones(12, int)
  assert statistics.sign_flip_test(gained, two) == 0.5
  assert statistics.sign_flip_test(gained, twelve) < 0.001
  assert statistics.mcnemar_test(0, 12) < 0.001


# statsmodels 0.15.0: mcnemar([[0, b], [c, 0]], exact=True).pvalue.
@pytest.mark.parametrize(
  'only_first,only_second,p',
  [
    (1, 9, 0.021484375),
    (15, 8, 0.21003961563110352),
    (3, 20, 0.00048828125),
    (7, 7, 1.0),
    (0, 6, 0.03125),
  ],
)
def test_mcnemar_test_equals_statsmodels(only_first, only_second, p):
  assert statistics.mcnemar_test(only_first, only_second) == pytest.approx(p)
  assert statistics.mcnemar_test(only_second, only_first) == pytest.approx(p)


def test_mcnemar_test_without_a_change():
  assert statistics.mcnemar_test(0, 0) == 1


def test_holm_equals_statsmodels():
  # statsmodels 0.15.0: multipletests(p, method='holm')[1].
  p = [0.01, 0.04, 0.03, 0.005, 0.2, 0.03]
  expected = [0.05, 0.12, 0.12, 0.03, 0.2, 0.12]
  assert statistics.holm(p) == pytest.approx(expected)


def test_holm_keeps_order_and_one_p_value():
  assert statistics.holm([0.03]) == [0.03]
  assert len(statistics.holm([])) == 0
  p = np.random.default_rng(0).random(20) ** 3
  corrected = statistics.holm(p)
  assert (corrected >= p).all() and corrected.max() <= 1
  assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


def test_design_effect_by_hand():
  # Identical videos: as many times the variance as a person has videos.
  value = np.repeat(np.random.default_rng(0).random(50), 6)
  subject = np.repeat(np.arange(50), 6)
  # sample variances of 50 people and of 300 videos
  expected = 6 * (50 / 49) / (300 / 299)
  assert statistics.design_effect(value, subject) == pytest.approx(expected)
  assert statistics.design_effect(value, np.arange(300)) == pytest.approx(1)
  assert statistics.design_effect(np.ones(6), np.arange(6)) == 1


def test_design_effect_is_that_of_cluster_robust_errors():
  subject = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3])
  value = np.array([1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1.0])
  # statsmodels 0.15.0: OLS(value, ones).fit(cov_type='cluster', cov_kwds={
  # 'groups': subject, 'use_correction': False}).bse
  error = 0.134299163929262 * math.sqrt(4 / 3)
  plain = value.std(ddof=1) / math.sqrt(12)
  assert statistics.design_effect(value, subject) == pytest.approx(
    max(1, (error / plain) ** 2)
  )
  wider = np.where(subject == 2, 0.0, 1.0)
  assert statistics.design_effect(wider, subject) > 2


def test_smallest_detectable_difference_of_480_videos_is_four_points():
  difference = statistics.smallest_detectable_difference(480)
  assert 0.039 < difference < 0.042
  assert statistics.smallest_detectable_difference(
    480, design_effect=4
  ) == pytest.approx(statistics.smallest_detectable_difference(120))
  assert statistics.smallest_detectable_difference(3) == 1


def test_smallest_detectable_difference_is_found_four_times_in_five():
  key = np.random.default_rng(0)
  difference = statistics.smallest_detectable_difference(480)
  gained, lost = 0.05 + difference / 2, 0.05 - difference / 2
  counts = key.multinomial(480, [gained, lost, 1 - gained - lost], 2000)
  found = [statistics.mcnemar_test(*pair) <= 0.05 for pair in counts[:, :2]]
  # The formula is for chi-square; the exact test is a little more careful.
  assert 0.7 < np.mean(found) < 0.83


def test_spread_over_seeds():
  spread = statistics.over_seeds([0.875, 0.89, 0.88])
  assert spread.mean == pytest.approx(2.645 / 3)
  assert spread.deviation == pytest.approx(0.00763763)
  assert spread.describe() == '88.17 ± 0.76 % (3 seeds, 87.50 to 89.00 %)'
  single = statistics.over_seeds([0.5])
  assert single.deviation is None and 'unknown' in single.describe()
