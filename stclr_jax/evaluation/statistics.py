"""Confidence intervals and paired tests, by person.

A person's videos succeed and fail together, so people, not videos, are what
is resampled and exchanged. None of it covers training noise: another seed
trains another network, see `over_seeds`. `comparison` puts these together.
"""

import dataclasses
import functools
import math
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
  """A confidence interval.

  Attributes:
    low: its lower end, a share of 1.
    high: its upper end.
    level: of confidence, such as 0.95.
    method: how it was found.
  """

  low: float
  high: float
  level: float
  method: str

  def describe(self):
    """Returns such as '86.3 to 91.8 %'."""
    return f'{100 * self.low:.1f} to {100 * self.high:.1f} %'


@dataclasses.dataclass(frozen=True)
class Spread:
  """A figure over several seeds or draws.

  Attributes:
    mean: of the values.
    deviation: their standard deviation (n - 1); None of a single one.
    values: all of them.
  """

  mean: float
  deviation: float | None
  values: tuple[float, ...]

  def describe(self, unit='seeds'):
    """Returns such as '88.50 ± 0.61 % (5 seeds, 87.50 to 89.17 %)'."""
    percent = [100 * value for value in self.values]
    if self.deviation is None:
      return f'{percent[0]:.2f} % (only one of the {unit}: spread unknown)'
    return (
      f'{100 * self.mean:.2f} ± {100 * self.deviation:.2f} % '
      f'({len(percent)} {unit}, {min(percent):.2f} to {max(percent):.2f} %)'
    )


def wilson_interval(correct, total, *, level=0.95):
  """Interval of a share of independent trials.

  Args:
    correct: number of successes.
    total: number of trials, at least 1.
    level: of confidence.

  Returns:
    An `Interval`; of 429 of 480: 86.3 to 91.8 %.

  Source: Wilson 1927, as scipy computes it.
  """
  from scipy import stats

  interval = stats.binomtest(int(correct), int(total)).proportion_ci(
    level, method='wilson'
  )
  return Interval(float(interval.low), float(interval.high), level, 'Wilson')


def cluster_bootstrap_interval(
  value, subject, *, level=0.95, num_resamples=9999, seed=0, bounds=(0, 1)
):
  """Interval of a mean over videos, from resampling people.

  Args:
    value: figure of each video, such as whether it was named rightly, [n].
    subject: person of each video, int [n].
    level: of confidence.
    num_resamples: how many sets of people are drawn.
    seed: int, of the draws.
    bounds: least and largest value that a video can have.

  Returns:
    An `Interval`, bias-corrected and accelerated. If all people have the same
    mean the bootstrap is degenerate; then it allows for as many unlike people
    as Wilson's interval does (of all right, it is Wilson's over people).

  Source: Efron 1987, as scipy computes it. chosen over percentiles: on
    simulated runs (six videos a person, correlated by 0.15, accuracy 0.89)
    its 95 % intervals held the truth in 96, 93, 93 and 85 % of the cases
    with 80, 40, 20 and 8 people, percentiles in 95, 93, 91 and 85 %, Wilson's
    in 88, 87, 86 and 83 %.
  """
  from scipy import stats

  sums, counts = _by_person(value, subject)
  # In an order of their own, so that the same draws meet the same people
  # whatever these are called.
  order = np.lexsort((counts, sums))
  sums, counts = sums[order], counts[order]
  mean = float(sums.sum() / counts.sum())
  if np.ptp(sums / counts) < 1e-12:
    unlike = wilson_interval(0, len(sums), level=level).high
    low = mean - unlike * (mean - bounds[0])
    high = mean + unlike * (bounds[1] - mean)
    return Interval(low, high, level, 'Wilson over people, as all are alike')
  result = stats.bootstrap(
    (sums, counts),
    lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
    n_resamples=num_resamples,
    paired=True,
    vectorized=True,
    confidence_level=level,
    method='BCa',
    rng=np.random.default_rng(seed),
  ).confidence_interval
  return Interval(
    float(result.low), float(result.high), level, 'bootstrap over people'
  )


