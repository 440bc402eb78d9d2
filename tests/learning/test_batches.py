"""Epochs as lists of batches."""

import numpy as np
import pytest

from stclr_jax.errors import UserError
from stclr_jax.learning import batches


@pytest.fixture
def pool(tiny_store):
  return batches.Pool.of(tiny_store, np.arange(6, 60))


def list_epochs(pool, batch_size, filled, *, seed=0, epochs=3, **options):
  compose = options.get('compose', batches.shuffled)
  made = batches.Batches(pool, compose, batch_size, seed, filled)
  return [made(epoch) for epoch in range(epochs)], made


@pytest.mark.parametrize('batch_size', [1, 8, 27, 54])
def test_an_epoch_has_each_video_at_most_once(pool, batch_size):
  epochs, made = list_epochs(pool, batch_size, False)
  assert made.per_epoch == 54 // batch_size
  orders = []
  for epoch in epochs:
    assert [len(one.video) for one in epoch] == [batch_size] * made.per_epoch
    orders.append(np.concatenate([one.video for one in epoch]).tolist())
    assert len(set(orders[-1])) == len(orders[-1])
    assert set(orders[-1]) <= set(pool.video.tolist())
    assert all(one.weight is None for one in epoch)
  assert orders[0] != orders[1] != orders[2]
  again, _ = list_epochs(pool, batch_size, False)
  other, _ = list_epochs(pool, batch_size, False, seed=1)
  assert again[1][0].video.tolist() == epochs[1][0].video.tolist()
  assert np.concatenate([b.video for b in other[0]]).tolist() != orders[0]


@pytest.mark.parametrize('batch_size', [1, 8, 27, 54, 64, 160])
def test_a_batch_is_filled_up_with_weight_0(pool, batch_size):
  for epoch in list_epochs(pool, batch_size, True)[0]:
    video = np.concatenate([one.video for one in epoch])
    weight = np.concatenate([one.weight for one in epoch])
    assert weight.dtype == np.float32 and len(video) % batch_size == 0
    assert sorted(video[weight == 1].tolist()) == pool.video.tolist()
    assert set(video.tolist()) == set(pool.video.tolist())


def test_a_composition_decides_which_videos_meet(pool, tiny_store):
  def by_person(pool, *, batch_size, seed, epoch):
    assert (batch_size, seed) == (6, 5)
    return pool.video[np.argsort((pool.subject + epoch) % 9, kind='stable')]

  epochs, _ = list_epochs(pool, 6, False, seed=5, compose=by_person)
  for batch in epochs[2]:
    assert len(set(tiny_store.subject[batch.video])) == 1


def test_fewer_videos_than_a_batch_are_refused(pool):
  with pytest.raises(UserError, match='=64.*exceed the 54 training videos'):
    list_epochs(pool, 64, False)
