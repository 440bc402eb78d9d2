"""Facts of a model, for whoever uses what it says."""

import dataclasses

from stclr_jax.inference import caveats
from stclr_jax.inference import trained_network
from stclr_jax.making import Making
from stclr_jax.models import architectures


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelInfo:
  """Facts of a model, for whoever uses what it says.

  Attributes:
    kind: 'classifier' or 'encoder'.
    source: path that it was read from.
    labels: names of the classes, in order; None of an encoder.
    architecture: of the encoder.
    num_frames: of a clip that the network sees.
    size: its height and width, in pixels.
    features: of a representation.
    making: how the videos trained on were made, as far as known.
    trained_on: `trained_network.TrainedOn`.
    calibration: `trained_network.Calibration`, or None.
    checksum: SHA-256 of its arrays, in hexadecimal.
    caveats: sentences that must stand beside whatever it says.
  """

  kind: str
  source: str
  labels: tuple[str, ...] | None
  architecture: str
  num_frames: int
  size: int
  features: int
  making: Making
  trained_on: trained_network.TrainedOn
  calibration: trained_network.Calibration | None
  checksum: str
  caveats: tuple[str, ...]


def describe(trained):
  """Gathers the facts of a trained network.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    `ModelInfo`.
  """
  return ModelInfo(
    kind=trained.kind,
    source=trained.source,
    labels=trained.labels,
    architecture=str(trained.encoder.architecture),
    num_frames=trained.view_options.num_frames,
    size=trained.view_options.size,
    features=num_features(trained.encoder),
    making=trained.making,
    trained_on=trained.trained_on,
    calibration=trained.calibration,
    checksum=trained.checksum,
    caveats=caveats.of_network(trained),
  )


def num_features(encoder):
  """Says how many numbers an `Encoder` makes of a clip."""
  whole = architectures.find(encoder.architecture).scaled(encoder.width)
  return whole.stages[-1].features
