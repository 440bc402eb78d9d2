import dataclasses
import json
import math
import os
import shlex

import event_files
import jax
import made_summaries
import numpy as np
import pytest
import stopped_runs

from stclr_jax import commands
from stclr_jax.learning.saved import checkpoints
from stclr_jax.reports import run_pictures
from stclr_jax.runs import build
from stclr_jax.runs import summaries
from stclr_jax.runs import trained
from stclr_jax.runs.training import journal
from stclr_jax.workflows import pretrain


def arrays(workdir):
  return jax.tree.leaves(checkpoints.read(workdir).state)


def read_metrics(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_run_leaves_what_design_lists(tiny_store, tiny_config, tmp_path):
  config = tiny_config('pretrain', **{'audit.enabled': True})
  summary = pretrain.run(config, tmp_path, store=tiny_store)
  assert summary == summaries.read(tmp_path)
  assert math.isclose(summary.loss_at_chance, math.log(15))
  assert summary.data == 'tiny:vl_strong' and summary.synthetic
  assert summary.preset == 'demo'
  assert summary.steps == 2 * (54 // 8)  # fold 0 leaves one person out
  assert 0 <= summary.knn_accuracy <= 1
  assert 0 <= summary.knn_accuracy_of_change <= 1
  assert summary.views_per_second > 0
  lines = read_metrics(tmp_path)
  steps = [line['step'] for line in lines if 'loss' in line]
  assert steps == list(range(1, summary.steps + 1))
  assert json.loads((tmp_path / 'config.json').read_text())['batch_size'] == 8
  assert (tmp_path / 'environment.json').exists()
  pictures = {path.name for path in (tmp_path / 'figures').iterdir()}
  assert {
    'pretraining.png',
    'expression.png',
    'map.png',
    'views_1_P002_Anger.png',
    'operations_P002_Anger.png',
  } <= pictures
  notes = trained.open_trained(tmp_path, option='').notes
  assert notes.seen[0].names == {f'P{i:03d}' for i in range(2, 11)}
  described = pretrain.describe(summary, tmp_path)
  assert f'--config.init_from={tmp_path}' in described
  report = (tmp_path / 'report.md').read_text()
  assert '(figures/expression.png)' in report
  assert 'What changes between the first and the last frame' in report
  assert summary.audit.videos == 54 and summary.audit.people == 9
  written = json.loads((tmp_path / 'summary.json').read_text())['audit']
  expression = written['expression']
  assert expression['chance'] == pytest.approx(1 / 6)
  for name in ('clip', 'person_removed', 'change', 'change_of_clip'):
    assert 0 <= expression[name] <= 1, name
  votes = [line for line in lines if 'knn_accuracy' in line]
  assert votes[-1]['knn_accuracy_of_change'] == summary.knn_accuracy_of_change
  assert 0 < votes[-1]['spread'] <= 1 <= votes[-1]['effective_rank']
  assert -8 <= votes[-1]['uniformity'] < 0
  assert 'What the embedding holds' in described
  assert str(tmp_path / 'figures' / 'expression.png') in described
  assert 'What changes between the first and the last frame' in described
  assert 'frames reversed' in described


def test_interrupted_run_ends_where_an_uninterrupted_one_does(
  tiny_store, tiny_config, tmp_path, monkeypatch
):
  config = tiny_config('pretrain', num_epochs=3)
  whole = pretrain.run(config, tmp_path / 'whole', store=tiny_store)

  def within():
    return set(os.listdir(tmp_path / 'cut' / 'unfinished_epoch'))

  with monkeypatch.context() as patch:
    stopped_runs.tell_to_stop(patch, steps=8)  # in the second of six steps each
    with pytest.raises(SystemExit) as ended:
      commands.report_errors()(pretrain.run)(
        config, tmp_path / 'cut', store=tiny_store
      )
  assert ended.value.code == commands.TERMINATED
  assert within() == {'8', 'checksums.json'}
  with monkeypatch.context() as patch:
    stopped_runs.kill(patch, steps=3)
    with pytest.raises(KeyboardInterrupt):
      pretrain.run(config, tmp_path / 'cut', store=tiny_store)
  assert within() == {'8', 'checksums.json'}
  assert not (tmp_path / 'cut' / 'summary.json').exists()
  before = checkpoints.read(tmp_path / 'cut').notes['progress']['seconds']
  resumed = pretrain.run(config, tmp_path / 'cut', store=tiny_store)
  assert not (tmp_path / 'cut' / 'unfinished_epoch').exists()
  for name in (
    'loss', 'knn_accuracy', 'knn_accuracy_of_change', 'contrastive_accuracy',
    'steps',
  ):  # fmt: skip
    assert getattr(resumed, name) == getattr(whole, name)
  after = checkpoints.read(tmp_path / 'cut').notes['progress']['seconds']
  assert 0 < before < after < resumed.seconds
  for a, b in zip(
    arrays(tmp_path / 'whole'), arrays(tmp_path / 'cut'), strict=True
  ):
    np.testing.assert_array_equal(a, b)
  assert read_metrics(tmp_path / 'whole') == read_metrics(tmp_path / 'cut')
  for run in ('whole', 'cut'):  # TensorBoard shows the same of both
    shown = event_files.read_figures(tmp_path / run / 'events', 'pretrain')
    assert shown == [
      (line['step'], name, np.float32(figure))
      for line in read_metrics(tmp_path / run)
      for name, figure in line.items()
      if name != 'step'
    ]
    pictures = event_files.read_pictures(tmp_path / run / 'events', 'pretrain')
    assert {name: step for step, name in pictures} == {
      'views_1_P002_Anger': 0,
      'views_2_P002_Disgust': 0,
      'views_3_P002_Fear': 0,
      'operations_P002_Anger': 0,
      'pretraining': whole.steps + 1,
    }
    assert len(pictures) == 5  # each once


def test_a_run_does_not_go_on_with_other_people(
  tiny_store, tiny_config, tmp_path, monkeypatch
):
  config = tiny_config('pretrain')
  with monkeypatch.context() as patch:
    stopped_runs.kill(patch, steps=8)
    with pytest.raises(KeyboardInterrupt):
      pretrain.run(config, tmp_path, store=tiny_store)
  before = arrays(tmp_path)
  for changes in (
    {'subject': tiny_store.subject % 10 + 1},
    {'label': tiny_store.label[::-1]},  # whose label is known deals the folds
  ):
    anew = dataclasses.replace(tiny_store, **changes)
    with pytest.raises(ValueError, match='cannot go on.*new --workdir'):
      pretrain.run(config, tmp_path, store=anew)
  for a, b in zip(before, arrays(tmp_path), strict=True):
    np.testing.assert_array_equal(a, b)


def test_the_next_command_can_be_typed(tmp_path, monkeypatch):
  flags = ['--config.pretrain_scope=all_unlabelled', '--config.data.name=mine']
  monkeypatch.setattr('sys.argv', ['main.py', '--config.seed=1', *flags])
  summary = made_summaries.make(summaries.PretrainSummary)
  described = pretrain.describe(summary, "runs/it's mine")
  command = shlex.split(described.split('\n')[-1])
  assert command[3:] == ["--config.init_from=runs/it's mine", *flags]


def test_finished_run_is_not_run_again(
  tiny_store, tiny_config, tmp_path, monkeypatch
):
  config = tiny_config('pretrain', num_epochs=1)
  summary = pretrain.run(config, tmp_path, store=tiny_store)
  stopped_runs.kill(monkeypatch, steps=0)
  assert pretrain.run(config, tmp_path, store=tiny_store) == summary


def test_not_finite_loss_stops_and_keeps_the_checkpoint(
  tiny_store, tiny_config, tmp_path
):
  config = tiny_config('pretrain', num_epochs=3)
  good = tiny_config('pretrain', num_epochs=3)
  with pytest.MonkeyPatch.context() as patch:
    stopped_runs.kill(patch, steps=8)
    with pytest.raises(KeyboardInterrupt):
      pretrain.run(good, tmp_path, store=tiny_store)
  before = arrays(tmp_path)

  def poisoned(fetch):
    return lambda metrics: {k: float('nan') for k in fetch(metrics)}

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(journal.jax, 'device_get', poisoned(jax.device_get))
    with pytest.raises(FloatingPointError, match='`loss` is nan at step 7 '):
      pretrain.run(config, tmp_path, store=tiny_store)
  for a, b in zip(before, arrays(tmp_path), strict=True):
    np.testing.assert_array_equal(a, b)


def test_workdir_of_another_config_is_refused(
  tiny_store, tiny_config, tmp_path
):
  config = tiny_config('pretrain', num_epochs=1)
  pretrain.run(config, tmp_path, store=tiny_store)
  config.temperature = 0.5
  with pytest.raises(ValueError, match='temperature: there 0.1, here 0.5'):
    pretrain.run(config, tmp_path, store=tiny_store)


def test_foreign_folder_is_refused(tiny_store, tiny_config, tmp_path):
  (tmp_path / 'thesis.tex').write_text('mine')
  with pytest.raises(ValueError, match='holds files but no config.json'):
    pretrain.run(tiny_config('pretrain'), tmp_path, store=tiny_store)
  assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


@pytest.mark.parametrize(
  'changes,message',
  [
    ({'temperature': 0.0}, 'temperature.*must be positive'),
    ({'batch_size': 30}, '=30.*divisible by the 8 devices; 24 or 32'),
    ({'batch_size': 64}, '=64.*exceed the 54 training videos'),
    ({'negatives.groups': 8}, r'`batch_size` \(=8\) must be at least 16.*neg'),
    ({'encoder.architecture': 'resnet'}, "'resnet'.*r2plus1d_18"),
    ({'encoder.dtype': 'float8'}, "'float8'.*bfloat16"),
    ({'views.size': 8}, '=8.*at least 16 pixels'),
    ({'pretrain_scope': 'test'}, "'test'.*all_unlabelled"),
    ({'optimizer.name': 'lars'}, "'lars'.*sgd"),
    ({'optimizer.schedule': 'step'}, "'step'.*cosine"),
    ({'data.fold': 10}, '10'),
    (
      {'negatives.other_people': 0.0},
      r"\(=0.0\).*'shuffled'.*'by_person' does",
    ),
    ({'negatives.reversed': True, 'views.num_frames': 1}, '=1.*at least 2'),
    (
      {'batches.composition': 'by_person', 'batches.people': 8},
      r'`batches.people` \(=8\) must be at most half',
    ),
  ],
)
def test_bad_configs_are_refused_before_anything_is_written(
  tiny_store, tiny_config, tmp_path, changes, message
):
  with pytest.raises(ValueError, match=message):
    pretrain.run(
      tiny_config('pretrain', **changes), tmp_path / 'run', store=tiny_store
    )
  assert not (tmp_path / 'run').exists()


BEYOND = {
  'batch_size': 24,
  'batches.composition': 'by_person',
  'batches.people': 4,
  'negatives.other_people': 0.0,
  'negatives.reversed': True,
  'views.temporal.distance': 0.2,
}


@pytest.mark.slow
def test_beyond_the_paper_wherever_the_frames_lie(
  tiny_store, tiny_config, tmp_path
):
  found = []
  for placement in ('device', 'host'):
    config = tiny_config(
      'pretrain', num_epochs=1, **BEYOND, **{'data.placement': placement}
    )
    folder = tmp_path / placement
    found.append(pretrain.run(config, folder, store=tiny_store))
  # All six videos of a person meet: four views each, of which one is itself.
  assert found[0].loss_at_chance == pytest.approx(math.log(4 * 6 - 1))
  assert found[0].loss == found[1].loss and found[0].steps == 2
  both = (arrays(tmp_path / name) for name in ('device', 'host'))
  for a, b in zip(*both, strict=True):
    np.testing.assert_array_equal(a, b)
  report = (tmp_path / 'host' / 'report.md').read_text()
  assert "Not the paper's method: batches by person; negatives" in report


@pytest.mark.parametrize(
  'changes, of_store, message',
  [
    ({'batches.composition': 'by_person', 'batches.people': 2}, 'subject', ''),
    ({'negatives.other_people': 0.5}, 'subject', '`negatives.other_people` '),
    (
      {'negatives.reversed': True},
      'length',
      '1 of the 54 have one, .* P0',
    ),
  ],
)
def test_people_and_frames_that_are_missing_are_refused(
  changes, of_store, message, tiny_store, tiny_config, tmp_path
):
  changed = getattr(tiny_store, of_store).copy()
  if of_store == 'length':
    changed[20] = 1
  else:  # everybody in one video
    changed[:] = np.arange(60)
    message += 'needs people in two training videos or more.*own_videos.md'
  store = dataclasses.replace(tiny_store, **{of_store: changed})
  with pytest.raises(ValueError, match=message):
    pretrain.run(
      tiny_config('pretrain', **changes), tmp_path / 'run', store=store
    )
  assert not (tmp_path / 'run').exists()


def test_all_unlabelled_sees_everybody(tiny_store, tiny_config):
  data = tiny_config('pretrain').data
  seen = [
    len(build.videos_seen(tiny_store, data, pretrain_scope=scope))
    for scope in ('all_unlabelled', 'train_folds')
  ]
  assert seen == [60, 54]


def test_pictures_take_ids_of_any_kind(tiny_store, tiny_config, tmp_path):
  config = tiny_config('pretrain')
  ids = ('a/b', 'a_b', 'ß' * 250, *tiny_store.video_id[3:])
  store = dataclasses.replace(tiny_store, video_id=ids)
  options = build.make_view_options(config.views)
  run_pictures.save_view_pairs(tmp_path, store, np.arange(3), options, seed=0)
  assert len(list((tmp_path / 'figures').glob('views_*.png'))) == 3
  run_pictures.save_operations(tmp_path, store, 2, options, seed=0)
  (picture,) = (tmp_path / 'figures').glob('operations_*.png')
  assert picture.stat().st_size > 1000
