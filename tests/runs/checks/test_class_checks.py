import dataclasses

import made_summaries
import numpy as np
import pytest

from stclr_jax.runs.checks import class_checks
from stclr_jax.runs.summaries import FinetuneSummary


@pytest.fixture
def store(tiny_store):
  """Three classes; people 1 to 9 show two, person 10 the third as well."""
  label = np.where(tiny_store.subject == 10, tiny_store.label % 3, 0)
  label[tiny_store.label % 2 == 1] = 1
  label[(tiny_store.subject == 10) & (tiny_store.label == 2)] = 2
  label[tiny_store.label == 5] = -1
  return dataclasses.replace(
    tiny_store, label=label.astype(np.int32), label_names=('a', 'b', 'c', 'd')
  )


def videos(store, people, labels=(0, 1, 2)):
  return np.flatnonzero(
    np.isin(store.subject, people) & np.isin(store.label, labels)
  )


def test_one_class_is_refused_by_name(store):
  for shown, words in (((1,), "all are 'b'"), ((), 'there is none')):
    trained = videos(store, range(1, 10), shown)
    with pytest.raises(ValueError, match=f'of fold 3 .* {words}.*num_folds'):
      class_checks.check_trained(store, trained, where='of fold 3')
    assert not class_checks.can_tell_apart(store, trained)
  class_checks.check_trained(store, videos(store, [1]), where='')
  assert not class_checks.can_tell_apart(store, videos(store, [1]))
  assert class_checks.can_tell_apart(store, videos(store, [1, 2]))


def test_classes_that_are_not_trained_or_not_tested_are_said(store):
  others, last = videos(store, range(1, 10)), videos(store, [10])
  hopeless, nowhere = class_checks.remarks(store, trained=others, tested=last)
  of_c = int((store.label[last] == 2).sum())
  share = 1 - of_c / len(last)
  assert of_c and f"shows 'c', so that {of_c} of the {len(last)}" in hopeless
  assert f'at most {share:.1%}' in hopeless and "shows 'd'" in nowhere
  untested, _ = class_checks.remarks(store, trained=last, tested=others)
  assert "No test video shows 'c'" in untested
  assert class_checks.untrained(store, ['a', 'b'], last) == {'c': of_c}
  full = dataclasses.replace(store, label_names=('a', 'b', 'c'))
  assert class_checks.remarks(full, trained=last, tested=last) == []


def test_folds_are_summed_up():
  summaries = [
    made_summaries.make(FinetuneSummary, fold=fold, total=4 + fold, untrained=u)
    for fold, u in enumerate(({}, {'c': 2, 'd': 1}, {}))
  ]
  (said,) = class_checks.remarks_over_folds(summaries)
  assert 'In 1 of 3 folds (such as fold 1)' in said
  assert "'c', 'd': 3 of the 15 test videos" in said
  assert class_checks.remarks_over_folds(summaries[:1]) == []
