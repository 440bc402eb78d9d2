import dataclasses
import json

import made_summaries
import numpy as np
import pytest

from configs import baselines as baselines_config
from configs import reproduce as reproduce_config
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import paper_results
from stclr_jax.evaluation import statistics
from stclr_jax.experiments import costs
from stclr_jax.experiments import planning
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import reproduce
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.experiments.finished import pooling
from stclr_jax.experiments.finished import table_figures
from stclr_jax.experiments.finished.fold_summaries import PooledSummary
from stclr_jax.reports import tables_page
from stclr_jax.runs.checks import config_checks


def make_config(which='all,smoke', **changes):
  config = reproduce_config.get_config(which)
  config.update_from_flattened_dict(changes)
  return config


def runs_of(config):
  return {
    table.name: table_runs.of_table(config, table)
    for table in table_rows.tables(config)
  }


def pooled_of(correct, *, data='synthetic_demo:vl_strong', draw=0):
  """A `pooling.Pooled` of six videos a person."""
  correct = np.asarray(correct, bool)
  subject = np.arange(len(correct)) // 6 + 1
  found = comparison.accuracy(correct, subject)
  summary = made_summaries.make(
    PooledSummary,
    **vars(found),
    data=data,
    synthetic=data.startswith('synthetic'),
    protocol=made_summaries.make_protocol(data=data, labelled_draw=draw),
  )
  videos = tuple(f'{i:03d}' for i in range(len(correct)))
  return pooling.Pooled(
    pooling.Tested(videos, subject, correct, found), summary, []
  )


def random_pools(number, **changes):
  rng = np.random.default_rng(0)
  return [[pooled_of(rng.random(120) < 0.7, **changes)] for _ in range(number)]


def test_every_table_has_every_preset():
  for table in reproduce_config.TABLES:
    for preset in ('demo', 'smoke', 'paper', 'paper_112'):
      config = reproduce_config.get_config(f'{table},{preset}')
      assert (config.table, config.preset) == (table, preset)
      assert config.workflow == 'reproduce'


def test_unknown_table_is_refused():
  with pytest.raises(ValueError, match="'table9'.*table2, table3"):
    reproduce_config.get_config('table9')
  with pytest.raises(ValueError, match="'papr'"):
    reproduce_config.get_config('table3,papr')


def test_paper_tables_are_the_papers():
  config = make_config('all,paper')
  assert config.recipe.data.num_folds == 10
  assert table_rows.pretraining_epochs(config) == (100, 500, 1000)
  assert table_rows.kept_epochs(config) == (100, 500)
  assert config.rows.labelled_fractions == (1.0, 0.75, 0.5, 0.25, 0.1)
  assert len(config.rows.labelled_draws) == 5
  tables = {table.name: table for table in table_rows.tables(config)}
  assert list(tables) == [
    'table2', 'table3', 'table4', 'table5', 'table6', 'figure6',
  ]  # fmt: skip
  for name in ('table3', 'table4', 'table5'):
    shown = [row.published for row in tables[name].rows]
    assert tuple(shown) == getattr(
      paper_results, name.replace('table', 'TABLE_')
    )
  for row in tables['table6'].rows:
    if 'init' not in row.changes:
      share = row.changes['data.labelled_fraction']
      name = 'ST-CLR' if share == 1 else f'{100 * share:g}%'
      assert row.published.name == name


def test_a_row_changes_what_it_names_and_nothing_else():
  config = make_config('table4,paper')
  (table,) = table_rows.tables(config)
  first, *others = (
    table_runs.recipe_of(config, row, seed=0, draw=0) for row in table.rows
  )
  names = ('temporal', 'crop', 'color', 'flip')
  for name, recipe in zip(names, others, strict=True):
    views = recipe.pretrain.views
    assert not views[name].enabled
    views[name].enabled = True
    assert recipe == first  # fine-tuning's views among it


def test_the_other_reading_of_table_4_is_off_in_both_stages():
  both = {'rows.off_in_finetuning_too': True}
  config = make_config('table4,paper', **both)
  (plain,) = table_rows.tables(make_config('table4,paper'))
  (table,) = table_rows.tables(config)
  added = [row for row in table.rows if row not in plain.rows]
  assert [row for row in table.rows if row not in added] == plain.rows
  recipe = table_runs.recipe_of(config, plain.rows[0], seed=0, draw=0)
  off = []
  for row in added:
    first = table.rows[row.also[0]]
    assert (row.against, row.published) == (0, first.published)
    one, other = (
      table_runs.recipe_of(config, r, seed=0, draw=0) for r in (row, first)
    )
    assert one.pretrain == other.pretrain != recipe.pretrain
    (name,) = (
      key
      for key in ('temporal', 'crop', 'color', 'flip')
      if not one.pretrain.views[key].enabled
    )
    off.append(name)
    assert not one.finetune.views[name].enabled
    one.finetune.views[name].enabled = True
    assert one == other
  # Colour is off in fine-tuning anyway.
  assert off == ['temporal', 'crop', 'flip']
  # They cost no pretraining.
  runs = table_runs.of_table(config, table)
  assert len({row[0].pretraining for row in runs}) == 5
  assert len({row[0].finetuning for row in runs}) == 8


