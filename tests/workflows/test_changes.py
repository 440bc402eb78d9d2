"""Heads that read the change from the first frame, from config to function."""

import csv
import dataclasses

import numpy as np
import pytest

import stclr_jax
from configs import evaluate as evaluate_config
from stclr_jax.errors import UserError
from stclr_jax.workflows import evaluate
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


def read_probabilities(workdir, labels):
  with (workdir / 'predictions.csv').open() as file:
    return {
      row['video_id']: [float(row[f'p_{name}']) for name in labels]
      for row in csv.DictReader(file)
    }


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
