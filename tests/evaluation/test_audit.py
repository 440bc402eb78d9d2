import json
from dataclasses import fields

import numpy as np
import pytest

from stclr_jax.evaluation import audit
from stclr_jax.evaluation import probes

SUBJECT, LABEL = np.divmod(np.arange(120), 6)  # twenty people
LIGHT = SUBJECT % 3


def make(person=0.0, expression=0.0, light=0.0, seed=0):
  """Representations made of the parts and noise."""
  random = np.random.RandomState(seed)
  parts = person, expression, light
  h = 0.1 * random.standard_normal((120, 32))
  for weight, target in zip(parts, (SUBJECT, LABEL, LIGHT), strict=True):
    h += weight * random.standard_normal((20, 32))[target]
  return h


def run(h, **controls):
  return audit.audit({audit.FORWARD: h, **controls}, LABEL, SUBJECT, LIGHT)


def test_an_embedding_of_people_is_found_out():
  found = run(make(person=1))
  read, retrieved = found.probes, found.retrieval
  assert read.subject.share > 0.95 and read.subject.chance == 0.05
  assert retrieved.subject.share > 0.95
  assert retrieved.subject.chance == pytest.approx(5 / 119)
  # Nothing else is in it; a fifth is four deviations of chance.
  assert abs(read.expression.share - 1 / 6) < 0.14
  assert abs(retrieved.expression.share - 1 / 6) < 0.14
  assert found.neighbors.same_subject.share > 0.95
  assert found.pairs.subject_over_expression > 0.95


def test_an_embedding_of_expressions_is_recognised():
  found = run(make(expression=1))
  assert found.probes.expression.share > 0.95
  assert found.retrieval.expression.share > 0.95
  assert found.probes.subject.share < 0.2
  assert found.neighbors.same_expression.share > 0.9
  assert found.pairs.subject_over_expression < 0.05
  kinds = [getattr(found.neighbors, f.name) for f in fields(audit.Neighbors)]
  shares = [kind.share for kind in kinds]
  chances = [kind.chance for kind in kinds]
  assert sum(shares) == pytest.approx(1) and sum(chances) == pytest.approx(1)


def test_light_is_read_from_people_held_out():
  assert run(make(light=1)).probes.illumination.share > 0.95
  # A person's light cannot be read off who it is.
  found = run(make(person=1)).probes.illumination
  assert found.share < 0.6


def test_controls_show_whether_order_matters():
  h = make(expression=1)
  found = run(h, reversed=h, shuffled=make(expression=0, seed=1)).controls
  assert found['reversed'].cosine == pytest.approx(1)
  assert found['reversed'].expression.share > 0.95
  assert abs(found['shuffled'].cosine) < 0.2
  assert found['shuffled'].expression.share < 0.35


def test_it_is_written_and_told():
  found = run(make(person=1, expression=1), reversed=make())
  written = json.loads(json.dumps(found.as_dict()))
  assert audit.Audit.from_dict(written) == found
  text = audit.describe(found)
  assert '120 videos of 20 people' in text and 'reversed' in text


def test_what_cannot_be_known_is_said():
  # One video a person: people cannot be found again.
  h = make(expression=1)[:6]
  found = audit.audit({audit.FORWARD: h}, LABEL[:6], np.arange(6), LIGHT[:6])
  assert found.probes.illumination is None
  assert found.pairs.subject_over_expression is None
  assert 'unknown' in audit.describe(found)


def test_transfer_and_linear_probe_name_other_people():
  h = make(person=0.3, expression=1)
  train, test = np.arange(90), np.arange(90, 120)
  for probabilities in (
    probes.knn_transfer(
      h[train], LABEL[train], h[test], num_neighbors=5, num_classes=6
    ),
    probes.linear_probe(
      h[train], LABEL[train], SUBJECT[train], h[test], num_classes=6
    ),
  ):
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == LABEL[test]).mean() > 0.9


def test_a_class_nobody_showed_has_probability_zero():
  h, label = make(expression=1), np.where(LABEL == 5, 4, LABEL)
  probabilities = probes.linear_probe(h, label, SUBJECT, h[:3], num_classes=6)
  assert (probabilities[:, 5] == 0).all()
