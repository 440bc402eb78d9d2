"""Pretraining needs no labels; what needs some is left out where none are."""

import dataclasses

import numpy as np
import pytest

from stclr_jax.runs import summaries
from stclr_jax.workflows import pretrain


@pytest.fixture
def run(tiny_store, tiny_config, tmp_path):
  def run(label, label_names):
    store = dataclasses.replace(
      tiny_store, label=np.int32(label), label_names=label_names
    )
    config = tiny_config('pretrain', num_epochs=1, **{'data.num_folds': 7})
    return pretrain.run(config, tmp_path, store=store)

  return run


def test_videos_without_any_label_are_all_pretrained_on(run, tmp_path):
  summary = run(np.full(60, -1), ())
  assert summary.steps == 60 // 8  # nobody is tested, so nobody held out
  assert summary.knn_accuracy is None
  assert summary.knn_accuracy_of_change is None and summary.audit is None
  assert summary.knn_accuracy_at_chance is None
  assert np.isfinite(summary.loss)
  lines = (tmp_path / 'metrics.jsonl').read_text()
  assert 'loss' in lines and 'knn' not in lines
  described = pretrain.describe(summary, tmp_path)
  assert 'no kNN without labels' in described and 'no audit' in described
  assert 'No fine-tuning on tiny' in described  # it would be refused
  assert 'main.py' not in described and 'load_encoder' in described
  assert summaries.read(tmp_path) == summary


@pytest.mark.slow
def test_only_labelled_videos_vote(run, tiny_store):
  label = tiny_store.label.copy()
  label[::2] = -1
  label[tiny_store.subject > 7] = -1
  summary = run(label, tiny_store.label_names)
  # All people without a label are pretrained on, and one of seven is held out.
  assert summary.steps == 54 // 8
  assert 0 <= summary.knn_accuracy <= 1
