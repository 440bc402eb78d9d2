"""Trained networks as plain functions of clips."""

import dataclasses
import pathlib
import warnings
from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
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
  trained = _read(directory)
  variables = {
    collection: trained.state[collection]['encoder']
    for collection in ('params', 'batch_stats')
  }
  return _on_clips(
    lambda clips: trained.encoder.apply(variables, clips, train=False),
    trained.view_options,
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

    Of a run with `classifier.rest` = 'person_mean' it is
    `classifier(clips, calibrate)` and needs to know the person: `calibrate` is
    clips of the same person, uint8 [m, t, h, w, 3], whose mean is their rest,
    or 'batch', where `clips` all show one person and are these clips. They
    should show all expressions about equally, as in training.

  Raises:
    FileNotFoundError: if there is no finished checkpoint.
    ValueError: if the run trained no classifier. `classifier` raises it for
      clips of another shape, and for a `calibrate` that is missing, or that
      the network does not read.
  """
  trained = _read(directory)
  if trained.labels is None:
    raise UserError(
      f'The run in {directory} is a {trained.workflow} run and has no '
      'classifier; give a fine-tuning workdir, or use load_encoder.'
    )
  _warn_of_another_epoch(directory, trained.epoch)
  network = heads.ClassifierNetwork(
    trained.encoder, len(trained.labels), trained.input, trained.rest
  )
  variables = {
    'params': trained.state['params'],
    'batch_stats': trained.state['batch_stats'],
  }
  view_options = dataclasses.replace(
    trained.view_options,
    rest=heads.shows_first_frame(trained.input, trained.rest),
  )
  if trained.rest == heads.PERSON_MEAN:
    classify = _beside_mean(network, variables, view_options)
  else:
    classify = _on_clips(
      lambda clips: jax.nn.softmax(
        network.apply(variables, clips, train=False)
      ),
      view_options,
    )

  def classifier(clips, calibrate=None):
    if trained.rest == heads.PERSON_MEAN:
      return classify(clips, calibrate)
    if calibrate is not None:
      raise UserError(
        f'`calibrate` has no meaning for the classifier in {directory}, which '
        f'takes no mean of a person (`classifier.rest` = {trained.rest!r}); '
        'leave it out.'
      )
    return classify(clips)

  classifier.labels = trained.labels
  return classifier


class _Trained(NamedTuple):
  """The network that a checkpoint holds.

  Attributes:
    workflow: 'pretrain' or 'finetune'.
    epoch: epochs done.
    state: see `checkpoints.read`.
    encoder: an `Encoder`.
    view_options: `views.ViewOptions` of what evaluation sees.
    labels: names of the classes, in order; None without a classifier.
    input: what the classifier reads, of `heads.INPUTS`.
    rest: what it takes for rest, of `heads.RESTS`.
  """

  workflow: str
  epoch: int
  state: dict[str, Any]
  encoder: Encoder
  view_options: views.ViewOptions
  labels: tuple[str, ...] | None
  input: str
  rest: str


def _read(directory):
  """Reads a `_Trained`; `runs/trained` reads the same notes for other runs."""
  checkpoint = checkpoints.read(directory)
  notes = checkpoint.notes
  json_records.check_format(
    notes,
    source=f'The checkpoint in {directory}',
    remedy='train again, or use the version that wrote it',
  )
  labels = notes.get('labels')
  network, looked = notes['encoder'], notes['views']
  return _Trained(
    workflow=notes['workflow'],
    epoch=checkpoint.epoch,
    state=checkpoint.state,
    encoder=Encoder(
      architecture=network['architecture'],
      width=network['width'],
      dtype=jnp.dtype(network['dtype']),
      lowering=network['lowering'],
      epsilon=notes['batch_norm']['epsilon'],
    ),
    view_options=views.ViewOptions(
      num_frames=looked['num_frames'],
      size=looked['size'],
      mean=tuple(looked['mean']),
      std=tuple(looked['std']),
    ),
    labels=None if labels is None else tuple(labels),
    input='clip' if labels is None else notes['input'],
    rest='first_frame' if labels is None else notes['rest'],
  )


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


def _beside_mean(network, variables, view_options):
  """Makes a classifier of clips beside the mean over clips of the person."""
  encode = _on_clips(
    lambda clips: network.apply(variables, clips, method=network.encode),
    view_options,
  )

  @jax.jit
  def classify(h, of_person):
    rest = jnp.broadcast_to(of_person.mean(0, keepdims=True), h.shape)
    return jax.nn.softmax(
      network.apply(variables, h, rest, method=network.classify)
    )

  def apply(clips, calibrate):
    if calibrate is None:
      raise UserError(
        '`calibrate` (=None) must tell whom the clips show, as this classifier '
        "takes the person's own mean for rest: give clips of the same person, "
        "uint8 [m, t, h, w, 3], or 'batch' if the clips are all of one person."
      )
    if not isinstance(calibrate, str):
      return classify(encode(clips), encode(calibrate, 'calibrate'))
    check_one_of('calibrate', calibrate, ('batch',))
    h = encode(clips)
    if len(h) == 1:
      raise UserError(
        "`calibrate` (='batch') needs two clips or more, and was given 1: its "
        'mean is the clip itself. Give other clips of the same person.'
      )
    return classify(h, h)

  return apply


def _on_clips(function, view_options):
  """Puts the evaluation's view before a function of normalised clips."""

  @jax.jit
  def view_and_apply(clips):
    videos = jnp.arange(len(clips))
    frames = views.Frames(
      clips.reshape(-1, *clips.shape[2:]),
      first=videos * clips.shape[1],
      length=jnp.full(len(clips), clips.shape[1]),
    )
    shown = views.evaluation_views(frames, videos, options=view_options)
    return function(shown)

  def apply(clips, name='clips'):
    clips = jnp.asarray(clips)
    if clips.ndim != 5 or clips.shape[-1] != 3 or clips.dtype != jnp.uint8:
      raise UserError(
        f'`{name}` (of shape {clips.shape}, {clips.dtype}) must be uint8 RGB '
        '[b, t, h, w, 3].'
      )
    return view_and_apply(clips)

  return apply