def sign_flip_test(change, subject):
  """Tests whether two sets of predictions differ by more than chance.

  If they do not, it is chance which of the two a person's videos fare better
  under: the sign of each person's change could as well be the other one. All
  2^people assignments of signs are counted, exactly, by convolving the
  people's two-point distributions; no resampling, no seed.

  Args:
    change: of each video, int [n]: 1 gained, -1 lost, 0 as before.
    subject: person of each video, int [n].

  Returns:
    Two-sided p-value: the share of assignments whose sum is at least as far
    from zero as the one found.
  """
  sums, _ = _by_person(change, subject)
  size = np.abs(sums).astype(int)
  # Entry i is the probability that the signed sum is i - size.sum().
  probability = functools.reduce(
    np.convolve, (_plus_or_minus(one) for one in size), np.ones(1)
  )
  signed_sum = np.arange(len(probability)) - size.sum()
  extreme = np.abs(signed_sum) >= abs(int(sums.sum()))
  return float(min(1.0, probability[extreme].sum()))


def mcnemar_test(only_first, only_second):
  """McNemar's exact test, which takes all videos for independent.

  Args:
    only_first: number of videos that only the first of two named rightly.
    only_second: number that only the second named rightly.

  Returns:
    Two-sided p-value; 1 if no video changed.

  Source: McNemar 1947, with the binomial distribution for chi-square.
  """
  from scipy import stats

  changed = int(only_first) + int(only_second)
  if not changed:
    return 1.0
  return float(stats.binomtest(int(only_first), changed).pvalue)


def holm(p_values):
  """Corrects p-values for how many there are (family-wise error rate).

  Args:
    p_values: [k].

  Returns:
    Corrected ones in the same order, float [k].

  Source: Holm 1979.
  """
  p = np.asarray(p_values, float)
  order = np.argsort(p, kind='stable')
  stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
  corrected = np.empty_like(p)
  corrected[order] = np.minimum(stepped, 1)
  return corrected


def design_effect(value, subject):
  """Design effect: the factor by which clusters inflate a mean's variance.

  Args:
    value: figure of each video, [n].
    subject: person of each video, int [n].

  Returns:
    Variance with people as units over that with videos as units; at least 1
    (chosen: less is taken for noise, not for precision).

  Source: Kish 1965; the linearised variance of a ratio of sums over clusters.
  """
  value = np.asarray(value, float)
  sums, counts = _by_person(value, subject)
  people, videos = len(sums), len(value)
  if people < 2 or np.ptp(value) == 0:
    return 1.0
  residual = sums - value.mean() * counts
  clustered = people / (people - 1) * (residual**2).sum()
  return float(max(1.0, clustered / (videos * value.var(ddof=1))))


def smallest_detectable_difference(
  num_videos, *, changed=0.1, design_effect=1.0, level=0.95, power=0.8
):
  """Difference in accuracy that a paired comparison is likely to find.

  Args:
    num_videos: tested by both.
    changed: share of them that only one of the two names rightly. chosen:
      0.1, half of what two independent runs of 89 % would differ in. It is
      raised where the difference itself is larger.
    design_effect: see `design_effect`.
    level: of confidence.
    power: probability of finding it.

  Returns:
    A share of 1: 0.040 for 480 videos, 4 points; 1 if there are too few.

  Source: Connor 1987 (Biometrics 43:207), sample size of McNemar's test.
  """
  from scipy import optimize
  from scipy import stats

  z_level, z_power = stats.norm.ppf([(1 + level) / 2, power])
  root_n = math.sqrt(num_videos / design_effect)

  def surplus(difference):
    share = max(changed, difference)
    spread = math.sqrt(share - difference**2)
    return difference * root_n - z_level * math.sqrt(share) - z_power * spread

  if surplus(1.0) <= 0:
    return 1.0
  root: Any = optimize.brentq(surplus, 1e-9, 1.0)
  return float(root)


def over_seeds(values):
  """Mean and deviation of a figure over seeds or draws.

  Args:
    values: the figure of each, [k], k at least 1.

  Returns:
    A `Spread`.
  """
  values = tuple(float(value) for value in values)
  return Spread(
    mean=float(np.mean(values)),
    deviation=float(np.std(values, ddof=1)) if len(values) > 1 else None,
    values=values,
  )


def _by_person(value, subject):
  """Sum over each person's videos, float, and their number."""
  _, person = np.unique(subject, return_inverse=True)
  return np.bincount(person, np.asarray(value, float)), np.bincount(person)


def _plus_or_minus(size):
  """Distribution of size or -size, each with 1/2, over -size to size."""
  probability = np.zeros(2 * size + 1)
  probability[0] += 0.5
  probability[-1] += 0.5
  return probability
