import csv
import functools
import json
import types

import made_runs
import numpy as np
import pytest

import stclr_jax
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import chosen_networks
from stclr_jax.runs import build
from stclr_jax.runs import selection
from stclr_jax.workflows import finetune
from stclr_jax.workflows import finetune_origin
from stclr_jax.workflows import pretrain


def read_lines(workdir):
  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def correct_in(path):
  with path.open() as file:
    return sum(int(row['correct']) for row in csv.DictReader(file))


def test_last_epoch_is_tested_and_the_oracle_is_kept_apart(
  tiny_store, tiny_config, tmp_path
):
  config = tiny_config('finetune', init='scratch', num_epochs=3)
  summary = finetune.run(config, tmp_path, store=tiny_store)
  looks = [
    line['oracle_test_correct']
    for line in read_lines(tmp_path)
    if 'oracle_test_correct' in line
  ]
  assert len(looks) == 3 and looks[-1] == summary.correct
  oracle = summary.test_oracle
  assert oracle.correct == max(looks) >= summary.correct
  assert oracle.epoch == 1 + int(np.argmax(looks))
  assert 'chosen by the test result' in oracle.as_dict()['leak']
  assert correct_in(tmp_path / 'oracle_predictions.csv') == max(looks)
  assert correct_in(tmp_path / 'predictions.csv') == summary.correct
  assert 'not a result' in finetune.describe(summary, tmp_path)
  kept = summary.protocol
  assert kept.selection == 'last' and kept.pretrain_scope == 'none'
  assert not kept.leaks and kept.num_people == 1
  assert json.loads((tmp_path / 'fold.json').read_text())['test']['ids'] == [
    f'P001/{name}' for name in sorted(tiny_store.label_names)
  ]


def test_without_looks_there_is_no_oracle(tiny_store, tiny_config, tmp_path):
  config = tiny_config(
    'finetune', init='scratch', num_epochs=1, look_every_epochs=0
  )
  assert finetune.run(config, tmp_path, store=tiny_store).test_oracle is None
  assert not (tmp_path / 'oracle_predictions.csv').exists()


def test_inner_validation_chooses_on_the_next_folds_people(
  tiny_store, tiny_config, tmp_path
):
  config = tiny_config(
    'finetune', init='scratch', num_epochs=3, selection='inner_validation'
  )
  summary = finetune.run(config, tmp_path, store=tiny_store)
  looks = [
    line['validation_correct']
    for line in read_lines(tmp_path)
    if 'validation_correct' in line
  ]
  assert summary.epoch_tested == 1 + int(np.argmax(looks))
  assert summary.validation.correct == max(looks)
  assert summary.labelled_videos == 48 and summary.validation.total == 6
  assert summary.test_oracle is None  # nobody looked
  assert 0.05 <= summary.validation.temperature <= 20
  trained_on = checkpoints.read(tmp_path).notes['labelled_videos']
  assert not any(video.startswith(('P001', 'P002')) for video in trained_on)
  assert summary.protocol.selection == 'inner_validation'
  assert 0 <= summary.validation.unsure_below <= 1
  # What is loaded is what was tested.
  classifier = stclr_jax.load_classifier(tmp_path)
  test = slice(tiny_store.first[0], tiny_store.first[6])
  found = [
    classifier(frames[None])[0].tolist()
    for frames in np.split(tiny_store.frames[test], tiny_store.first[1:6])
  ]
  with (tmp_path / 'predictions.csv').open() as file:
    written = {row['video_id']: row for row in csv.DictReader(file)}
  for video_id, probabilities in zip(tiny_store.video_id, found, strict=False):
    row = written[video_id]
    expected = [float(row[f'p_{name}']) for name in tiny_store.label_names]
    np.testing.assert_allclose(probabilities, expected, atol=2e-4)


NUM_EPOCHS = 12


