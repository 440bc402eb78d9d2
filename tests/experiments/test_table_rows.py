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


def pairs_of(table):
  """All pairs that a table tests, each with the lower index first."""
  return [
    tuple(sorted((i, other)))
    for i, row in enumerate(table.rows)
    for other in (row.against, *row.also)
    if other is not None
  ]


@pytest.mark.parametrize(
  'shares', [(1.0, 0.75, 0.5, 0.25, 0.1), (0.5, 1.0, 0.1)]
)
def test_table_6_is_paired_with_all_labels_and_with_scratch(shares):
  config = _config('table6,paper', **{'rows.labelled_fractions': shares})
  (table,) = table_rows.tables(config)
  row_of = {
    (row.changes.get('init', ''), row.changes['data.labelled_fraction']): i
    for i, row in enumerate(table.rows)
  }
  every = row_of['', 1.0]
  expected = {(row_of['', s], row_of['scratch', s]) for s in shares}
  expected |= {(every, i) for i in range(len(table.rows)) if i != every}
  expected = {tuple(sorted(pair)) for pair in expected}
  found = pairs_of(table)
  assert len(found) == len(set(found))  # Holm counts no test twice
  assert set(found) == expected
  assert table.rows[every].published.correct == 429
  assert table.rows[every].against is None


@pytest.mark.parametrize('which', ['table3', 'table5'])
def test_all_pairs_of_three_are_tested(which):
  (table,) = table_rows.tables(_config(f'{which},paper'))
  assert sorted(pairs_of(table)) == [(0, 1), (0, 2), (1, 2)]


def test_neighbouring_epochs_are_paired():
  named = {'rows.pretraining_epochs': (10, 20, 30, 40)}
  (table,) = table_rows.tables(_config('table5,paper', **named))
  neighbours = {(1, 2), (2, 3)}
  assert set(pairs_of(table)) == {(0, 1), (0, 2), (0, 3)} | neighbours


@pytest.mark.parametrize(
  'which, changes, words',
  [
    (
      'table4',
      {'recipe.pretrain.views.crop.enabled': False},
      "'All .*' and 'without crop' of table4 .*pretrain.views.crop.enabled=F",
    ),
    ('table6', {'rows.labelled_fractions': (0.5, 0.5)}, "'50 %, ST-CLR' and"),
    ('table6', {'rows.labelled_draws': (0, 1, 0)}, 'The 3 runs .*75 %.*once'),
    ('figure6', {'rows.seeds': (1, 1)}, 'The 2 runs of .*rows.seeds'),
    ('leaks', {'recipe.pretrain_scope': 'all_unlabelled'}, "'people folds.*as"),
  ],
)
def test_rows_that_contradict_each_other_are_refused(which, changes, words):
  with pytest.raises(UserError, match=words):
    runs_of(f'{which},paper', **changes)


def test_an_oracle_may_share_the_run_that_it_is_of():
  runs = runs_of('leaks,paper')['leaks']
  assert runs[0][0].finetuning == runs[1][0].finetuning


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


def test_labels_too_few_for_a_class_are_refused_before_any_run(tiny_store):
  recipe = crossval_config.get_config('demo')
  recipe.data.num_folds = 2
  recipe.data.labelled_fraction = 0.05
  with pytest.raises(UserError, match='0.05.*leave every class a labelled'):
    recipe_runs.check_folds(recipe, (0, 1), store=tiny_store)
  recipe.data.labelled_fraction = 0.5
  recipe_runs.check_folds(recipe, (0, 1), store=tiny_store)
