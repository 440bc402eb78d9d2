import itertools

import made_summaries

from configs import baselines
from configs import crossval
from configs import evaluate
from configs import finetune
from configs import pretrain
from configs import reproduce
from stclr_jax.reports import figures
from stclr_jax.reports import notices
from stclr_jax.reports import run_pictures
from stclr_jax.runs import workdirs
from stclr_jax.runs.summaries import FinetuneSummary

WORKFLOWS = (baselines, crossval, evaluate, finetune, pretrain, reproduce)


def make_configs():
  for module in WORKFLOWS[:-1]:
    for preset in ('demo', 'paper', 'paper_112'):
      yield module.get_config(preset)
  for preset in ('demo', 'paper', 'smoke'):
    yield reproduce.get_config(f'table3,{preset}')


def list_leaves(value):
  if isinstance(value, dict):
    return itertools.chain(*map(list_leaves, value.values()))
  if isinstance(value, list):
    return itertools.chain(*map(list_leaves, value))
  return [value]


def test_no_config_holds_words_for_a_reader():
  told = [
    (config.workflow, config.preset, leaf)
    for config in make_configs()
    for leaf in list_leaves(workdirs.as_json(config))
    if isinstance(leaf, str) and ' ' in leaf
  ]
  assert not told


def test_a_run_goes_on_after_its_words_were_changed(tmp_path, monkeypatch):
  for words in ('old {recipe}', 'new {recipe}'):
    monkeypatch.setattr(notices, 'DEMO', words)
    for module in WORKFLOWS:
      config = module.get_config(*['all'] * (module is reproduce))
      assert notices.notice(config).startswith(words[:4])
      workdirs.open_workdir(tmp_path / config.workflow, config)


def test_what_is_said_is_of_the_run():
  for config in make_configs():
    said = notices.notice(config)
    assert ('Oulu-CASIA' in said) == (config.preset == 'demo')
    assert ('SMOKE RUN' in said) == (config.preset == 'smoke')
    assert not said or 'drawn faces' in said
  crossed = notices.notice(crossval.get_config('demo'))
  assert crossed.endswith('main.py --config=configs/crossval.py:paper')
  table = notices.notice(reproduce.get_config('table3'))
  assert table.endswith('main.py --config=configs/reproduce.py:table3,paper')
  paper = pretrain.get_config('paper')
  paper.data.name = 'synthetic'
  assert 'faces are drawn' in notices.notice(paper)


def test_what_the_paper_does_not_do_is_said():
  config = pretrain.get_config('paper')
  config.negatives.other_people = 0.25
  config.batches.composition = 'by_person'
  config.views.temporal.distance = 0.3
  said = notices.notice(config)
  assert said == (
    "Not the paper's method: batches by person; negatives that show other "
    "people weigh 0.25; a pair's clips are at most 0.3 of a video apart."
  )
  config.data.name = 'synthetic'
  assert notices.notice(config) == f'{said}\n{notices.DRAWN}'
  after = finetune.get_config('paper')
  after.batches.composition = 'by_person'
  assert notices.notice(after).endswith(': fine-tuning in batches by person.')


def test_a_confusion_matrix_says_whom_it_shows(tmp_path, monkeypatch):
  given = {}
  monkeypatch.setattr(
    figures, 'save_confusion_matrix', lambda *_, **named: given.update(named)
  )
  for changes, shown in (
    ({}, 'unseen people'),
    ({'fold_assignment': 'leaky_clips'}, 'people trained on'),
    ({'pretrain_scope': 'all_unlabelled'}, 'people pretrained on'),
  ):
    summary = made_summaries.make(
      FinetuneSummary, protocol=made_summaries.make_protocol(**changes)
    )
    run_pictures.save_confusion(tmp_path, summary)
    title = f'tiny:vl_strong: 30 of 60 videos of {shown}'
    assert given['title'].startswith(title)
