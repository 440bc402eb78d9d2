import csv
import dataclasses
import shlex
import shutil
import signal

import event_files
import jax
import made_summaries
import numpy as np
import pytest
import stopped_runs

from configs import pretrain as pretraining_configs
from stclr_jax.learning.saved import checkpoints
from stclr_jax.reports import next_commands
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks
from stclr_jax.runs.training import journal
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


@pytest.fixture(scope='module')
def made_once(tmp_path_factory):
  return tmp_path_factory.mktemp('made_once') / 'pretrained'


@pytest.fixture
def pretrained(tiny_store, tiny_config, tmp_path, made_once):
  if not made_once.exists():
    config = tiny_config('pretrain', num_epochs=1)
    pretrain.run(config, made_once, store=tiny_store)
  return shutil.copytree(made_once, tmp_path / 'pretrained')


def encoder_of(workdir):
  state = checkpoints.read(workdir).state
  return {k: state[k]['encoder'] for k in ('params', 'batch_stats')}


def test_run_tests_on_unseen_people(
  tiny_store, tiny_config, tmp_path, pretrained
):
  config = tiny_config('finetune', init_from=str(pretrained))
  summary = finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert summary == summaries.read(tmp_path / 'run')
  assert summary.total == 6 and summary.labelled_videos == 54
  assert np.sum(summary.confusion) == 6
  assert np.trace(summary.confusion) == summary.correct
  assert summary.labels == tiny_store.label_names
  with (tmp_path / 'run/predictions.csv').open() as file:
    rows = list(csv.DictReader(file))
  assert {row['subject'] for row in rows} == {'P001'}
  assert sum(int(row['correct']) for row in rows) == summary.correct
  for row in rows:
    probabilities = [float(row[f'p_{name}']) for name in summary.labels]
    assert abs(sum(probabilities) - 1) < 1e-4
    best = summary.labels[int(np.argmax(probabilities))]
    assert row['prediction'] == best
  assert (tmp_path / 'run/figures/confusion_matrix.png').stat().st_size > 1000
  described = finetune.describe(summary, tmp_path / 'run')
  picture = pretrained / 'figures' / 'expression.png'
  assert 'Accuracy' in described and str(picture) not in described
  assert 'one that is only predicted' in described  # beside macro-F1
  picture.touch()  # as a pretraining with an audit leaves one
  assert str(picture) in finetune.describe(summary, tmp_path / 'run')


def test_frozen_stage_leaves_the_encoder_bit_for_bit(
  tiny_store, tiny_config, tmp_path, pretrained
):
  config = tiny_config(
    'finetune', init_from=str(pretrained), num_epochs=2, frozen_epochs=2
  )
  finetune.run(config, tmp_path / 'run', store=tiny_store)
  before, after = encoder_of(pretrained), encoder_of(tmp_path / 'run')
  jax.tree.map(np.testing.assert_array_equal, before, after)
  classifier = checkpoints.read(tmp_path / 'run').state['params']['classifier']
  assert np.abs(classifier['bias']).max() > 0


@pytest.mark.parametrize('between', ['fresh', 'kept'])
def test_second_stage_trains_everything(
  between, tiny_store, tiny_config, tmp_path, pretrained
):
  config = tiny_config('finetune', init_from=str(pretrained))
  config.optimizer.state_between_stages = between
  finetune.run(config, tmp_path / 'run', store=tiny_store)
  before, after = encoder_of(pretrained), encoder_of(tmp_path / 'run')
  equal = jax.tree.map(np.array_equal, before, after)
  assert not any(jax.tree.leaves(equal))
  state = checkpoints.read(tmp_path / 'run').state
  steps_per_epoch = 7  # 54 videos in batches of 8, the last one filled up
  assert int(state['step']) == steps_per_epoch
  counts = {k: int(s['count']) for k, s in state['opt_state'].items()}
  assert counts == {
    'encoder': steps_per_epoch,
    'classifier': steps_per_epoch * (2 if between == 'kept' else 1),
  }


def stop_after_epoch(patch, done):
  """Lets the run die in the first step behind so many epochs."""
  record = journal.Journal.record

  def dying_record(self, step, epoch, *args, **kwargs):
    if epoch > done:
      raise KeyboardInterrupt
    record(self, step, epoch, *args, **kwargs)

  patch.setattr(journal.Journal, 'record', dying_record)


