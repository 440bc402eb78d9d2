import csv
import json

import made_summaries
import numpy as np
import pytest

from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions
from stclr_jax.experiments import crossval
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments.finished import pooling
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.experiments.finished import run_pairs
from stclr_jax.experiments.finished.fold_summaries import CrossvalSummary
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.summaries import FinetuneSummary
from stclr_jax.runs.summaries import PretrainSummary
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


@pytest.fixture
def chain_runs(monkeypatch):
  """Stands in for training; a video is named rightly if its person is even.

  Returns:
    The list of (workflow, name of the fold's folder, config) that were run, in
    order.
  """
  ran = []

  def run_pretraining(config, workdir, *, store):
    workdirs.open_workdir(workdir, config)
    ran.append(('pretrain', workdir.parent.name, config))
    summaries.write(made_summaries.make(PretrainSummary), workdir)

  def run_finetuning(config, workdir, *, store):
    dealt = build.make_folds(store, config.data)
    fold = dealt.fold(config.data.fold)
    workdirs.open_workdir(workdir, config)
    ran.append(('finetune', workdir.parent.name, config))
    wanted = store.label[fold.test]
    named = np.where(store.subject[fold.test] % 2 == 0, wanted, 0)
    for name in (workdirs.PREDICTIONS, workdirs.ORACLE_PREDICTIONS):
      predictions.write_predictions(
        workdir / name, store, fold.test, np.eye(6)[named]
      )
    line = {'step': 1, 'epoch': 1, 'loss': 1.0}
    (workdir / 'metrics.jsonl').write_text(json.dumps(line) + '\n')
    summaries.write(
      made_summaries.make(
        FinetuneSummary,
        data=store.name,
        init=config.init,
        fold=config.data.fold,
        labelled_videos=len(fold.train),
        protocol=made_summaries.make_protocol(
          data=store.name,
          num_folds=config.data.num_folds,
          folds_run=[config.data.fold],
          fold_hashes=['0'],
          seed=config.seed,
        ),
        correct=int((named == wanted).sum()),
        total=len(fold.test),
      ),
      workdir,
    )

  monkeypatch.setattr(pretrain, 'run', run_pretraining)
  monkeypatch.setattr(finetune, 'run', run_finetuning)
  return ran


