import warnings

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import model_selection
from sklearn import pipeline
from sklearn import preprocessing

from stclr_jax.evaluation import lbp_top
from stclr_jax.evaluation import probes


def make_people(identity, expression, *, num_people=10, d=16, seed=0):
  """Representations made of a person's part, an expression's, and noise."""
  rng = np.random.default_rng(seed)
  people = rng.standard_normal((num_people, d))
  expressions = rng.standard_normal((6, d))
  subject, label = np.divmod(np.arange(6 * num_people), 6)
  h = identity * people[subject] + expression * expressions[label]
  h += 0.1 * rng.standard_normal(h.shape)
  return h, label, subject


def knn(people):
  return probes.knn_accuracy(*people, num_neighbors=5)


def test_expressions_are_found_behind_faces():
  assert knn(make_people(identity=0.3, expression=1)) == 1
  assert knn(make_people(identity=1, expression=1)) > 0.6


def test_faces_alone_are_at_chance_and_not_below():
  scores = [
    knn(make_people(identity=1, expression=0, num_people=40, seed=seed))
    for seed in range(5)
  ]
  assert abs(np.mean(scores) - 1 / 6) < 0.05


def test_the_same_person_never_votes():
  # Two people; each video's only possible neighbours are the other's.
  h = np.eye(4)[[0, 0, 1, 1]]
  predictions = probes.knn_predictions(
    h, [0, 0, 1, 1], [1, 1, 2, 2], num_neighbors=9
  )
  assert predictions.tolist() == [1, 1, 0, 0]


def test_scale_does_not_matter():
  h, label, subject = make_people(identity=0.5, expression=1)
  scale = np.linspace(0.1, 100, len(h))[:, None]
  np.testing.assert_array_equal(
    probes.knn_predictions(h, label, subject, num_neighbors=5),
    probes.knn_predictions(h * scale, label, subject, num_neighbors=5),
  )


def test_one_person_alone_is_refused():
  with pytest.raises(ValueError, match='of one person .=7.*other people'):
    probes.knn_accuracy(np.eye(3), [0, 1, 2], [7, 7, 7], num_neighbors=1)


def test_means_of_people_are_those_of_a_loop():
  h, _, subject = make_people(identity=1, expression=1)
  order = np.random.default_rng(0).permutation(len(h))[:41]  # of 3 to 6 each
  h, subject = h[order].astype(np.float32), 7 * subject[order] + 3
  found = probes.person_means(h, subject)
  for row, person in zip(found, subject, strict=True):
    theirs = np.float64(h[subject == person])
    np.testing.assert_allclose(row, sum(theirs) / len(theirs), rtol=1e-12)
  assert probes.person_means(np.zeros((0, 4)), []).shape == (0, 4)


def fit_strength(h, label, subject, strengths=(1e-3, 1e-1, 10.0)):
  classifier = linear_model.LogisticRegression(max_iter=5000)
  return probes.fit_strength(classifier, 'C', strengths, h, label, subject)


@pytest.mark.parametrize('num_people', [2, 3, 4, 7])
def test_strength_is_chosen_by_people_left_out(num_people):
  h, label, subject = make_people(1, 0.3, num_people=num_people)
  found = fit_strength(h, label, subject)
  expected = model_selection.GridSearchCV(
    linear_model.LogisticRegression(max_iter=5000),
    {'C': [1e-3, 1e-1, 10.0]},
    cv=model_selection.GroupKFold(min(3, num_people)),
  ).fit(h, label, groups=subject)
  assert found.best_params_ == expected.best_params_
  np.testing.assert_array_equal(
    found.predict_proba(h), expected.predict_proba(h)
  )


def test_strength_of_one_person_is_the_most_careful():
  h, label, _ = make_people(1, 1, num_people=3)
  found = fit_strength(h, label, np.zeros(len(h)))
  expected = linear_model.LogisticRegression(C=1e-3).fit(h, label)
  np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-5)


def test_people_without_whom_one_class_is_left_choose_nothing():
  h, label, subject = make_people(1, 1, num_people=2)
  label[subject == 0] = 2
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    assert set(fit_strength(h, label, subject).classes_) == set(range(6))
    # Each person shows an expression of its own: no split is left.
    assert set(fit_strength(h, subject, subject).classes_) == {0, 1}


def test_one_class_alone_is_refused():
  h, label, subject = make_people(1, 1)
  with pytest.raises(ValueError, match='all 4, of 60.*two classes'):
    fit_strength(h, np.full_like(label, 4), subject)


@pytest.mark.parametrize('num_people', [1, 2])
def test_few_people_are_enough_for_a_probe_and_an_svm(num_people):
  h, label, subject = make_people(0, 1, num_people=num_people)
  probabilities = probes.linear_probe(h, label, subject, h, num_classes=6)
  assert (probabilities.argmax(1) == label).all()
  found = lbp_top.linear_svm(h, label, subject, h)
  assert (found == label).all()


def test_transfer_and_linear_probe_name_other_people():
  h, label, subject = make_people(0.3, 1, num_people=20)
  train, test = np.arange(90), np.arange(90, 120)
  for probabilities in (
    probes.knn_transfer(
      h[train], label[train], h[test], num_neighbors=5, num_classes=6
    ),
    probes.linear_probe(
      h[train], label[train], subject[train], h[test], num_classes=6
    ),
  ):
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == label[test]).mean() > 0.9


def test_a_class_nobody_showed_has_probability_zero():
  h, label, subject = make_people(0, 1)
  label = np.where(label == 5, 4, label)
  probabilities = probes.linear_probe(h, label, subject, h[:3], num_classes=6)
  assert (probabilities[:, 5] == 0).all()


@pytest.mark.parametrize('num_targets,penalty', [(2, 10.0), (6, 700.0)])
def test_cross_probe_is_ridge_regression_on_other_groups(num_targets, penalty):
  h, label, subject = make_people(1, 0.2, num_people=14)
  h[:, 3] = 7.0  # a feature that says nothing
  label = label % num_targets
  found = probes.cross_probe(h, label, subject, num_folds=5, penalty=penalty)
  expected = model_selection.cross_val_predict(
    pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.RidgeClassifier(alpha=penalty),
    ),
    h,
    label,
    groups=subject,
    cv=model_selection.GroupKFold(5),
  )
  np.testing.assert_array_equal(found, expected)
  assert 0.2 < (found == label).mean() < 1  # neither hopeless nor trivial


def test_cross_probe_names_only_what_it_was_shown():
  h, label, subject = make_people(0, 1, num_people=3)
  label[subject == 0] = 0
  label[subject > 0] = 1 + (label[subject > 0] == 5)
  found = probes.cross_probe(h, label, subject, num_folds=3)
  assert not (found[subject == 0] == 0).any()
  # With nobody else left to learn from, the only answer is the others'.
  two = subject < 2
  label[subject == 1] = 3
  assert (probes.cross_probe(h[two], label[two], subject[two]) == 3)[:6].all()
  with pytest.raises(ValueError, match='of 1.*at least two'):
    probes.cross_probe(h, label, np.zeros(len(h)))
