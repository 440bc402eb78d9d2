import csv
import json

import numpy as np
import pytest

from stclr_jax.experiments import crossval
from stclr_jax.experiments import pooling
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments import run_pairs
from stclr_jax.runs import workdirs
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


@pytest.fixture
def stage_runs(monkeypatch):
  """Stands in for training; a video is named rightly if its person is even.

  Returns:
    The list of (workflow, folder) that were run, in order.
  """
  ran = []

  def run_pretraining(config, workdir):
    workdirs.open_workdir(workdir, config)
    ran.append(('pretrain', workdir.parent.name, config))
    workdirs.write_json(workdir / workdirs.SUMMARY, {})

  def run_finetuning(config, workdir):
    store = finetune.assembly.load_videos(config.data)
    dealt = finetune.assembly.make_folds(store, config.data)
    fold = dealt.fold(config.data.fold)
    workdirs.open_workdir(workdir, config)
    ran.append(('finetune', workdir.parent.name, config))
    wanted = store.label[fold.test]
    named = np.where(store.subject[fold.test] % 2 == 0, wanted, 0)
    probabilities = np.eye(6)[named]
    for name in ('predictions.csv', 'oracle_predictions.csv'):
      finetune.tables.write_predictions(
        workdir / name, store, fold.test, probabilities
      )
    line = {'step': 1, 'epoch': 1, 'loss': 1.0}
    (workdir / 'metrics.jsonl').write_text(json.dumps(line) + '\n')
    kept = finetune.protocols.make_protocol(config, store, dealt, fold, None)
    workdirs.write_json(
      workdir / workdirs.SUMMARY,
      {
        'data': store.name,
        'synthetic': True,
        'preset': 'demo',
        'init': config.init,
        'fold': config.data.fold,
        'labels': list(store.label_names),
        'labelled_videos': len(fold.train),
        'steps': 1,
        'seconds': 1.0,
        'protocol': kept.as_dict(),
        **{'correct': int((named == wanted).sum()), 'total': len(fold.test)},
      },
    )

  monkeypatch.setattr(pretrain, 'run', run_pretraining)
  monkeypatch.setattr(finetune, 'run', run_finetuning)
  return ran