def test_every_fold_is_pretrained_then_fine_tuned_and_all_videos_pooled(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  summary = crossval.run(tiny_crossval(), tmp_path / 'cv', store=tiny_store)
  assert [(workflow, folder) for workflow, folder, _ in chain_runs] == [
    (workflow, f'fold_{fold}')
    for fold in range(3)
    for workflow in ('pretrain', 'finetune')
  ]
  # People 2, 4, ... 10 wholly, and the first expression of the others.
  assert (summary.correct, summary.total) == (35, 60)
  assert np.trace(summary.confusion) == 35
  assert summary.complete and summary.people == 10
  assert summary.by_subject['P002'] == metrics.Counts(6, 6)
  assert summary.by_subject['P003'] == metrics.Counts(1, 6)
  assert list(summary.by_expression) == list(tiny_store.label_names)
  assert summary.by_expression['Anger'] == metrics.Counts(10, 10)
  assert summary.by_expression['Fear'] == metrics.Counts(5, 10)
  assert list(summary.by_subject) == [f'P{p:03d}' for p in range(1, 11)]
  assert summary.protocol.folds_run == (0, 1, 2)
  assert summary.protocol.num_people == 10
  assert 0.3 < summary.by_people.low < 35 / 60 < summary.by_people.high < 0.9
  assert summaries.read(tmp_path / 'cv', CrossvalSummary) == summary
  assert '35/60' in crossval.describe(summary, tmp_path / 'cv')
  page = (tmp_path / 'cv/report.html').read_text()
  assert '35/60 = 58.33 %' in page and 'by person, consecutive' in page
  assert 'Not complete' not in page and page.count('data:image/png') == 5


def test_validation_needs_a_third_fold(tiny_store, tiny_crossval, tmp_path):
  config = tiny_crossval(**{'data.num_folds': 2, 'inner_validation': True})
  with pytest.raises(ValueError, match='at least 3'):
    crossval.run(config, tmp_path / 'cv', store=tiny_store)
  assert not (tmp_path / 'cv').exists()


def test_pretraining_on_everybody_is_done_once(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  config = tiny_crossval(pretrain_scope='all_unlabelled')
  config.folds = (1,)
  crossval.run(config, tmp_path, store=tiny_store)
  config.folds = ()
  crossval.run(config, tmp_path, store=tiny_store)
  assert [(workflow, folder) for workflow, folder, _ in chain_runs] == [
    ('pretrain', 'fold_1'),
    *(('finetune', f'fold_{fold}') for fold in (1, 0, 2)),
  ]
  begun = {config.init_from for workflow, _, config in chain_runs[1:]}
  assert begun == {str(tmp_path.absolute() / 'fold_1/pretrain')}


def test_a_fold_keeps_the_pretraining_it_has_begun_with(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  config = tiny_crossval(pretrain_scope='all_unlabelled')
  owners.open_tree(tmp_path, config, of_call=('folds',))
  for fold in (2, 0):  # 2 is finished first, but 0 has one of its own
    done = tmp_path / f'fold_{fold}/pretrain'
    recipe_runs.run(recipe_runs.pretrain_config(config, fold), done, tiny_store)
  crossval.run(config, tmp_path, store=tiny_store)
  begun = [
    config.init_from
    for workflow, _, config in chain_runs
    if workflow == 'finetune'
  ]
  assert [path.split('/')[-2] for path in begun] == [
    'fold_0',
    'fold_2',
    'fold_2',
  ]


def test_pretraining_of_a_fold_leaves_its_test_people_out(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  crossval.run(tiny_crossval(), tmp_path / 'cv', store=tiny_store)
  for workflow, folder, config in chain_runs:
    assert folder == f'fold_{config.data.fold}'
    if workflow == 'pretrain':
      seen = build.videos_seen(
        tiny_store, config.data, pretrain_scope=config.pretrain_scope
      )
    else:
      begun = tmp_path / 'cv' / folder / 'pretrain'
      assert config.init_from == str(begun)
      with (begun.parent / 'finetune' / 'predictions.csv').open() as file:
        tested = {int(row['subject'][1:]) for row in csv.DictReader(file)}
      assert tested and not tested & set(tiny_store.subject[seen].tolist())


def test_folds_run_apart_give_what_they_give_together(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  together = crossval.run(
    tiny_crossval(), tmp_path / 'together', store=tiny_store
  )
  first = crossval.run(
    tiny_crossval(folds=(2,)), tmp_path / 'apart', store=tiny_store
  )
  assert not first.complete and first.protocol.folds_run == (2,)
  assert 'Only the folds 2' in crossval.describe(first, tmp_path)
  assert 'Not complete' in (tmp_path / 'apart/report.md').read_text()
  apart = crossval.run(
    tiny_crossval(folds=(0, 1)), tmp_path / 'apart', store=tiny_store
  )
  assert apart == together
  compared = run_pairs.compare_runs(
    predicted_runs.read_run(tmp_path / 'together'),
    predicted_runs.read_run(tmp_path / 'apart'),
  )
  assert compared.comparison.difference == 0
  assert not compared.protocol_differences


def test_finished_folds_never_run_again(
  tiny_store, tiny_crossval, chain_runs, tmp_path, monkeypatch
):
  def fail(config, workdir, *, store):
    workdirs.open_workdir(workdir, config)
    raise KeyboardInterrupt

  done = finetune.run
  monkeypatch.setattr(
    finetune,
    'run',
    lambda config, workdir, *, store: (fail if config.data.fold else done)(
      config, workdir, store=store
    ),
  )
  with pytest.raises(KeyboardInterrupt):  # in the second fold's fine-tuning
    crossval.run(tiny_crossval(), tmp_path / 'cv', store=tiny_store)
  monkeypatch.setattr(finetune, 'run', done)
  before = len(chain_runs)
  # Wherever the tree is now: its runs name each other by where they lie.
  moved = tmp_path / 'elsewhere' / 'cv'
  moved.parent.mkdir()
  (tmp_path / 'cv').rename(moved)
  crossval.run(tiny_crossval(), moved, store=tiny_store)
  assert [
    (workflow, folder) for workflow, folder, _ in chain_runs[before:]
  ] == [
    ('finetune', 'fold_1'),
    ('pretrain', 'fold_2'),
    ('finetune', 'fold_2'),
  ]
  before = len(chain_runs)
  summary = crossval.run(tiny_crossval(), moved, store=tiny_store)
  assert len(chain_runs) == before and summary.complete


def test_workdir_of_another_config_is_refused(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  crossval.run(tiny_crossval(folds=(0,)), tmp_path / 'cv', store=tiny_store)
  before = len(chain_runs)
  with pytest.raises(ValueError, match='temperature: there 0.1, here 0.5'):
    crossval.run(
      tiny_crossval(**{'pretrain.temperature': 0.5}),
      tmp_path / 'cv',
      store=tiny_store,
    )
  assert len(chain_runs) == before


def test_scratch_has_no_pretraining(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  crossval.run(
    tiny_crossval(init='scratch', folds=(0,)), tmp_path / 'cv', store=tiny_store
  )
  assert [workflow for workflow, _, _ in chain_runs] == ['finetune']
  assert chain_runs[0][2].init_from == ''


def test_unknown_fold_is_refused():
  with pytest.raises(ValueError, match='3 folds, 0 to 2'):
    recipe_runs.chosen_folds((3,), 3)
  assert recipe_runs.chosen_folds((), 3) == (0, 1, 2)
  assert recipe_runs.chosen_folds(1, 3) == (1,)


def test_folds_under_two_protocols_are_not_pooled(
  tiny_store, tiny_crossval, chain_runs, tmp_path
):
  for fold, seed in ((0, 0), (1, 7)):
    config = tiny_crossval(seed=seed, folds=(fold,))
    crossval.run_fold(config, fold, tmp_path, store=tiny_store)
  folders = [tmp_path / f'fold_{fold}' / 'finetune' for fold in (0, 1)]
  with pytest.raises(ValueError, match=r'seed: 0 \| 7'):
    pooling.pool(folders)
  with pytest.raises(ValueError, match='must differ|twice'):
    pooling.pool([folders[0], folders[0]])


def test_address_tells_apart_what_finds_something_else(tiny_crossval):
  def address(**changes):
    return recipe_runs.address(
      recipe_runs.pretrain_config(tiny_crossval(**changes), 0)
    )

  same = address()
  assert address(**{'data.labelled_fraction': 0.1}) == same
  assert address(**{'data.data_dir': 'elsewhere'}) == same
  for changes in (
    {'seed': 1},
    {'encoder.architecture': 'r3d_18'},
    {'pretrain.views.flip.enabled': False},
    {'data.fold_assignment': 'strided'},
  ):
    assert address(**changes) != same


@pytest.mark.slow
def test_crossval_trains_and_goes_on_inside_a_fold(
  tiny_store, tiny_crossval, tmp_path, monkeypatch
):
  config = tiny_crossval(folds=(0,), inner_validation=True)
  summary = crossval.run(config, tmp_path / 'whole', store=tiny_store)
  assert summary.total == sum(map(sum, summary.confusion))
  assert summary.test_oracle.correct >= summary.correct
  inner = summary.inner_validation.protocol
  assert inner.selection == 'inner_validation'
  assert inner.validation_in_pretraining

  def stop(*arguments, **named):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(predictions, 'write_predictions', stop)
    with pytest.raises(KeyboardInterrupt):
      crossval.run(config, tmp_path / 'broken', store=tiny_store)
  moved = (tmp_path / 'broken').rename(tmp_path / 'moved')
  again = crossval.run(config, moved, store=tiny_store)
  assert again.folds == summary.folds and again.protocol == summary.protocol
