import dataclasses
import json

import numpy as np
import pytest

from configs import baselines as configs
from stclr_jax.data import folds
from stclr_jax.errors import UserError
from stclr_jax.evaluation import probes
from stclr_jax.experiments import baseline_methods
from stclr_jax.experiments import baselines
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.experiments.finished import run_pairs
from stclr_jax.views import views
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
  summary = baselines.run(config, tmp_path, store=tiny_store)
  written = json.loads((tmp_path / 'summary.json').read_text())
  assert fold_summaries.BaselinesSummary.from_dict(written) == summary
  found = summary.methods
  assert list(found) == ['chance', 'lbp_top', 'lbp_last_frame']
  for name, accuracy in found.items():
    assert accuracy.total == 12 and accuracy.people == 2
    pooled = predicted_runs.read_run(tmp_path / name)
    assert set(pooled.subject.values()) == {'P001', 'P004'}
    assert pooled.data == 'tiny:vl_strong'
  assert found['chance'].correct == 2  # one class of six
  # A bright spot's place tells the expression of this set.
  assert found['lbp_top'].accuracy > 0.5
  assert 'LBP-TOP, linear SVM' in baselines.describe(summary, tmp_path)
  compared = run_pairs.compare_runs(
    predicted_runs.read_run(tmp_path / 'chance'),
    predicted_runs.read_run(tmp_path / 'lbp_top'),
  )
  assert compared.comparison.difference > 0

  def refuse(*_):
    raise AssertionError('A finished method was run again.')

  monkeypatch.setattr(baseline_methods.Predictor, 'predict', refuse)
  assert baselines.run(config, tmp_path, store=tiny_store) == summary


@pytest.mark.slow
def test_frozen_encoders(tiny_store, tiny_config, tmp_path):
  pretrain.run(
    tiny_config('pretrain', num_epochs=1),
    tmp_path / 'pretrained_0',
    store=tiny_store,
  )
  config = make_config(
    methods=baseline_methods.OF_ENCODERS,
    encoder_from=str(tmp_path / 'pretrained_{fold}'),
  )
  summary = baselines.run(config, tmp_path / 'run', store=tiny_store)
  for name in baseline_methods.OF_ENCODERS:
    assert summary.methods[name].total == 6
    table = (tmp_path / f'run/{name}/fold_0/predictions.csv').read_text()
    rows = [row.split(',')[5:] for row in table.splitlines()[1:]]
    np.testing.assert_allclose(np.float64(rows).sum(1), 1, atol=1e-4)
  # Fold 1 tests a person whom this encoder has seen.
  config.encoder_from = str(tmp_path / 'pretrained_0')
  config.folds = (1,)
  with pytest.raises(ValueError, match=r'on P002, tested in fold 1'):
    baselines.run(config, tmp_path / 'leaky', store=tiny_store)
  # Nor is an encoder taken whose pretraining still runs.
  (tmp_path / 'pretrained_0/summary.json').unlink()
  config.folds = (0,)
  with pytest.raises(FileNotFoundError, match='not finished'):
    baselines.run(config, tmp_path / 'leaky', store=tiny_store)
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
    baselines.run(make_config(**changes), tmp_path / 'run', store=tiny_store)
  assert not (tmp_path / 'run').exists()


def test_the_mean_of_a_persons_own_videos_is_taken_away(
  tiny_store, monkeypatch
):
  # h is a large part of the person's, a small one of the expression, and noise.
  random = np.random.default_rng(0)
  person, expression = (
    9 * random.normal(size=(11, 8)),
    random.normal(size=(6, 8)),
  )
  h = person[tiny_store.subject] + expression[tiny_store.label]
  h += 0.1 * random.normal(size=h.shape)
  monkeypatch.setattr(
    baseline_methods.representations,
    'make_encode',
    lambda *_, **__: lambda variables, shown, order: h[shown],
  )
  encoder = baseline_methods.Encoder(None, {}, views.ViewOptions(num_frames=4))
  options = baseline_methods.Options(8, 1, 1, (2, 2), 8, 24)

  def predict(method, train, test):
    predictor = baseline_methods.Predictor(
      tiny_store, make_config().data, options
    )
    part = folds.Fold(train, test, train, train[:0])
    return predictor.predict(method, part, encoder)

  train, test = np.arange(24, 60), np.arange(24)
  plain = predict('linear_probe', train, test)
  found = predict('person_removed_probe', train, test)
  label = tiny_store.label[test]
  assert (plain.argmax(1) == label).mean() < 0.7
  assert (found.argmax(1) == label).mean() > 0.9
  # By hand; a test person's mean is over that person's test videos alone.
  removed = np.concatenate([six - six.mean(0) for six in h.reshape(10, 6, 8)])
  expected = probes.linear_probe(
    removed[train], tiny_store.label[train], tiny_store.subject[train],
    removed[test], num_classes=6,
  )  # fmt: skip
  np.testing.assert_allclose(found, expected, atol=1e-9)
  shuffled = random.permutation(test)
  again = predict('person_removed_probe', train, shuffled)
  np.testing.assert_allclose(again, found[shuffled], atol=1e-9)


def test_people_without_a_mean_are_refused(tiny_store, tmp_path):
  config = make_config(methods=('person_removed_probe',), encoder_from='x')
  label = tiny_store.label.copy()
  label[:5] = -1  # one of P001's is left, who is tested
  for store, words in (
    (dataclasses.replace(tiny_store, label=label), 'P001 .*test .*fold 0'),
    (
      dataclasses.replace(tiny_store, label=np.roll(label, 6)),
      'P002 .*training .*fold 0',
    ),
    (
      dataclasses.replace(tiny_store, subject=np.arange(60, dtype=np.int32)),
      'the 60 videos .*as many people.*own_videos',
    ),
  ):
    with pytest.raises(UserError, match=f'person_removed_probe.*{words}'):
      baselines.run(config, tmp_path / 'run', store=store)
    assert not (tmp_path / 'run').exists()


def test_methods_may_be_typed_with_commas(tiny_store, tmp_path):
  # As ml_collections reads --config.methods=chance,lbp_last_frame.
  config = make_config(methods=('chance, lbp_last_frame',))
  found = baselines.run(config, tmp_path, store=tiny_store)
  assert list(found.methods) == ['chance', 'lbp_last_frame']


def test_the_commonest_label_is_the_first_of_a_tie():
  assert baseline_methods.most_frequent([2, 1, 1, 2, 0], 3).tolist() == [1] * 3


def test_clips_are_grey_in_their_range(tiny_store):
  options = baseline_methods.Options(
    batch_size=8, num_neighbors=1, lbp_radius=1, lbp_blocks=(2, 2),
    lbp_frames=8, lbp_size=24,
  )  # fmt: skip
  predictor = baseline_methods.Predictor(
    tiny_store, make_config().data, options
  )
  clips = list(predictor.grey_clips(np.arange(3)))
  assert len(clips) == 3 and clips[0].shape == (8, 24, 24)
  assert clips[0].dtype == np.uint8 and clips[0].max() > 60
