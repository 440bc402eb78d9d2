import csv
import dataclasses

import numpy as np
import pytest

from configs import evaluate as configs
from stclr_jax.data.people import identity
from stclr_jax.evaluation import protocol
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.experiments.finished import run_pairs
from stclr_jax.runs import summaries
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


@pytest.fixture
def classifier(tiny_store, tiny_config, tmp_path):
  workdir = tmp_path / 'classifier'
  finetune.run(
    tiny_config('finetune', init='scratch', num_epochs=1),
    workdir,
    store=tiny_store,
  )
  return workdir


def make_config(classifier, **changes):
  config = configs.get_config('demo')
  config.classifier = str(classifier)
  config.batch_size = 8
  config.update_from_flattened_dict(changes)
  return config


def read_predictions(workdir):
  with (workdir / 'predictions.csv').open() as file:
    return list(csv.DictReader(file))


def test_people_trained_on_are_refused_dropped_or_marked(
  classifier, tiny_store, tmp_path
):
  with pytest.raises(
    ValueError, match='trained on 9 people .*P002, P003,.*drop'
  ):
    evaluate.run(
      make_config(classifier), tmp_path / 'refused', store=tiny_store
    )
  assert not (tmp_path / 'refused').exists()

  # On the fold's own test people it finds what fine-tuning found.
  dropped = evaluate.run(
    make_config(classifier, people_seen='drop'),
    tmp_path / 'dropped',
    store=tiny_store,
  )
  assert dropped.total == 6 and dropped.seen.total == 0
  rows = read_predictions(tmp_path / 'dropped')
  for ours, trained in zip(rows, read_predictions(classifier), strict=True):
    assert ours.pop('seen') == '0' and ours == trained
  assert summaries.read(tmp_path / 'dropped') == dropped
  report = run_pairs.compare_runs(
    predicted_runs.read_run(classifier),
    predicted_runs.read_run(tmp_path / 'dropped'),
  )
  assert report.same_answer == 6
  kept, counts = dropped.protocol, (dropped.seen, dropped.unseen)
  lines = kept.describe(*counts).split('\n')
  assert list(report.text.run_b[-len(lines) :]) == lines
  # Both look at a video alike, and say so in the same words.
  differing = {line.split(':')[0] for line in report.protocol_differences}
  assert 'trained_on' in differing and 'view' not in differing
  assert dropped.sites is None  # drawn faces were recorded nowhere

  marked = evaluate.run(
    make_config(classifier, people_seen='mark'),
    tmp_path / 'marked',
    store=tiny_store,
  )
  assert marked.seen.people == 9 and marked.seen.total == 54
  assert marked.unseen == dropped.unseen
  for row in read_predictions(tmp_path / 'marked'):
    assert (row['seen'] == '1') == (row['subject'] != 'P001')
  assert 'LEAK: ' in evaluate.describe(marked, tmp_path)
  figure = tmp_path / 'marked/figures/confusion_matrix.png'
  assert figure.stat().st_size > 1000

  # The same numbers are other people in another data set; its labels differ,
  # and one of its videos has none of the classes.
  names = ('fearful', 'angry', 'happy', 'neutral', 'sad', 'surprised', 'dis')
  label = np.array([1, 6, 0, 2, 4, 5], np.int32)[tiny_store.label]
  label[:3] = 3, -1, 3
  other = dataclasses.replace(
    tiny_store, name='mine:all', label=label, label_names=names
  )
  config = make_config(classifier)
  with pytest.raises(ValueError, match="unknown label 'fearful'"):
    evaluate.run(config, tmp_path / 'mine', store=other)
  config.label_map = 'oulu_casia'
  mine = evaluate.run(config, tmp_path / 'mine', store=other)
  assert mine.total == 57 and mine.seen.total == 0
  assert mine.unlabelled == {'': 1, 'neutral': 2}
  first = marked.confusion
  assert np.sum(mine.confusion) == 57
  assert np.sum(np.abs(np.subtract(mine.confusion, first))) == 3


