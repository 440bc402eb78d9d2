"""Summaries on disk: read as they were written, or refused by name."""

import json

import pytest

from stclr_jax.errors import UserError
from stclr_jax.files import json_records
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs


def make_pretrain_summary(**changes):
  return summaries.PretrainSummary(
    **{
      'preset': 'demo',
      'data': 'mine:videos',
      'synthetic': False,
      'seconds': 1.5,
      'init': 'scratch',
      'init_weights': None,
      'loss': 1.0,
      'contrastive_accuracy': 0.5,
      'alignment': 0.5,
      'gradient_norm': 2.0,
      'knn_accuracy': None,
      'knn_accuracy_of_change': None,
      'spread': None,
      'effective_rank': None,
      'uniformity': None,
      'loss_at_chance': 2.0,
      'knn_accuracy_at_chance': None,
      'views_per_second': None,
      'epochs': 2,
      'steps': 12,
      'audit': None,
      'fine_tuning': summaries.FineTuningPlan({'data.fold': 0}, ''),
    }
    | changes
  )


def test_a_summary_is_read_as_it_was_written(tmp_path):
  assert summaries.read(tmp_path) is None
  assert not summaries.is_finished(tmp_path)
  weights = summaries.WeightsReport('w.pth', 3, ('fc.bias',), ())
  summary = make_pretrain_summary(init_weights=weights)
  summaries.write(summary, tmp_path)
  assert summaries.is_finished(tmp_path)
  assert summaries.read(tmp_path) == summary
  assert summaries.read(tmp_path, summaries.PretrainSummary) == summary
  written = json.loads((tmp_path / workdirs.SUMMARY).read_text())
  assert written['workflow'] == 'pretrain'
  assert written['format'] == json_records.FORMAT


@pytest.mark.parametrize(
  'changes,words',
  [
    ({'format': ...}, 'summary.json is of an earlier format.*new --workdir'),
    ({'format': json_records.FORMAT + 1}, 'a later format'),
    ({'workflow': 'crossval'}, "'crossval'.*pretrain, finetune, evaluate"),
    ({'accuracy': 1.0}, 'PretrainSummary differs.*accuracy'),
    ({'loss': ...}, 'PretrainSummary differs.*loss'),
  ],
)
def test_other_summaries_are_refused(tmp_path, changes, words):
  written = make_pretrain_summary().as_dict() | changes
  kept = {k: v for k, v in written.items() if v is not ...}
  workdirs.write_json(tmp_path / workdirs.SUMMARY, kept)
  with pytest.raises(UserError, match=words):
    summaries.read(tmp_path)


def test_an_oracle_says_that_it_is_a_leak():
  oracle = summaries.Oracle(epoch=3, correct=5, total=6)
  written = json.loads(json.dumps(oracle.as_dict()))
  assert 'chosen by the test result' in written['leak']
  assert written['accuracy'] == 5 / 6
  assert summaries.Oracle.from_dict(written) == oracle
