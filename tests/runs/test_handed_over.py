"""Every way to hand over a network, and every kind of run handed over.

Runs go through all their checks and stop where they would begin to write.
"""

import dataclasses

import made_runs
import made_summaries
import numpy as np
import pytest

from configs import baselines as baselines_config
from configs import evaluate as evaluate_config
from stclr_jax.experiments import baselines
from stclr_jax.files import json_records
from stclr_jax.inference import loading
from stclr_jax.learning.saved import checkpoints
from stclr_jax.models import folding
from stclr_jax.runs import build
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import finetune_origin

# Of fold 0: P001 is tested, all others are trained on.
TESTED, OTHERS, EVERYBODY = range(6), range(6, 60), range(60)
NETWORK = {
  'encoder': {'kernel': np.ones((2, 2))},
  'classifier': {'kernel': np.ones((2, 6))},
}
OTHER_NETWORK = NETWORK | {'encoder': {'weight': np.ones(3)}}


class Allowed(Exception):
  """A run has passed all its checks."""


@pytest.fixture
def hand_over(tiny_store, tiny_config, tmp_path, monkeypatch):
  """Makes `hand_over(kind, way, scope)`: 'allowed', or why it is refused."""
  options = workdirs.as_json(tiny_config('pretrain'))
  seen = {
    'pretraining': [(OTHERS, False)],
    'pretraining on everybody': [(EVERYBODY, False)],
    'fine-tuning': [(OTHERS, False), (OTHERS, True)],
    'fine-tuning after everybody': [(EVERYBODY, False), (OTHERS, True)],
    'fine-tuning on tested': [(TESTED, True)],
    'unfinished pretraining': [(OTHERS, False)],
    'unfinished fine-tuning': [(OTHERS, True)],
    'other network': [(OTHERS, False)],
    'earlier format': [(OTHERS, True)],
  }
  read = checkpoints.read

  def make(kind):
    earlier = None
    for videos, labels in seen[kind]:
      earlier = made_runs.make_trained(
        tiny_store,
        videos,
        labels=labels,
        before=earlier,
        **{name: options[name] for name in ('encoder', 'batch_norm', 'views')},
      )
    tree = OTHER_NETWORK if kind == 'other network' else NETWORK
    state = {'params': tree, 'batch_stats': tree}
    notes = earlier.notes.as_dict()
    if kind == 'earlier format':
      del notes['format']
    return checkpoints.Checkpoint(3, state, notes)

  def read_made(workdir, epoch=0):
    kind = str(workdir).rpartition('/')[2]
    return make(kind) if kind in seen else read(workdir, epoch)

  def stop(*_):
    raise Allowed

  def init_network(network, view_options, *, seed):
    return {'params': NETWORK, 'batch_stats': NETWORK}

  def latest_epoch_made(workdir):
    return 3 if str(workdir).rpartition('/')[2] in seen else 0

  monkeypatch.setattr(checkpoints, 'read', read_made)
  monkeypatch.setattr(checkpoints, 'latest_epoch', latest_epoch_made)
  monkeypatch.setattr(folding, 'fold', lambda *network: network)
  monkeypatch.setattr(workdirs, 'open_workdir', stop)
  monkeypatch.setattr(build, 'init_network', init_network)
  for kind in seen:
    (tmp_path / kind).mkdir()
    workdirs.write_json(
      tmp_path / kind / workdirs.CONFIG,
      {'format': json_records.FORMAT, **options},
    )
    if 'unfinished' not in kind:
      summary = made_summaries.make(summaries.FinetuneSummary, epoch_tested=3)
      summaries.write(summary, tmp_path / kind)
  (tmp_path / 'empty folder').mkdir()

  def call(kind, way, scope):
    source = str(tmp_path / kind)
    if way == 'init_from':
      config = tiny_config('finetune', init_from=source, pretrain_scope=scope)
      finetune.run(config, tmp_path / 'run', store=tiny_store)
    elif way == 'classifier':
      config = evaluate_config.get_config('demo')
      config.classifier, config.people_seen = source, 'drop'
      evaluate.run(config, tmp_path / 'run', store=tiny_store)
    elif way == 'encoder_from':
      config = baselines_config.get_config('demo')
      config.methods, config.encoder_from = ('linear_probe',), source
      config.pretrain_scope = scope
      baselines.run(config, tmp_path / 'run', store=tiny_store)
    else:
      getattr(loading, way)(source)
      raise Allowed

  def hand_over(kind, way, scope='train_folds'):
    try:
      call(kind, way, scope)
    except Allowed:
      return 'allowed'
    except (ValueError, FileNotFoundError) as error:
      assert not (tmp_path / 'run').exists()
      return str(error)
    return 'ran on'

  hand_over.make = make
  return hand_over


