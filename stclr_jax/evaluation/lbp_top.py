"""LBP-TOP: local binary patterns on three planes, and a linear SVM.

The first method in the paper's Table II and the one that needs no learned
features: what a number has to beat.
"""

import functools

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import probes

# Uniform patterns of eight neighbours: 58, and one for all others.
NEIGHBORS = 8
NUM_PATTERNS = NEIGHBORS * (NEIGHBORS - 1) + 3


def lbp_top(clip, *, radius=3, blocks=(8, 8)):
  """Describes a clip by histograms of its texture and its movement.

  Args:
    clip: grey, uint8 [t, h, w]; more than 2 radius frames, high and wide.
    radius: of the circles of eight neighbours, in pixels and in frames.
    blocks: rows and columns that the face is cut into.

  Returns:
    Square roots of normalised histograms, float32 [3 * 59 * rows * columns]:
    of patterns in (y, x), in (t, x) and in (t, y).

  Raises:
    ValueError: if the clip is too short or too small.

  Source: Zhao & Pietikainen 2007 (TPAMI 29:6), LBP-TOP_{8,8,8,3,3,3} over
    9x8 blocks, uniform patterns; scikit-image computes the patterns.
    chosen: 8x8 blocks, for square faces; square roots (Hellinger), usual for
    linear classifiers of histograms.
  """
  clip = np.asarray(clip)
  if clip.ndim != 3 or min(clip.shape) <= 2 * radius:
    raise UserError(
      f'`clip` (of shape {clip.shape}) must be grey, [t, h, w], each more than '
      f'2 x `radius` (={radius}), so that a circle fits in.'
    )
  # The axis that stays, the plane's two, and where its rows and columns are.
  planes = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
  inside = slice(radius, -radius)
  histograms = []
  for plane in planes:
    turned = clip.transpose(plane)
    patterns = np.stack([_patterns(image, radius) for image in turned])
    patterns = patterns.transpose(np.argsort(plane))[inside, inside, inside]
    histograms.append(_block_histograms(patterns, blocks))
  return np.concatenate(histograms).astype(np.float32)


def linear_svm(train_features, train_labels, train_subjects, test_features):
  """Trains a linear SVM and classifies.

  Args:
    train_features: float [n, d].
    train_labels: int [n].
    train_subjects: int [n]; people by whom the penalty is chosen, see
      `probes.fit_strength`.
    test_features: float [m, d].

  Returns:
    Predicted labels, int [m].

  Raises:
    ValueError: see `probes.fit_strength`.

  Source: scikit-learn's LinearSVC, one against the rest.
  """
  from sklearn import svm

  return probes.fit_strength(
    svm.LinearSVC(dual='auto', max_iter=20000),
    'C',
    (0.01, 0.1, 1.0),
    train_features,
    train_labels,
    train_subjects,
  ).predict(test_features)


def _patterns(image, radius):
  from skimage import feature

  return feature.local_binary_pattern(
    image, NEIGHBORS, radius, method='nri_uniform'
  ).astype(np.int64)


def _block_histograms(patterns, blocks):
  """Normalised histograms of blocks of [t, h, w], flat."""
  rows, columns = blocks
  count = functools.partial(np.bincount, minlength=NUM_PATTERNS)
  found = [
    count(block.reshape(-1))
    for band in np.array_split(patterns, rows, axis=1)
    for block in np.array_split(band, columns, axis=2)
  ]
  totals = np.maximum(np.sum(found, axis=1, keepdims=True), 1)
  return np.sqrt(np.array(found) / totals).reshape(-1)
