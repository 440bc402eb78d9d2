"""Exported folders: a network by torchvision's names, and what it is.

`config.json` says what `model.safetensors` holds. Nothing in such a folder is
run, no path in it is followed, and whatever is not as this version writes it is
refused: it may come from anybody.
"""

import pathlib

import numpy as np

from stclr_jax.inference import exported_description
from stclr_jax.inference import trained_network
from stclr_jax.models import architectures
from stclr_jax.models.weights import safetensors_files
from stclr_jax.models.weights import torchvision_arrays
from stclr_jax.views import views

CONFIG = 'config.json'
WEIGHTS = 'model.safetensors'
CARD = 'README.md'
ONNX = 'model.onnx'
STABLEHLO = 'model.stablehlo'
PROJECTION_HEAD = 'projection_head.safetensors'
LICENSE = 'LICENSE'
FILES = (CARD, CONFIG, WEIGHTS, ONNX, STABLEHLO, PROJECTION_HEAD, LICENSE)


def arrays(trained):
  """Names a network's arrays as torchvision does.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    Arrays by name, see `torchvision_arrays`; the classifier's are 'fc' if it
    reads h of a clip, as torchvision's does.
  """
  named = torchvision_arrays.from_encoder(
    trained.encoder_variables, trained.encoder.architecture
  )
  if trained.labels is None:
    return named
  layer = trained.variables['params']['classifier']
  name = torchvision_arrays.classifier_name(trained.input)
  return named | torchvision_arrays.from_dense(layer, name)


def is_one(directory):
  """Says whether a folder is meant to be an exported one."""
  return (pathlib.Path(directory) / WEIGHTS).exists()


def read(directory):
  """Reads the network of an exported folder.

  Args:
    directory: as `stclr_jax.export` writes it.

  Returns:
    A `trained_network.Trained`, bit for bit the one exported.

  Raises:
    FileNotFoundError: if a file is missing.
    UserError: if anything in it is not as it is written.
  """
  directory = pathlib.Path(directory)
  described = exported_description.read(directory / CONFIG)
  encoder = described.encoder
  template = torchvision_arrays.zeros(described.architecture, described.width)
  wanted = torchvision_arrays.from_encoder(template, described.architecture)
  name = torchvision_arrays.classifier_name(described.input)
  if described.labels is not None:
    wanted |= torchvision_arrays.from_dense(_zero_layer(described), name)
  found = safetensors_files.read(directory / WEIGHTS, wanted)
  variables = torchvision_arrays.to_encoder(
    found, template, described.architecture
  )
  params = {'encoder': variables['params']}
  if described.labels is not None:
    params['classifier'] = torchvision_arrays.to_dense(found, name)
  return trained_network.Trained(
    source=str(directory),
    kind=described.kind,
    encoder=encoder,
    variables={
      'params': params,
      'batch_stats': {'encoder': variables['batch_stats']},
    },
    view_options=views.ViewOptions(
      num_frames=described.views.num_frames,
      size=described.views.size,
      mean=described.views.mean,
      std=described.views.std,
    ),
    making=described.video,
    trained_on=described.trained_on,
    labels=described.labels,
    input=described.input,
    rest=described.rest,
    calibration=described.calibration,
  )


def _zero_layer(described):
  """The classifier's shapes, without memory."""
  whole = architectures.find(described.architecture).scaled(described.width)
  inputs = whole.stages[-1].features * (2 if described.input == 'both' else 1)
  zero = np.zeros((), np.float32)
  features = len(described.labels)
  return {
    'kernel': np.broadcast_to(zero, (inputs, features)),
    'bias': np.broadcast_to(zero, (features,)),
  }
