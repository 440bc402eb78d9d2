"""Our recipe for getting at the expression: its presets and its table."""

import numpy as np
import pytest
from test_reproduce import make_config
from test_reproduce import pooled_of
from test_reproduce import runs_of

from configs import common
from configs import crossval as crossval_config
from configs import evaluate as evaluate_config
from configs import finetune as finetune_config
from configs import pretrain as pretrain_config
from stclr_jax.errors import UserError
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import paper_results
from stclr_jax.evaluation import statistics
from stclr_jax.experiments import costs
from stclr_jax.experiments import planning
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import reproduce
from stclr_jax.experiments import step_memory
from stclr_jax.experiments import table_rows
from stclr_jax.experiments import table_runs
from stclr_jax.experiments.finished import table_figures
from stclr_jax.reports import notices
from stclr_jax.reports import tables_page
from stclr_jax.runs import provenance
from stclr_jax.runs.checks import config_checks

RUNS = {'pretrain': pretrain_config, 'finetune': finetune_config}


def flat(changes, prefix=''):
  """Leaves of dicts of dicts, by dotted key."""
  found = {}
  for name, value in changes.items():
    if isinstance(value, dict):
      found |= flat(value, f'{prefix}{name}.')
    else:
      found[f'{prefix}{name}'] = value
  return found


def make_ours(preset, **changes):
  """A config of the table in which our pretraining is not the paper's."""
  config = make_config(f'expression,{preset}', **changes)
  config.expression.pretrain.projection.input = 'change'
  return config


def make_table(config):
  (table,) = table_rows.tables(config)
  return table


def rows_by_share(config):
  """(row, its runs) of each share: six, the paper's first."""
  table = make_table(config)
  pairs = list(zip(table.rows, runs_of(config)[table.name], strict=True))
  return [pairs[i : i + 6] for i in range(0, len(pairs), 6)]


@pytest.mark.parametrize('workflow', RUNS)
def test_a_preset_is_the_recipe_and_nothing_else(workflow):
  for preset, size in common.EXPRESSION_PRESETS.items():
    usual, ours = (
      dict(config_checks.flatten(RUNS[workflow].get_config(one)))
      for one in (size, preset)
    )
    changes = flat(common.expression(size)[workflow])
    assert ours == usual | changes | {'preset': preset}
    assert changes.keys() <= usual.keys()
    config_checks.check(RUNS[workflow].get_config(preset))
    crossed = crossval_config.get_config(preset)[workflow]
    assert flat(crossed.to_dict()).items() >= changes.items()


def test_other_presets_are_refused_by_the_names_of_those_there_are():
  for wrong in ('expression,demo', 'expression,', 'expresion', ''):
    with pytest.raises(ValueError, match='demo, paper, paper_112.*') as error:
      pretrain_config.get_config(wrong)
    for name in common.EXPRESSION_PRESETS:
      assert name in str(error.value)
  # Nothing is trained in an evaluation.
  with pytest.raises(ValueError, match="'expression'.*paper_112") as error:
    evaluate_config.get_config('expression')
  assert 'expression,paper' not in str(error.value)
  with pytest.raises(ValueError, match="'expression,paper'"):
    make_config('table3,expression,paper')


def test_a_run_of_ours_says_that_it_is_not_the_papers():
  for preset, size in common.EXPRESSION_PRESETS.items():
    assert not provenance.beyond_paper(finetune_config.get_config(size))
    config = finetune_config.get_config(preset)
    said = notices.notice(config)
    assert said.startswith("Not the paper's method: ")
    assert ('faces are drawn' in said) == (size == 'demo')


def test_one_edit_changes_presets_and_table(monkeypatch):
  made_up = {
    'pretrain': {'temperature': 0.7, 'views': {'num_frames': 3}},
    'finetune': {'optimizer': {'patience': 9}},
  }
  monkeypatch.setattr(common, 'expression', lambda size: made_up)
  assert pretrain_config.get_config('expression').temperature == 0.7
  assert finetune_config.get_config('expression,paper').optimizer.patience == 9
  share, *_ = rows_by_share(make_config('expression,paper'))
  papers, ours = share[0][1][0].recipe, share[4][1][0].recipe
  usual = crossval_config.recipe('paper').finetune
  usual.report.enabled = False  # a table has one of its own
  assert papers.finetune == usual
  assert ours.pretrain.temperature == 0.7
  assert ours.pretrain.views.num_frames == 3
  assert ours.finetune.optimizer.patience == 9
  said = ' '.join(make_table(make_config('expression,paper')).beyond_paper)
  assert 'views.num_frames=3' in said and 'optimizer.patience=9' in said


