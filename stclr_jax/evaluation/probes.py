"""Nearest neighbours and linear probes on frozen representations."""

from typing import Any

import numpy as np

from stclr_jax.errors import UserError


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
    raise UserError(
      f'All videos are of one person (={subjects[0]}), but only other people '
      'may be neighbours; give videos of at least two.'
    )
  scaled = unit(representations)
  cosine = np.where(others, scaled @ scaled.T, -np.inf)
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


def knn_transfer(
  train_representations,
  train_labels,
  test_representations,
  *,
  num_neighbors,
  num_classes,
):
  """Lets labelled videos vote on others, such as a fold's on its test people.

  Args:
    train_representations: float [n, d].
    train_labels: int [n], in [0, num_classes).
    test_representations: float [m, d]; of other people.
    num_neighbors: how many of the nearest (by cosine) vote, as in
      `knn_predictions`; all, if there are fewer.
    num_classes: number of classes.

  Returns:
    Shares of the votes, float [m, num_classes]; rows sum to 1.
  """
  cosine = unit(test_representations) @ unit(train_representations).T
  nearest = np.argsort(-cosine, axis=1, kind='stable')[:, :num_neighbors]
  weight = np.exp(np.take_along_axis(cosine, nearest, axis=1) / 0.1)
  votes = np.zeros((len(cosine), num_classes))
  voters = np.asarray(train_labels)[nearest]
  np.add.at(votes, (np.arange(len(votes))[:, None], voters), weight)
  return votes / votes.sum(1, keepdims=True)


def linear_probe(
  train_representations,
  train_labels,
  train_subjects,
  test_representations,
  *,
  num_classes,
  strengths=(1e-3, 1e-2, 1e-1, 1.0),
):
  """Trains a linear classifier on representations that stay as they are.

  Args:
    train_representations: float [n, d].
    train_labels: int [n], in [0, num_classes).
    train_subjects: int [n]; see `fit_strength` for one or two people.
    test_representations: float [m, d].
    num_classes: number of classes.
    strengths: inverse weights of the L2 penalty to choose from, by
      cross-validation over the training people; chosen: for standardised
      features of hundreds of videos.

  Returns:
    Probabilities, float [m, num_classes]; 0 for a class without a training
    video.

  Raises:
    ValueError: see `fit_strength`.
  """
  from sklearn import linear_model
  from sklearn import pipeline
  from sklearn import preprocessing

  fitted = fit_strength(
    pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.LogisticRegression(max_iter=5000),
    ),
    'logisticregression__C',
    strengths,
    train_representations,
    train_labels,
    train_subjects,
  )
  probabilities = np.zeros((len(test_representations), num_classes))
  probabilities[:, fitted.classes_] = fitted.predict_proba(test_representations)
  return probabilities


def fit_strength(classifier, name, strengths, features, labels, subjects):
  """Fits a classifier whose penalty is chosen by people left out.

  Args:
    classifier: scikit-learn's.
    name: of its parameter, an inverse weight of the penalty.
    strengths: values to choose from. By cross-validation in three parts, two
      where there are two people; the smallest, which trusts the videos least,
      where one person is all or nothing else remains to be told apart.
    features: float [n, d].
    labels: int [n].
    subjects: int [n].

  Returns:
    The classifier, fitted to all videos.

  Raises:
    ValueError: if all videos have one label.
  """
  from sklearn import base
  from sklearn import model_selection

  features, labels = np.asarray(features), np.asarray(labels)
  if len(np.unique(labels)) < 2:
    raise UserError(
      f'The training labels (all {labels[0]}, of {len(labels)}) must be of at '
      'least two classes to tell them apart; give videos of others too.'
    )
  num_folds = min(3, len(np.unique(subjects)))
  splits = []
  if num_folds > 1:
    splits = [
      (train, test)
      for train, test in model_selection.GroupKFold(num_folds).split(
        features, labels, groups=subjects
      )
      if len(np.unique(labels[train])) > 1  # else nothing can be fitted
    ]
  if not splits:
    chosen: Any = base.clone(classifier)
    chosen.set_params(**{name: min(strengths)})
    return chosen.fit(features, labels)
  return model_selection.GridSearchCV(
    classifier, {name: list(strengths)}, cv=splits
  ).fit(features, labels)


def cross_probe(
  representations, targets, groups, *, num_folds=5, penalty=700.0
):
  """Reads something off representations linearly, groups held out.

  Args:
    representations: float [n, d].
    targets: int [n], what to read.
    groups: int [n]; nobody in a fold's test part is in its training part.
    num_folds: most folds; as many as groups, if there are fewer.
    penalty: weight of the L2 penalty. chosen: it shrinks as logistic regression
      on six classes does with C = 0.01, 1 / (C p (1 - p)) for p = 1/6. Of 432
      drawn videos, changes of h after 40 epochs named 44 % either way, and
      36 % with a penalty of 10.

  Returns:
    Predicted targets, int [n].

  Raises:
    ValueError: if there are not two groups.

  Source: chosen: ridge regression to one-hot targets, which has a closed form
    and needs no choice of a step; features are standardised. It is
    scikit-learn's RidgeClassifier(alpha=penalty), at a tenth of the time.
  """
  from sklearn import model_selection

  num_groups = len(np.unique(groups))
  if num_groups < 2:
    raise UserError(
      f'`groups` (of {num_groups}) must be at least two, to hold one out.'
    )
  h = np.asarray(representations, np.float64)
  kinds, target = np.unique(targets, return_inverse=True)
  found = np.empty_like(kinds, shape=len(h))
  folds = model_selection.GroupKFold(min(num_folds, num_groups))
  for train, test in folds.split(h, target, groups=groups):
    mean, deviation = h[train].mean(0), h[train].std(0)
    scaled = (h - mean) / np.where(deviation > 0, deviation, 1)
    x = scaled[train]
    y = 2.0 * np.eye(len(kinds))[target[train]] - 1
    shown = np.isin(np.arange(len(kinds)), target[train])  # nobody names others
    weights = np.linalg.solve(
      x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - y.mean(0))
    )
    scores = np.where(shown, scaled[test] @ weights + y.mean(0), -np.inf)
    found[test] = kinds[scores.argmax(1)]
  return found


def person_means(representations, subjects):
  """Averages each person's representations.

  Args:
    representations: float [n, d].
    subjects: whose each is, int [n].

  Returns:
    The mean of each row's person, float64 [n, d].
  """
  h = np.asarray(representations, np.float64)
  _, person = np.unique(subjects, return_inverse=True)
  sums = np.zeros((person.max(initial=-1) + 1, h.shape[1]))
  np.add.at(sums, person, h)
  return (sums / np.bincount(person)[:, None])[person]


def unit(representations):
  """Scales rows, float [n, d], to length 1; zeros stay zeros."""
  h = np.asarray(representations, np.float64)
  return h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-12)
