import dataclasses
import hashlib
import json

import numpy as np
import pytest

from stclr_jax.data import folds
from stclr_jax.data.people import identity


def make_videos(num_people=80):
  subject, label = np.divmod(np.arange(6 * num_people), 6)
  video_id = [f'P{s + 1:03d}/{e}' for s, e in zip(subject, label, strict=True)]
  return subject + 1, label, video_id


def test_fold_0_tests_p001_to_p008():
  subject, _, _ = make_videos()
  fold = folds.make_folds(subject).fold(0)
  assert sorted(set(subject[fold.test])) == list(range(1, 9))
  assert len(fold.test) == 48 and len(fold.train) == 432


@pytest.mark.parametrize('num_people,num_folds', [(80, 10), (23, 10), (7, 7)])
def test_folds_partition_people(num_people, num_folds):
  subject, _, _ = make_videos(num_people)
  made = folds.make_folds(subject, num_folds=num_folds)
  tested = []
  sizes = []
  for k in range(num_folds):
    fold = made.fold(k)
    assert not set(subject[fold.train]) & set(subject[fold.test])
    assert len(fold.train) + len(fold.test) == len(subject)
    tested += fold.test.tolist()
    sizes.append(len(set(subject[fold.test])))
  assert sorted(tested) == list(range(len(subject)))
  assert max(sizes) - min(sizes) <= 1


def test_folds_do_not_depend_on_the_order_of_videos():
  subject, _, _ = make_videos()
  order = np.random.default_rng(0).permutation(len(subject))
  tested = order[folds.make_folds(subject[order]).fold(4).test]
  expected = folds.make_folds(subject).fold(4).test
  assert sorted(tested) == expected.tolist()


def leaves_out(made, video_id):
  """Ids that each fold tests."""
  return [
    {video_id[i] for i in made.fold(k).test} for k in range(made.num_folds)
  ]


@pytest.mark.parametrize('assignment', ['consecutive', 'strided', 'shuffled'])
@pytest.mark.parametrize('num_people,num_folds', [(80, 10), (23, 10), (7, 7)])
def test_every_assignment_deals_people(assignment, num_people, num_folds):
  subject, _, _ = make_videos(num_people)
  made = folds.make_folds(subject, num_folds=num_folds, assignment=assignment)
  tested = [subject[made.fold(k).test] for k in range(num_folds)]
  people = [set(some) for some in tested]
  assert sorted(np.concatenate(tested)) == sorted(subject)
  assert sum(map(len, people)) == num_people
  assert max(map(len, people)) - min(map(len, people)) <= 1


def test_strided_folds_take_every_tenth_person():
  subject, _, _ = make_videos()
  fold = folds.make_folds(subject, assignment='strided').fold(2)
  assert sorted(set(subject[fold.test])) == list(range(3, 80, 10))


def test_shuffled_folds_follow_from_the_seed_by_hashes():
  subject, _, _ = make_videos()
  made = folds.make_folds(subject, assignment='shuffled', seed=3)
  ranked = sorted(
    range(1, 81), key=lambda p: hashlib.sha256(f'3/{p}'.encode()).digest()
  )
  assert set(subject[made.fold(0).test]) == set(ranked[:8])
  other = folds.make_folds(subject, assignment='shuffled', seed=4)
  assert set(subject[other.fold(0).test]) != set(ranked[:8])


def test_leaky_clips_share_people_and_say_so():
  subject, label, video_id = make_videos()
  made = folds.make_folds(
    subject, assignment='leaky_clips', labels=label, video_id=video_id
  )
  assert made.leaky and not folds.make_folds(subject).leaky
  tested = []
  for k in range(10):
    fold = made.fold(k)
    assert set(subject[fold.train]) & set(subject[fold.test])
    assert not set(fold.train) & set(fold.test)
    assert np.bincount(label[fold.test]).tolist() == [8] * 6
    tested += fold.test.tolist()
  assert sorted(tested) == list(range(480))
  with pytest.raises(ValueError, match='share the people'):
    fold = made.fold(0)
    folds.check_disjoint(subject, training=fold.train, test=fold.test)


@pytest.mark.parametrize('assignment', ['shuffled', 'leaky_clips'])
def test_drawn_folds_do_not_depend_on_the_order_of_videos(assignment):
  subject, label, video_id = make_videos(20)
  order = np.random.default_rng(0).permutation(len(subject))
  ids = [video_id[i] for i in order]
  made, shuffled = (
    folds.make_folds(s, assignment=assignment, labels=e, video_id=v)
    for s, e, v in (
      (subject, label, video_id),
      (subject[order], label[order], ids),
    )
  )
  assert leaves_out(made, video_id) == leaves_out(shuffled, ids)


