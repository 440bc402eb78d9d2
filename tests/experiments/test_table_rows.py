"""Rows and runs of a recipe, without running any."""

import pytest

from configs import crossval as crossval_config
from configs import reproduce as reproduce_config
from stclr_jax.errors import UserError
from stclr_jax.experiments import costs
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs


def _config(which, **changes):
  config = reproduce_config.get_config(which)
  config.update_from_flattened_dict(changes)
  return config


def runs_of(which, **changes):
  config = _config(which, **changes)
  tables = table_rows.tables(config)
  return {table.name: table_runs.of_table(config, table) for table in tables}


def pretrainings(runs):
  return {one.pretraining for row in runs for one in row if one.pretraining}


def test_epochs_of_table_5_are_checkpoints_only_at_a_constant_rate():
  constant = runs_of('table5,paper')['table5']
  assert len(pretrainings(constant)) == 1
  assert [row[0].recipe.finetune.init_epoch for row in constant] == [
    100, 500, 0,
  ]  # fmt: skip
  kept = constant[0][0].recipe.pretrain.checkpoint.keep_epochs
  assert tuple(kept) == (100, 500)
  cosine = runs_of(
    'table5,paper', **{'recipe.pretrain.optimizer.schedule': 'cosine'}
  )
  assert len(pretrainings(cosine['table5'])) == 3
  assert [r[0].recipe.pretrain.num_epochs for r in cosine['table5']] == [
    100, 500, 1000,
  ]  # fmt: skip


def test_epochs_of_table_5_follow_the_pretraining_unless_named():
  shorter = {'recipe.pretrain.num_epochs': 200}
  rows = table_rows.tables(_config('table5,paper', **shorter))[0].rows
  assert [row.name for row in rows] == ['20 epochs', '100 epochs', '200 epochs']
  assert [row.published.name for row in rows] == [
    row.name for row in table_rows.paper.TABLE_5
  ]
  named = {'rows.pretraining_epochs': (300, 50)}
  config = _config('table5,paper', **named)
  (table,) = table_rows.tables(config)
  assert [row.name for row in table.rows] == ['50 epochs', '300 epochs']
  assert all(row.published is None for row in table.rows)
  assert table_rows.kept_epochs(config) == (50, 300)
  for epochs in ((10, 1001), (0, 10)):
    with pytest.raises(ValueError, match='between 1 and'):
      table_rows.tables(
        _config('table5,paper', **{'rows.pretraining_epochs': epochs})
      )


def test_all_labels_are_drawn_once():
  config = _config('table6,paper', **{'rows.labelled_fractions': (1.0, 0.5)})
  (table,) = table_rows.tables(config)
  runs = table_runs.of_table(config, table)
  assert [len(of_row) for of_row in runs] == [1, 5, 1, 5]


def test_scratch_is_compared_with_as_many_labels():
  rows = table_rows.tables(reproduce_config.get_config('table6,paper'))[0].rows
  for row in rows[4:]:
    other = rows[row.against]
    key = 'data.labelled_fraction'
    assert row.changes[key] == other.changes[key]


def test_a_row_of_a_setting_that_is_not_there_is_named():
  config = reproduce_config.get_config('table4,paper')
  row = table_rows.Row('no crop', {'pretrain.views.crops.enabled': False})
  with pytest.raises(UserError, match="'no crop'.*'pretrain.views.crop.ena"):
    table_runs.recipe_of(config, row, seed=0, draw=0)


def test_configs_of_runs_are_those_of_their_own_files():
  recipe = crossval_config.get_config('paper')
  before = recipe_runs.pretrain_config(recipe, 3)
  after = recipe_runs.finetune_config(recipe, 3, init_from='/elsewhere/run')
  expected = crossval_config.pretrain.get_config('paper')
  expected.data.fold = 3
  assert before.to_dict() == expected.to_dict()
  expected = crossval_config.finetune.get_config('paper')
  expected.data.fold, expected.init_from = 3, '/elsewhere/run'
  difference = after.to_dict()
  # What only pretraining reads may come along.
  for name in set(after.batch_norm) - set(expected.batch_norm):
    del difference['batch_norm'][name]
  assert difference == expected.to_dict()


@pytest.mark.parametrize(
  'architecture,parameters',
  # torchvision's own counts, less the classifier of 512 x 400 + 400.
  [('r3d_18', 33_371_472), ('mc3_18', 11_695_440), ('r2plus1d_18', 31_505_325)],
)
def test_parameters_are_torchvisions(architecture, parameters):
  recipe = crossval_config.get_config('paper_112')
  recipe.encoder.architecture = architecture
  cost = costs.encoder_cost(recipe_runs.pretrain_config(recipe, 0))
  assert cost.parameters == parameters - 205_200
