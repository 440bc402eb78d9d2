import numpy as np
import sklearn.metrics

from stclr_jax.evaluation import metrics

NAMES = ('a', 'b', 'c')


def test_summary_counts_by_hand():
  labels = np.array([0, 0, 0, 1, 1, 2])
  predictions = np.array([0, 0, 1, 1, 0, 2])
  summary = metrics.classification_summary(labels, predictions, NAMES)
  assert summary['correct'] == 4 and summary['total'] == 6
  assert summary['confusion'] == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
  np.testing.assert_allclose(summary['uar'], (2 / 3 + 1 / 2 + 1) / 3)
  f1 = [2 * 2 / (3 + 3), 2 * 1 / (2 + 2), 1]
  np.testing.assert_allclose(summary['macro_f1'], np.mean(f1))


def test_classes_that_do_not_occur_do_not_lower_the_recall():
  summary = metrics.classification_summary([0, 0], [0, 0], NAMES)
  assert summary['uar'] == summary['macro_f1'] == summary['accuracy'] == 1
  assert summary['confusion'] == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_class_that_is_only_predicted_does_not_count():
  labels, predictions = [0, 0, 0, 1], [0, 0, 2, 1]
  summary = metrics.classification_summary(labels, predictions, NAMES)
  f1 = [2 * 2 / (3 + 2), 1]
  np.testing.assert_allclose(summary['macro_f1'], np.mean(f1))
  # scikit-learn's default has it as a class of 0, as the printed line says.
  default = sklearn.metrics.f1_score(labels, predictions, average='macro')
  np.testing.assert_allclose(default, np.mean([*f1, 0]))
