"""No knob of a config of many runs is without effect."""

import copy
import pathlib

import config_leaves
import numpy as np

from configs import baselines as baselines_config
from configs import crossval as crossval_config
from configs import reproduce as reproduce_config
from stclr_jax.experiments import baseline_methods
from stclr_jax.experiments import baselines
from stclr_jax.experiments import conditions
from stclr_jax.experiments import planning
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import reproduce
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.runs import owners

# A value unlike the one that a config has, by its type.
OTHERS = {
  bool: lambda x: not x,
  str: lambda x: f'{x}x',
  tuple: lambda x: x[:1] if x[1:] else (3,),
}


def find_without_effect(config, consequences, but=()):
  """Leaves that may change and nothing that follows from them does."""
  usual, without = consequences(config), []
  for name in sorted(config_leaves.list_leaves(config).values()):
    if name.startswith(but):
      continue
    changed, value = copy.deepcopy(config), config
    for part in name.split('.'):
      value = value[part]
    other = OTHERS.get(type(value), lambda x: x + 1)(value)
    changed.update_from_flattened_dict({name: other})
    if consequences(changed) == usual:
      without.append(name)
  return without


def runs_of(recipe):
  return [
    recipe_runs.pretrain_config(recipe, 1).to_dict(),
    recipe_runs.finetune_config(recipe, 1, init_from='run').to_dict(),
  ]


def test_every_setting_of_a_cross_validation_has_an_effect():
  def consequences(config):
    return (
      runs_of(config),
      config.folds and recipe_runs.chosen_folds(config.folds, 10),
    )

  # Of these, `crossval.run` makes the runs and names the workflow.
  assert find_without_effect(
    crossval_config.get_config('paper'), consequences
  ) == ['inner_validation', 'workflow']


def test_every_setting_of_a_reproduction_has_an_effect(monkeypatch, tmp_path):
  cost = planning.costs.Cost(1, 1e12)
  monkeypatch.setattr(planning.costs, 'encoder_cost', lambda _: cost)
  config = reproduce_config.get_config('all,paper')
  assert find_without_effect(config.recipe, runs_of) == []
  config.rows.labelled_draws = (0, 1)  # a few runs show it
  config.expression.labelled_fractions = (0.5, 0.1)

  def consequences(config):
    beside = copy.deepcopy(config)
    beside.table = 'expression'
    tables = table_rows.tables(config) + table_rows.tables(beside)
    runs = {table.name: table_runs.of_table(config, table) for table in tables}
    first = table_runs.plain(config)
    folds = recipe_runs.chosen_folds(config.folds, 10)
    light = conditions.evaluation_config(
      first.recipe, 'run', config.evaluate.batch_size
    )
    simple = [
      reproduce.baseline_config(config, some, folds, tmp_path).to_dict()
      for table in tables
      for some in table_runs.of_readings(table, runs[table.name])
    ]
    return (
      [one.finetuning for one in table_runs.distinct(runs)],
      planning.plan(config),
      light.to_dict(),
      simple,
    )

  # Lights are of a table of their own; `main` reads the last one.
  assert find_without_effect(
    config, consequences, but=('recipe.', 'table')
  ) == ['conditions', 'workflow']


def test_every_setting_of_the_baselines_is_read(
  tiny_store, monkeypatch, tmp_path
):
  monkeypatch.setattr(
    owners, 'begin',
    lambda workdir, *_, **__: owners.Begun(pathlib.Path(workdir), None, 0),
  )  # fmt: skip
  monkeypatch.setattr(
    baseline_methods.Predictor,
    'predict',
    lambda self, method, part, encoder: np.eye(6)[tiny_store.label[part.test]],
  )
  frames, encoders = (baselines_config.get_config('demo') for _ in range(2))
  encoders.methods, encoders.encoder_from = ('knn',), str(tmp_path / 'nowhere')
  unread = config_leaves.list_unread(
    monkeypatch,
    [frames, encoders],
    lambda config: baselines.run(config, tmp_path / 'run', store=tiny_store),
  )
  # How data is opened is in the tests of single runs.
  assert [key for key in unread if not key.startswith('data.')] == []