@pytest.mark.parametrize(
  'changes,error,message',
  [
    ({'people_seen': 'ignore'}, ValueError, "'ignore'.*refuse, drop, mark"),
    ({'classifier': ''}, ValueError, 'must be the workdir of a fine-tuning'),
    ({'classifier': 'nowhere'}, FileNotFoundError, 'nowhere'),
  ],
)
def test_bad_configs_are_refused(changes, error, message, tmp_path):
  with pytest.raises(error, match=message):
    evaluate.run(make_config(**{'classifier': 'none'} | changes), tmp_path)


@pytest.mark.slow
def test_people_pretrained_on_are_known_in_their_own_data_set(
  tiny_store, tiny_config, tmp_path
):
  def leaks(store):
    config = make_config(tmp_path / 'classifier', people_seen='drop')
    summary = evaluate.run(
      config, tmp_path / f'of_{len(list(tmp_path.iterdir()))}', store=store
    )
    assert summary.protocol.pretrained_on == 'mine:videos'
    described = evaluate.describe(summary, tmp_path)
    assert described.count('LEAK') == len(summary.protocol.leaks)
    return list(summary.protocol.leaks)

  mine = dataclasses.replace(tiny_store, name='mine:videos')
  config = tiny_config(
    'pretrain', num_epochs=1, pretrain_scope='all_unlabelled'
  )
  pretrain.run(config, tmp_path / 'pretrained', store=mine)
  # Nobody here was pretrained on, though somebody there has the number.
  config = tiny_config(
    'finetune', num_epochs=1, init_from=str(tmp_path / 'pretrained')
  )
  summary = finetune.run(config, tmp_path / 'classifier', store=tiny_store)
  assert summary.protocol.pretrain_scope == 'other_data'
  assert not summary.protocol.leaks
  assert 'pretrained on other data (mine:videos) for 1 epoch' in (
    finetune.describe(summary, tmp_path / 'classifier')
  )
  assert leaks(tiny_store) == []
  assert leaks(mine) == [protocol.PRETRAINING_LEAKS['all_unlabelled']]


def test_people_of_a_set_that_was_imported_anew_are_known_by_name(
  tiny_store, tiny_config, tmp_path
):
  names = [f'N{number:02d}' for number in tiny_store.subject]
  who = identity.Who(tuple(names), (True,) * 60, ((),) * 60, '')
  mine = dataclasses.replace(tiny_store, name='mine:videos', who=who)
  config = tiny_config('finetune', init='scratch', num_epochs=1)
  finetune.run(config, tmp_path / 'classifier', store=mine)
  # The first person, whom fold 0 held out, is the last one now.
  anew = dataclasses.replace(
    tiny_store,
    name='again:videos',
    subject=(tiny_store.subject - 2) % 10 + 1,
    who=who,
  )
  config = make_config(tmp_path / 'classifier')
  with pytest.raises(ValueError, match=r'9 people of again.*N02.*same_names='):
    evaluate.run(config, tmp_path / 'run', store=anew)
  config.people_seen = 'drop'
  summary = evaluate.run(config, tmp_path / 'run', store=anew)
  assert summary.total == 6 and summary.unseen.people == 1
  assert {row['subject'] for row in read_predictions(tmp_path / 'run')} == {
    'N01'
  }
  config.people_seen, config.data.same_names = 'refuse', 'other_people'
  assert evaluate.run(config, tmp_path / 'others', store=anew).total == 60


def test_class_names_may_hold_commas(tiny_store):
  names = ('a, b', *tiny_store.label_names[1:])
  store = dataclasses.replace(tiny_store, label_names=names)
  again, unlabelled = evaluate.relabel(store, names[::-1], '')
  assert again.label.tolist() == (5 - store.label).tolist() and not unlabelled