def test_the_next_folds_people_validate():
  subject, _, _ = make_videos()
  made = folds.make_folds(subject)
  for k in (0, 9):
    plain, inner = made.fold(k), made.fold(k, validation=True)
    assert len(plain.validation) == 0
    np.testing.assert_array_equal(inner.test, plain.test)
    np.testing.assert_array_equal(
      inner.validation, made.fold((k + 1) % 10).test
    )
    parts = (inner.train, inner.validation, inner.test)
    assert sorted(np.concatenate(parts)) == list(range(480))
    people = [set(subject[part]) for part in parts]
    assert [len(some) for some in people] == [64, 8, 8]
    assert len(set.union(*people)) == 80
    np.testing.assert_array_equal(inner.pretrain, inner.train)
  with pytest.raises(ValueError, match='num_folds.*=2.*at least 3'):
    folds.make_folds(subject, num_folds=2).fold(0, validation=True)


def test_unlabelled_videos_are_pretrained_on_only():
  subject, label, _ = make_videos(20)
  label = label.copy()
  label[::4] = -1
  label[subject == 5] = -1  # somebody without any label
  made = folds.make_folds(subject, num_folds=5, labels=label)
  tested = []
  for k in range(5):
    fold = made.fold(k, validation=True)
    for part in (fold.train, fold.test, fold.validation):
      assert (label[part] >= 0).all()
    assert set(fold.train) < set(fold.pretrain)
    assert (label[fold.pretrain] < 0).any()
    held_out = set(subject[fold.test]) | set(subject[fold.validation])
    assert not held_out & set(subject[fold.pretrain])
    assert 5 in subject[fold.pretrain]
    tested += fold.test.tolist()
  assert sorted(tested) == np.flatnonzero(label >= 0).tolist()


def test_without_unlabelled_videos_pretraining_sees_the_training_videos():
  subject, label, _ = make_videos()
  for labels in (None, label):
    fold = folds.make_folds(subject, labels=labels).fold(7)
    np.testing.assert_array_equal(fold.pretrain, fold.train)


def test_shared_people_are_refused_and_named():
  subject = np.array([1, 1, 2, 2, 3, 3])
  folds.check_disjoint(subject, training=[0, 1], test=[4, 5], validation=[])
  with pytest.raises(ValueError, match=r'training and test.*people \[2\]'):
    folds.check_disjoint(subject, training=[0, 1, 2], test=[3, 4])
  with pytest.raises(ValueError, match='test and validation'):
    folds.check_disjoint(subject, training=[0], test=[2], validation=[3])


def test_a_fold_that_leaks_cannot_be_had():
  made = folds.make_folds(np.array([1, 1, 2, 2, 3, 3]), num_folds=3)
  mixed = dataclasses.replace(made, fold_of_video=np.array([0, 1, 1, 1, 2, 2]))
  with pytest.raises(ValueError, match=r'share the people \[1\]'):
    mixed.fold(0)


def test_hash_of_ids_is_what_the_shell_prints():
  # printf 'P001/Anger\nP001/Fear\n' | LC_ALL=C sort | sha256sum
  expected = hashlib.sha256(b'P001/Anger\nP001/Fear\n').hexdigest()
  assert identity.hash_ids(['P001/Fear', 'P001/Anger']) == expected
  assert identity.hash_ids(['P001/Fear']) != expected


def test_a_fold_is_written_down():
  subject, _, video_id = make_videos()
  made = folds.make_folds(subject)
  written = json.loads(json.dumps(made.record(1, video_id, validation=True)))
  assert written['fold'] == 1
  assert written['test']['people'] == list(range(9, 17))
  assert written['validation']['people'] == list(range(17, 25))
  assert written['train']['videos'] == written['pretrain']['videos'] == 384
  assert written['test']['sha256'] == identity.hash_ids(written['test']['ids'])
  hashes = {made.record(k, video_id)['test']['sha256'] for k in range(10)}
  assert len(hashes) == 10


def test_bad_requests_are_refused():
  subject, _, _ = make_videos(5)
  with pytest.raises(ValueError, match=r'num_folds.*=10.*videos \(=5\)'):
    folds.make_folds(subject)
  with pytest.raises(ValueError, match="'random'.*consecutive"):
    folds.make_folds(subject, num_folds=5, assignment='random')
  made = folds.make_folds(subject, num_folds=5)
  for index in (-1, 5):
    with pytest.raises(ValueError, match=f'={index}.*0 to 4'):
      made.fold(index)
  with pytest.raises(ValueError, match='leaky_clips.*video_id'):
    folds.make_folds(subject, num_folds=5, assignment='leaky_clips')
  with pytest.raises(ValueError, match='No video.*label'):
    folds.make_folds(subject, num_folds=5, labels=np.full(30, -1))


def test_folds_need_labels_and_say_so():
  nobody = np.full(4, folds.UNLABELLED)
  with pytest.raises(ValueError, match='No video .* has a label.*own_videos'):
    folds.make_folds([1, 2, 3, 4], num_folds=2, labels=nobody)
  few = [0, 1, folds.UNLABELLED, 0]
  with pytest.raises(ValueError, match=r'labelled videos \(=3\).*; 3 would do'):
    folds.make_folds([1, 2, 3, 4], num_folds=10, labels=few)
