"""The table of our recipe beside the paper's, with and without training."""

import types
import zlib

import made_summaries
import numpy as np
import pytest
from test_expression import make_ours
from test_reproduce import make_config

from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import predictions
from stclr_jax.experiments import baselines
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import reproduce
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.runs import build
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

FIRST = "the paper's pretraining, the paper's classifier"


def marks(*of_what):
  """Says which of 60 videos something made up names rightly."""
  seed = zlib.crc32(repr(of_what).encode())
  return np.random.default_rng(seed).random(60) < 0.6


def name_videos(store, shown, right):
  """Probabilities: the label where it is to be right, else the next one."""
  label = store.label[shown]
  return np.eye(6)[np.where(right[shown], label, (label + 1) % 6)]


@pytest.fixture
def ran(monkeypatch, tiny_store):
  """Stands in for training and probes: what is right follows from who asks.

  Returns:
    A list of the (workflow, fold) that were run.
  """
  ran = []

  def run_pretraining(config, workdir, *, store):
    ran.append(('pretrain', config.data.fold))
    workdirs.open_workdir(workdir, config)
    summaries.write(made_summaries.make(summaries.PretrainSummary), workdir)

  def run_finetuning(config, workdir, *, store):
    fold, begun = config.data.fold, 'none'
    ran.append(('finetune', fold))
    workdirs.open_workdir(workdir, config)
    if config.init_from:
      before = workdirs.read_config(config.init_from)
      begun = before['projection']['input']
      assert before['data']['fold'] == fold
      assert before['seed'] == config.seed
    test = build.make_folds(store, config.data).fold(fold).test
    right = marks(begun, config.classifier.input, config.data.labelled_fraction)
    for name in (workdirs.PREDICTIONS, workdirs.ORACLE_PREDICTIONS):
      predictions.write_predictions(
        workdir / name, store, test, name_videos(store, test, right)
      )
    (workdir / 'metrics.jsonl').write_text('{"step": 1, "epoch": 1}\n')
    protocol = made_summaries.make_protocol(
      data=store.name, num_folds=2, folds_run=[fold], fold_hashes=['0']
    )
    summaries.write(
      made_summaries.make(
        summaries.FinetuneSummary,
        data=store.name,
        init=config.init,
        fold=fold,
        protocol=protocol,
      ),
      workdir,
    )

  def predict(self, method, part, encoder):
    right = marks(method, encoder and encoder.network)
    return name_videos(tiny_store, part.test, right)

  trained = types.SimpleNamespace(variables=None)
  for module, name, stand_in in (
    (recipe_runs.pretrain, 'run', run_pretraining),
    (recipe_runs.finetune, 'run', run_finetuning),
    (baselines.baseline_methods.Predictor, 'predict', predict),
    (baselines.trained, 'open_trained', lambda *_, **__: trained),
    (baselines.trained, 'refuse_seen', lambda *_, **__: None),
    (baselines.pretrain, 'make_network', lambda one: one.projection.input),
  ):
    monkeypatch.setattr(module, name, stand_in)
  return ran


def expected_rows(shares):
  """(videos named rightly, name of the row it stands against) by name."""
  found = {}
  for share in shares:
    percent = f'{100 * share:g} %'
    for classifier, read in (("the paper's", 'clip'), ('our', 'both')):
      for beginning, before in (
        ("the paper's pretraining", 'clip'),
        ('our pretraining', 'change'),
        ('from scratch', 'none'),
      ):
        name = f'{percent}: {beginning}, {classifier} classifier'
        found[name] = marks(before, read, share), f'{percent}: {FIRST}'
  found['LBP-TOP, linear SVM'] = marks('lbp_top', None), f'100 %: {FIRST}'
  titles = baselines.baseline_methods.TITLES
  methods = ('linear', 'change_of_clip', 'change', 'last_frame')
  for beginning, before in (("the paper's", 'clip'), ('our', 'change')):
    for method in (f'{one}_probe' for one in methods):
      found[f'{titles[method]} ({beginning} pretraining)'] = (
        marks(method, before),
        f"{titles['linear_probe']} (the paper's pretraining)",
      )
  return found


def test_each_figure_is_of_the_runs_that_its_row_names(
  tiny_store, tmp_path, ran
):
  config = make_ours('smoke')
  shares = 1.0, 0.2  # of 30 clips a tenth would not show every class
  config.expression.labelled_fractions = shares
  tree = tmp_path / 'tree'
  (table,) = reproduce.run(config, tree, store=tiny_store)
  expected = expected_rows(shares)
  assert [row.name for row in table.rows] == list(expected)
  for row in table.rows:
    right, against = expected[row.name]
    assert (row.correct, row.total) == (right.sum(), 60)
    if against == row.name:
      assert row.comparison is None
      continue
    assert row.against == against
    alone = comparison.compare(expected[against][0], right, np.arange(60) // 6)
    assert row.comparison.only_first == alone.only_first
    assert row.comparison.difference == alone.difference
  # A pretraining a recipe and fold; a fine-tuning a row and fold.
  assert sorted(ran) == sorted(
    [('pretrain', 0), ('pretrain', 1)] * 2
    + [('finetune', 0), ('finetune', 1)] * 12
  )
  page = (tree / 'report.md').read_text()
  assert "Not the paper's method: our pretraining has" in page


def test_frames_are_read_once_for_both_tables(tmp_path):
  found = []
  for table in ('table2', 'expression'):
    config = make_config(f'{table},smoke')
    config.baselines.methods = ('lbp_top',)
    (made,) = table_rows.tables(config)
    frames, *_ = table_runs.of_readings(made, table_runs.of_table(config, made))
    options = reproduce.baseline_config(config, frames, (0,), tmp_path)
    found.append((frames.folder, options.to_dict()))
  assert found[0] == found[1]


@pytest.mark.slow
def test_both_recipes_run_to_their_table(tiny_store, tmp_path, monkeypatch):
  config = make_ours('smoke', **{'recipe.encoder.width': 1 / 32})
  for one in (config.recipe.pretrain, config.recipe.finetune):
    one.batch_size = 8
  config.recipe.pretrain.num_epochs = 1
  config.rows.pretraining_epochs = (1,)
  config.recipe.finetune.num_epochs = 2
  config.expression.labelled_fractions = (1.0, 0.2)
  config.folds = (0,)
  tree = tmp_path / 'tree'
  (table,) = reproduce.run(config, tree, store=tiny_store)
  assert [row.total for row in table.rows] == [30] * (12 + 9)
  assert len(list((tree / 'pretrainings').iterdir())) == 2
  assert len(list((tree / 'finetunings').iterdir())) == 12
  # Rows of ours, and only those, say that they are not the paper's.
  for row in table.rows[:12]:
    ours = row.name.count('our ')
    said = row.protocol.describe()
    assert ("not the paper's" in said.lower()) == bool(ours), row.name
    assert ('contrast of' in said) == ('our pretraining' in row.name)
  page = (tree / 'report.md').read_text()
  assert "Not the paper's method: our pretraining has" in page
  assert 'SMOKE RUN' in page

  def refuse(*_, **__):
    raise AssertionError('A finished run was run again.')

  monkeypatch.setattr(recipe_runs.pretrain, 'run', refuse)
  monkeypatch.setattr(recipe_runs.finetune, 'run', refuse)
  (again,) = reproduce.run(config, tree, store=tiny_store)
  assert again == table
