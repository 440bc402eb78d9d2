"""What is printed to be typed next would run, or the reason is printed."""

import dataclasses
import itertools
import shlex

import made_summaries
import numpy as np
import pytest

from configs import common
from configs import pretrain as pretrain_configs
from stclr_jax.reports import next_commands
from stclr_jax.runs import build
from stclr_jax.runs import summaries
from stclr_jax.runs.checks import class_checks


def label_some(store, people, classes):
  """Leaves labels to so many people, of so many classes."""
  known = (store.subject <= people) & (store.label < classes)
  return dataclasses.replace(
    store, label=np.where(known, store.label, -1).astype(np.int32)
  )


def plan_fine_tuning(config, store):
  return next_commands.plan_fine_tuning(
    store,
    build.read_options(build.FoldOptions, config.data),
    pretrain_scope=config.pretrain_scope,
  )


@pytest.mark.parametrize('scope', ['train_folds', 'all_unlabelled'])
def test_a_fine_tuning_is_planned_that_can_be_dealt(
  tiny_store, tiny_config, scope
):
  outcomes = set()
  numbers = itertools.product((0, 1, 2, 3, 10), (1, 2, 6), (2, 10), (0, 9))
  for people, classes, num_folds, fold in numbers:
    changes = {'data.num_folds': num_folds, 'data.fold': fold}
    config = tiny_config('pretrain', pretrain_scope=scope, **changes)
    store = label_some(tiny_store, people, classes)
    plan = plan_fine_tuning(config, store)
    possible = people > 1 and classes > 1
    assert bool(plan.hindrance) != possible, (people, classes)
    outcomes.add(possible)
    if not possible:
      continue
    config.update_from_flattened_dict(plan.changes)
    assert config.pretrain_scope == scope
    part = build.select_fold(store, config.data)
    class_checks.check_trained(store, part.train, where='')
    assert len(part.test)
  assert outcomes == {True, False}


def test_a_fold_that_would_be_refused_is_not_offered(tiny_store, tiny_config):
  # Of two people each shows a class of its own.
  label = np.where(tiny_store.subject < 3, tiny_store.subject - 1, -1)
  store = dataclasses.replace(tiny_store, label=label.astype(np.int32))
  plan = plan_fine_tuning(tiny_config('pretrain'), store)
  assert 'at least two classes' in plan.hindrance


def test_changes_are_typed_after_what_the_user_gave(monkeypatch):
  given = [
    '--config.data.num_folds=10', '--config.pretrain_scope=a',
    '--config.views.size=48', '--config.views.num_frames=8',
  ]  # fmt: skip
  monkeypatch.setattr(
    'sys.argv', ['main.py', *given, '--config.views.crop.enabled=0']
  )
  summary = made_summaries.make(
    summaries.PretrainSummary,
    preset='paper',
    fine_tuning=summaries.FineTuningPlan(
      {'data.num_folds': 3, 'pretrain_scope': 'a'}, ''
    ),
  )
  lines = next_commands.after_pretraining(summary, 'runs/x')
  typed = shlex.split(lines[-1])
  assert typed[3:] == [
    '--config.init_from=runs/x',
    *given,
    '--config.data.num_folds=3',
  ]


@pytest.mark.parametrize('videos', [1, 2, 5, 31, 35, 36, 400])
def test_a_pretraining_has_a_batch_that_its_videos_fill(monkeypatch, videos):
  monkeypatch.setattr('sys.argv', ['main.py'])
  summary = made_summaries.make(
    summaries.FinetuneSummary, init='scratch', pretraining_videos=videos
  )
  *_, line = next_commands.after_fine_tuning(summary, {'data': {}})
  assert ('main.py' in line) == (videos > 1)
  configs = map(pretrain_configs.get_config, common.PRESETS)
  batch = max(config.batch_size for config in configs)
  if '--config.batch_size=' in line:
    batch = int(line.rpartition('=')[2])
  assert videos == 1 or 2 <= batch <= videos
