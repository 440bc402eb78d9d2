import functools
import logging
import subprocess
import sys

import jax
import made_summaries
import numpy as np
import pytest
import saved_networks

import stclr_jax
from stclr_jax.evaluation import calibration
from stclr_jax.inference import network
from stclr_jax.inference.model import Model
from stclr_jax.runs import summaries

CLIPS = np.random.default_rng(0).integers(0, 256, (7, 9, 20, 30, 3), np.uint8)
# Packages that training needs and prediction does not.
FOR_TRAINING = (
  'array_record',
  'grain',
  'matplotlib',
  'pandas',
  'sklearn',
  'skimage',
  'tensorflow',
  'tensorflow_datasets',
)


@pytest.fixture
def workdir(tmp_path, shallow_encoder):
  saved_networks.save(tmp_path, 'clip')
  return tmp_path


def test_any_number_and_length_of_clips_has_one_program(workdir, caplog):
  trained = network.read(workdir)
  model = Model(trained, batch_size=3)
  h = jax.jit(functools.partial(trained.encoder.apply, train=False))(
    trained.encoder_variables, saved_networks.look(CLIPS)
  )
  layer = trained.variables['params']['classifier']
  expected = jax.nn.softmax(h @ layer['kernel'] + layer['bias'][None])
  assert h.std(0).max() > 0.01 and 0.01 < expected.min() < 0.3
  model.encode(CLIPS[:1])
  model.predict_clips(CLIPS[:1])
  with jax.log_compiles(), caplog.at_level(logging.WARNING):
    for number in (7, 3, 1, 0):
      found = model.encode(CLIPS[:number])
      assert found.dtype == np.float32 and found.shape == (number, h.shape[1])
      # Batch norms are folded into kernels meanwhile.
      np.testing.assert_allclose(found, h[:number], rtol=1e-5, atol=1e-5)
      found = model.predict_clips(CLIPS[:number])
      np.testing.assert_allclose(found, expected[:number], atol=1e-5)
    for number, frames in ((5, 8), (2, 4), (7, 1)):
      model.predict_clips(CLIPS[:number, :frames])
    assert 'view_and_apply' not in caplog.text
    model.encode(CLIPS[:1, :, :, :20])  # another size is another program
  assert 'view_and_apply' in caplog.text


def test_probabilities_are_calibrated_where_somebody_calibrated_them(workdir):
  raw = stclr_jax.load(workdir).predict_clips(CLIPS)
  assert stclr_jax.load(workdir).info.calibration is None
  validation = summaries.Validation(
    correct=3,
    total=6,
    temperature=2.5,
    calibration=made_summaries.CALIBRATION,
    unsure_below=0.4,
  )
  saved_networks.finish(workdir, validation=validation, init='scratch')
  model = stclr_jax.load(workdir)
  expected = calibration.apply_temperature(raw, 2.5)
  np.testing.assert_allclose(model.predict_clips(CLIPS), expected, atol=1e-5)
  assert np.abs(expected - raw).max() > 1e-3
  # What was there before calibration stays as it was.
  classifier = stclr_jax.load_classifier(workdir)
  np.testing.assert_allclose(classifier(CLIPS), raw, atol=1e-6)
  known = model.info.calibration
  assert (known.temperature, known.unsure_below) == (2.5, 0.4)
  assert known.calibration_error == 0.5 and known.fitted_on.startswith('6 vid')


def test_a_model_knows_what_it_learned_from(workdir):
  info = stclr_jax.load(workdir).info
  assert info.labels == saved_networks.LABELS and info.kind == 'classifier'
  assert info.making == saved_networks.MAKING
  facts = info.trained_on
  assert (facts.people, facts.clips, facts.epochs) == (2, 2, 1)
  assert facts.total is None and facts.protocol == ''
  words = ' '.join(info.caveats)
  assert 'not the emotion felt' in words and 'no neutral class' in words
  assert 'shows c,' in words and 'not calibrated' in words
  assert 'drawn' not in words
  saved_networks.finish(workdir)
  facts = stclr_jax.load(workdir).info.trained_on
  assert (facts.correct, facts.total) == (30, 60)
  assert 'tiny:vl_strong: 60 videos of 10 people' in facts.protocol


def test_the_checksum_is_that_of_the_arrays(workdir, tmp_path_factory):
  first = stclr_jax.load(workdir).info.checksum
  again = tmp_path_factory.mktemp('again')
  saved_networks.save(again, 'clip')
  assert stclr_jax.load(again).info.checksum == first
  other = tmp_path_factory.mktemp('other')
  saved_networks.save(other, 'both')  # a wider classifier
  assert stclr_jax.load(other).info.checksum != first


def test_loading_needs_nothing_of_what_training_needs(workdir):
  code = (
    'import sys, stclr_jax; stclr_jax.load; '
    'from stclr_jax.inference import network; '
    f'print([m for m in {FOR_TRAINING} if m in sys.modules])'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert done.stdout.strip() == '[]'


def test_batches_of_nothing_are_refused(workdir):
  with pytest.raises(ValueError, match='batch_size.*=0'):
    stclr_jax.load(workdir, batch_size=0)
