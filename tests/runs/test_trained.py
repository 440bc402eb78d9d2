"""Whom runs have seen, through all that they began with."""

import dataclasses
import re
import types

import made_runs
import numpy as np
import pytest

from stclr_jax.data.people import identity
from stclr_jax.runs import build
from stclr_jax.runs import trained
from stclr_jax.workflows import finetune
from stclr_jax.workflows import finetune_origin


def make_store(name, names, *, recordings=(), named=True, space=''):
  recordings = tuple(recordings) or ((),) * len(names)
  return types.SimpleNamespace(
    name=name,
    subject=np.arange(1, len(names) + 1),
    label=np.zeros(len(names), int),
    label_names=('a',),
    video_id=tuple(f'v{i}' for i in range(len(names))),
    who=identity.Who(tuple(names), (named,) * len(names), recordings, space),
  )


def pretrain(store, videos, before=None, *, labels=False):
  return made_runs.make_trained(store, videos, labels=labels, before=before)


def refusal(checkpoint, store, test, **options):
  """What `refuse_seen` says; '' where it lets pass."""
  try:
    trained.refuse_seen(
      checkpoint,
      store,
      test,
      source='`init_from` (=x)',
      fold='`data.fold` (=0)',
      **{'same_names': 'same_people'} | options,
    )
  except ValueError as error:
    return str(error)
  return ''


def test_people_and_recordings_are_met_under_any_set_name():
  mine = make_store('mine:videos', ['Anna', 'Ben', 'Cleo'])
  faces = make_store('faces:videos', ['Cleo', 'anna', 'Dora'])
  of_mine = pretrain(mine, [0, 1])
  assert not refusal(of_mine, mine, [2]) and not refusal(of_mine, faces, [0, 2])
  text = refusal(of_mine, faces, [0, 1, 2])
  assert 'pretrained on mine:videos, and so on anna, tested in' in text
  assert '=all_unlabelled' in text and 'same_names=other_people' in text
  # In one set a name is one person, whatever anybody says.
  assert 'same_names' not in refusal(of_mine, mine, [0])
  others = {'same_names': 'other_people'}
  assert not refusal(of_mine, faces, [1], **others)
  assert refusal(of_mine, mine, [1], **others)
  assert not refusal(of_mine, faces, [1], unlabelled_is_meant=True)
  assert not refusal(of_mine, faces, [1], leaky=True)

  files = make_store(
    'a:videos', ['x', 'y'], named=False, recordings=[('f1',), ('f2',)]
  )
  crops = make_store(
    'b:videos', ['y', 'z'], named=False, recordings=[('f3',), ('f1',)]
  )
  of_files = pretrain(files, [0])
  assert not refusal(of_files, crops, [0])
  for same_names in identity.SAME_NAMES:
    text = refusal(of_files, crops, [1], same_names=same_names)
    assert 'on z, tested' in text and 'same_names' not in text


def test_a_run_knows_all_that_it_began_with():
  store = make_store('mine:videos', ['Anna', 'Ben', 'Cleo', 'Dora'])
  other = make_store('other:videos', ['Elif'])
  encoder = pretrain(store, [0])
  classifier = pretrain(store, [1], encoder, labels=True)
  third = pretrain(other, [0], classifier)
  assert [len(c.notes.seen) for c in (encoder, classifier, third)] == [
    1,
    2,
    3,
  ]
  assert 'pretrained on mine:videos, and so on Anna' in (
    refusal(third, store, [0, 1])
  )
  # Whose labels were learned from is never tested.
  for meant in (False, True):
    text = refusal(third, store, [1, 3], unlabelled_is_meant=meant)
    assert re.search(
      r'was trained on mine:videos, and so on Ben, .*labels', text
    )
    assert '=all_unlabelled' not in text
  assert not refusal(third, store, [2, 3]) and not refusal(None, store, [0])


@pytest.mark.parametrize(
  'name, renamed, recordings, scope',
  [
    ('tiny:videos', '', False, 'train_folds'),
    ('again:videos', '', False, 'train_folds'),
    ('again:videos', 'N', False, 'other_data'),
    ('again:videos', 'N', True, 'train_folds'),
  ],
)
def test_the_scope_beside_a_number_is_true(
  name, renamed, recordings, scope, tiny_store, tiny_config
):
  def named(name, prefix):
    files = tuple((f'f{i}',) if recordings else () for i in range(60))
    names = tuple(f'{prefix}{number}' for number in tiny_store.subject)
    who = identity.Who(names, (True,) * 60, files, '')
    return dataclasses.replace(tiny_store, name=name, who=who)

  config = tiny_config('finetune')
  before = named('tiny:videos', 'P')
  store = named(name, renamed or 'P')
  dealt = build.make_folds(store, config.data)
  told = []
  for seen in (np.arange(6, 60), np.arange(60)):
    kept = finetune_origin.make_protocol(
      config, store, dealt, dealt.fold(0), pretrain(before, seen)
    )
    told.append(kept.pretrain_scope)
    assert kept.pretrained_on == 'tiny:videos'
  everybody = 'other_data' if scope == 'other_data' else 'all_unlabelled'
  assert told == [scope, everybody]


@pytest.mark.slow
def test_a_fine_tuning_can_begin_with_another_on_its_own_people(
  tiny_store, tiny_config, tmp_path
):
  first = tiny_config('finetune', init='scratch', num_epochs=1)
  finetune.run(first, tmp_path / 'first', store=tiny_store)
  config = tiny_config(
    'finetune', init_from=str(tmp_path / 'first'), num_epochs=1
  )
  summary = finetune.run(config, tmp_path / 'second', store=tiny_store)
  assert summary.protocol.pretrain_scope == 'train_folds'
  seen = trained.open_trained(tmp_path / 'second', option='').notes.seen
  assert [one.labels for one in seen] == [True, True]
  config.data.fold, config.pretrain_scope = 3, 'all_unlabelled'
  with pytest.raises(ValueError, match='on P004, tested in.*their labels'):
    finetune.run(config, tmp_path / 'third', store=tiny_store)
