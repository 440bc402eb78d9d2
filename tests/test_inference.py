import jax
import numpy as np
import optax
import pytest

import stclr_jax
from stclr_jax.learning import checkpoints
from stclr_jax.learning import state as states
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder
from stclr_jax.views import views

OPTIONS = views.ViewOptions(num_frames=4, size=16)
LABELS = ('a', 'b', 'c')
NOTES = {
  'format': 1,
  'workflow': 'pretrain',
  'encoder': {
    'architecture': 'r2plus1d_18',
    'width': 1 / 16,
    'dtype': 'float32',
    'lowering': 'auto',
  },
  'views': {
    'num_frames': 4,
    'size': 16,
    'mean': OPTIONS.mean,
    'std': OPTIONS.std,
  },
  'batch_norm': {'epsilon': 0.3},
}


def save(directory, what, rest='first_frame'):
  """Saves one checkpoint of a random classifier; its network, variables."""
  encoder = Encoder(width=1 / 16, epsilon=0.3)
  network = heads.ClassifierNetwork(encoder, len(LABELS), what, rest)
  clip = np.zeros((1, 5, 16, 16, 3), np.float32)
  init = jax.jit(lambda: network.init(jax.random.key(0), clip, train=False))
  variables = jax.tree.map(lambda x: x + 0.1, init())
  identity = optax.identity()
  notes = {
    **NOTES,
    'workflow': 'finetune',
    'labels': LABELS,
    'input': what,
    'rest': rest,
  }
  with checkpoints.Checkpoints(directory / 'checkpoints', keep=1) as saved:
    saved.save(1, states.create_state(variables, identity), notes)
  return network, variables


@pytest.fixture(params=['clip', 'both'])
def workdir(request, tmp_path, shallow_encoder):
  """A run's folder with such a checkpoint."""
  return tmp_path, *save(tmp_path, request.param)


def test_loaded_networks_see_what_evaluation_sees(workdir):
  directory, network, variables = workdir
  clips = np.random.default_rng(0).integers(0, 256, (3, 9, 20, 30, 3), np.uint8)
  frames = views.Frames(
    clips.reshape(-1, 20, 30, 3), np.arange(3) * 9, np.full(3, 9)
  )
  looked = views.evaluation_views(frames, np.arange(3), options=OPTIONS)
  h = stclr_jax.load_encoder(directory)(clips)
  expected = network.apply(variables, looked, method=network.encode)
  np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-5)
  classifier = stclr_jax.load_classifier(directory)
  if network.input == 'both':  # the first frame is the one at rest
    looked = np.concatenate([looked[:, :1], looked], axis=1)
  logits = network.apply(variables, looked, train=False)
  np.testing.assert_allclose(
    classifier(clips), jax.nn.softmax(logits), rtol=1e-4, atol=1e-5
  )
  assert classifier.labels == LABELS


def test_a_classifier_beside_the_persons_mean(tmp_path, shallow_encoder):
  network, variables = save(tmp_path, 'both', 'person_mean')
  random = np.random.default_rng(0)
  clips, others = random.integers(0, 256, (2, 3, 9, 20, 30, 3), np.uint8)
  encoder = stclr_jax.load_encoder(tmp_path)
  classifier = stclr_jax.load_classifier(tmp_path)
  h, of_others = np.asarray(encoder(clips)), np.asarray(encoder(others))
  layer = variables['params']['classifier']
  for calibrate, mean in (
    (others, of_others.mean(0)),
    (others[:1], of_others[0]),
    ('batch', h.mean(0)),
  ):
    read = np.concatenate([h, h - mean[None]], axis=1)
    expected = jax.nn.softmax(read @ layer['kernel'] + layer['bias'][None])
    found = classifier(clips, calibrate)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
  assert classifier.labels == LABELS
  for given, calibrate, words in (
    (clips, None, "person's own mean.*or 'batch'"),
    (clips, 'none', "'none'.*batch"),
    (clips[:1], 'batch', 'two clips or more'),
    (clips, others[0], r'`calibrate` .*\(9, 20, 30, 3\)'),
  ):
    with pytest.raises(ValueError, match=words):
      classifier(given, calibrate)


def test_other_classifiers_take_no_mean(workdir):
  classifier = stclr_jax.load_classifier(workdir[0])
  clips = np.zeros((1, 4, 16, 16, 3), np.uint8)
  with pytest.raises(ValueError, match="calibrate.*'first_frame'"):
    classifier(clips, calibrate='batch')


def test_other_inputs_are_refused(workdir):
  encoder = stclr_jax.load_encoder(workdir[0])
  with pytest.raises(ValueError, match='float.*must be uint8'):
    encoder(np.zeros((1, 4, 16, 16, 3)).astype(np.float64))
  with pytest.raises(ValueError, match=r'\(4, 16, 16, 3\).*\[b, t, h, w, 3\]'):
    encoder(np.zeros((4, 16, 16, 3), np.uint8))


def test_a_pretraining_run_has_no_classifier(tmp_path):
  with checkpoints.Checkpoints(tmp_path / 'checkpoints', keep=1) as saved:
    saved.save(1, {'params': np.zeros(1)}, NOTES)
  with pytest.raises(ValueError, match='has no classifier.*load_encoder'):
    stclr_jax.load_classifier(tmp_path)


def test_missing_run_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match='nowhere'):
    stclr_jax.load_encoder(tmp_path / 'nowhere')


def test_a_classifier_of_another_epoch_than_was_tested_says_so(workdir):
  directory, _, _ = workdir
  summary = directory / 'summary.json'
  summary.write_text('{"epoch_tested": 1}')
  stclr_jax.load_classifier(directory)  # warnings are errors
  summary.write_text('{"epoch_tested": 3}')
  with pytest.warns(UserWarning, match='is that of epoch 3.* is of epoch 1'):
    stclr_jax.load_classifier(directory)
