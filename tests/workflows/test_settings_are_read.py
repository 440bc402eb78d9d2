"""Every setting of a run's config is read by the run."""

import config_leaves
import made_runs
import pytest
from tiny_runs import make_tiny_store

from configs import evaluate as evaluate_config
from stclr_jax.data import sources
from stclr_jax.runs import run_videos
from stclr_jax.runs import trained
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


@pytest.fixture
def opened(monkeypatch, shallow_encoder, compile_once):
  """A tiny data set is opened as any other is."""
  monkeypatch.setattr(sources, 'must_draw', lambda name, split: True)
  store = make_tiny_store()
  monkeypatch.setattr(sources, 'load_videos', lambda *_, **__: store)
  # Other tests of this process know other videos by the same name.
  run_videos.KEPT.forget()
  yield
  run_videos.KEPT.forget()


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
  done = tmp_path / 'done'
  # Refused where all that is about an encoder has been read.
  earlier = made_runs.make_trained(make_tiny_store(), [0])
  refused = tiny_config('finetune', init_from='x')
  refused.views.color.enabled = True
  with monkeypatch.context() as patch:
    patch.setattr(trained, 'open_trained', lambda *_, **__: earlier)
    unread = config_leaves.list_unread(
      monkeypatch,
      [tiny_config('finetune', num_epochs=1, init='scratch'), refused],
      lambda config: finetune.run(config, done),
    )
  assert unread == []
  config = evaluate_config.get_config('demo')
  config.classifier, config.people_seen = str(done), 'mark'
  unread = config_leaves.list_unread(
    monkeypatch, [config], lambda one: evaluate.run(one, tmp_path / 'tested')
  )
  assert unread == []