def test_every_fold_is_pretrained_then_fine_tuned_and_all_videos_pooled(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  summary = crossval.run(tiny_crossval(), tmp_path / 'cv')
  assert [(stage, folder) for stage, folder, _ in stage_runs] == [
    (stage, f'fold_{fold}')
    for fold in range(3)
    for stage in ('pretrain', 'finetune')
  ]
  # People 2, 4, ... 10 wholly, and the first expression of the others.
  assert (summary['correct'], summary['total']) == (35, 60)
  assert np.trace(summary['confusion']) == 35
  assert summary['complete'] and summary['people'] == 10
  assert summary['by_subject']['P002'] == {'correct': 6, 'total': 6}
  assert summary['by_subject']['P003'] == {'correct': 1, 'total': 6}
  assert list(summary['by_expression']) == list(tiny_store.label_names)
  assert summary['by_expression']['Anger'] == {'correct': 10, 'total': 10}
  assert summary['by_expression']['Fear'] == {'correct': 5, 'total': 10}
  assert list(summary['by_subject']) == [f'P{p:03d}' for p in range(1, 11)]
  assert summary['protocol']['folds_run'] == [0, 1, 2]
  assert summary['protocol']['num_people'] == 10
  low, high = summary['by_people']['low'], summary['by_people']['high']
  assert 0.3 < low < 35 / 60 < high < 0.9
  assert '35/60' in crossval.describe(summary, tmp_path / 'cv')
  page = (tmp_path / 'cv/report.html').read_text()
  assert '35/60 = 58.33 %' in page and 'by person, consecutive' in page
  assert 'Not complete' not in page and page.count('data:image/png') == 5


def test_validation_needs_a_third_fold(tiny_store, tiny_crossval, tmp_path):
  config = tiny_crossval(**{'data.num_folds': 2, 'inner_validation': True})
  with pytest.raises(ValueError, match='at least 3'):
    crossval.run(config, tmp_path / 'cv')
  assert not (tmp_path / 'cv').exists()


def test_pretraining_on_everybody_is_done_once(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  config = tiny_crossval(pretrain_scope='all_unlabelled')
  config.folds = (1,)
  crossval.run(config, tmp_path)
  config.folds = ()
  crossval.run(config, tmp_path)
  assert [(stage, folder) for stage, folder, _ in stage_runs] == [
    ('pretrain', 'fold_1'),
    *(('finetune', f'fold_{fold}') for fold in (1, 0, 2)),
  ]
  begun = {config.init_from for stage, _, config in stage_runs[1:]}
  assert begun == {str(tmp_path.absolute() / 'fold_1/pretrain')}


def test_a_fold_keeps_the_pretraining_it_has_begun_with(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  config = tiny_crossval(pretrain_scope='all_unlabelled')
  workdirs.open_workdir(tmp_path, crossval.without_folds(config))
  for fold in (2, 0):  # 2 is finished first, but 0 has one of its own
    done = tmp_path / f'fold_{fold}/pretrain'
    recipe_runs.run(recipe_runs.pretrain_config(config, fold), done)
  crossval.run(config, tmp_path)
  begun = [
    config.init_from for stage, _, config in stage_runs if stage == 'finetune'
  ]
  assert [path.split('/')[-2] for path in begun] == [
    'fold_0',
    'fold_2',
    'fold_2',
  ]


def test_pretraining_of_a_fold_leaves_its_test_people_out(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  crossval.run(tiny_crossval(), tmp_path / 'cv')
  for stage, folder, config in stage_runs:
    assert folder == f'fold_{config.data.fold}'
    if stage == 'pretrain':
      seen = pretrain.videos_seen(config, tiny_store)
    else:
      begun = tmp_path / 'cv' / folder / 'pretrain'
      assert config.init_from == str(begun)
      with (begun.parent / 'finetune' / 'predictions.csv').open() as file:
        tested = {int(row['subject'][1:]) for row in csv.DictReader(file)}
      assert tested and not tested & set(tiny_store.subject[seen].tolist())


def test_folds_run_apart_give_what_they_give_together(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  together = crossval.run(tiny_crossval(), tmp_path / 'together')
  first = crossval.run(tiny_crossval(folds=(2,)), tmp_path / 'apart')
  assert not first['complete'] and first['protocol']['folds_run'] == [2]
  assert 'Only the folds 2' in crossval.describe(first, tmp_path)
  assert 'Not complete' in (tmp_path / 'apart/report.md').read_text()
  apart = crossval.run(tiny_crossval(folds=(0, 1)), tmp_path / 'apart')
  assert apart == together
  compared = run_pairs.compare_runs(
    run_pairs.read_run(tmp_path / 'together'),
    run_pairs.read_run(tmp_path / 'apart'),
  )
  assert compared['comparison']['difference'] == 0
  assert not compared['protocol_differences']


def test_finished_folds_never_run_again(
  tiny_store, tiny_crossval, stage_runs, tmp_path, monkeypatch
):
  def fail(config, workdir):
    raise KeyboardInterrupt

  done = finetune.run
  monkeypatch.setattr(
    finetune,
    'run',
    lambda config, workdir: (fail if config.data.fold else done)(
      config, workdir
    ),
  )
  with pytest.raises(KeyboardInterrupt):  # in the second fold's fine-tuning
    crossval.run(tiny_crossval(), tmp_path / 'cv')
  monkeypatch.setattr(finetune, 'run', done)
  before = len(stage_runs)
  crossval.run(tiny_crossval(), tmp_path / 'cv')
  assert [(stage, folder) for stage, folder, _ in stage_runs[before:]] == [
    ('finetune', 'fold_1'),
    ('pretrain', 'fold_2'),
    ('finetune', 'fold_2'),
  ]
  before = len(stage_runs)
  summary = crossval.run(tiny_crossval(), tmp_path / 'cv')
  assert len(stage_runs) == before and summary['complete']


def test_workdir_of_another_config_is_refused(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  crossval.run(tiny_crossval(folds=(0,)), tmp_path / 'cv')
  before = len(stage_runs)
  with pytest.raises(ValueError, match='temperature: there 0.1, here 0.5'):
    crossval.run(
      tiny_crossval(**{'pretrain.temperature': 0.5}), tmp_path / 'cv'
    )
  assert len(stage_runs) == before


def test_scratch_has_no_pretraining(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  crossval.run(tiny_crossval(init='scratch', folds=(0,)), tmp_path / 'cv')
  assert [stage for stage, _, _ in stage_runs] == ['finetune']
  assert stage_runs[0][2].init_from == ''


def test_unknown_fold_is_refused(tiny_crossval):
  with pytest.raises(ValueError, match='3 folds, 0 to 2'):
    crossval.chosen_folds(tiny_crossval(folds=(3,)))
  assert tuple(crossval.chosen_folds(tiny_crossval())) == (0, 1, 2)


def test_folds_under_two_protocols_are_not_pooled(
  tiny_store, tiny_crossval, stage_runs, tmp_path
):
  for fold, seed in ((0, 0), (1, 7)):
    config = tiny_crossval(seed=seed, folds=(fold,))
    crossval.run_fold(config, fold, tmp_path / f'fold_{fold}')
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
  assert address(preset='other') == same
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
  summary = crossval.run(config, tmp_path / 'whole')
  assert summary['total'] == sum(map(sum, summary['confusion']))
  oracle = summary['test_oracle']
  assert oracle['correct'] >= summary['correct'] and 'leak' in oracle
  inner = summary['inner_validation']['protocol']
  assert inner['selection'] == 'inner_validation'
  assert inner['validation_in_pretraining']

  def stop(*arguments, **named):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(finetune.tables, 'write_predictions', stop)
    with pytest.raises(KeyboardInterrupt):
      crossval.run(config, tmp_path / 'broken')
  assert crossval.run(config, tmp_path / 'broken')['folds'] == summary['folds']
  written = json.loads((tmp_path / 'broken/summary.json').read_text())
  assert written['protocol'] == summary['protocol']
