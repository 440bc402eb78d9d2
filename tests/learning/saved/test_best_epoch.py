import numpy as np
import pytest

from stclr_jax.learning.saved import best_epoch


@pytest.mark.parametrize('name', ['loss', 'accuracy'])
def test_the_best_so_far_is_that_of_numpy(name):
  values = np.random.default_rng(0).integers(0, 20, 50)  # some are equal
  choose = np.argmin if name == 'loss' else np.argmax
  best = best_epoch.BestEpoch(name)
  for epoch in range(1, 51):
    before = best.epoch
    found = best.look(epoch, {name: float(values[epoch - 1]), 'other': 0.0})
    assert best.epoch == 1 + choose(values[:epoch])
    assert found == (best.epoch != before)


def test_an_epoch_at_which_nobody_looked_does_not_count():
  best = best_epoch.BestEpoch('knn_accuracy')
  assert not best.look(1, {'loss': 1.0})
  assert not best.look(2, {'knn_accuracy': None})
  assert best.epoch == 0
  assert best.look(3, {'knn_accuracy': 0.0})
  assert best.epoch == 3
  none = best_epoch.BestEpoch('none')
  assert not none.look(1, {'loss': 1.0}) and none.epoch == 0
