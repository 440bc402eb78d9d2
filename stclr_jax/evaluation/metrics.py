"""Figures of a classifier, from counts."""

import numpy as np
from sklearn import metrics as sklearn_metrics


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
  labels, predictions = np.asarray(labels), np.asarray(predictions)
  classes = np.arange(len(label_names))
  present = np.unique(labels)
  average = dict(labels=present, average='macro', zero_division=0)
  correct = int((labels == predictions).sum())
  return {
    'accuracy': correct / len(labels),
    'uar': float(sklearn_metrics.recall_score(labels, predictions, **average)),
    'macro_f1': float(sklearn_metrics.f1_score(labels, predictions, **average)),
    'correct': correct,
    'total': len(labels),
    'confusion': sklearn_metrics.confusion_matrix(
      labels, predictions, labels=classes
    ).tolist(),
    'labels': list(label_names),
  }
