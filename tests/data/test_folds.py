import hashlib

import numpy as np
import pytest

from stclr_jax.data import folds


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


def test_labelled_subsets_are_nested_and_stratified():
  subject, label, video_id = make_videos()
  train = folds.make_folds(subject).fold(0).train
  smaller = set()
  for fraction in (0.1, 0.25, 0.5, 0.75, 1.0):
    kept = folds.labelled_subset(label, video_id, train, fraction, seed=0)
    assert smaller <= set(kept) <= set(train)
    counts = np.bincount(label[kept], minlength=6)
    assert np.abs(counts - fraction * 72).max() <= 0.5
    smaller = set(kept)
  assert smaller == set(train)


def test_labelled_subsets_are_fixed_and_differ_by_seed():
  subject, label, video_id = make_videos()
  train = folds.make_folds(subject).fold(0).train

  def draw(seed):
    kept = folds.labelled_subset(label, video_id, train, 0.1, seed=seed)
    return kept.tolist()

  assert draw(0) == draw(0) != draw(1)
  # The first Anger of seed 0: ranks are sha256 of "0/P...", whatever NumPy is.
  ranked = sorted(
    (hashlib.sha256(f'0/{video_id[i]}'.encode()).hexdigest(), i)
    for i in train
    if label[i] == 0
  )
  anger = [i for _, i in ranked[:7]]
  assert [i for i in draw(0) if label[i] == 0] == sorted(anger)


def test_every_expression_keeps_a_label():
  subject, label, video_id = make_videos(10)
  train = folds.make_folds(subject).fold(0).train
  kept = folds.labelled_subset(label, video_id, train, 0.01, seed=0)
  assert sorted(label[kept]) == list(range(6))


def test_bad_requests_are_refused():
  subject, label, video_id = make_videos(5)
  with pytest.raises(ValueError, match=r'num_folds.*=10.*people \(=5\)'):
    folds.make_folds(subject)
  with pytest.raises(ValueError, match="'random'.*consecutive"):
    folds.make_folds(subject, num_folds=5, assignment='random')
  made = folds.make_folds(subject, num_folds=5)
  for index in (-1, 5):
    with pytest.raises(ValueError, match=f'={index}.*0 to 4'):
      made.fold(index)
  for fraction in (0, -0.5, 1.5):
    with pytest.raises(ValueError, match=f'={fraction}.*a quarter'):
      folds.labelled_subset(label, video_id, [0], fraction, seed=0)
