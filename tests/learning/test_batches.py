"""Epochs as lists of batches."""

import numpy as np
import pytest

from stclr_jax.errors import UserError
from stclr_jax.learning import batches
from stclr_jax.learning import steps


@pytest.fixture
def pool(tiny_store):
  return batches.Pool.of(tiny_store, np.arange(6, 60))


def list_epochs(pool, batch_size, filled, *, seed=0, epochs=3, **options):
  compose = options.get('compose', batches.shuffled)
  people = options.get('people', 6)
  made = batches.Batches(pool, compose, batch_size, people, seed, filled)
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
  def sorted_by_person(pool, *, batch_size, people, seed, epoch):
    assert (batch_size, people, seed) == (6, 1, 5)
    return pool.video[np.argsort((pool.subject + epoch) % 9, kind='stable')]

  epochs, _ = list_epochs(
    pool, 6, False, seed=5, people=1, compose=sorted_by_person
  )
  for batch in epochs[2]:
    assert len(set(tiny_store.subject[batch.video])) == 1


def test_fewer_videos_than_a_batch_are_refused(pool):
  with pytest.raises(UserError, match='=64.*exceed the 54 training videos'):
    list_epochs(pool, 64, False)


def make_pool(*videos_of_each):
  """People with so many videos; their indices are no places in the pool."""
  subject = np.repeat(np.arange(len(videos_of_each)) + 3, videos_of_each)
  shuffle = np.random.default_rng(0).permutation(len(subject))
  video = np.arange(len(subject)) + 100
  return batches.Pool(video, subject[shuffle], np.zeros_like(video))


UNEVEN = (1, 9, 6, 2, 6, 1, 12, 4, 7, 3, 6, 5, 2, 8, 11, 6)  # 89 videos


def list_people(pool, batch):
  """How many videos of each person a batch has."""
  subject = pool.subject[batch.video - 100]
  return dict(zip(*np.unique(subject, return_counts=True), strict=True))


@pytest.mark.parametrize('sizes', [UNEVEN, (6,) * 15, (12, *(2,) * 30), (3,)])
@pytest.mark.parametrize('batch_size', [12, 16, 32])
def test_people_stay_whole(sizes, batch_size):
  pool = make_pool(*sizes)
  epochs, made = list_epochs(
    pool, batch_size, True, compose=batches.of_whole_people
  )
  has = list_people(pool, steps.Batch(pool.video))
  met = []
  for epoch in epochs:
    assert [len(one.video) for one in epoch] == [batch_size] * made.per_epoch
    for one in epoch:
      shown = list_people(pool, one._replace(video=one.video[one.weight == 1]))
      assert shown == {person: has[person] for person in shown}
      met.append(frozenset(shown))
    kept = np.concatenate([one.video[one.weight == 1] for one in epoch])
    assert sorted(kept) == sorted(pool.video)
    # No two batches would have fitted into one.
    filled = sorted(one.weight.sum() for one in epoch)
    assert len(filled) == 1 or filled[0] + filled[1] > batch_size
  if made.per_epoch > 1:
    assert len(set(met)) > made.per_epoch  # others each time
  again, _ = list_epochs(
    pool, batch_size, True, compose=batches.of_whole_people
  )
  assert all(
    np.array_equal(a.video, b.video) and np.array_equal(a.weight, b.weight)
    for a, b in zip(again[2], epochs[2], strict=True)
  )


def test_whole_people_fill_a_contrastive_batch_or_are_refused():
  whole = {'compose': batches.of_whole_people}
  epochs, made = list_epochs(make_pool(*[6] * 8), 12, False, **whole)
  assert made.per_epoch == 4
  assert all(one.weight is None for epoch in epochs for one in epoch)
  with pytest.raises(UserError, match='=16.*leaves no place.*by_person'):
    list_epochs(make_pool(*[6] * 8), 16, False, **whole)
  with pytest.raises(UserError, match='=8.*at least 9, .*by_person'):
    list_epochs(make_pool(9, 2), 8, True, **whole)
  with pytest.raises(UserError, match='of_whole_people.*of 5 people'):
    list_epochs(make_pool(*[1] * 5), 8, True, **whole)


