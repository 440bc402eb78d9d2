import functools
import hashlib

import numpy as np
import pytest

from stclr_jax.data import folds
from stclr_jax.data import labelled_subsets
from stclr_jax.data.labelled_subsets import labelled_subset
from stclr_jax.data.people import identity
from stclr_jax.oulu_casia import EXPRESSIONS

FRACTIONS = [0.1, 0.25, 0.5, 0.75]  # Table VI
DRAWS = range(5)

PUBLISHED = [
  '846ae9fbec8494b2',
  '3bc46ba1690c2fac',
  '2ff8c2943a477dee',
  'cdefdb9c98a5b207',
  '1101c5e69a89a2f9',
]


def make_videos(num_people=80):
  subject, label = np.divmod(np.arange(6 * num_people), 6)
  video_id = [
    f'P{s + 1:03d}/{EXPRESSIONS[e]}'
    for s, e in zip(subject, label, strict=True)
  ]
  return subject + 1, label, video_id


@pytest.fixture(scope='module')
def oulu():
  subject, label, video_id = make_videos()
  return subject, label, video_id, folds.make_folds(subject)


@pytest.mark.parametrize('fold', [0, 4, 9])
@pytest.mark.parametrize('seed', DRAWS)
def test_subsets_are_nested_and_stratified(oulu, fold, seed):
  _, label, video_id, made = oulu
  train = made.fold(fold).train
  smaller, sizes = set(), []
  for fraction in [*FRACTIONS, 1.0]:
    kept = labelled_subset(label, video_id, train, fraction, seed=seed)
    assert smaller <= set(kept) <= set(train)
    assert np.abs(np.bincount(label[kept]) - fraction * 72).max() < 1
    smaller = set(kept)
    sizes.append(len(kept))
  assert sizes == [43, 108, 216, 324, 432]


@pytest.mark.parametrize('seed', range(20))
def test_subsets_of_uneven_expressions_keep_their_shares(seed):
  key = np.random.default_rng(seed)
  counts = key.integers(1, 60, key.integers(2, 9))
  label = key.permutation(np.repeat(np.arange(len(counts)), counts))
  video_id = [f'{i:03d}' for i in range(len(label))]
  train = np.arange(len(label))
  smaller = set()
  for fraction in np.linspace(0.02, 1, 30):
    number = np.floor(fraction * len(label) + 0.5)
    if number < len(counts):
      with pytest.raises(ValueError, match='leave every class a labelled clip'):
        labelled_subset(label, video_id, train, fraction, seed=0)
      continue
    kept = labelled_subset(label, video_id, train, fraction, seed=0)
    assert smaller <= set(kept)
    smaller = set(kept)
    found = np.bincount(label[kept], minlength=len(counts))
    assert found.min() >= 1
    assert len(kept) == number
    share = number * counts / len(label)
    # Within one, and one more where rare expressions take their first first.
    assert (np.abs(found - np.maximum(share, 1)) < 2).all()


def test_ten_percent_are_the_same_for_whoever_computes_them(oulu):
  _, label, video_id, made = oulu
  kept = labelled_subset(label, video_id, made.fold(0).train, 0.1, seed=0)
  # An expression's first seven (of one expression: eight) by
  # sha256("0/P009/Anger"), whatever NumPy is.
  for k in range(6):
    ranked = sorted(
      (hashlib.sha256(f'0/{video_id[i]}'.encode()).hexdigest(), i)
      for i in made.fold(0).train
      if label[i] == k
    )
    mine = [i for i in kept if label[i] == k]
    assert len(mine) in (7, 8)
    assert mine == sorted(i for _, i in ranked[: len(mine)])


def test_published_subsets_never_change(oulu):
  # The contract with everyone who has trained on them: hashes of fold 0's
  # ids, draws 0 to 4, at 10 %; see `identity.hash_ids`.
  _, label, video_id, made = oulu
  train = made.fold(0).train
  hashes = [
    identity.hash_ids(
      video_id[i]
      for i in labelled_subset(label, video_id, train, 0.1, seed=seed)
    )[:16]
    for seed in DRAWS
  ]
  assert hashes == PUBLISHED
  assert len(set(hashes)) == 5