@pytest.mark.parametrize('preset', ['demo', 'paper', 'smoke'])
def test_rows_of_a_share_differ_in_the_recipe_only(preset):
  config = make_ours(preset)
  shares = rows_by_share(config)
  assert len(shares) == len(config.expression.labelled_fractions)
  for share, rows in zip(
    config.expression.labelled_fractions, shares, strict=True
  ):
    draws = (0,) if share == 1 else tuple(config.rows.labelled_draws)
    papers, paper_runs = rows[0]
    assert papers.against is None
    for row, runs in rows:
      assert row is papers or make_table(config).rows[row.against] == papers
      assert len(runs) == len(paper_runs) == len(draws)
      for one, other, draw in zip(runs, paper_runs, draws, strict=True):
        assert one.recipe.data == other.recipe.data
        assert one.recipe.data.labelled_fraction == share
        assert one.recipe.data.labelled_draw == draw
        assert one.recipe.seed == other.recipe.seed
        # All differences are those that the recipe names.
        usual = dict(config_checks.flatten(other.recipe))
        changed = {
          key
          for key, value in config_checks.flatten(one.recipe)
          if usual[key] != value
        }
        named = {'init', 'pretrain.checkpoint.keep_epochs'}  # of Table V only
        for run in RUNS:
          named |= {
            f'{run}.{key}' for key in flat(config.expression[run].to_dict())
          }
        assert changed <= named
    recipes = [runs[0].recipe for _, runs in rows]
    starts = [(r.init, r.pretrain.projection.input) for r in recipes]
    assert starts[:3] == starts[3:] and len(set(starts)) == 3
    read = [r.finetune.classifier.input for r in recipes]
    assert read == ['clip'] * 3 + ['both'] * 3


@pytest.mark.parametrize('preset', ['demo', 'paper', 'smoke'])
def test_each_recipe_is_pretrained_once_and_as_long(preset):
  runs = runs_of(make_ours(preset))
  distinct = table_runs.distinct(runs)
  trained = {one.pretraining: one.recipe for one in distinct if one.pretraining}
  papers, ours = trained.values()
  assert papers.pretrain.projection.input == 'clip'
  assert ours.pretrain.projection.input != 'clip'
  assert papers.pretrain.num_epochs == ours.pretrain.num_epochs
  assert papers.pretrain.batch_size == ours.pretrain.batch_size


def test_at_the_papers_size_its_rows_are_those_of_its_tables():
  ours = runs_of(make_config('expression,paper'))['expression']
  second = runs_of(make_config('table2,paper'))['table2']
  sixth = runs_of(make_config('table6,paper'))['table6']
  assert ours[0][0].finetuning == second[0][0].finetuning
  assert ours[2][0].finetuning == second[1][0].finetuning  # from scratch
  for of_share, row in ((ours[6], sixth[3]), (ours[12], sixth[4])):
    assert [x.finetuning for x in of_share] == [x.finetuning for x in row]
  table = make_table(make_config('expression,paper'))
  published = [row.published for row in table.rows]
  assert published[0] == paper_results.TABLE_2[-1]
  assert [published[6].name, published[12].name] == ['25%', '10%']
  assert sum(one is not None for one in published) == 3


def test_table_is_not_one_of_the_papers():
  names = [table.name for table in table_rows.tables(make_config('all,paper'))]
  assert 'expression' not in names


def test_readings_are_of_both_encoders_and_of_frames():
  config = make_ours('demo')
  table, runs = make_table(config), runs_of(config)['expression']
  frames, papers, ours = table_runs.of_readings(table, runs)
  assert (frames.encoders, frames.folder) == (None, 'baselines/frames')
  assert [one.method for one in frames.readings] == ['lbp_top']
  assert papers.encoders.pretraining == runs[0][0].pretraining
  assert ours.encoders.pretraining == runs[1][0].pretraining
  assert papers.folder != ours.folder
  methods = [one.method for one in papers.readings]
  assert methods == [one.method for one in ours.readings]
  assert {'linear_probe', 'change_probe', 'change_of_clip_probe'} < set(methods)
  # LBP-TOP stands against the paper's recipe, probes against its encoder's.
  below = [*table.rows, *table.readings]
  assert below[frames.readings[0].against] is table.rows[0]
  for one in (*papers.readings[1:], *ours.readings):
    assert below[one.against] is papers.readings[0]
  assert papers.readings[0].against is None


def test_a_pretraining_that_is_the_papers_has_no_rows_of_its_own():
  config = make_config('expression,demo')
  table, runs = make_table(config), runs_of(config)['expression']
  assert [row.name.partition(': ')[2] for row in table.rows[:4]] == [
    f'{begun}, {read} classifier'
    for read in ("the paper's", 'our')
    for begun in ("the paper's pretraining", 'from scratch')
  ]
  frames, papers = table_runs.of_readings(table, runs)
  assert len({one.pretraining for row in runs for one in row} - {None}) == 1
  assert 'our pretraining' not in ' '.join(table.beyond_paper)


