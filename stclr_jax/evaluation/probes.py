"""What a representation knows, without training anything on it."""

import numpy as np


def knn_predictions(representations, labels, subjects, *, num_neighbors):
  """Names each video by its neighbours, its own person's videos left out.

  A person has one video an expression, so a person's own videos always carry
  other labels: an ordinary vote would fall below chance just because the
  representation knows faces.

  Args:
    representations: float [n, d].
    labels: int [n], in [0, num_classes).
    subjects: int [n].
    num_neighbors: how many of the nearest (by cosine) vote.

  Returns:
    Predicted labels, int [n]; every vote counts exp(cosine / 0.1), so ties
    are rare.

  Raises:
    ValueError: if some video has no other person's to be compared with.

  Source: Wu et al. 2018 (arXiv:1805.01978), Sec. 3.4, with their weight but
    a temperature of 0.1; chosen: leaving the same person out.
  """
  labels, subjects = np.asarray(labels), np.asarray(subjects)
  others = subjects[:, None] != subjects[None, :]
  num_neighbors = min(num_neighbors, int(others.sum(1).min()))
  if num_neighbors < 1:
    raise ValueError(
      f'The neighbours of a person (of {len(np.unique(subjects))} people) '
      'must include other people; give videos of at least two.'
    )
  unit = np.asarray(representations, np.float64)
  unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
  cosine = np.where(others, unit @ unit.T, -np.inf)
  nearest = np.argsort(-cosine, axis=1, kind='stable')[:, :num_neighbors]
  weight = np.exp(np.take_along_axis(cosine, nearest, axis=1) / 0.1)
  votes = np.zeros((len(labels), labels.max() + 1))
  np.add.at(votes, (np.arange(len(labels))[:, None], labels[nearest]), weight)
  return votes.argmax(1)


def knn_accuracy(representations, labels, subjects, *, num_neighbors):
  """Share of videos that `knn_predictions` names rightly, in [0, 1]."""
  predictions = knn_predictions(
    representations, labels, subjects, num_neighbors=num_neighbors
  )
  return float((predictions == np.asarray(labels)).mean())
