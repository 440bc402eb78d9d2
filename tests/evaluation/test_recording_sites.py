import numpy as np

from stclr_jax.data import folds
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import recording_sites


def test_sites_are_counted_apart():
  subject = np.repeat(['P001', 'P050', 'P051', 'P080'], 3)
  correct = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0], bool)
  found = recording_sites.count('oulu_casia:vl_strong', subject, correct)
  assert found.by_site == {
    'Oulu': metrics.PeopleCounts(correct=4, total=6, people=2),
    'Beijing': metrics.PeopleCounts(correct=1, total=6, people=2),
  }
  assert recording_sites.count('synthetic:vl_strong', subject, correct) is None


def test_folds_are_of_the_sites_that_the_text_says():
  dealt, people = folds.make_folds(np.arange(1, 81)), np.arange(1, 81)
  sites_of = [
    set(
      recording_sites.count(
        'oulu_casia', people[dealt.fold(i).test], np.ones(8)
      ).by_site
    )
    for i in range(10)
  ]
  assert sites_of[:6] == [{'Oulu'}] * 6
  assert sites_of[6] == {'Oulu', 'Beijing'}
  assert sites_of[7:] == [{'Beijing'}] * 3
