import dataclasses
import json

import config_leaves
import numpy as np
import pytest

from configs import evaluate as evaluate_configs
from configs import reproduce as reproduce_configs
from stclr_jax.evaluation import statistics
from stclr_jax.evaluation.comparison import Accuracy
from stclr_jax.experiments import conditions
from stclr_jax.experiments import reproduce
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.files import json_records
from stclr_jax.workflows import finetune


@pytest.mark.slow
def test_every_condition_is_tested_on_the_folds_people(
  tiny_store, tiny_crossval, tmp_path, monkeypatch
):
  names = ('vl_strong', 'vl_dark')
  stores = {
    light: dataclasses.replace(
      tiny_store, frames=tiny_store.frames // dimmed, name=f'tiny:{light}'
    )
    for light, dimmed in zip(names, (1, 4), strict=True)
  }

  def run(*folds):
    return conditions.run(
      tiny_crossval(**{'data.num_folds': 10}),
      tmp_path,
      conditions=names,
      folds=folds,
      batch_size=8,
      stores=stores,
    )

  assert run(1).folds == (1,)
  table = run(0)
  assert table.folds == (0, 1)  # with what an earlier call has finished
  assert 'Folds 0, 1 of 10' in table.describe()
  for trained in names:
    for tested in names:
      cell = table.cells[trained][tested]
      assert cell.total == 12 and cell.people == 2
      found = predicted_runs.read_run(
        tmp_path / f'train_{trained}_test_{tested}'
      )
      assert set(found.subject.values()) == {'P001', 'P002'}
  # Under its own light a classifier finds what fine-tuning found.
  for fold in (0, 1):
    place = tmp_path / f'train_vl_dark/fold_{fold}/finetune'
    own = json.loads((place / 'summary.json').read_text())
    cell = tmp_path / f'train_vl_dark_test_vl_dark/fold_{fold}/summary.json'
    assert json.loads(cell.read_text())['confusion'] == own['confusion']
  assert 'drawn faces' in table.describe()

  def refuse(*_):
    raise AssertionError('A finished run was run again.')

  with monkeypatch.context() as patch:
    patch.setattr(finetune.loop, 'train', refuse)
    patch.chdir(tmp_path)  # nor from elsewhere
    assert run(0, 1) == table


def test_no_or_repeated_conditions_are_refused(tmp_path):
  for names in ((), ('vl_dark', 'vl_dark')):
    with pytest.raises(ValueError, match='each split of the data once'):
      conditions.run({}, tmp_path, conditions=names, folds=(0,), batch_size=8)


def test_conditions_take_one_seed(tmp_path):
  config = reproduce_configs.get_config('conditions,smoke')
  config.rows.seeds = (0, 1)
  with pytest.raises(ValueError, match='one seed'):
    reproduce.run(config, tmp_path / 'tree')


@pytest.mark.slow  # the first light's faces are drawn
def test_a_light_that_is_not_there_stops_before_any_training(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(conditions.recipe_runs, 'run', lambda *_: 1 / 0)
  config = reproduce_configs.get_config('conditions,smoke')
  config.conditions = ('vl_strong', 'vl_storng')
  with pytest.raises(ValueError, match='vl_storng'):
    reproduce.run(config, tmp_path / 'tree')


def make_table():
  interval = statistics.Interval(0.5, 1.0, 0.95, 'made up')
  cell = Accuracy(3, 4, 2, 0.75, interval, interval)
  return conditions.ConditionsTable(
    conditions=('a', 'b'),
    folds=(0,),
    data='mine',
    synthetic=False,
    protocol='Folds 0.',
    cells={x: {y: cell for y in 'ab'} for x in 'ab'},
  )


def test_a_tree_of_conditions_only_is_reported(tmp_path, monkeypatch):
  def run(recipe, workdir, **_):
    workdir.mkdir()
    json_records.write(workdir / 'conditions.json', make_table())
    return make_table()

  monkeypatch.setattr(conditions, 'run', run)
  config = reproduce_configs.get_config('conditions,smoke')
  found = reproduce.run(config, tmp_path / 'tree')
  page = (tmp_path / 'tree/report.md').read_text()
  assert 'tested under b' in page and '75.0 %' in page
  assert make_table().describe() in reproduce.describe(found, tmp_path / 'tree')
  assert conditions.read(tmp_path / 'tree/conditions') == make_table()


def test_a_table_of_an_earlier_format_is_named(tmp_path):
  path = tmp_path / 'conditions.json'
  path.write_text(json.dumps(make_table().as_dict()))
  with pytest.raises(ValueError, match='conditions.json is of an earlier'):
    conditions.read(tmp_path)


def test_the_table_is_text():
  text = make_table().describe()
  rows = [line for line in text.split('\n') if line.startswith('|')]
  assert len(rows) == 4 and np.ptp([row.count('|') for row in rows]) == 0
  assert '3/4 = 75.0% (50.0% to 100.0%)' in text and 'drawn' not in text


def test_a_light_is_tested_by_a_config_of_evaluation(tiny_crossval):
  made = conditions.evaluation_config(tiny_crossval(), 'classifier', 8)
  expected = evaluate_configs.get_config('demo')
  assert set(config_leaves.list_leaves(made).values()) == set(
    config_leaves.list_leaves(expected).values()
  )