@pytest.fixture
def interruptible():
  """Under xdist a process ignores SIGINT, as in the background of a shell."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


def test_interrupted_run_ends_where_an_uninterrupted_one_does(
  tiny_store, tiny_config, tmp_path, pretrained, monkeypatch, interruptible
):
  config = tiny_config(
    'finetune',
    **{
      'init_from': str(pretrained),
      'num_epochs': 4,
      'frozen_epochs': 2,
      'optimizer.schedule': 'plateau',
      'optimizer.state_between_stages': 'kept',
    },
  )
  whole = finetune.run(config, tmp_path / 'whole', store=tiny_store)
  for stop in (
    lambda patch: stop_after_epoch(patch, 1),  # in stage one
    lambda patch: stop_after_epoch(patch, 2),  # between the stages
    # In an epoch of stage two, then while it goes on.
    lambda patch: stopped_runs.tell_to_stop(patch, 2, signal.SIGINT),
    lambda patch: stopped_runs.kill(patch, 2),
  ):
    with monkeypatch.context() as patch:
      stop(patch)
      with pytest.raises(KeyboardInterrupt):
        finetune.run(config, tmp_path / 'cut', store=tiny_store)
  resumed = finetune.run(config, tmp_path / 'cut', store=tiny_store)
  assert resumed.confusion == whole.confusion
  assert resumed.training_loss == whole.training_loss
  jax.tree.map(
    np.testing.assert_array_equal,
    checkpoints.read(tmp_path / 'whole').state,
    checkpoints.read(tmp_path / 'cut').state,
  )
  pictures = event_files.read_pictures(tmp_path / 'cut' / 'events', 'finetune')
  assert pictures == [(whole.steps + 1, 'confusion_matrix')]


def test_scratch_trains_everything_from_the_first_epoch(
  tiny_store, tiny_config, tmp_path
):
  config = tiny_config('finetune', init='scratch', num_epochs=1)
  summary = finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert summary.init == 'scratch'
  stats = encoder_of(tmp_path / 'run')['batch_stats']
  assert np.abs(stats['stem_norm']['mean']).max() > 0


def test_labelled_fraction_uses_fewer_videos(tiny_store, tiny_config, tmp_path):
  config = tiny_config('finetune', init='scratch', num_epochs=1)
  config.data.labelled_fraction = 0.25
  summary = finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert 12 <= summary.labelled_videos <= 18
  used = checkpoints.read(tmp_path / 'run').notes['labelled_videos']
  assert len(used) == summary.labelled_videos
  assert not any(video.startswith('P001') for video in used)


def test_people_seen_in_pretraining_may_not_be_tested(
  tiny_store, tiny_config, tmp_path, pretrained
):
  changes = {'init_from': str(pretrained), 'data.fold': 3, 'num_epochs': 1}
  config = tiny_config('finetune', **changes)
  with pytest.raises(
    ValueError, match=r'on P004, tested in `data.fold` \(=3\)'
  ):
    finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert not (tmp_path / 'run').exists()
  config.pretrain_scope = 'all_unlabelled'
  finetune.run(config, tmp_path / 'run', store=tiny_store)


def test_a_run_does_not_go_on_with_other_people(
  tiny_store, tiny_config, tmp_path, monkeypatch
):
  config = tiny_config('finetune', init='scratch')
  with monkeypatch.context() as patch:
    stop_after_epoch(patch, 1)
    with pytest.raises(KeyboardInterrupt):
      finetune.run(config, tmp_path, store=tiny_store)
  fold = (tmp_path / 'fold.json').read_bytes()
  anew = dataclasses.replace(tiny_store, subject=tiny_store.subject % 10 + 1)
  with pytest.raises(ValueError, match='cannot go on.*new --workdir'):
    finetune.run(config, tmp_path, store=anew)
  assert (tmp_path / 'fold.json').read_bytes() == fold
  assert finetune.run(config, tmp_path, store=tiny_store).epochs == 2


def test_an_unfinished_encoder_must_be_named_by_its_epoch(
  tiny_store, tiny_config, tmp_path, pretrained
):
  (pretrained / 'summary.json').unlink()
  config = tiny_config('finetune', init_from=str(pretrained), num_epochs=1)
  with pytest.raises(FileNotFoundError, match='not finished.*init_epoch=1'):
    finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert not (tmp_path / 'run').exists()
  config.init_epoch = 1
  summary = finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert summary.init_epoch == 1
  assert summary.protocol.pretrained_epochs == 1
  assert summary.protocol.pretrained_on == tiny_store.name
  assert 'training people for 1 epoch;' in (
    finetune.describe(summary, tmp_path / 'run')
  )


COMMAND = [
  'main.py',
  '--config=configs/finetune.py',
  '--workdir=runs/mine',
  '--config.init_from=a folder',
  '--config.init_epoch=5',
  '--config.num_epochs=7',
  '--config.seed=3',
  '--config.views.size=48',
  '--config.optimizer.learning_rate=1e-3',
  '--config.data.labelled_fraction=0.25',
  '--config.data.name=my_videos',
  '--config.encoder.width=0.5',
]


@pytest.mark.parametrize('init', config_checks.INITS)
def test_the_next_command_is_one_that_can_be_typed(
  init, tiny_config, monkeypatch
):
  monkeypatch.setattr('sys.argv', COMMAND)
  config = workdirs.as_json(tiny_config('finetune'))
  summary = made_summaries.make(
    summaries.FinetuneSummary, init=init, preset='paper'
  )
  lines = next_commands.after_fine_tuning(summary, config)
  command = shlex.split(lines[-1])
  assert command[:2] == ['python', 'main.py']
  forwarded = command[3:]
  if init == 'pretrained':
    assert command[2] == '--config=configs/finetune.py:paper'
    # The same recipe, all of it, save what it begins with.
    assert forwarded == ['--config.init=scratch', *COMMAND[5:]]
  else:
    assert command[2] == '--config=configs/pretrain.py:paper'
    # A network, what it sees and of which data; no labels.
    assert forwarded == ['--config.views.size=48', *COMMAND[-2:]]
    known = pretraining_configs.get_config('paper')
    for flag in forwarded:
      key = flag.partition('=')[0].removeprefix('--config.')
      assert key in dict(flatten(known)), key


def flatten(config, prefix=''):
  for name, value in config.items():
    if hasattr(value, 'items'):
      yield from flatten(value, f'{prefix}{name}.')
    else:
      yield f'{prefix}{name}', value


def test_encoder_of_another_architecture_shows_both_sides(
  tiny_store, tiny_config, tmp_path, pretrained
):
  config = tiny_config('finetune', init_from=str(pretrained))
  config.encoder.architecture = 'r3d_18'
  with pytest.raises(ValueError) as error:
    finetune.run(config, tmp_path / 'run', store=tiny_store)
  message = str(error.value)
  assert 'Only in the checkpoint: layer1_0/conv1/norm' in message
  assert 'Only in this config:    layer1_0/conv1/conv/kernel' in message
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
  'changes,message',
  [
    ({}, "'pretrained' needs `init_from`.*--config.init=scratch"),
    ({'init': 'imagenet'}, "'imagenet'.*pretrained, scratch"),
    ({'init': 'scratch', 'init_from': 'x'}, "'x'.*no meaning"),
    ({'init': 'scratch', 'frozen_epochs': 1, 'batch_size': 9}, '=9.*8 devices'),
    ({'init': 'scratch', 'data.labelled_fraction': 0.0}, 'fraction'),
  ],
)
def test_bad_configs_are_refused_before_anything_is_written(
  tiny_store, tiny_config, tmp_path, changes, message
):
  with pytest.raises(ValueError, match=message):
    finetune.run(
      tiny_config('finetune', **changes), tmp_path / 'run', store=tiny_store
    )
  assert not (tmp_path / 'run').exists()


def test_missing_checkpoint_names_the_folder(tiny_store, tiny_config, tmp_path):
  config = tiny_config('finetune', init_from=str(tmp_path / 'nowhere'))
  with pytest.raises(FileNotFoundError, match='nowhere.checkpoints'):
    finetune.run(config, tmp_path / 'run', store=tiny_store)


def test_the_report_shows_how_the_classifier_does(
  tiny_store, tiny_config, tmp_path
):
  config = tiny_config(
    'finetune',
    **{
      'init': 'scratch',
      'num_epochs': 3,
      'frozen_epochs': 0,
      'selection': 'inner_validation',
      'data.num_folds': 3,
      'report.enabled': True,
      'report.map_videos': 40,
    },
  )
  summary = finetune.run(config, tmp_path / 'run', store=tiny_store)
  figures = tmp_path / 'run' / 'figures'
  shown = ('confusion_matrix', 'people', 'reliability', 'share_seen', 'curves')
  page = (tmp_path / 'run' / 'report.md').read_text()
  for name in (*shown, 'map'):
    assert (figures / f'{name}.png').stat().st_size > 1000
    assert f'(figures/{name}.png)' in page
  assert f'{summary.correct} of {summary.total} videos' in page
  assert summary.protocol.describe().split('\n')[0] in page
  html = (tmp_path / 'run' / 'report.html').read_text()
  maps = {path.stem for path in figures.glob('class_maps_*')}
  assert maps == {
    f'class_maps_{word}'
    for word, number in (
      ('rightly', summary.correct),
      ('wrongly', summary.total - summary.correct),
    )
    if number
  }
  assert html.count('data:image/png') == 6 + len(maps)
  with (tmp_path / 'run' / 'share_seen.csv').open() as file:
    rows = list(csv.DictReader(file))
  assert [float(row['share_seen']) for row in rows] == [
    pytest.approx(tenth / 10) for tenth in range(1, 11)
  ]
  # Of whole videos it is the test itself, of the epoch that was chosen.
  assert int(rows[-1]['correct']) == summary.correct
  assert {int(row['total']) for row in rows} == {summary.total}