def test_subsets_do_not_depend_on_the_order_of_videos(oulu):
  subject, label, video_id, made = oulu
  order = np.random.default_rng(0).permutation(480)
  train = made.fold(3).train
  there = np.flatnonzero(np.isin(order, train))
  shuffled = [video_id[i] for i in order]
  for unit in labelled_subsets.UNITS:
    kept = labelled_subset(
      label, video_id, train, 0.25, seed=1, unit=unit, subject=subject
    )
    other = labelled_subset(
      label[order],
      shuffled,
      there,
      0.25,
      seed=1,
      unit=unit,
      subject=subject[order],
    )
    assert {video_id[i] for i in kept} == {shuffled[i] for i in other}


def test_subsets_by_person_hold_whole_people(oulu):
  subject, label, video_id, made = oulu
  train = made.fold(0).train
  smaller, sizes = set(), []
  for fraction in FRACTIONS:
    kept = labelled_subset(
      label, video_id, train, fraction, seed=2, unit='person', subject=subject
    )
    assert smaller <= set(kept) <= set(train)
    people = set(subject[kept])
    whole = [i for i in train if subject[i] in people]
    assert kept.tolist() == whole
    smaller = set(kept)
    sizes.append(len(people))
  assert sizes == [7, 18, 36, 54]


def test_people_too_few_for_every_expression_are_refused():
  # Only the last person by rank is ever sad.
  ranked = sorted(range(9), key=lambda p: labelled_subsets.rank(0, p))
  subject = np.repeat(np.arange(9), 2)
  label = np.tile([0, 1], 9)
  label[2 * ranked[-1]] = 2
  known = functools.partial(
    labelled_subset,
    label, [''] * 18, range(18), seed=0, unit='person', subject=subject,
  )  # fmt: skip
  for fraction in (0.1, 0.94):
    with pytest.raises(ValueError, match='a labelled person: it .* of 9 peo'):
      known(fraction)
  with pytest.raises(ValueError, match='it takes 9 .* 0.9445 would do'):
    known(0.9)
  assert len(known(0.9445)) == 18


@pytest.mark.parametrize('unit', labelled_subsets.UNITS)
def test_unlabelled_videos_are_never_chosen(unit):
  subject, label, video_id = make_videos(20)
  label = label.copy()
  label[::3] = -1
  train = np.arange(60, 120)
  for fraction in (0.1, 1.0):
    kept = labelled_subset(
      label, video_id, train, fraction, seed=0, unit=unit, subject=subject
    )
    assert (label[kept] >= 0).all()
  assert kept.tolist() == [i for i in train if label[i] >= 0]


def test_every_expression_keeps_a_label_or_the_share_is_refused():
  _, label, video_id = make_videos(10)
  with pytest.raises(ValueError, match='=0.01.*keeps 1 of 60 clips.*takes 6'):
    labelled_subset(label, video_id, range(60), 0.01, seed=0)
  with pytest.raises(ValueError, match='0.0917 would do'):
    labelled_subset(label, video_id, range(60), 0.09, seed=0)
  kept = labelled_subset(label, video_id, range(60), 0.0917, seed=0)
  assert sorted(label[kept]) == list(range(6))


def test_bad_requests_are_refused():
  _, label, video_id = make_videos(5)
  for fraction in (0, -0.5, 1.5):
    with pytest.raises(ValueError, match=f'={fraction}.*a quarter'):
      labelled_subset(label, video_id, [0], fraction, seed=0)
  with pytest.raises(ValueError, match="'frame'.*clip, person"):
    labelled_subset(label, video_id, [0], 1, seed=0, unit='frame')
  with pytest.raises(ValueError, match='person.*subject'):
    labelled_subset(label, video_id, [0], 1, seed=0, unit='person')
  with pytest.raises(ValueError, match='.2. must have labels'):
    labelled_subset(np.full(30, -1), video_id, [0, 1], 1, seed=0)
