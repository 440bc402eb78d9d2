"""Reads the trained network in the workdir of a run."""

import dataclasses
import pathlib
from typing import Any

import jax.numpy as jnp

from stclr_jax.evaluation import protocol
from stclr_jax.files import json_files
from stclr_jax.files import json_records
from stclr_jax.inference import trained_network
from stclr_jax.learning.saved import checkpoints
from stclr_jax.making import Making
from stclr_jax.models.encoders import Encoder
from stclr_jax.views import views

_REMEDY = 'train again, or use the version that wrote it'


@dataclasses.dataclass(frozen=True)
class _Notes(json_records.Record):
  """Of a checkpoint's notes those that are needed; `runs/trained` has all."""

  workflow: str
  encoder: dict[str, Any]
  batch_norm: dict[str, Any]
  views: dict[str, Any]
  data: str
  seen: tuple[dict[str, Any], ...]
  making: Making


def read(directory):
  """Reads the network of a run.

  Args:
    directory: workdir of a pretraining or fine-tuning run.

  Returns:
    A `trained_network.Trained`: of the epoch that was tested, of a pretraining
    the last one.

  Raises:
    FileNotFoundError: if there is no finished checkpoint.
    UserError: if it is of another format.
  """
  checkpoint = checkpoints.read(directory)
  written = checkpoint.notes
  json_records.check_format(
    written, source=f'The checkpoint in {directory}', remedy=_REMEDY
  )
  needed = {field.name for field in dataclasses.fields(_Notes)}
  notes = _Notes.from_dict({k: v for k, v in written.items() if k in needed})
  looked = notes.views
  is_classifier = notes.workflow == 'finetune'
  state = checkpoint.state
  head = {'classifier': state['params']['classifier']} if is_classifier else {}
  read = {}
  if is_classifier:
    read = {
      'labels': tuple(written['labels']),
      'input': written['input'],
      'rest': written['rest'],
    }
  summary = _read_summary(directory) if is_classifier else None
  return trained_network.Trained(
    source=str(directory),
    kind=(
      trained_network.CLASSIFIER if is_classifier else trained_network.ENCODER
    ),
    encoder=Encoder(
      architecture=notes.encoder['architecture'],
      width=notes.encoder['width'],
      dtype=jnp.dtype(notes.encoder['dtype']),
      lowering=notes.encoder['lowering'],
      epsilon=notes.batch_norm['epsilon'],
    ),
    variables={
      'params': {'encoder': state['params']['encoder'], **head},
      'batch_stats': {'encoder': state['batch_stats']['encoder']},
    },
    view_options=views.ViewOptions(
      num_frames=looked['num_frames'],
      size=looked['size'],
      mean=tuple(looked['mean']),
      std=tuple(looked['std']),
    ),
    making=notes.making,
    trained_on=_trained_on(notes, written, checkpoint.epoch, summary),
    calibration=_calibration(summary),
    **read,
  )


def _read_summary(directory):
  """Reads what a fine-tuning found, a dict; None if it tested nobody."""
  path = pathlib.Path(directory) / 'summary.json'
  if not path.exists():
    return None
  summary = json_files.read(path)
  json_records.check_format(summary, source=path, remedy=_REMEDY)
  return summary


def _trained_on(notes, written, epoch, summary):
  last = notes.seen[-1]
  before = [one['data'] for one in notes.seen[:-1]]
  is_classifier = notes.workflow == 'finetune'
  found = {}
  if summary is not None:
    described = protocol.Protocol.from_dict(summary['protocol']).describe()
    found = {
      'epoch_tested': summary['epoch_tested'],
      'protocol': described,
      'correct': summary['correct'],
      'total': summary['total'],
    }
  return trained_network.TrainedOn(
    data=notes.data,
    synthetic=notes.making.synthetic,
    people=len({*last['names'], *last['unnamed']}),
    clips=(
      len(written['labelled_videos'])
      if is_classifier
      else notes.making.num_videos or 0
    ),
    labels_trained=tuple(written['labels_trained']) if is_classifier else None,
    init=summary['init'] if summary else written.get('init'),
    pretrained_on=', then '.join(dict.fromkeys(before)),
    epochs=epoch,
    **found,
  )


def _calibration(summary):
  validation = None if summary is None else summary['validation']
  if validation is None:
    return None
  return trained_network.Calibration(
    temperature=validation['temperature'],
    unsure_below=validation['unsure_below'],
    calibration_error=validation['calibration']['calibration_error'],
    fitted_on=f'{validation["total"]} videos of people neither trained nor '
    'tested on',
  )
