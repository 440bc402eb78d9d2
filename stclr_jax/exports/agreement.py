"""Agreement of what was written for others with our own network."""

import dataclasses
from typing import Any

import numpy as np

from stclr_jax.exports import network_function
from stclr_jax.inference.model import Model

# chosen: far above what rounding makes of other orders of summing (1e-6), far
# below what anybody would see. Of outputs, or where these are larger than 1 of
# the largest of them.
TOLERANCE = 1e-4
_CLIPS = 8


@dataclasses.dataclass(frozen=True)
class Tried:
  """Random clips, and what our own network makes of them.

  Attributes:
    inputs: of `network_function.make`, by name, NumPy arrays.
    outputs: those of its outputs that our network has too, likewise.
  """

  inputs: dict[str, Any]
  outputs: dict[str, Any]


def try_ours(trained, *, seed=0):
  """Runs our network on random clips, as `stclr_jax.load` would.

  Args:
    trained: a `trained_network.Trained`.
    seed: of the clips.

  Returns:
    A `Tried`.
  """
  options = trained.view_options
  shape = (_CLIPS, options.num_frames, options.size, options.size, 3)
  clips, others = np.random.default_rng(seed).integers(
    0, 256, (2, *shape), np.uint8
  )
  model = Model(network_function.exact(trained))
  inputs, outputs = {network_function.CLIPS: clips}, {}
  if trained.input != 'change' or trained.labels is None:
    outputs[network_function.EMBEDDING] = model.encode(clips)
  calibrate = None
  if network_function.needs_rest(trained):
    calibrate = others
    rest = model.encode(others).mean(0, keepdims=True)
    inputs[network_function.REST] = rest
  if trained.labels is not None:
    probabilities = model.predict_clips(clips, calibrate)
    outputs[network_function.PROBABILITIES] = probabilities
  return Tried(inputs, outputs)


def largest_difference(tried, outputs):
  """Compares others' outputs with our own.

  Args:
    tried: a `Tried`.
    outputs: of the same inputs, by name.

  Returns:
    The largest difference, a float; of outputs beyond 1 as a share of the
    largest. Not a number if an output is not.
  """
  return max(
    float(np.max(np.abs(outputs[name] - ours)) / max(1, np.max(np.abs(ours))))
    for name, ours in tried.outputs.items()
  )