def test_people_meet_themselves():
  pool = make_pool(*[6] * 12)
  for batch_size, people, parts in ((24, 4, {6}), (12, 6, {2}), (24, 8, {3})):
    epochs, made = list_epochs(
      pool, batch_size, False, people=people, compose=batches.by_person
    )
    assert made.per_epoch == 72 // batch_size
    met = [set(list_people(pool, one)) for epoch in epochs for one in epoch]
    assert all(
      set(list_people(pool, one).values()) == parts
      for epoch in epochs
      for one in epoch
    )
    assert len(set(map(frozenset, met))) > made.per_epoch  # others each time


@pytest.mark.parametrize('sizes', [UNEVEN, (6,) * 15, (30, *(2,) * 30)])
@pytest.mark.parametrize('batch_size, people', [(16, 4), (24, 6), (32, 6)])
def test_all_come_equally_often(sizes, batch_size, people):
  pool = make_pool(*sizes)
  epochs, made = list_epochs(
    pool, batch_size, False, people=people, epochs=23, compose=batches.by_person
  )
  assert made.per_epoch == len(pool.video) // batch_size
  times = np.zeros(len(pool.video), int)
  for epoch in epochs:
    assert [len(one.video) for one in epoch] == [batch_size] * made.per_epoch
    video = np.concatenate([one.video for one in epoch])
    assert len(set(video)) == len(video)
    times[video - 100] += 1
    assert times.max() - times.min() <= 1
  again, _ = list_epochs(
    pool, batch_size, False, people=people, epochs=2, compose=batches.by_person
  )
  assert all(
    np.array_equal(a.video, b.video)
    for a, b in zip(again[1], epochs[1], strict=True)
  )
  other, _ = list_epochs(
    pool, batch_size, False, people=people, seed=1, compose=batches.by_person
  )
  assert not np.array_equal(other[0][0].video, epochs[0][0].video)


def test_people_with_few_videos_share_a_batch():
  pool = make_pool(*UNEVEN)
  epochs, _ = list_epochs(
    pool, 24, False, people=6, epochs=50, compose=batches.by_person
  )
  shuffled, _ = list_epochs(pool, 24, False, epochs=50)

  def share_of_lone(epochs):
    """Of the videos, those of whose person their batch has no other."""
    counts = [list_people(pool, one) for epoch in epochs for one in epoch]
    lone = sum(c == 1 for count in counts for c in count.values())
    return lone / (24 * len(counts)), counts

  lone, counts = share_of_lone(epochs)
  # Two of 89 have nobody else, and sometimes a part does not fit.
  assert 2 / 89 <= lone < 0.08 < share_of_lone(shuffled)[0]
  assert max(c for count in counts for c in count.values()) == 4
  assert min(map(len, counts)) == 6


def test_whole_people_wait():
  pool = make_pool(*[6] * 15)
  epochs, _ = list_epochs(
    pool, 24, False, people=4, epochs=5, compose=batches.by_person
  )
  waited = []
  for epoch in epochs:
    video = np.concatenate([one.video for one in epoch])
    waits = np.setdiff1d(pool.video, video)
    waited.append(set(pool.subject[waits - 100].tolist()))
    assert len(waits) == 18 and len(waited[-1]) == 3
  # Five times three people: everybody once.
  assert sorted(p for some in waited for p in some) == list(range(3, 18))


def test_by_person_may_be_filled_up():
  pool = make_pool(*UNEVEN)
  for epoch in list_epochs(pool, 16, True, people=4, compose=batches.by_person)[
    0
  ]:
    video = np.concatenate([one.video for one in epoch])
    weight = np.concatenate([one.weight for one in epoch])
    assert sorted(video[weight == 1].tolist()) == pool.video.tolist()


@pytest.mark.parametrize(
  'sizes, people, message',
  [
    ((1,) * 30, 4, 'by_person.*30 training videos are.*of 30 people'),
    (
      (6,) * 5,
      16,
      r'`batches.people` \(=16\) must be at most half.*=16.*two videos meet',
    ),
  ],
)
def test_people_who_cannot_meet_themselves_are_refused(sizes, people, message):
  pool = make_pool(*sizes)
  with pytest.raises(UserError, match=message):
    list_epochs(pool, 16, False, people=people, compose=batches.by_person)
