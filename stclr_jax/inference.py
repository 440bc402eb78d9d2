"""Trained networks as plain functions of clips."""

import pathlib
import warnings

import jax
import jax.numpy as jnp

from stclr_jax.errors import UserError
from stclr_jax.files import json_files
from stclr_jax.files import json_records
from stclr_jax.learning import checkpoints
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder
from stclr_jax.views import views


def load_encoder(directory):
  """Loads the encoder of a run.

  Args:
    directory: workdir of a pretraining or fine-tuning run.

  Returns:
    `encoder(clips)`: uint8 RGB [b, t, h, w, 3], any t, h and w, to
    representations, float32 [b, 512] (times the encoder's width). Each clip
    is looked at as in evaluation: frames at equal distances from first to
    last, the largest centred square.

  Raises:
    FileNotFoundError: if there is no finished checkpoint.
  """
  checkpoint = _read(directory)
  encoder = _make_encoder(checkpoint.notes)
  variables = {
    collection: checkpoint.state[collection]['encoder']
    for collection in ('params', 'batch_stats')
  }
  return _on_clips(
    lambda clips: encoder.apply(variables, clips, train=False),
    checkpoint.notes['views'],
  )


def load_classifier(directory):
  """Loads the classifier of a run.

  Args:
    directory: workdir of a fine-tuning run.

  Returns:
    `classifier(clips)`: uint8 RGB [b, t, h, w, 3], see `load_encoder`, to
    probabilities, float32 [b, num_classes]; its attribute `labels` names the
    classes. It is the network of the last epoch, also where other people
    chose an earlier one to be tested (`selection` = 'inner_validation'), which
    a warning then says.

  Raises:
    FileNotFoundError: if there is no finished checkpoint.
    ValueError: if the run trained no classifier.
  """
  checkpoint = _read(directory)
  if checkpoint.notes['workflow'] != 'finetune':
    raise UserError(
      f'The run in {directory} is a {checkpoint.notes["workflow"]} run and '
      'has no classifier; give a fine-tuning workdir, or use load_encoder.'
    )
  _warn_of_another_epoch(directory, checkpoint.epoch)
  labels = tuple(checkpoint.notes['labels'])
  network = heads.ClassifierNetwork(
    _make_encoder(checkpoint.notes), len(labels)
  )
  variables = {
    'params': checkpoint.state['params'],
    'batch_stats': checkpoint.state['batch_stats'],
  }
  classifier = _on_clips(
    lambda clips: jax.nn.softmax(network.apply(variables, clips, train=False)),
    checkpoint.notes['views'],
  )
  classifier.labels = labels
  return classifier


def _read(directory):
  checkpoint = checkpoints.read(directory)
  json_records.check_format(
    checkpoint.notes,
    source=f'The checkpoint in {directory}',
    remedy='train again, or use the version that wrote it',
  )
  return checkpoint


def _warn_of_another_epoch(directory, epoch):
  summary = pathlib.Path(directory) / 'summary.json'
  if not summary.exists():
    return
  tested = json_files.read(summary).get('epoch_tested', epoch)
  if tested != epoch:
    warnings.warn(
      f'The accuracy in {summary} is that of epoch {tested}, which other '
      f'people chose; the checkpoint, and so this classifier, is of epoch '
      f'{epoch}.',
      stacklevel=3,
    )


def _make_encoder(notes):
  options = notes['encoder']
  return Encoder(
    architecture=options['architecture'],
    width=options['width'],
    dtype=jnp.dtype(options['dtype']),
    lowering=options['lowering'],
    epsilon=notes['batch_norm']['epsilon'],
  )


def _on_clips(function, options):
  """Puts the evaluation's view before a function of normalised clips."""
  names = ('num_frames', 'size', 'mean', 'std')
  view_options = views.ViewOptions(**{name: options[name] for name in names})

  @jax.jit
  def look_and_apply(clips):
    videos = jnp.arange(len(clips))
    frames = views.Frames(
      clips.reshape(-1, *clips.shape[2:]),
      first=videos * clips.shape[1],
      length=jnp.full(len(clips), clips.shape[1]),
    )
    looked = views.evaluation_views(frames, videos, options=view_options)
    return function(looked)

  def apply(clips):
    clips = jnp.asarray(clips)
    if clips.ndim != 5 or clips.shape[-1] != 3 or clips.dtype != jnp.uint8:
      raise UserError(
        f'`clips` (of shape {clips.shape}, {clips.dtype}) must be uint8 RGB '
        '[b, t, h, w, 3].'
      )
    return look_and_apply(clips)

  return apply
