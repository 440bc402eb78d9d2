"""Heads that read the change from the first frame, from config to function."""

import csv
import dataclasses

import numpy as np
import pytest

import stclr_jax
from configs import evaluate as evaluate_config
from stclr_jax.errors import UserError
from stclr_jax.learning.saved import checkpoints
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


def read_probabilities(workdir, labels):
  with (workdir / 'predictions.csv').open() as file:
    return {
      row['video_id']: [float(row[f'p_{name}']) for name in labels]
      for row in csv.DictReader(file)
    }


@pytest.mark.slow  # two trainings and an evaluation each
@pytest.mark.parametrize('read', ['change', 'both'])
def test_a_classifier_of_change_is_the_same_in_every_door(
  tiny_store, tiny_config, tmp_path, read
):
  pretrained, tuned = tmp_path / 'pretrained', tmp_path / 'tuned'
  pretrain.run(
    tiny_config('pretrain', num_epochs=1, **{'projection.input': 'change'}),
    pretrained,
    store=tiny_store,
  )
  config = tiny_config('finetune', init_from=str(pretrained))
  config.classifier.input = read
  summary = finetune.run(config, tuned, store=tiny_store)
  assert "not the paper's" in summary.protocol.view
  found = read_probabilities(tuned, summary.labels)

  tested = evaluate_config.get_config('demo')
  tested.classifier, tested.people_seen = str(tuned), 'drop'
  evaluated = evaluate.run(tested, tmp_path / 'tested', store=tiny_store)
  assert evaluated.correct == summary.correct
  assert evaluated.protocol.view == summary.protocol.view
  again = read_probabilities(tmp_path / 'tested', summary.labels)
  classifier = stclr_jax.load_classifier(tuned)
  assert found.keys() == again.keys()
  for name, probabilities in found.items():
    np.testing.assert_allclose(again[name], probabilities, atol=1e-5)
    i = tiny_store.video_id.index(name)
    first, length = tiny_store.first[i], tiny_store.length[i]
    clip = tiny_store.frames[first : first + length]
    np.testing.assert_allclose(
      classifier(clip[None])[0], probabilities, atol=1e-4
    )


def test_the_persons_mean_is_the_rest(tiny_store, tiny_config, tmp_path):
  config = tiny_config(
    'finetune',
    **{
      'init': 'scratch',
      'num_epochs': 1,
      'batch_size': 16,  # two people, and four places that are empty
      'batches.composition': 'of_whole_people',
      'classifier.input': 'change_of_clip',
      'classifier.rest': 'person_mean',
    },
  )
  tuned = tmp_path / 'tuned'
  summary = finetune.run(config, tuned, store=tiny_store)
  assert summary.steps == 5  # of nine people, two in a batch
  for words in ("person's tested videos", 'transductive by person'):
    assert words in summary.protocol.view
  found = read_probabilities(tuned, summary.labels)

  encode = stclr_jax.load_encoder(tuned)
  h = {}
  for i, name in enumerate(tiny_store.video_id):
    if name in found:
      first, length = tiny_store.first[i], tiny_store.length[i]
      h[name] = encode(tiny_store.frames[first : first + length][None])[0]
  assert len(h) == 6  # of one person
  layer = checkpoints.read(tuned).state['params']['classifier']
  mean = np.mean(list(h.values()), axis=0)
  for name, one in h.items():
    logits = (one - mean) @ layer['kernel'] + layer['bias']
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(found[name], expected, atol=1e-4)

  tested = evaluate_config.get_config('demo')
  tested.classifier, tested.people_seen = str(tuned), 'drop'
  evaluated = evaluate.run(tested, tmp_path / 'tested', store=tiny_store)
  assert evaluated.protocol.view == summary.protocol.view
  again = read_probabilities(tmp_path / 'tested', summary.labels)
  assert again.keys() == found.keys()
  for name, probabilities in found.items():
    np.testing.assert_allclose(again[name], probabilities, atol=1e-5)
  label = tiny_store.label.copy()
  label[:5] = -1  # one of the six is left
  with pytest.raises(UserError, match='person.s mean.*P001 .*tested videos'):
    evaluate.run(
      tested,
      tmp_path / 'one',
      store=dataclasses.replace(tiny_store, label=label),
    )


def test_a_mean_that_nobody_has_is_refused(
  tiny_store, tiny_config, tmp_path, subtests
):
  whole = {
    'classifier.input': 'both',
    'classifier.rest': 'person_mean',
    'batches.composition': 'of_whole_people',
  }
  label = tiny_store.label.copy()
  label[7:12] = -1
  one_video = dataclasses.replace(tiny_store, label=label)
  for store, changes, words in (
    (tiny_store, {'classifier.input': 'clip'}, "'clip'.*first_frame"),
    (tiny_store, {'classifier.input': 'change'}, "'change'.*first_frame"),
    (tiny_store, {'batches.composition': 'by_person'}, 'of_whole_people'),
    (one_video, {}, 'P002 among the labelled training videos of fold 0'),
    (one_video, {'data.fold': 1}, 'P002 among the test videos of fold 1'),
    (
      one_video,
      {'selection': 'inner_validation'},
      'P002 among the validation videos',
    ),
  ):
    config = tiny_config('finetune', init='scratch', **{**whole, **changes})
    with subtests.test(words), pytest.raises(UserError, match=words):
      finetune.run(config, tmp_path / 'run', store=store)
    assert not (tmp_path / 'run').exists()


def test_a_change_cannot_be_read_where_nothing_moves(
  tiny_store, tiny_config, tmp_path
):
  # Videos that stand still: all logits are the layer's bias.
  frames = np.repeat(tiny_store.frames[tiny_store.first], 3, axis=0)
  length = np.full(60, 3, np.int32)
  store = dataclasses.replace(
    tiny_store, frames=frames, first=3 * np.arange(60, dtype=np.int32),
    length=length,
  )  # fmt: skip
  config = tiny_config('finetune', init='scratch', num_epochs=1)
  config.classifier.input = 'change'
  summary = finetune.run(config, tmp_path, store=store)
  named = list(read_probabilities(tmp_path, summary.labels).values())
  np.testing.assert_allclose(named, [named[0]] * len(named), atol=1e-4)


def test_other_words_are_refused(tiny_store, tiny_config, tmp_path):
  config = tiny_config('finetune', init='scratch', num_epochs=1)
  config.classifier.input = 'motion'
  with pytest.raises(
    UserError, match="'motion'.* clip, change, change_of_clip, both"
  ):
    finetune.run(config, tmp_path / 'run', store=tiny_store)
  assert not (tmp_path / 'run').exists()