def test_without_all_labels_lbp_stands_alone():
  config = make_ours('demo')
  config.expression.labelled_fractions = (0.1,)
  table = make_table(config)
  assert len(table.rows) == 6 and table.readings[0].against is None


def test_every_comparison_is_one_of_as_many_labels_after_holm():
  config = make_ours('smoke')
  table = make_table(config)
  rng = np.random.default_rng(0)
  correct = rng.random((len(table.rows) + len(table.readings), 60)) < 0.6
  pools = [[pooled_of(one)] for one in correct[: len(table.rows)]]
  read = [pooled_of(one).tested for one in correct[len(table.rows) :]]
  found = table_figures.make(table, pools, [None] * len(pools), readings=read)
  names = [row.name for row in found.rows]
  raw = []
  for i, row in enumerate(found.rows):
    if row.comparison is None:
      assert names[i] == names[0] or 'linear' in names[i].lower() or i == 6
      continue
    other = names.index(row.against)
    subject = np.arange(60) // 6 + 1
    alone = comparison.compare(correct[other], correct[i], subject)
    assert row.comparison.difference == alone.difference
    raw.append((alone.sign_flip_p, row.comparison.sign_flip_p_holm))
    if i < len(table.rows):
      assert row.name.split(':')[0] == row.against.split(':')[0]
  assert len(raw) == 2 * 5 + 1 + 7
  before, after = np.transpose(raw)
  np.testing.assert_allclose(after, statistics.holm(before))
  lines = '\n'.join(tables_page.table_lines(found))
  (said,) = (line for line in lines.split('\n') if line.startswith('Not the'))
  assert said.startswith("Not the paper's method: our pretraining has ")
  assert 'projection.input=change;' in said and 'knn' not in said
  assert said.endswith('; our classifier has classifier.input=both.')


def test_settings_that_a_row_cannot_have_are_refused_before_any_training(
  tiny_store, tmp_path, monkeypatch
):
  monkeypatch.setattr(recipe_runs, 'run', lambda *_: 1 / 0)
  for run, key in (('pretrain', 'projection'), ('finetune', 'classifier')):
    config = make_config('expression,smoke')
    config.expression[run][key].input = 'chnge'
    with pytest.raises(UserError, match="'chnge'.*change_of_clip"):
      reproduce.run(config, tmp_path / run, store=tiny_store)
  config = make_config('expression,smoke')
  config.expression.pretrain.projektion = {'input': 'change'}
  with pytest.raises(UserError, match='pretrain.projektion.input'):
    reproduce.run(config, tmp_path / 'tree', store=tiny_store)


def test_a_plan_counts_both_recipes_and_twice_the_work_of_ours(monkeypatch):
  monkeypatch.setattr(costs, 'encoder_cost', lambda config: costs.Cost(1, 1e12))
  config = make_ours('paper', **{'plan.teraflops': 1.0})
  text = planning.plan(config)
  assert '66 runs' in text and '9 simple methods' in text
  assert '2 different pretrainings and 66 different fine-tunings' in text
  papers = 10 * 13 * 32 * 2 * 1000 * 3 / 3600
  assert f'{papers + 2 * papers:,.1f} GPU-hours of pretraining' in text
  key = step_memory.key(pretrain_config.get_config('paper'))
  size = step_memory.table()['rows'][key]['bytes_per_view']['none'] / 1e9
  single, double = text.splitlines()[-2:]
  assert f' {size:.2f} GB a view, as compiled' in single
  assert f' {2 * size:.2f} GB a view, 2 times what one clip' in double


def test_clips_that_a_view_takes():
  config = pretrain_config.get_config('paper')
  assert costs.clips_per_view(config) == 1
  for read in ('change', 'change_of_clip', 'both'):
    config.projection.input = read
    assert costs.clips_per_view(config) == 2
  config.negatives.reversed = True
  assert costs.clips_per_view(config) == 4
  assert costs.clips_per_view(finetune_config.get_config('paper')) == 1
  tuned = finetune_config.get_config('expression')
  assert costs.clips_per_view(tuned) == 2
  tuned.classifier.rest = 'person_mean'  # no frame is encoded for it
  assert costs.clips_per_view(tuned) == 1
  row = {'fixed_bytes': 3e9, 'bytes_per_view': {'none': 1e9}}
  one, two = (
    step_memory.fitting_videos(row, 'none', 84e9, clips=n) for n in (1, 2)
  )
  assert (one, two) == (30, 15)
