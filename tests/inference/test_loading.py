import functools

import jax
import numpy as np
import pytest
import saved_networks

import stclr_jax
from stclr_jax.files import json_records


@pytest.fixture(params=['clip', 'both'])
def workdir(request, tmp_path, shallow_encoder):
  """A run's folder with such a checkpoint."""
  return tmp_path, *saved_networks.save(tmp_path, request.param)


def test_loaded_networks_see_what_evaluation_sees(workdir):
  directory, network, variables = workdir
  clips = np.random.default_rng(0).integers(0, 256, (3, 9, 20, 30, 3), np.uint8)
  looked = saved_networks.look(clips)
  h = stclr_jax.load_encoder(directory)(clips)
  encode = functools.partial(network.apply, method=network.encode)
  expected = jax.jit(encode)(variables, looked)
  np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-5)
  classifier = stclr_jax.load_classifier(directory)
  words = ' '.join(stclr_jax.load(directory).info.caveats)
  assert ('first frame of each window' in words) == (network.input == 'both')
  if network.input == 'both':  # the first frame is the one at rest
    looked = np.concatenate([looked[:, :1], looked], axis=1)
  classify = functools.partial(network.apply, train=False)
  logits = jax.jit(classify)(variables, looked)
  np.testing.assert_allclose(
    classifier(clips), jax.nn.softmax(logits), rtol=1e-4, atol=1e-5
  )
  assert classifier.labels == saved_networks.LABELS


def test_a_classifier_beside_the_persons_mean(tmp_path, shallow_encoder):
  network, variables = saved_networks.save(tmp_path, 'both', 'person_mean')
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
  assert classifier.labels == saved_networks.LABELS
  # Of a recording: the mean over the windows of each face.
  model = stclr_jax.load(tmp_path)
  both = np.concatenate([clips, others[:2]])
  found = model.name_taken(
    model.of_taken(both[:, model.frames_of(9)]), np.array([1, 1, 1, 2, 2])
  )
  for part, own in ((found[:3], clips), (found[3:], others[:2])):
    expected = classifier(own, 'batch')
    np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-5)
  assert any('mean over the windows' in one for one in model.info.caveats)
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


def test_a_pretraining_run_has_no_classifier(tmp_path, shallow_encoder):
  saved_networks.save(tmp_path, 'clip', workflow='pretrain')
  with pytest.raises(ValueError, match='has no classifier.*load_encoder'):
    stclr_jax.load_classifier(tmp_path)
  model = stclr_jax.load(tmp_path)
  assert model.labels is None and model.info.kind == 'encoder'
  clips = np.zeros((1, 4, 16, 16, 3), np.uint8)
  with pytest.raises(ValueError, match='can encode and not predict.*fine-tun'):
    model.predict_clips(clips)
  np.testing.assert_array_equal(
    model.encode(clips), stclr_jax.load_encoder(tmp_path)(clips)
  )


def test_what_is_no_model_is_named_with_what_would_be(tmp_path):
  (tmp_path / 'file').touch()
  deep = tmp_path / 'table' / 'finetunings' / 'fold_0'
  (deep / 'checkpoints').mkdir(parents=True)  # one that has only begun
  for name, words in (
    ('nowhere', 'nowhere.* is not there: give the workdir'),
    ('file', 'file.* is a file: give the workdir'),
    ('table/finetunings/fold_0', 'fold_0.*holds no trained network'),
    ('table', f'holds no trained network.* In it lie runs, such as {deep}'),
  ):
    with pytest.raises(FileNotFoundError, match=words) as raised:
      stclr_jax.load_encoder(tmp_path / name)
    assert '--model' in str(raised.value)
    assert 'init_from' not in str(raised.value)


def test_an_earlier_format_says_what_to_do(tmp_path, shallow_encoder):
  saved_networks.save(tmp_path, 'clip', format=json_records.FORMAT - 1)
  with pytest.raises(ValueError, match='earlier format.*train again, or'):
    stclr_jax.load(tmp_path)


def test_a_classifier_of_another_epoch_than_was_tested_says_so(workdir):
  directory, _, _ = workdir
  saved_networks.finish(directory, epoch_tested=1)
  stclr_jax.load_classifier(directory)  # warnings are errors
  saved_networks.finish(directory, epoch_tested=3)
  with pytest.warns(UserWarning, match='is that of epoch 3.* is of epoch 1'):
    stclr_jax.load_classifier(directory)
