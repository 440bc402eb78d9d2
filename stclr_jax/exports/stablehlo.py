"""The network as a program that JAX runs without this package: StableHLO.

A convenience with an expiry date: JAX promises to run such a file for six
months. What lasts is `model.safetensors` beside `config.json`.
"""

import datetime
import importlib.util

import jax
import numpy as np
from jax import export as jax_export

from stclr_jax.errors import MissingPackageError
from stclr_jax.exports import network_function

PLATFORMS = ('cpu', 'cuda', 'tpu')
# Source: docs.jax.dev, "Exporting and serializing staged-out computations",
# compatibility guarantees.
MONTHS_BACKWARD = 6
WEEKS_FORWARD = 3
_DAYS_OF_A_MONTH = 30


def check_packages():
  """Refuses to begin without what JAX needs to serialise.

  Raises:
    MissingPackageError: if flatbuffers is not installed, which JAX imports
      then and names nowhere.
  """
  if importlib.util.find_spec('flatbuffers') is None:
    raise MissingPackageError(
      '`--stablehlo` needs the package flatbuffers, which is not installed: '
      "pip install 'stclr_jax[onnx]', or pip install flatbuffers."
    )


def build(trained):
  """Writes a network as a serialised `jax.export.Exported`, weights within.

  The number of clips is free; they have the frames and the size of the
  evaluation's views. Products are of full precision on each platform.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    bytes.

  Raises:
    MissingPackageError: see `check_packages`.
  """
  check_packages()
  options = trained.view_options
  (b,) = jax_export.symbolic_shape('b')
  shapes = [(b, options.num_frames, options.size, options.size, 3)]
  given = [jax.ShapeDtypeStruct(shapes[0], np.uint8)]
  if network_function.needs_rest(trained):
    d = network_function.features(trained)
    given.append(jax.ShapeDtypeStruct((1, d), np.float32))
  # A GPU would multiply numbers cut to 10 bits, a TPU ones cut to 7.
  with jax.default_matmul_precision('highest'):
    function = jax.jit(network_function.make(trained))
    exported = jax_export.export(function, platforms=PLATFORMS)(*given)
  return bytes(exported.serialize())


def run(written, inputs):
  """Runs what `build` wrote, as somebody without this package would.

  Args:
    written: bytes.
    inputs: NumPy arrays by name.

  Returns:
    A dict of outputs, NumPy arrays.
  """
  function = jax_export.deserialize(bytearray(written)).call
  return {k: np.asarray(v) for k, v in function(*inputs.values()).items()}


def guaranteed_until(today):
  """Says until when JAX's newest version is promised to run a file.

  Args:
    today: a `datetime.date`, when it is written.

  Returns:
    A `datetime.date`.
  """
  return today + datetime.timedelta(days=MONTHS_BACKWARD * _DAYS_OF_A_MONTH)