def look_through(kind, store, workdir, epochs, *, every=1):
  """Follows the epochs {number: videos named rightly}, as training would.

  Returns:
    What was chosen: `selection.Tested`.
  """
  fold = types.SimpleNamespace(
    test=np.arange(6, 24), validation=np.arange(24, 54)
  )
  options = selection.Options(kind, every, NUM_EPOCHS)
  journal = types.SimpleNamespace(
    pause=lambda: None, write=lambda **values: None
  )
  chosen = selection.make(
    options, store, fold, functools.partial(classify, store), workdir
  )
  networks = {epoch: network_of(right) for epoch, right in epochs.items()}
  for epoch, network in networks.items():
    chosen.end_epoch(epoch, network, journal, step=epoch)
  if NUM_EPOCHS in epochs:
    return chosen.finish(networks[NUM_EPOCHS])


def network_of(right):
  """Variables of a network that names so many videos rightly."""
  return {'params': {'a': {'right': right}}, 'batch_stats': {'b': -right}}


def classify(store, network, indices):
  """Names the first `right` videos rightly, in words that tell `right`."""
  right = network['params']['a']['right']
  named = (store.label[indices] + (np.arange(len(indices)) >= right)) % 6
  sure = 0.5 + right / 100
  return sure * np.eye(6)[named] + (1 - sure) / 6


@pytest.mark.parametrize('kind', selection.SELECTIONS)
@pytest.mark.parametrize('every', [1, 3])
@pytest.mark.parametrize('seed', range(8))
def test_what_lies_beyond_a_checkpoint_is_forgotten(
  tiny_store, tmp_path, kind, every, seed
):
  key = np.random.default_rng(seed)
  done, lived = {}, 0
  while lived < NUM_EPOCHS:
    # On another machine an epoch does not come out the same again.
    stop = min(NUM_EPOCHS, lived + int(key.integers(1, 8)))
    epochs = {
      epoch: int(key.integers(3, 16)) for epoch in range(lived + 1, stop + 1)
    }
    found = look_through(kind, tiny_store, tmp_path, epochs, every=every)
    if stop < NUM_EPOCHS:  # killed, and its newest checkpoint is older
      stop = int(key.integers(lived, stop + 1))
      (tmp_path / 'checkpoints' / str(stop)).mkdir(parents=True, exist_ok=True)
    done |= {epoch: epochs[epoch] for epoch in epochs if epoch <= stop}
    lived = stop
  looks = {e: n for e, n in done.items() if e % every == 0 or e == NUM_EPOCHS}
  best = max(looks, key=lambda epoch: (looks[epoch], -epoch))
  tested = best if kind == 'inner_validation' else NUM_EPOCHS
  np.testing.assert_array_equal(
    found.probabilities,
    classify(tiny_store, network_of(done[tested]), np.arange(6, 24)),
  )
  assert found.epoch == tested
  if kind == 'last':
    assert found.oracle.epoch == best
    assert found.oracle.correct == done[best]
    assert correct_in(tmp_path / 'oracle_predictions.csv') == done[best]
  else:
    assert found.validation.correct == done[best]
    # Of the epoch that was tested, also where a killed process had others.
    kept = chosen_networks.read(tmp_path)
    assert kept == (tested, network_of(done[tested]))
    assert not (tmp_path / 'best_networks').exists()


def test_a_run_whose_looks_are_gone_is_not_tested(tiny_store, tmp_path):
  epochs = {epoch: 5 for epoch in range(1, NUM_EPOCHS)}
  look_through('inner_validation', tiny_store, tmp_path, epochs)
  (tmp_path / selection.BEST_LOOKS).unlink()
  options = selection.Options('inner_validation', 1, NUM_EPOCHS)
  chosen = selection.make(options, tiny_store, None, None, tmp_path)
  with pytest.raises(FileNotFoundError, match='best_looks.*another --workdir'):
    chosen.finish(None)


