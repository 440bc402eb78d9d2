import dataclasses

import numpy as np
import pytest

from stclr_jax.models import heads
from stclr_jax.reports import class_map_pictures
from stclr_jax.runs import build
from stclr_jax.runs import run_videos
from stclr_jax.workflows import finetune
from stclr_jax.workflows import finetune_maps
from stclr_jax.workflows import finetune_report


def test_the_middle_of_those_named_rightly_and_the_surest_of_the_others():
  label = np.array([0, 0, 0, 0, 1, 1, 2])
  sure = [0.9, 0.5, 0.7, 0.8, 0.6, 0.95, 0.4]
  named = [0, 0, 0, 1, 2, 0, 2]
  probabilities = np.full((7, 3), 0.0)
  for row, (confidence, one) in enumerate(zip(sure, named, strict=True)):
    probabilities[row] = (1 - confidence) / 2
    probabilities[row, one] = confidence
  choose = finetune_maps.choose
  # Class 0: 0.5, 0.7, 0.9 are right. Nothing of class 1 is.
  assert choose(probabilities, label, right=True) == [2, 6]
  assert choose(probabilities, label, right=False) == [3, 5]
  assert choose(probabilities[:3], label[:3], right=False) == []


def test_of_many_expressions_some_are_chosen_from_first_to_last():
  label = np.arange(30)
  chosen = finetune_maps.choose(np.eye(30), label, right=True)
  assert len(chosen) == finetune_maps.MOST
  assert chosen[0] == 0 and chosen[-1] == 29


def make_classifier(store, config):
  """A classifier that nobody trained, and videos."""
  options = build.make_view_options(config.views, read=config.classifier.input)
  network = heads.ClassifierNetwork(
    build.make_encoder(config), 6, config.classifier.input
  )
  variables = build.init_network(network, options, seed=0)
  data = build.read_options(run_videos.DataOptions, config.data)
  return finetune_report.Classifier(
    network,
    variables,
    run_videos.place(store, data),
    options,
    8,
    finetune.make_classify,
  )


@pytest.fixture
def drawn(monkeypatch):
  """What is drawn, by the name of the picture."""
  found = {}

  def keep(path, examples, shares, *, title):
    found[path.relative_to(path.parents[1]).as_posix()] = examples

  monkeypatch.setattr(class_map_pictures, 'save', keep)
  return found


@pytest.mark.slow
def test_what_is_drawn_adds_up_to_what_was_said(
  tiny_store, tiny_config, tmp_path, drawn
):
  store = tiny_store
  config = tiny_config('finetune', **{'classifier.input': 'change'})
  config.encoder.architecture = 'r3d_18'  # compiles sooner
  classifier = make_classifier(store, config)
  video = np.arange(12)
  classify = finetune.make_classify(*classifier[:1], *classifier[2:5])
  probabilities = classify(classifier.variables, video)
  tested = finetune_maps.Tested(
    video, probabilities, (1.0,), probabilities[None]
  )
  finetune_maps.draw(tmp_path, classifier, tested, with_faces=False)
  examples = [one for shown in drawn.values() for one in shown]
  assert set(drawn) <= {
    f'figures/class_maps_{w}ly.png' for w in ('right', 'wrong')
  }
  layer = classifier.variables['params']['classifier']
  bias = np.asarray(layer['bias'] - layer['bias'].mean())
  names = list(store.label_names)
  for one in examples:
    row = store.video_id.index(one.title.split(':')[0])
    said = np.log(probabilities[row]) - np.log(probabilities[row]).mean()
    classes = [names.index(name) for name in one.names]
    assert classes[0] == probabilities[row].argmax()
    assert classes[-1] == store.label[row]
    assert one.frames.shape == (1, 16, 16, 3)
    assert one.heats[0].shape == (1, 16, 16)
    # Of a change it is the last frame that is shown.
    assert one.numbers.tolist() == [store.length[row] - 1]
    for name, moments in zip(classes, one.moments, strict=True):
      assert moments.mean() + bias[name] == pytest.approx(said[name], abs=1e-5)
  assert len(examples) >= 6  # each expression is in it


@pytest.mark.parametrize('with_faces', [False, True])
def test_people_are_drawn_only_if_asked_for(
  tiny_store, tiny_config, tmp_path, drawn, with_faces
):
  store = dataclasses.replace(tiny_store, synthetic=False)
  classifier = make_classifier(store, tiny_config('finetune'))
  video = np.arange(6)
  probabilities = np.eye(6)
  tested = finetune_maps.Tested(
    video, probabilities, (1.0,), probabilities[None]
  )
  sections = finetune_maps.draw(
    tmp_path, classifier, tested, with_faces=with_faces
  )
  (name,) = drawn  # nothing was named wrongly
  assert name == (
    'faces/class_maps_rightly.png'
    if with_faces
    else 'figures/class_maps_rightly.png'
  )
  assert len(sections) == 1 and len(drawn[name]) == 6
  assert all((one.frames is not None) == with_faces for one in drawn[name])
