"""Every setting of a run's config is read by the run."""

import pytest

import config_leaves
from configs import evaluate as evaluate_config
from stclr_jax.data import sources
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain
from tiny_runs import make_tiny_store


@pytest.fixture
def opened(monkeypatch, shallow_encoder, compile_once):
  """A tiny data set is opened as any other is."""
  monkeypatch.setattr(sources, 'must_draw', lambda name, split: True)
  store = make_tiny_store()
  monkeypatch.setattr(sources, 'load_videos', lambda *_, **__: store)


def test_a_setting_that_nothing_reads_is_found(tiny_config, monkeypatch):
  config = tiny_config('pretrain')
  unread = config_leaves.list_unread(
    monkeypatch, [config], lambda config: (config.seed, config.data.fold)
  )
  everything = set(config_leaves.list_leaves(config).values())
  assert everything - set(unread) == {'seed', 'data.fold', 'workflow'}


def test_pretraining_reads_all_settings(
  opened, tiny_config, tmp_path, monkeypatch
):
  unread = config_leaves.list_unread(
    monkeypatch,
    [tiny_config('pretrain', num_epochs=1)],
    lambda config: pretrain.run(config, tmp_path),
  )
  assert unread == []


def test_fine_tuning_and_evaluation_read_all_settings(
  opened, tiny_config, tmp_path, monkeypatch
):
  trained = tmp_path / 'trained'
  unread = config_leaves.list_unread(
    monkeypatch,
    [
      tiny_config('finetune', num_epochs=1, init='scratch'),
      tiny_config('finetune', init_from=str(tmp_path / 'nowhere')),
    ],
    lambda config: finetune.run(config, trained),
  )
  assert unread == []
  config = evaluate_config.get_config('demo')
  config.classifier, config.people_seen = str(trained), 'mark'
  unread = config_leaves.list_unread(
    monkeypatch, [config], lambda one: evaluate.run(one, tmp_path / 'tested')
  )
  assert unread == []
