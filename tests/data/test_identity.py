import dataclasses
import hashlib
import types

import numpy as np

from stclr_jax.data import identity


def make_store(name='mine:videos', people=(1, 1, 2), videos=('a', 'b', 'c')):
  return types.SimpleNamespace(
    name=name, video_id=tuple(videos), subject=np.array(people)
  )


def people_of(store, numbers=(1, 2)):
  return identity.People(
    store.name, frozenset(numbers), identity.hash_people(store)
  )


def test_same_people():
  same = identity.same_people
  assert same('oulu_casia:vl_strong', 'oulu_casia:ni_dark')
  assert same('oulu_casia_crops:vl_strong', 'oulu_casia:vl_strong')
  assert same('synthetic:vl_strong', 'synthetic_demo:vl_weak')
  assert not same('oulu_casia:vl_strong', 'synthetic:vl_strong')
  assert same('mine:videos', 'mine:videos')
  assert not same('mine:videos', 'yours:videos')
  assert not same('', 'mine:videos')  # nobody's


def test_the_same_numbers_elsewhere_are_other_people():
  mine = make_store()
  assert people_of(mine).among(mine) == {1, 2}
  assert people_of(mine).among(make_store('yours:videos')) == set()
  assert not people_of(mine).renumbered_in(
    make_store('yours:videos', (2, 1, 1))
  )


def test_an_import_anew_numbers_people_anew():
  before = people_of(make_store())
  assert not before.renumbered_in(make_store())
  assert before.renumbered_in(make_store(people=(2, 2, 3)))
  assert before.renumbered_in(make_store(videos=('a', 'b', 'd')))
  # An earlier version noted no listing; it goes by the number, as ever.
  unnoted = dataclasses.replace(before, listing=None)
  assert not unnoted.renumbered_in(make_store(people=(2, 2, 3)))


def test_people_numbered_for_good_stay_who_they_are():
  strong = make_store('oulu_casia:vl_strong')
  fewer = make_store('oulu_casia:vl_strong', (1, 2), ('a', 'c'))
  assert not people_of(strong).renumbered_in(fewer)
  assert people_of(strong).among(make_store('oulu_casia:ni_dark')) == {1, 2}


def test_hash_is_of_videos_and_people_in_any_order():
  expected = hashlib.sha256(b'a\t1\nb\t1\nc\t2\n').hexdigest()
  assert identity.hash_people(make_store()) == expected
  turned = make_store(people=(2, 1, 1), videos=('c', 'b', 'a'))
  assert identity.hash_people(turned) == expected


def test_notes_of_earlier_versions_are_understood():
  notes = {
    'data': 'mine:videos',
    'subjects_seen': [1, 2],
    'subjects_pretrained': [2, 3],
  }
  assert identity.trained_on(notes) == identity.People(
    'mine:videos', frozenset({1, 2}), None
  )
  assert identity.pretrained_on(notes) == identity.People(
    'mine:videos', frozenset({2, 3}), None
  )
  later = notes | {'data_pretrained': 'other', 'people_hash_pretrained': 'ab'}
  assert identity.pretrained_on(later) == identity.People(
    'other', frozenset({2, 3}), 'ab'
  )
