import numpy as np
import pytest

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
  with pytest.raises(ValueError, match='of 1 people.*other people'):
    probes.knn_accuracy(np.eye(3), [0, 1, 2], [7, 7, 7], num_neighbors=1)