def test_what_rows_share_is_one_run():
  runs = runs_of(make_config('all,paper'))
  headline = runs['table2'][0][0]
  for table, row in (('table3', 2), ('table4', 0), ('table5', 2)):
    assert runs[table][row][0].finetuning == headline.finetuning
  # Table V: one pretraining, three fine-tunings.
  assert len({row[0].pretraining for row in runs['table5']}) == 1
  assert len({row[0].finetuning for row in runs['table5']}) == 3
  # Table VI pretrains nothing of its own, and no draw is another's.
  sixth = [one for row in runs['table6'] for one in row]
  assert {one.pretraining for one in sixth} == {headline.pretraining, None}
  number = 2 * (1 + 4 * 5)
  assert len({one.finetuning for one in sixth}) == len(sixth) == number
  assert headline.finetuning in {one.finetuning for one in sixth}
  assert runs['table2'][1][0].finetuning == runs['table6'][5][0].finetuning
  # Tables III and IV add two encoders and four augmentations.
  different = table_runs.distinct(runs)
  assert len({one.pretraining for one in different} - {None}) == 1 + 2 + 4


def test_pretrainings_are_apart_where_the_schedule_knows_its_end():
  config = make_config('table5,paper')
  config.recipe.pretrain.optimizer.schedule = 'cosine'
  (rows,) = runs_of(config).values()
  assert len({row[0].pretraining for row in rows}) == 3
  assert [row[0].recipe.pretrain.num_epochs for row in rows] == [100, 500, 1000]
  (table,) = table_rows.tables(config)
  assert 'A pretraining each' in table.notes[0]


def test_a_plan_of_one_says_one(monkeypatch):
  monkeypatch.setattr(costs, 'encoder_cost', lambda config: costs.Cost(1, 1e12))
  config = make_config('conditions,smoke', folds=(0,), conditions=('a', 'b'))
  text = planning.plan(config)
  assert 'times 1 fold: 2 pretrainings, 2 fine-tunings and 4 tests' in text
  config.conditions = ('a,b',)  # as --config.conditions=a,b is read
  assert planning.plan(config) == text
  config.conditions = ('a',)
  assert '1 pretraining, 1 fine-tuning and 1 test.' in planning.plan(config)


def test_baselines_of_a_reproduction_have_the_keys_of_their_own_config(
  tmp_path,
):
  config = make_config('table2,smoke')
  (table,) = table_rows.tables(config)
  own = baselines_config.get_config('demo')
  frames, encoders = table_runs.of_readings(table, runs_of(config)['table2'])
  for some in (frames, encoders):
    made = reproduce.baseline_config(config, some, (0,), tmp_path)
    made_keys, own_keys = (
      {key for key, _ in config_checks.flatten(one)} for one in (made, own)
    )
    assert made_keys == own_keys
    assert bool(made.encoder_from) == (some is encoders)
  methods = sorted(one.method for one in (*frames.readings, *encoders.readings))
  assert methods == sorted(config.baselines.methods)


def test_seeds_are_runs_of_their_own():
  config = make_config('figure6,smoke', **{'rows.seeds': (0, 1, 2)})
  (rows,) = runs_of(config).values()
  assert len({one.pretraining for one in rows[0]}) == 3


def test_plan_counts_and_runs_nothing(tmp_path, monkeypatch):
  monkeypatch.setattr(costs, 'encoder_cost', lambda config: costs.Cost(1, 1e12))
  config = make_config('table5,paper', **{'plan.teraflops': 1.0})
  text = planning.plan(config)
  assert '1 different pretraining and 3 different fine-tunings' in text
  assert '10 and 30 runs' in text
  # 432 videos in 13 batches of 32, two views, 1000 epochs, forward and twice
  # as much backward; a fine-tuning: 30 epochs forward, 70 of everything.
  pretraining = 10 * 13 * 32 * 2 * 1000 * 3 / 3600
  finetuning = 30 * 432 * (30 + 70 * 3) / 3600
  assert f'{pretraining:,.1f} GPU-hours of pretraining' in text
  assert f'{finetuning:,.1f} of fine-tuning' in text
  assert 'not measured' in text


