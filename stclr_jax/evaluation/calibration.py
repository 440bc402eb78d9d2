"""Calibration: is a classifier right as often as it says?"""

import dataclasses

import numpy as np

from stclr_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Calibration:
  """Calibration: the distance of probabilities from what happens.

  Attributes:
    calibration_error: expected calibration error in [0, 1]: the mean gap
      between confidence and accuracy over bins of confidence, weighted by
      their videos. Too high where videos are few: noise counts as gap.
    brier: mean squared distance between probabilities and truth over all
      classes, in [0, 2]; (num_classes - 1) / num_classes where all classes
      are called equally probable.
    confidence: mean probability of the predicted class.
    accuracy: share of videos named rightly; below `confidence` where a
      classifier is over-confident.
  """

  calibration_error: float
  brier: float
  confidence: float
  accuracy: float


@dataclasses.dataclass(frozen=True)
class Reliability:
  """Videos named rightly, by how sure the classifier is.

  Attributes:
    count: videos in each bin of confidence, int [num_bins].
    confidence: their mean, float [num_bins], 0 where there are none.
    accuracy: share of them named rightly, float [num_bins], 0 likewise.
  """

  count: np.ndarray
  confidence: np.ndarray
  accuracy: np.ndarray


def calibration(probabilities, label, *, num_bins=15):
  """Measures how well probabilities are calibrated.

  Args:
    probabilities: float [n, num_classes], rows adding up to 1.
    label: true classes, int [n], in [0, num_classes).
    num_bins: of equal width over confidences from 0 to 1; 15 as in the
      source.

  Returns:
    A `Calibration`.

  Raises:
    ValueError: if a row is not a distribution, or a label no class.

  Source: Guo et al. 2017 (arXiv:1706.04599), Sec. 2; Brier 1950.
  """
  bins = reliability(probabilities, label, num_bins=num_bins)
  probabilities = np.asarray(probabilities, np.float64)
  truth = np.eye(probabilities.shape[1])[np.asarray(label)]
  return Calibration(
    calibration_error=float(
      (bins.count * np.abs(bins.confidence - bins.accuracy)).sum() / len(truth)
    ),
    brier=float(((probabilities - truth) ** 2).sum(1).mean()),
    confidence=float(probabilities.max(1).mean()),
    accuracy=float((probabilities.argmax(1) == label).mean()),
  )


def reliability(probabilities, label, *, num_bins=15):
  """Sets how sure a classifier is against how often it is right.

  Args:
    probabilities: see `calibration`.
    label: see `calibration`.
    num_bins: see `calibration`.

  Returns:
    A `Reliability`.

  Raises:
    ValueError: see `calibration`.

  Source: Guo et al. 2017, Fig. 1.
  """
  probabilities = np.asarray(probabilities, np.float64)
  label = np.asarray(label)
  _check(probabilities, label)
  confidence = probabilities.max(1)
  correct = probabilities.argmax(1) == label
  # Bins are closed on the right, as in the source.
  bin_of = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, None)
  bin_of = np.minimum(bin_of, num_bins - 1)  # 1 plus a rounding error
  count = np.bincount(bin_of, minlength=num_bins)
  filled = np.maximum(count, 1)
  return Reliability(
    count,
    np.bincount(bin_of, confidence, num_bins) / filled,
    np.bincount(bin_of, correct, num_bins) / filled,
  )


def fit_temperature(probabilities, label):
  """Fits the one number that calibrates a classifier, on videos it never saw.

  Args:
    probabilities: float [n, num_classes], of videos neither trained nor
      tested on.
    label: true classes, int [n].

  Returns:
    The temperature in [0.05, 20] whose `apply_temperature` has the lowest
    cross-entropy; above 1 where the classifier is over-confident.

  Source: Guo et al. 2017, Sec. 4.2; the bounds are chosen.
  """
  from scipy import optimize

  probabilities = np.asarray(probabilities, np.float64)
  label = np.asarray(label)
  _check(probabilities, label)
  rows = np.arange(len(label))

  def loss(log_temperature):
    rescaled = apply_temperature(probabilities, np.exp(log_temperature))
    return -np.log(np.maximum(rescaled[rows, label], 1e-300)).mean()

  bounds = np.log([0.05, 20.0])
  found = optimize.minimize_scalar(loss, bounds=bounds, method='bounded')
  return float(np.exp(found.x))


def apply_temperature(probabilities, temperature):
  """Divides the logits by a temperature; what is predicted stays the same.

  Args:
    probabilities: float [n, num_classes].
    temperature: above 0.

  Returns:
    Probabilities, float64 [n, num_classes].
  """
  # Those that were rounded to 0 in a file have some logit, if a low one.
  logits = np.log(np.maximum(np.asarray(probabilities, np.float64), 1e-12))
  logits = logits / temperature
  raised = np.exp(logits - logits.max(1, keepdims=True))
  return raised / raised.sum(1, keepdims=True)


def fit_threshold(probabilities, label):
  """Finds the confidence below which a class had better not be named.

  Naming every video at or above it has the most rights less wrongs, so that a
  video that is as sure as that is more often named rightly than not.

  Args:
    probabilities: calibrated, float [n, num_classes], of videos neither trained
      nor tested on.
    label: true classes, int [n].

  Returns:
    The threshold in [0, 1], the lowest of equally good ones; 1 where no
    confidence is more often right than wrong.

  Source: chosen: Chow's rule (1970) with a rejection that costs half an error,
    on videos, as calibrated probabilities are wrong where videos are few.
  """
  probabilities = np.asarray(probabilities, np.float64)
  label = np.asarray(label)
  _check(probabilities, label)
  confidence = probabilities.max(1)
  gain = np.where(probabilities.argmax(1) == label, 1, -1)
  candidates = np.unique(confidence)  # ascending
  gains = [gain[confidence >= one].sum() for one in candidates]
  best = int(np.argmax(gains))
  return float(candidates[best]) if gains[best] > 0 else 1.0


def _check(probabilities, label):
  num_classes = probabilities.shape[1]
  away = np.abs(probabilities.sum(1) - 1).max()
  if away > 1e-3 or probabilities.min() < 0:
    raise UserError(
      'Each row of `probabilities` must be a distribution; one sums to '
      f'1 ± {away:.3g} or is negative. Give softmax outputs, not logits.'
    )
  if label.min() < 0 or label.max() >= num_classes:
    raise UserError(
      f'`label` (from {label.min()} to {label.max()}) must be a class, 0 to '
      f'{num_classes - 1}; leave unlabelled videos out.'
    )
