"""Figures of a classifier, from counts."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Counts:
  """Counts of how some videos are named.

  Attributes:
    correct: number of videos named rightly.
    total: number of videos.
  """

  correct: int
  total: int

  @property
  def share(self):
    """`correct` / `total`, in [0, 1]; there must be a video."""
    return self.correct / self.total

  def describe(self):
    """Returns such as '3/4 = 75.0%'."""
    if not self.total:
      return '0/0'
    return f'{self.correct}/{self.total} = {self.share:.1%}'


@dataclasses.dataclass(frozen=True)
class PeopleCounts(Counts):
  """Counts of how the videos of some people are named.

  Attributes:
    people: how many they are.
  """

  people: int

  def __add__(self, other):
    return PeopleCounts(
      correct=self.correct + other.correct,
      total=self.total + other.total,
      people=self.people + other.people,
    )


def count(correct, subject):
  """Counts videos and the people in them.

  Args:
    correct: whether each video was named rightly, bool [n].
    subject: person of each video, int or str [n].

  Returns:
    `PeopleCounts`.
  """
  return PeopleCounts(
    correct=int(np.sum(correct)),
    total=len(correct),
    people=len(np.unique(subject)),
  )


def classification_summary(labels, predictions, label_names):
  """Sums up how a classifier named a set of videos.

  Args:
    labels: int [n], true classes in [0, num_classes).
    predictions: int [n], predicted classes.
    label_names: names of the classes, in order.

  Returns:
    A JSON-able dict: 'correct' and 'total' (counts), 'accuracy', 'uar'
    (unweighted average recall) and 'macro_f1' in [0, 1], 'confusion' (counts;
    rows true, columns predicted) and 'labels'. Recall and F1 are averaged
    over the classes that occur.
  """
  from sklearn import metrics

  labels, predictions = np.asarray(labels), np.asarray(predictions)
  classes = np.arange(len(label_names))
  present = np.unique(labels)
  average: dict[str, Any] = dict(
    labels=present, average='macro', zero_division=0
  )
  correct = int((labels == predictions).sum())
  return {
    'accuracy': correct / len(labels),
    'uar': float(metrics.recall_score(labels, predictions, **average)),
    'macro_f1': float(metrics.f1_score(labels, predictions, **average)),
    'correct': correct,
    'total': len(labels),
    'confusion': metrics.confusion_matrix(
      labels, predictions, labels=classes
    ).tolist(),
    'labels': list(label_names),
  }
