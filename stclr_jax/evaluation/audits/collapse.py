"""The usual figures of a collapse: the share of the sphere that embeddings use.

Collapsed embeddings are all alike, or lie in few directions (Jing et al. 2022,
arXiv:2110.09348). All figures are of directions: lengths do not count.
"""

from typing import NamedTuple

import numpy as np

from stclr_jax.errors import NotFiniteError

MOST = 2000  # chosen: a second's work; pairs grow with the square
# chosen: pairs then have a mean cosine of 0.9999. Of h after 40 epochs of the
# demo 0.58 was measured, on 72 drawn videos of 12 people.
COLLAPSED_SPREAD = 0.01
# chosen: two directions tell six expressions or many people hardly apart. Of
# the same 15 was measured.
COLLAPSED_RANK = 2.0
# chosen: an epoch's mean varies by less where nothing is learned, and a run
# that learns has left it after some epochs.
AT_CHANCE = 0.01


class Use(NamedTuple):
  """Use that embeddings make of the sphere.

  Attributes:
    spread: root of their total variance, in [0, 1]: 0 where all are alike, 1
      where they point everywhere, see `measure_spread`.
    effective_rank: of how many directions of equal share their variance could
      be, in [1, d]; see `measure_effective_rank`.
    uniformity: logarithm of how near pairs are, in [-8, 0], see
      `measure_uniformity`; the lower the more even.
  """

  spread: float
  effective_rank: float
  uniformity: float


def measure(embeddings: np.ndarray) -> Use:
  """Measures how embeddings lie.

  Args:
    embeddings: float [n, d], n of at least 2; of more than `MOST` some are
      looked at, evenly.

  Returns:
    A `Use`.

  Raises:
    NotFiniteError: if any is not finite.
  """
  lost = np.count_nonzero(~np.isfinite(embeddings).all(1))
  if lost:
    raise NotFiniteError(
      f'The representations of {lost} of {len(embeddings)} videos are not '
      'finite in evaluation, where batch norm has its running statistics; go '
      'on from an earlier checkpoint, with a lower `optimizer.learning_rate`.'
    )
  embeddings = embeddings[:: -(-len(embeddings) // MOST)]
  return Use(
    measure_spread(embeddings),
    measure_effective_rank(embeddings),
    measure_uniformity(embeddings),
  )


def measure_spread(embeddings: np.ndarray) -> float:
  """Root of the total variance of directions.

  Args:
    embeddings: float [n, d].

  Returns:
    In [0, 1]; its root mean square over d dimensions, which Chen & He 2021
    (arXiv:2011.10566, Sec. 4.1) plot, is it divided by the root of d.
  """
  apart = _directions(embeddings)
  apart -= apart.mean(0)
  return float(np.sqrt(np.square(apart).sum(1).mean()))


def measure_effective_rank(embeddings: np.ndarray) -> float:
  """Exponential of the entropy of the shares of singular values.

  Args:
    embeddings: float [n, d].

  Returns:
    In [1, min(n - 1, d)], of the directions less their mean; 1 where all are
    alike.

  Source: Roy & Vetterli 2007, "The effective rank", EUSIPCO.
  """
  apart = _directions(embeddings)
  values = np.linalg.svd(apart - apart.mean(0), compute_uv=False)
  # Of embeddings that are all alike only rounding is left.
  values = values[values > len(apart) * np.finfo(np.float64).eps]
  if not len(values):
    return 1.0
  shares = values / values.sum()
  return float(np.exp(-(shares * np.log(shares)).sum()))


def measure_uniformity(embeddings: np.ndarray) -> float:
  """Logarithm of the mean Gaussian potential of all pairs.

  Args:
    embeddings: float [n, d], n of at least 2.

  Returns:
    In [-8, 0]; 0 where all are alike, about -4 where they are even in many
    dimensions.

  Source: Wang & Isola 2020 (arXiv:2005.10242), with t = 2.
  """
  z = _directions(embeddings)
  pairs = np.triu_indices(len(z), 1)
  return float(np.log(np.exp(4 * (z @ z.T)[pairs] - 4).mean()))


def judge(use: Use | None, loss: float, loss_at_chance: float) -> list[str]:
  """Says in plain words what looks wrong.

  Args:
    use: of the representations; None where they are not known.
    loss: mean of an epoch.
    loss_at_chance: of embeddings that are all alike, positive.

  Returns:
    Sentences, none where nothing does.
  """
  said = []
  if abs(loss - loss_at_chance) < AT_CHANCE * loss_at_chance:
    said.append(
      f'The pretraining is stuck at chance: its loss of {loss:.3f} is that of '
      'embeddings that are all alike. Another learning rate or a warm-up '
      'usually helps.'
    )
  if use is None:
    return said
  if use.spread < COLLAPSED_SPREAD:
    said.append(
      'The representations look collapsed: those of all videos are alike (a '
      f'spread of {use.spread:.4f} of 1).'
    )
  elif use.effective_rank < COLLAPSED_RANK:
    said.append(
      'The representations look collapsed: they lie in few directions (an '
      f'effective rank of {use.effective_rank:.1f}).'
    )
  return said


def _directions(embeddings):
  embeddings = np.asarray(embeddings, np.float64)
  lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
  return embeddings / np.maximum(lengths, np.finfo(np.float64).tiny)
