import json
import types

import made_imports
import numpy as np
import pytest

from stclr_jax.data import imported_report
from stclr_jax.data.people import identity
from stclr_jax.data.people import recording_parts


def make_store(name='mine:videos', people=(1, 1, 2), videos='abc', who=None):
  return types.SimpleNamespace(
    name=name, video_id=tuple(videos), subject=np.array(people), who=who
  )


def named_store(
  names, name='mine:videos', *, space='', named=True, recordings=()
):
  """A video each, of people who are numbered in order."""
  recordings = recordings or [()] * len(names)
  return make_store(
    name,
    range(1, len(names) + 1),
    [f'v{i}' for i in range(len(names))],
    identity.Who(
      tuple(names), (named,) * len(names), tuple(map(tuple, recordings)), space
    ),
  )


def see(store):
  """Whom a run on all of a store's videos saw, written and read again."""
  seen = identity.see(store, np.arange(len(store.subject)), labels=False)
  return identity.Seen.from_dict(json.loads(json.dumps(seen.as_dict())))


def test_same_set():
  same = identity.same_set
  assert same('oulu_casia:vl_strong', 'oulu_casia:ni_dark')
  assert same('oulu_casia_crops:vl_strong', 'oulu_casia:vl_strong')
  assert same('synthetic:vl_strong', 'synthetic_demo:vl_weak')
  assert not same('oulu_casia:vl_strong', 'synthetic:vl_strong')
  assert same('mine:videos', 'mine:videos')
  assert not same('mine:videos', 'yours:videos')
  assert not same('', 'mine:videos')  # nobody's


def test_people_are_known_by_name_wherever_names_have_one_source():
  seen = see(named_store(['Anna', 'S001', 'Ben'], space=''))
  table = [
    # (set, names, their source, whether somebody gave them, who is known)
    ('mine:videos', ['Ben', 'Cleo', 'anna '], '', True, {1, 3}),
    ('yours:videos', ['Ben', 'Cleo', 'ANNA'], '', True, {1, 3}),
    ('ck_plus:videos', ['S001', 'S1', 'S002'], 'ck_plus', True, {1, 2}),
    ('yours:videos', ['Ben', 'Anna'], '', False, set()),  # files so called
    ('mine:videos', ['Ben', 'Anna'], '', False, {1, 2}),
    ('synthetic:vl_strong', ['S001'], 'synthetic', True, set()),
  ]
  for name, names, space, named, known in table:
    store = named_store(names, name, space=space, named=named)
    assert seen.among(store) == known, (name, names)
    other = seen.among(store, same_names='other_people')
    assert other == (known if name == 'mine:videos' else set())
  in_recipe = see(named_store(['S001'], 'ck_plus:videos', space='ck_plus'))
  assert not in_recipe.among(named_store(['S001'], 'mmi:videos', space='mmi'))
  assert in_recipe.among(named_store(['S001'], 'faces:videos', space='ck_plus'))


def test_oulu_casias_people_are_its_own_in_every_condition():
  strong = make_store('oulu_casia:vl_strong')
  assert see(strong).among(make_store('oulu_casia:ni_dark', (2, 3, 4))) == {2}
  assert not see(strong).among(make_store('synthetic:vl_strong'))
  copied = named_store(['P002', 'P009'], 'copied:videos')
  assert see(strong).among(copied) == {1}
  drawn = make_store('synthetic:vl_strong')
  assert not see(drawn).among(copied)


def test_a_recording_tells_who_it_is_under_any_name():
  seen = see(
    named_store(
      ['a', 'b'], named=False, recordings=[['f1', 'p1'], ['f2', 'p2']]
    )
  )
  again = named_store(
    ['x', 'y', 'z'], 'crops:videos', named=False,
    recordings=[['f3'], ['f1', 'q1'], ['f4', 'p2']],
  )  # fmt: skip
  for same_names in identity.SAME_NAMES:
    assert seen.among(again, same_names=same_names) == {2, 3}
  # A person seen is known by all their recordings, also by one not seen.
  who = identity.Who(('A', 'A'), (True, True), (('f1',), ('f2',)), '')
  both = make_store('two:videos', (1, 1), 'ab', who)
  seen = identity.see(both, np.array([0]), labels=True)
  assert seen.recordings == {'f1', 'f2'} and seen.labels


def test_parts_of_one_file_may_be_of_several_people():
  def parts(*times):
    return [
      [recording_parts.fingerprint_part(checksum * 64, start, last)]
      for checksum, start, last in times
    ]

  recordings = parts(('a', 2, 3), ('a', 0, 1.9), ('a', 2.5, 2.6), ('b', 0, 9))
  seen = see(named_store('ABCD', recordings=recordings))
  table = [
    # (recording, first and last time, whether it was seen)
    ('a', 1.94, 1.98, False),
    ('a', 3.04, 9.0, False),
    ('a', 1.8, 1.98, True),
    ('a', 2.9, 9.0, True),
    ('a', 2.7, 2.8, True),
    ('a', 0.0, 9.0, True),
    ('c', 0.0, 9.0, False),
  ]
  others = parts(*(row[:3] for row in table))
  store = named_store('STUVWXY', 'yours:videos', recordings=others)
  assert seen.among(store) == {3, 4, 5, 6}
  # Nobody is named in these: the person is the whole recording's.
  unnamed = [[recording_parts.fingerprint_unnamed('a' * 64)]]
  seen = see(named_store('a', named=False, recordings=unnamed))
  store = named_store('x', 'yours:videos', named=False, recordings=unnamed)
  assert seen.among(store) == {1}


def test_people_who_are_one_have_all_their_names():
  who = identity.Who(('v0', 'v0 (1)', 'B'), (False,) * 3, ((),) * 3, '')
  store = make_store(people=(1, 1, 2), who=who)
  seen = identity.see(store, np.array([0]), labels=False)
  assert seen.unnamed == {'v0', 'v0 (1)'}
  assert identity.names_of(store, [2, 1]) == ['B', 'v0']


def test_people_are_described_by_name():
  store = named_store([f'N{i:02d}' for i in range(15)])
  assert identity.describe_people(store, {2, 1}) == 'N00, N01'
  assert identity.describe_people(store, range(1, 16)).endswith('and 5 more')
  assert identity.describe_people(make_store(), {2}) == 'P002'


@pytest.mark.parametrize('named', [True, False])
def test_what_an_import_writes_tells_who_is_who(named):
  report = made_imports.make_report(
    [
      made_imports.make_video(
        'a#0001', 6, subject='A' if named else 'a', subject_named=named,
        source_checksum='f' * 64, start=0.5, fps=10,
      ),
      made_imports.make_video(
        'b', subject='B' if named else 'b', subject_named=named
      ),
    ],
    recipe='mmi',
  )  # fmt: skip
  who = imported_report.find_who(
    report, make_store(people=(2, 1), videos=('b', 'a#0001'))
  )
  assert who.name == (('B', 'A') if named else ('b', 'a'))
  assert who.named == (named,) * 2 and who.space == 'mmi'
  part, of_all = f'{"f" * 16}@0.500-1.000', f'{"f" * 16}@unnamed'
  assert who.recordings == ((), (part,) if named else (part, of_all))
  with pytest.raises(ValueError, match='does not know the video a'):
    imported_report.find_who(report, make_store())