MEANT = 'pretrain_scope=all_unlabelled'
LABELS = 'did not learn from their labels'
UNFINISHED = 'is not finished'
IS_PRETRAINING = 'is a pretraining run; give the workdir of a fine-tuning'
IS_FINE_TUNING = 'is a fine-tuning run; give the workdir of a pretraining'
EARLIER = 'is of an earlier format'
EMPTY = 'No finished checkpoint'
NO_NETWORK = 'holds no trained network'
# By kind of run: with scope 'train_folds' and 'all_unlabelled' of `init_from`
# and `encoder_from`; of `classifier`, `load_encoder` and `load_classifier`.
EXPECTED = {
  'pretraining': (
    ('allowed', 'allowed'), ('allowed', 'allowed'),
    IS_PRETRAINING, 'allowed', 'has no classifier',
  ),
  'pretraining on everybody': (
    (MEANT, 'allowed'), (MEANT, 'allowed'),
    IS_PRETRAINING, 'allowed', 'has no classifier',
  ),
  'fine-tuning': (
    ('allowed', 'allowed'), (IS_FINE_TUNING, IS_FINE_TUNING),
    'allowed', 'allowed', 'allowed',
  ),
  'fine-tuning after everybody': (
    (MEANT, 'allowed'), (IS_FINE_TUNING, IS_FINE_TUNING),
    'allowed', 'allowed', 'allowed',
  ),
  'fine-tuning on tested': (
    (LABELS, LABELS), (IS_FINE_TUNING, IS_FINE_TUNING),
    'allowed', 'allowed', 'allowed',
  ),
  'unfinished pretraining': (
    (UNFINISHED, UNFINISHED), (UNFINISHED, UNFINISHED),
    IS_PRETRAINING, 'allowed', 'has no classifier',
  ),
  'unfinished fine-tuning': (
    (UNFINISHED, UNFINISHED), (IS_FINE_TUNING, IS_FINE_TUNING),
    UNFINISHED, 'allowed', 'allowed',
  ),
  # Where the network is the run's own there is nothing to compare.
  'other network': (
    ('Only in the checkpoint: weight [3]',) * 2, ('allowed', 'allowed'),
    IS_PRETRAINING, 'allowed', 'has no classifier',
  ),
  'earlier format': (
    (EARLIER, EARLIER), (EARLIER, EARLIER), EARLIER, EARLIER, EARLIER,
  ),
  'empty folder': (
    (EMPTY, EMPTY), (EMPTY, EMPTY), EMPTY, NO_NETWORK, NO_NETWORK,
  ),  # fmt: skip
}  # fmt: skip
SCOPES = ('train_folds', 'all_unlabelled')


@pytest.mark.parametrize('kind', EXPECTED)
def test_whoever_may_be_handed_over(kind, hand_over):
  begun, probed, *others = EXPECTED[kind]
  ways = {
    **{('init_from', scope): begun[i] for i, scope in enumerate(SCOPES)},
    **{('encoder_from', scope): probed[i] for i, scope in enumerate(SCOPES)},
  }
  for way in ('classifier', 'load_encoder', 'load_classifier'):
    ways[way,] = others.pop(0)
  offenders = []
  for way, words in ways.items():
    found = hand_over(kind, *way)
    if (words == 'allowed') != (found == 'allowed') or words not in found:
      offenders.append(f'{way}: {found!r}, not {words!r}')
  assert not offenders, '\n'.join(offenders)


@pytest.mark.parametrize('fold', [0, 3])
def test_the_scope_that_is_told(fold, hand_over, tiny_store, tiny_config):
  config = tiny_config('finetune', **{'data.fold': fold})
  dealt = build.make_folds(tiny_store, config.data)
  told = {}
  for kind in EXPECTED.keys() - {'empty folder', 'earlier format'}:
    earlier = made_runs.read_trained(hand_over.make(kind))
    kept = finetune_origin.make_protocol(
      config, tiny_store, dealt, dealt.fold(fold), earlier
    )
    told[kind] = kept.pretrain_scope
    assert kept.pretrained_epochs == 3
    assert kept.pretrained_on == tiny_store.name
  leaking = {kind for kind, scope in told.items() if scope == 'all_unlabelled'}
  assert set(told.values()) == set(SCOPES)
  # All but P001 were trained on: another fold's test people were met by all.
  only_tested = {'fine-tuning on tested'}
  everybody = {'pretraining on everybody', 'fine-tuning after everybody'}
  assert leaking == (
    everybody | only_tested if fold == 0 else told.keys() - only_tested
  )


def test_folds_of_clips_tell_what_was_meant(hand_over, tiny_store, tiny_config):
  config = tiny_config('finetune', **{'data.fold_assignment': 'leaky_clips'})
  dealt = build.make_folds(tiny_store, config.data)
  told = {}
  for kind in ('pretraining', 'pretraining on everybody', 'fine-tuning'):
    found = hand_over.make(kind)
    if kind == 'pretraining on everybody':
      notes = {**found.notes, 'pretrain_scope': 'all_unlabelled'}
      found = dataclasses.replace(found, notes=notes)
    told[kind] = finetune_origin.make_protocol(
      config, tiny_store, dealt, dealt.fold(0), made_runs.read_trained(found)
    ).pretrain_scope
  assert told == {
    'pretraining': 'train_folds',
    'pretraining on everybody': 'all_unlabelled',
    'fine-tuning': 'all_unlabelled',
  }