def test_plan_of_conditions_counts_each_light_with_each(monkeypatch):
  monkeypatch.setattr(costs, 'encoder_cost', lambda config: costs.Cost(1, 1e12))
  config = make_config('conditions,paper', folds=(0, 1))
  text = planning.plan(config)
  assert '8 pretrainings, 8 fine-tunings and 32 tests' in text


def test_an_oracle_without_looks_is_refused_at_once(tmp_path):
  config = make_config(
    'leaks,smoke', **{'recipe.finetune.look_every_epochs': 0}
  )
  with pytest.raises(ValueError, match='look_every_epochs'):
    reproduce.run(config, tmp_path)


def test_pretraining_on_everybody_is_shared_by_the_folds(monkeypatch):
  monkeypatch.setattr(costs, 'encoder_cost', lambda config: costs.Cost(1, 1.0))
  config = make_config('leaks,paper')
  rows = dict(zip('abcd', runs_of(config)['leaks'], strict=True))
  everybody, alone = rows['c'][0].recipe, rows['a'][0].recipe
  configs = [recipe_runs.pretrain_config(everybody, fold) for fold in (0, 7)]
  assert configs[0] == configs[1]
  assert recipe_runs.pretrain_config(alone, 7).data.fold == 7
  assert rows['a'][0].finetuning == rows['b'][0].finetuning
  # Two of the three pretrainings differ by fold.
  assert ' 21 and 30 runs' in planning.plan(config)


def test_results_are_compared_with_the_first_row_after_holm():
  config = make_config('table4,smoke')
  (table,) = table_rows.tables(config)
  pools = random_pools(5)
  found = table_figures.make(table, pools, [None] * 5)
  first = pools[0][0].tested
  raw = []
  assert not any(row.further for row in found.rows)
  for row, (pooled,) in zip(found.rows[1:], pools[1:], strict=True):
    alone = comparison.compare(
      first.correct, pooled.tested.correct, first.subject
    )
    assert row.comparison.difference == alone.difference
    assert row.comparison.sign_flip_p == alone.sign_flip_p
    raw.append(alone.sign_flip_p)
  corrected = [row.comparison.sign_flip_p_holm for row in found.rows[1:]]
  np.testing.assert_allclose(corrected, statistics.holm(raw))
  assert found.rows[0].comparison is None
  written = json.loads(json.dumps(found.as_dict()))
  assert table_figures.TableFigures.from_dict(written) == found


def test_holm_counts_all_tests_of_a_table():
  (table,) = table_rows.tables(make_config('table3,smoke'))
  pools = random_pools(3)
  found = table_figures.make(table, pools, [None] * 3)
  tested = [pooled.tested for (pooled,) in pools]
  (further,) = found.rows[2].further
  shown = [found.rows[1].comparison, found.rows[2].comparison]
  shown.append(further.comparison)
  raw = [
    comparison.compare(tested[i].correct, tested[j].correct, tested[0].subject)
    for i, j in ((0, 1), (0, 2), (1, 2))
  ]
  assert [one.difference for one in shown] == [one.difference for one in raw]
  np.testing.assert_allclose(
    [one.mcnemar_p_holm for one in shown],
    statistics.holm([one.mcnemar_p for one in raw]),
  )
  assert further.against == found.rows[1].name
  assert further.direction == 1  # 429 and 409
  written = json.loads(json.dumps(found.as_dict()))
  assert table_figures.TableFigures.from_dict(written) == found
  lines = tables_page.table_lines(found)
  (line,) = (line for line in lines if line.startswith('also'))
  assert further.against in line
  assert f'{100 * further.comparison.difference:+.2f} (' in line


def test_papers_numbers_stand_only_beside_oulu_casia():
  config = make_config('table3,smoke')
  (table,) = table_rows.tables(config)
  for data, beside in (
    ('synthetic_demo:vl_strong', False),
    ('oulu_casia:ni_strong', False),
    ('oulu_casia:vl_strong', True),
  ):
    found = table_figures.make(table, random_pools(3, data=data), [None] * 3)
    assert found.beside_paper == beside
    assert ('89.38' in json.dumps(found.as_dict()['rows'])) == beside
    # r2plus1d over r3d: the paper's effect is upwards wherever we look.
    directions = [row.published.direction for row in found.rows]
    assert directions == [None, -1, 1]


