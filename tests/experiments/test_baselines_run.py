import json

import numpy as np
import pytest

from configs import baselines as configs
from stclr_jax.experiments import baselines
from stclr_jax.experiments import run_pairs
from stclr_jax.runs import build
from stclr_jax.workflows import pretrain


def make_config(**changes):
  config = configs.get_config('demo')
  config.batch_size = 8
  config.views.size = 24
  config.views.num_frames = 8
  config.lbp.radius = 1
  config.lbp.blocks = (2, 2)
  config.update_from_flattened_dict(changes)
  return config


def test_frames_alone_on_two_folds(tiny_store, tmp_path, monkeypatch):
  config = make_config(folds=(0, 3))
  summary = baselines.run(config, tmp_path)
  assert summary == json.loads((tmp_path / 'summary.json').read_text())
  found = summary['methods']
  assert list(found) == ['chance', 'lbp_top', 'lbp_last_frame']
  for name, accuracy in found.items():
    assert accuracy['total'] == 12 and accuracy['people'] == 2
    pooled = run_pairs.read_run(tmp_path / name)
    assert set(pooled.subject.values()) == {'P001', 'P004'}
    assert pooled.summary['data'] == 'tiny:vl_strong'
  assert found['chance']['correct'] == 2  # one class of six
  # A bright spot's place tells the expression of this set.
  assert found['lbp_top']['accuracy'] > 0.5
  assert 'LBP-TOP, linear SVM' in baselines.describe(summary, tmp_path)
  compared = run_pairs.compare_runs(
    run_pairs.read_run(tmp_path / 'chance'),
    run_pairs.read_run(tmp_path / 'lbp_top'),
  )
  assert compared['comparison']['difference'] > 0

  def refuse(*_):
    raise AssertionError('A finished method was run again.')

  monkeypatch.setattr(baselines._Predictor, 'predict', refuse)
  assert baselines.run(config, tmp_path) == summary


@pytest.mark.slow
def test_frozen_encoders(tiny_store, tiny_config, tmp_path):
  pretrain.run(tiny_config('pretrain', num_epochs=1), tmp_path / 'pretrained_0')
  config = make_config(
    methods=baselines.OF_ENCODERS,
    encoder_from=str(tmp_path / 'pretrained_{fold}'),
  )
  summary = baselines.run(config, tmp_path / 'run')
  for name in baselines.OF_ENCODERS:
    assert summary['methods'][name]['total'] == 6
    table = (tmp_path / f'run/{name}/fold_0/predictions.csv').read_text()
    rows = [row.split(',')[5:] for row in table.splitlines()[1:]]
    np.testing.assert_allclose(np.float64(rows).sum(1), 1, atol=1e-4)
  # Fold 1 tests a person whom this encoder has seen.
  config.encoder_from = str(tmp_path / 'pretrained_0')
  config.folds = (1,)
  with pytest.raises(ValueError, match=r'on P002, tested in fold 1'):
    baselines.run(config, tmp_path / 'leaky')
  # Nor is an encoder taken whose pretraining still runs.
  (tmp_path / 'pretrained_0/summary.json').unlink()
  config.folds = (0,)
  with pytest.raises(FileNotFoundError, match='not finished'):
    baselines.run(config, tmp_path / 'leaky')
  assert not (tmp_path / 'leaky').exists()


@pytest.mark.parametrize(
  'changes,message',
  [
    ({'methods': ('svm',)}, "'svm'.*lbp_top"),
    ({'methods': ()}, 'must be some of'),
    ({'methods': ('chance', 'knn')}, 'knn need an encoder'),
    (
      {'methods': ('knn',), 'encoder_from': 'x', 'folds': (0, 1)},
      "'?x'?.*must have {fold}",
    ),
    ({'folds': (10,)}, '10'),
  ],
)
def test_bad_configs_are_refused(tiny_store, changes, message, tmp_path):
  with pytest.raises(ValueError, match=message):
    baselines.run(make_config(**changes), tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


def test_last_frame_knows_nothing_of_time(tiny_store):
  options = make_config()
  predictor = baselines._Predictor(options, tiny_store)
  shown = np.arange(3)
  clips = list(
    predictor._grey_clips(shown, build.make_view_options(options.views))
  )
  assert len(clips) == 3 and clips[0].shape == (8, 24, 24)
  assert clips[0].dtype == np.uint8
