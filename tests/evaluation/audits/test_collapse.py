"""Figures of a collapse, beside loops and what geometry says."""

import itertools

import numpy as np
import pytest

from stclr_jax.evaluation.audits import collapse


def draw(n=40, d=6, seed=0):
  return np.random.default_rng(seed).standard_normal((n, d))


def unit(z):
  return z / np.linalg.norm(z, axis=1, keepdims=True)


def test_figures_are_those_of_their_definitions():
  z = draw()
  u = unit(z)
  pairs = [
    np.exp(-2 * np.sum((a - b) ** 2)) for a, b in itertools.combinations(u, 2)
  ]
  found = collapse.measure(z)
  assert found.uniformity == pytest.approx(np.log(np.mean(pairs)))
  assert found.spread == pytest.approx(np.sqrt(u.var(0).sum()))
  values = np.sqrt(np.linalg.eigvalsh(np.cov(u.T)))
  shares = values / values.sum()
  entropy = -sum(share * np.log(share) for share in shares)
  assert found.effective_rank == pytest.approx(np.exp(entropy))


def test_corners_of_a_cross_use_all_directions():
  cross = np.concatenate([np.eye(5), -np.eye(5)])
  use = collapse.measure(cross)
  assert use.spread == pytest.approx(1)
  assert use.effective_rank == pytest.approx(5)


@pytest.mark.parametrize('rank', [1, 2, 4])
def test_rank_counts_directions_of_equal_share(rank):
  # On both sides of a centre, along as many axes.
  axes = 0.1 * np.eye(8)[:rank]
  centre = np.eye(8)[7]
  z = np.concatenate([centre + axes, centre - axes])
  assert collapse.measure_effective_rank(z) == pytest.approx(rank)


def test_what_is_alike_is_collapsed():
  z = np.repeat(draw(1, 16), 30, 0) * np.arange(1, 31)[:, None]
  use = collapse.measure(z)
  assert use.spread < 1e-12 and use.effective_rank == 1
  assert use.uniformity == pytest.approx(0)


def test_what_is_not_finite_is_refused_and_zeros_are_not():
  z = draw()
  z[3] = 0
  assert np.isfinite(collapse.measure(z)).all()
  z[5, 1] = np.nan
  with pytest.raises(FloatingPointError, match='1 of 40 videos'):
    collapse.measure(z)


def test_of_many_some_are_looked_at():
  z = draw(2 * collapse.MOST, 3)
  assert collapse.measure(z) == collapse.measure(z[::2])


def test_lengths_and_turns_change_nothing():
  z = draw()
  turn, _ = np.linalg.qr(draw(6, 6, 2))
  lengths = np.exp(draw(40, 1, 3))
  for changed in (z @ turn, z * lengths):
    assert collapse.measure(changed) == pytest.approx(collapse.measure(z))


@pytest.mark.parametrize(
  'z, loss, words',
  [
    (draw(), 2.0, []),
    (draw(), 4.21, ['stuck at chance']),
    (np.ones((9, 4)) + 1e-4 * draw(9, 4), 2.0, ['all videos are alike']),
    (np.outer(draw(30, 1)[:, 0], np.ones(4)) + 1e-3, 2.0, ['few directions']),
    (np.ones((9, 4)), 4.22, ['stuck at chance', 'all videos are alike']),
    (None, 4.22, ['stuck at chance']),
  ],
)
def test_what_looks_wrong_is_said(z, loss, words):
  use = None if z is None else collapse.measure(z)
  said = collapse.judge(use, loss, np.log(68))
  assert len(said) == len(words)
  for sentence, word in zip(said, words, strict=True):
    assert word in sentence