def test_directions_are_counted():
  config = make_config('table3,smoke')
  (table,) = table_rows.tables(config)
  base, worse, better = np.ones(60), np.ones(60), np.ones(60)
  base[:20], worse[:30], better[:10] = 0, 0, 0

  def count(*rows):
    pools = [[pooled_of(row)] for row in rows]
    return table_figures.make(table, pools, [None] * 3).directions

  assert count(base, worse, better) == table_figures.Directions(same=3, total=3)
  assert count(base, better, worse) == table_figures.Directions(same=0, total=3)
  # Over mixed, but not over 3D.
  assert count(better, worse, base) == table_figures.Directions(same=2, total=3)


def test_rows_of_other_videos_are_not_compared():
  config = make_config('table2,smoke')
  (table,) = table_rows.tables(config)
  table = dataclasses.replace(table, readings=())
  pools = [[pooled_of(np.ones(60))], [pooled_of(np.ones(54))]]
  found = table_figures.make(table, pools, [None] * 2)
  assert found.rows[1].comparison is None
  assert 'tested other videos' in found.notes[-1]
  assert '54/54' in '\n'.join(tables_page.table_lines(found))


@pytest.mark.parametrize(
  'seeds,draws,words',
  [
    ((0, 1, 2), (0,), '3 seeds'),
    ((0,), (0, 1, 2, 3, 4), '5 draws of labels'),
    ((0, 1), (0, 1, 2), '6 runs, 2 seeds with 3 draws of labels each'),
  ],
)
def test_spread_names_what_was_repeated(seeds, draws, words):
  row = table_rows.Row('a', draws=draws, against=None)
  table = table_rows.Table('table6', 'Table VI', [row])
  pools = [pooled_of(np.ones(60)) for _ in range(len(seeds) * len(draws))]
  found = table_figures.make(table, [pools], [None])
  (row,) = found.rows
  assert f'({words},' in row.spread.describe(row.unit)


def test_where_frames_live_changes_no_address():
  config = make_config('figure6,smoke')
  addresses = {
    table_runs.plain(config).finetuning
    for config.recipe.data.placement in ('auto', 'host', 'streamed')
  }
  assert len(addresses) == 1
  config.recipe.data.frame_size = (20, 20)
  assert table_runs.plain(config).finetuning not in addresses


def test_cost_of_the_paper_encoder_is_the_rooflines():
  from benchmarks.step import roofline

  for name, size in (('r2plus1d_18', 112), ('mc3_18', 112)):
    config = make_config('table3,paper_112')
    config.recipe.encoder.architecture = name
    recipe = table_runs.recipe_of(config, table_rows.Row(''), seed=0, draw=0)
    counted = costs.encoder_cost(recipe_runs.pretrain_config(recipe, 0))
    layers = roofline.layers(name, frames=16, size=size)
    assert counted.parameters == roofline.parameters(layers)
    # XLA counts normalisation as well, and not the zeros at the borders.
    assert counted.flop == pytest.approx(
      roofline.forward_flops(layers), rel=0.1
    )


@pytest.mark.slow
def test_tree_is_resumed_and_reported(tiny_store, tmp_path, monkeypatch):
  config = make_config('table5,smoke', **{'recipe.encoder.width': 1 / 32})
  for one in (config.recipe.pretrain, config.recipe.finetune):
    one.batch_size = 8
  ran = []
  run_one = recipe_runs.run

  def noting(run_config, workdir, store):
    if not (workdir / 'summary.json').exists():
      ran.append(workdir)
      if len(ran) == 3:
        raise KeyboardInterrupt
    return run_one(run_config, workdir, store)

  monkeypatch.setattr(recipe_runs, 'run', noting)
  with pytest.raises(KeyboardInterrupt):
    reproduce.run(config, tmp_path / 'tree', store=tiny_store)
  finished = ran[:2]
  ran.clear()
  ran.extend([None] * 3)  # nothing is interrupted any more
  config.folds = (0,)
  (half,) = reproduce.run(config, tmp_path / 'tree', store=tiny_store)
  assert [row.total for row in half.rows] == [30] * 3
  config.folds = (1,)  # the table then holds both
  (table,) = reproduce.run(config, tmp_path / 'tree', store=tiny_store)
  assert not set(finished) & set(ran)
  assert len(ran) - 3 + 2 == 2 + 6  # two pretrainings, three times two folds
  assert [row.total for row in table.rows] == [60] * 3
  page = (tmp_path / 'tree/report.html').read_text()
  assert 'SMOKE RUN' in page and '89.38' not in page
  assert 'Table V' in (tmp_path / 'tree/report.md').read_text()
  assert 'Table V' in reproduce.describe([table], tmp_path / 'tree')
  assert 'taken for what (ST-CLR)' in page  # the whole recipe's, not 1 epoch's
