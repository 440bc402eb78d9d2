import dataclasses
import hashlib
import json

import made_summaries
import pytest

from stclr_jax.evaluation import protocol


def make(**changes):
  """Oulu-CASIA's ten folds, as the paper has them."""
  fields = dict(
    data='oulu_casia:vl_strong',
    data_hash='ab' * 32,
    num_videos=480,
    num_people=80,
    folds_run=tuple(range(10)),
    fold_hashes=tuple(f'{k}' for k in range(10)),
    view='16 frames from first to last, centre 112x112',
  )
  return made_summaries.make_protocol(**{**fields, **changes})


def test_json_gives_it_back():
  made = make(labelled_fraction=0.1, labelled_draw=3)
  written = json.loads(json.dumps(made.as_dict()))
  assert protocol.Protocol.from_dict(written) == made


def test_a_protocol_of_another_version_is_refused():
  written = make().as_dict()
  del written['selection']
  written['flavour'] = 'vanilla'
  with pytest.raises(ValueError, match='flavour, selection'):
    protocol.Protocol.from_dict(written)


@pytest.mark.parametrize(
  'changes,whom',
  [
    ({}, 'unseen people'),
    ({'pretrain_scope': 'none'}, 'unseen people'),
    ({'pretrain_scope': 'other_data'}, 'unseen people'),
    ({'pretrain_scope': 'all_unlabelled'}, 'people pretrained on, unlabelled'),
    ({'fold_assignment': 'leaky_clips'}, 'people trained on'),
  ],
)
def test_whom_the_tested_videos_show(changes, whom):
  assert make(**changes).people_tested == whom


OTHER = {
  'data': 'other',
  'data_hash': 'cd' * 32,
  'num_videos': 48,
  'num_people': 8,
  'num_folds': 11,
  'folds_run': tuple(range(1, 11)),
  'fold_assignment': 'strided',
  'fold_seed': 1,
  'fold_hashes': tuple('abcdefghij'),
  'pretrain_scope': 'none',
  'validation_in_pretraining': True,
  'selection': 'inner_validation',
  'labelled_fraction': 0.5,
  'labelled_unit': 'person',
  'labelled_draw': 1,
  'seed': 1,
  'view': 'other',
  'views_per_video': 10,
  'pretrained_on': 'other',
  'pretrained_epochs': 500,
  'beyond_paper': ('batches by person',),
}


@pytest.mark.parametrize(
  'field', [field.name for field in dataclasses.fields(protocol.Protocol)]
)
def test_every_field_counts_as_a_difference(field):
  one, other = make(), make(**{field: OTHER[field]})
  assert one != other
  lines = one.differences(other)
  assert len(lines) == 1 and lines[0].startswith(f'{field}: ')
  assert one.differences(make()) == []


@pytest.mark.parametrize(
  'changes,shown',
  [
    ({'data': 'tiny:ni_dark'}, 'tiny:ni_dark'),
    ({'folds_run': (3, 4), 'fold_hashes': ('a', 'b')}, 'folds 3, 4 of 10'),
    ({'folds_run': (3,), 'fold_hashes': ('a',)}, 'fold 3 of 10'),
    ({'fold_assignment': 'shuffled', 'fold_seed': 7}, 'shuffled by seed 7'),
    ({'pretrain_scope': 'none'}, 'no pretraining'),
    ({'labelled_fraction': 0.1, 'labelled_draw': 4}, '10 % of the training'),
    (
      {'labelled_fraction': 0.1, 'labelled_unit': 'person'},
      'by person, draw 0',
    ),
    ({'selection': 'inner_validation'}, 'next fold'),
    ({'views_per_video': 30}, '30 views a video'),
    ({'seed': 12}, 'seed 12'),
    (
      {'pretrain_scope': 'other_data', 'pretrained_on': 'mine:videos'},
      'pretrained on other data (mine:videos)',
    ),
    ({'pretrained_epochs': 500}, 'training people for 500 epochs'),
    (
      {'pretrained_on': 'oulu_casia:ni_dark'},
      'training people (oulu_casia:ni_dark)',
    ),
  ],
)
def test_description_shows_what_is_special(changes, shown):
  assert shown in make(**changes).describe()
  assert shown not in make().describe()


@pytest.mark.parametrize(
  'changes',
  [
    {'fold_assignment': 'leaky_clips'},
    {'selection': 'test_oracle'},
    {'pretrain_scope': 'all_unlabelled'},
  ],
)
def test_leaks_are_called_leaks(changes):
  assert not make().leaks and 'LEAK' not in make().describe()
  leaky = make(**changes)
  assert len(leaky.leaks) == leaky.describe().count('LEAK') == 1
  assert leaky.as_dict()['leaks'] == list(leaky.leaks)


def test_a_protocol_of_an_earlier_version_is_read():
  written = make().as_dict()
  for name in ('pretrained_on', 'pretrained_epochs'):
    del written[name]
  assert protocol.Protocol.from_dict(written) == make()


def test_folds_of_clips_are_not_said_to_be_of_people():
  leaky = make(fold_assignment='leaky_clips', selection='inner_validation')
  described = leaky.describe().partition('LEAK')[0]
  assert 'training videos' in described and "next fold's videos" in described
  for words in ('training people', "fold's people", 'by person'):
    assert words not in described and words in (
      make(selection='inner_validation').describe()
    )


def test_inner_validation_says_whether_pretraining_saw_its_people():
  hidden = make(selection='inner_validation')
  seen = make(selection='inner_validation', validation_in_pretraining=True)
  assert 'but pretrained on' not in hidden.describe()
  assert 'but pretrained on' in seen.describe()


@pytest.mark.parametrize(
  'changes,message',
  [
    ({'selection': 'best'}, "'best'.*test_oracle"),
    ({'pretrain_scope': 'all'}, "'all'.*all_unlabelled"),
    ({'fold_hashes': ('a',)}, 'of 1 folds.*10 folds'),
  ],
)
def test_unknown_values_are_refused(changes, message):
  with pytest.raises(ValueError, match=message):
    make(**changes)


def folds_of(whole):
  """One protocol a fold, turned round."""
  for k in reversed(whole.folds_run):
    yield dataclasses.replace(
      whole,
      folds_run=(k,),
      fold_hashes=(whole.fold_hashes[k],),
      num_videos=48,
      num_people=8,
    )


def test_folds_are_pooled():
  whole = make(pretrained_on='tiny', pretrained_epochs=5)
  assert protocol.pool(list(folds_of(whole))) == whole
  with pytest.raises(ValueError, match='must differ to be pooled'):
    protocol.pool([whole, whole])
  first, *rest = folds_of(whole)
  with pytest.raises(ValueError, match='one protocol.*\n  seed: 1 | 0'):
    protocol.pool([dataclasses.replace(first, seed=1), *rest])


def test_differences_reach_into_dicts():
  first = {'a': 1, 'b': {'c': 2, 'd': [1]}, 'e': ''}
  second = {'a': 1, 'b': {'c': 3, 'd': [1]}, 'f': None}
  assert protocol.differences(first, second) == [
    'b.c: 2 | 3',
    'e: none | absent',
    'f: absent | none',
  ]


def test_hash_of_videos():
  lines = 'P001/Anger\t1\t0\nP002/Fear\t2\t2\n'
  expected = hashlib.sha256(lines.encode()).hexdigest()
  videos = ['P002/Fear', 'P001/Anger']
  assert protocol.hash_videos(videos, [2, 1], [2, 0]) == expected
  assert protocol.hash_videos(videos, [2, 1], [2, -1]) != expected
