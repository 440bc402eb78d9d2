"""A few faults of the campaign; the whole of it is run by hand."""

import types

import numpy as np
import pytest

from benchmarks.faults import campaign
from benchmarks.faults import outcomes


@pytest.mark.slow
def test_what_suffers_ends_as_what_does_not(tmp_path):
  found = campaign.run(
    tmp_path,
    types.SimpleNamespace(faults=5, seed=0, jobs=1, workflow='pretrain'),
  )
  assert sum(row['count'] for row in found['faults']) >= 5
  assert found['wrong'] == []


def test_a_difference_is_seen():
  whole = {'run state': [np.zeros(2), np.ones(3)], 'run metrics': [{'step': 1}]}
  assert outcomes.compare(whole, whole) == ''
  other = whole | {'run state': [np.zeros(2), np.nextafter(np.ones(3), 2)]}
  assert outcomes.compare(other, whole) == 'run state: differs'
  twice = whole | {'run metrics': [{'step': 1}, {'step': 1}]}
  assert outcomes.compare(twice, whole) == 'run metrics: differs'
  assert outcomes.compare({}, whole) == 'run state: missing'
