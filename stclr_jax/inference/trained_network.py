"""A trained network as data, wherever it was read from."""

import dataclasses
import functools
import hashlib
from typing import Any

import numpy as np
from flax import traverse_util

from stclr_jax.making import Making
from stclr_jax.models.encoders import Encoder
from stclr_jax.views.views import ViewOptions

CLASSIFIER = 'classifier'
ENCODER = 'encoder'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
  """Calibration of a classifier by people whom it was not trained on.

  Attributes:
    temperature: by which logits are divided.
    unsure_below: confidence so calibrated below which a class had better not be
      named, in [0, 1].
    calibration_error: expected calibration error in [0, 1] of the videos
      tested, who are other people again, at that temperature.
    fitted_on: who they are, in words.
  """

  temperature: float
  unsure_below: float
  calibration_error: float
  fitted_on: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainedOn:
  """Account of what a network learned from, and of how well it did.

  Attributes:
    data: which data set, such as 'oulu_casia:vl_strong'.
    synthetic: whether its faces are drawn; None if nobody knows.
    people: how many it shows.
    clips: how many videos were trained on, of a classifier with their labels.
    labels_trained: of the classes, those that a video shows; None of an
      encoder.
    init: what it began with: 'scratch', 'kinetics400' or 'pretrained'; None if
      nobody knows.
    pretrained_on: data seen before by what it began with; '' for none.
    epochs: that this network was trained for.
    epoch_tested: of the network that the accuracy is of; None where nobody
      tested.
    protocol: how the accuracy came about, a few lines; '' where nobody tested.
    correct: videos of others named rightly; None where nobody tested.
    total: how many those were; None where nobody tested.
  """

  data: str
  synthetic: bool | None
  people: int
  clips: int
  labels_trained: tuple[str, ...] | None
  init: str | None
  pretrained_on: str
  epochs: int
  epoch_tested: int | None = None
  protocol: str = ''
  correct: int | None = None
  total: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
  """A trained network, and what is known of it.

  Attributes:
    source: path that it was read from.
    kind: `CLASSIFIER` or `ENCODER`.
    encoder: an `Encoder`.
    variables: {'params': ..., 'batch_stats': ...}, NumPy arrays; each has
      'encoder', and of a classifier the parameters have 'classifier'.
    view_options: `ViewOptions` of what evaluation sees.
    making: how the videos trained on were made, as far as known.
    trained_on: `TrainedOn`.
    labels: names of the classes, in order; None of an encoder.
    input: what the classifier reads, of `heads.INPUTS`.
    rest: what it takes for rest, of `heads.RESTS`.
    calibration: a `Calibration`; None where nobody calibrated it.
  """

  source: str
  kind: str
  encoder: Encoder
  variables: dict[str, Any]
  view_options: ViewOptions
  making: Making
  trained_on: TrainedOn
  labels: tuple[str, ...] | None = None
  input: str = 'clip'
  rest: str = 'first_frame'
  calibration: Calibration | None = None

  @property
  def encoder_variables(self):
    """{'params': ..., 'batch_stats': ...} of the encoder alone."""
    return {name: of['encoder'] for name, of in self.variables.items()}

  @functools.cached_property
  def checksum(self):
    """SHA-256 of all arrays with their names, in hexadecimal."""
    digest = hashlib.sha256()
    leaves = traverse_util.flatten_dict(self.variables, sep='/')
    for name in sorted(leaves):
      array = np.ascontiguousarray(leaves[name])
      digest.update(f'{name} {array.dtype} {array.shape}\n'.encode())
      digest.update(array.tobytes())
    return digest.hexdigest()