def test_a_network_that_is_gone_is_not_replaced_by_another(
  tiny_store, tmp_path
):
  epochs = {epoch: 20 - epoch for epoch in range(1, NUM_EPOCHS + 1)}
  look_through('inner_validation', tiny_store, tmp_path, epochs)
  # A run that was killed before its summary was written ends again alike.
  look_through('inner_validation', tiny_store, tmp_path, {NUM_EPOCHS: 8})
  (tmp_path / 'chosen_network.npz').unlink()
  with pytest.raises(FileNotFoundError, match='1.npz.*another --workdir'):
    look_through('inner_validation', tiny_store, tmp_path, {NUM_EPOCHS: 8})


@pytest.mark.parametrize('held_out', [False, True])
def test_protocol_says_whether_validation_people_were_pretrained_on(
  tiny_store, tiny_config, held_out
):
  seen = build.videos_seen(
    tiny_store,
    tiny_config('pretrain').data,
    pretrain_scope='train_folds',
    hold_out_validation=held_out,
  )
  config = tiny_config('finetune', selection='inner_validation')
  dealt = build.make_folds(tiny_store, config.data)
  fold = dealt.fold(0, validation=True)

  def make_protocol(videos):
    return finetune_origin.make_protocol(
      config,
      tiny_store,
      dealt,
      fold,
      made_runs.make_trained(tiny_store, videos),
    )

  kept = make_protocol(seen)
  assert kept.validation_in_pretraining is not held_out
  assert kept.pretrain_scope == 'train_folds'
  again = make_protocol([*seen, fold.test[0]])
  assert again.pretrain_scope == 'all_unlabelled' and again.leaks


@pytest.mark.slow
def test_folds_of_clips_are_called_leaky(tiny_store, tiny_config, tmp_path):
  leaky = {'data.fold_assignment': 'leaky_clips', 'num_epochs': 1}
  before = tmp_path / 'pretrained'
  pretrain.run(tiny_config('pretrain', **leaky), before, store=tiny_store)
  config = tiny_config('finetune', init_from=str(before), **leaky)
  summary = finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert len(summary.protocol.leaks) == 1
  assert summary.protocol.num_people > 1
  described = finetune.describe(summary, tmp_path / 'run')
  assert 'LEAK' in described and 'people trained on' in described
  assert 'unseen' not in described and 'training people' not in described


@pytest.mark.slow
def test_a_kept_epoch_of_a_pretraining_can_be_fine_tuned(
  tiny_store, tiny_config, tmp_path
):
  before = tmp_path / 'long'
  changes = {
    'checkpoint.keep': 1,
    'checkpoint.every_epochs': 10,
    'optimizer.schedule': 'constant',
  }
  pretrain.run(
    tiny_config(
      'pretrain', num_epochs=2, **changes | {'checkpoint.keep_epochs': (1,)}
    ),
    before,
    store=tiny_store,
  )
  short = tmp_path / 'short'
  pretrain.run(
    tiny_config('pretrain', num_epochs=1, **changes), short, store=tiny_store
  )
  found = [
    finetune.run(
      tiny_config(
        'finetune', init_from=str(source), init_epoch=epoch, num_epochs=1
      ),
      tmp_path / f'run_{epoch}',
      store=tiny_store,
    )
    for source, epoch in ((before, 1), (short, 0))
  ]
  # At a constant rate a long run passes through the short one, bit for bit.
  assert found[0].training_loss == found[1].training_loss
  assert found[0].confusion == found[1].confusion


@pytest.mark.parametrize(
  'changes,message',
  [
    ({'selection': 'test_oracle'}, "'test_oracle'.*beside 'last'"),
    ({'selection': 'inner_validation', 'look_every_epochs': 0}, '=0.*least 1'),
    (
      {'selection': 'inner_validation', 'data.num_folds': 2},
      '=2.*at least 3',
    ),
  ],
)
def test_selections_that_cannot_be_are_refused(
  tiny_store, tiny_config, tmp_path, changes, message
):
  config = tiny_config('finetune', init='scratch', **changes)
  with pytest.raises(ValueError, match=message):
    finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert not (tmp_path / 'run').exists()
