"""Which runs the paper's tables need, without running any."""

import pytest

from configs import crossval as crossval_config
from configs import reproduce as reproduce_config
from stclr_jax.workflows import costs
from stclr_jax.workflows import row_runs
from stclr_jax.workflows import stages
from stclr_jax.workflows import variants


def runs_of(which, **changes):
  config = reproduce_config.get_config(which)
  config.update_from_flattened_dict(changes)
  tables = variants.tables(config)
  return {table.name: row_runs.of_table(config, table) for table in tables}


def pretrainings(runs):
  return {one.pretraining for row in runs for one in row if one.pretraining}


def test_all_tables_share_what_is_the_same():
  runs = runs_of('all,paper')
  base = runs['table2'][0][0]
  assert runs['table3'][2] == runs['table4'][0] == [base]
  assert runs['table5'][2] == runs['figure6'][0] == [base]
  every = [row for table in runs.values() for row in table]
  # R(2+1)D, R3D, MC3 and four augmentations off.
  assert len(pretrainings(every)) == 7
  # Four shares by five draws, pretrained and from scratch.
  assert sum(len(row) for row in runs['table6']) == 40
  assert pretrainings(runs['table6']) == {base.pretraining}
  assert len({one.finetuning for row in runs['table6'] for one in row}) == 40


def test_a_second_seed_is_another_pretraining():
  runs = runs_of('table2,paper', seeds=(0, 1))
  assert [len(row) for row in runs['table2']] == [2, 2]
  assert len(pretrainings(runs['table2'])) == 2


def test_epochs_of_table_5_are_checkpoints_only_at_a_constant_rate():
  constant = runs_of('table5,paper')['table5']
  assert len(pretrainings(constant)) == 1
  assert [row[0].recipe.finetune.init_epoch for row in constant] == [
    100, 500, 0,
  ]  # fmt: skip
  kept = constant[0][0].recipe.pretrain.checkpoint.keep_epochs
  assert tuple(kept) == (100, 500)
  cosine = runs_of('table5,paper', **{'pretrain.optimizer.schedule': 'cosine'})
  assert len(pretrainings(cosine['table5'])) == 3
  assert [r[0].recipe.pretrain.num_epochs for r in cosine['table5']] == [
    100, 500, 1000,
  ]  # fmt: skip


def test_each_row_of_table_4_changes_one_thing():
  rows = variants.tables(reproduce_config.get_config('table4,paper'))[0].rows
  assert [list(row.changes) for row in rows] == [
    [],
    ['pretrain.views.temporal.enabled'],
    ['pretrain.views.crop.enabled'],
    ['pretrain.views.color.enabled'],
    ['pretrain.views.flip.enabled'],
  ]
  assert [row.published.correct for row in rows] == [429, 410, 421, 416, 428]


def test_scratch_is_compared_with_as_many_labels():
  rows = variants.tables(reproduce_config.get_config('table6,paper'))[0].rows
  for row in rows[4:]:
    other = rows[row.against]
    key = 'data.labelled_fraction'
    assert row.changes[key] == other.changes[key]


def test_stage_configs_are_those_of_the_stages_own_files():
  recipe = crossval_config.get_config('paper')
  before = stages.pretrain_config(recipe, 3)
  after = stages.finetune_config(recipe, 3, init_from='/elsewhere/run')
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


def test_an_address_knows_what_matters():
  recipe = crossval_config.get_config('paper')
  config = stages.pretrain_config(recipe, 0)
  address = stages.address(config)
  config.notice = 'elsewhere'
  config.data.data_dir = '/other/place'
  assert stages.address(config) == address
  config.temperature = 0.5
  assert stages.address(config) != address


@pytest.mark.parametrize(
  'architecture,parameters',
  # torchvision's own counts, less the classifier of 512 x 400 + 400.
  [('r3d_18', 33_371_472), ('mc3_18', 11_695_440), ('r2plus1d_18', 31_505_325)],
)
def test_parameters_are_torchvisions(architecture, parameters):
  recipe = crossval_config.get_config('paper_112')
  recipe.encoder.architecture = architecture
  cost = costs.encoder_cost(stages.pretrain_config(recipe, 0))
  assert cost.parameters == parameters - 205_200


@pytest.mark.parametrize('which', ['table9', 'table3,tiny'])
def test_unknown_tables_and_presets_are_refused(which):
  with pytest.raises(ValueError, match='must be one of'):
    reproduce_config.get_config(which)
