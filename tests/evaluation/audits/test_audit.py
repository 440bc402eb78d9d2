import json
from dataclasses import fields

import numpy as np
import pytest

from stclr_jax.evaluation.audits import audit
from stclr_jax.evaluation.audits import rest
from stclr_jax.evaluation.statistics import Interval

SUBJECT, LABEL = np.divmod(np.arange(120), 6)  # twenty people
LIGHT = SUBJECT % 3
ORDERS = (audit.FORWARD, audit.FIRST_FRAME, audit.LAST_FRAME)
NONE = rest.Rest(0, None, None, None)
AT_REST = rest.Rest(120, 0.1, 0.2, Interval(0.05, 0.15, 0.95, 'made up'))


def make(person=0.0, expression=0.0, light=0.0, seed=0):
  """Representations made of the parts and noise."""
  random = np.random.RandomState(seed)
  parts = person, expression, light
  h = 0.1 * random.standard_normal((120, 32))
  for weight, target in zip(parts, (SUBJECT, LABEL, LIGHT), strict=True):
    h += weight * random.standard_normal((20, 32))[target]
  return h


def run(h, **others):
  orders = {audit.FORWARD: h, audit.FIRST_FRAME: 0 * h, audit.LAST_FRAME: h}
  return audit.audit({**orders, **others}, LABEL, SUBJECT, LIGHT, AT_REST)


def test_an_embedding_of_people_is_found_out():
  found = run(make(person=1))
  read = found.readings['clip'].probes
  retrieved = found.readings['clip'].retrieval
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
  read = found.readings['clip']
  assert read.probes.expression.share > 0.95
  assert read.retrieval.expression.share > 0.95
  assert read.probes.subject.share < 0.2
  assert found.neighbors.same_expression.share > 0.9
  assert found.pairs.subject_over_expression < 0.05
  kinds = [getattr(found.neighbors, f.name) for f in fields(audit.Neighbors)]
  shares = [kind.share for kind in kinds]
  chances = [kind.chance for kind in kinds]
  assert sum(shares) == pytest.approx(1) and sum(chances) == pytest.approx(1)


def test_light_is_read_from_people_held_out():
  found = run(make(light=1)).readings['clip'].probes.illumination
  assert found.share > 0.95
  # A person's light cannot be read off who it is.
  found = run(make(person=1)).readings['clip'].probes.illumination
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
  # One video a person, each with an expression of its own.
  h = {name: make(seed=i)[:6] for i, name in enumerate(ORDERS)}
  found = audit.audit(h, LABEL[:6], np.arange(6), LIGHT[:6], NONE)
  assert found.expression.clip is None and found.expression.chance is None
  assert found.spread.between_people is None
  for name in ('clip', 'change', 'person_removed'):
    for way in (found.readings[name].probes, found.readings[name].retrieval):
      assert way.expression is None and way.subject is None
  assert found.pairs.subject_over_expression is None
  text = audit.describe(found)
  assert 'unknown' in text and 'no two people share' in text
  assert 'cannot be told, as no video has 9 frames' in text
  written = json.loads(json.dumps(found.as_dict()))
  assert audit.Audit.from_dict(written) == found


def test_one_frame_a_video_has_no_change():
  h = make(expression=1)
  found = run(h, first_frame=h)
  assert found.expression.change is None
  assert found.expression.change_of_clip is None
  assert found.expression.clip > 0.95
  assert 'cannot be asked: the first frames' in audit.describe(found)
