"""Loads a trained network: all of it, or one of its two functions."""

import warnings

from stclr_jax.inference import network
from stclr_jax.inference.model import Model


def load(directory, *, batch_size=None):
  """Loads a trained network.

  Args:
    directory: workdir of a pretraining or fine-tuning run, or a folder that
      `stclr_jax.export` wrote.
    batch_size: clips at a time; None for what this device likes.

  Returns:
    A `Model`.

  Raises:
    MissingFileError: if it holds no network, a FileNotFoundError.
    UserError: if it is of another format, or `batch_size` is not positive.
  """
  trained = network.read(directory)
  _warn_of_another_epoch(trained)
  return Model(trained, batch_size=batch_size)


def load_encoder(directory):
  """Loads the encoder of a run.

  Args:
    directory: workdir of a pretraining or fine-tuning run, or a folder that
      `stclr_jax.export` wrote.

  Returns:
    `encoder(clips)`: uint8 RGB [b, t, h, w, 3], any t, h and w, to
    representations, float32 [b, 512] (times the encoder's width). Each clip
    is looked at as in evaluation: frames at equal distances from first to
    last, the largest centred square.

  Raises:
    FileNotFoundError: if there is no finished checkpoint.
  """
  return Model(network.read(directory)).encode


def load_classifier(directory):
  """Loads the classifier of a run.

  Args:
    directory: workdir of a fine-tuning run, or the export of one.

  Returns:
    `classifier(clips)`: uint8 RGB [b, t, h, w, 3], see `load_encoder`, to
    probabilities as trained, float32 [b, num_classes]; its attribute `labels`
    names the classes. `load` gives calibrated ones.

    Of a run with `classifier.rest` = 'person_mean' it is
    `classifier(clips, calibrate)` and needs to know the person: see
    `Model.predict_clips`.

  Raises:
    FileNotFoundError: if there is no finished checkpoint.
    ValueError: if the run trained no classifier. `classifier` raises it for
      clips of another shape, and for a `calibrate` that is missing, or that
      the network does not read.
  """
  model = load(directory)
  model.check_classifier()

  def classifier(clips, calibrate=None):
    return model.classify(clips, calibrate, temperature=1.0)

  classifier.labels = model.labels
  return classifier


def _warn_of_another_epoch(trained):
  tested = trained.trained_on.epoch_tested
  if tested not in (None, trained.trained_on.epochs):
    warnings.warn(
      f'The accuracy of the run in {trained.source} is that of epoch {tested}, '
      f'which other people chose; its network is gone, and this one is of '
      f'epoch {trained.trained_on.epochs}.',
      stacklevel=3,
    )
