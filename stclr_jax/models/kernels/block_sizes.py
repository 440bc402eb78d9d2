"""Block sizes of the kernels, by layer.

Chosen so that on an H200 no register spills and shared memory suffices
(`python -m benchmarks.step.temporal_kernels` asks the assembler); how fast they
are, nobody has measured yet. `python -m benchmarks.step.autotune` measures
candidates on a GPU and prints these tables.
"""

from stclr_jax.models.kernels.blocks import Blocks
from stclr_jax.models.kernels.blocks import Geometry
from stclr_jax.models.kernels.blocks import WeightBlocks
from stclr_jax.models.kernels.blocks import power_of_two

# The matrix unit takes no fewer.
LEAST = 16

# (channels of the input, of the output, stride): sizes. Others take `OTHERS`.
FORWARD = {
  (48, 64, 1): Blocks(64, 64, 16, True, 4, 2),
  (144, 64, 1): Blocks(64, 64, 32, True, 4, 1),
  (232, 128, 2): Blocks(128, 64, 64, False, 8, 2),
  (232, 128, 1): Blocks(64, 32, 64, True, 4, 1),
  (288, 128, 1): Blocks(64, 32, 64, True, 4, 1),
  (464, 256, 2): Blocks(64, 128, 32, False, 8, 3),
  (464, 256, 1): Blocks(128, 64, 32, False, 8, 3),
  (576, 256, 1): Blocks(128, 64, 32, False, 8, 3),
  (928, 512, 2): Blocks(128, 128, 64, False, 8, 2),
  (928, 512, 1): Blocks(128, 128, 64, False, 8, 2),
  (1152, 512, 1): Blocks(128, 128, 64, False, 8, 2),
}
INPUT_GRADIENT = {
  (48, 64, 1): Blocks(64, 64, 64, True, 4, 2),
  (144, 64, 1): Blocks(64, 64, 64, True, 4, 2),
  (232, 128, 2): Blocks(64, 32, 64, True, 4, 2),
  (232, 128, 1): Blocks(64, 32, 64, True, 4, 2),
  (288, 128, 1): Blocks(64, 32, 64, True, 4, 2),
  (464, 256, 2): Blocks(64, 64, 32, False, 8, 2),
  (464, 256, 1): Blocks(64, 64, 64, False, 4, 2),
  (576, 256, 1): Blocks(64, 64, 64, False, 4, 2),
  (928, 512, 2): Blocks(64, 64, 64, False, 4, 2),
  (928, 512, 1): Blocks(128, 64, 64, False, 8, 2),
  (1152, 512, 1): Blocks(128, 64, 64, False, 8, 2),
}
KERNEL_GRADIENT = {
  (48, 64, 1): WeightBlocks(64, 64, 64, 528, 4, 2),
}
OTHERS = Blocks(64, 64, 32, False, 4, 2)
OTHER_WEIGHTS = WeightBlocks(64, 128, 64, 528, 8, 2)


def forward(geometry: Geometry) -> Blocks:
  """Finds block sizes of the convolution.

  Args:
    geometry: of the convolution.

  Returns:
    `Blocks`.
  """
  found = FORWARD.get(_key(geometry), OTHERS)
  return _fitting(found, geometry.in_features, geometry.features)


def input_gradient(geometry: Geometry) -> Blocks:
  """Finds block sizes of its input's gradient.

  Args:
    geometry: of the convolution.

  Returns:
    `Blocks`.
  """
  found = INPUT_GRADIENT.get(_key(geometry), OTHERS)
  return _fitting(found, geometry.features, geometry.in_features)


def kernel_gradient(geometry: Geometry) -> WeightBlocks:
  """Finds block sizes of its kernel's gradient.

  Args:
    geometry: of the convolution.

  Returns:
    `WeightBlocks`.
  """
  found = KERNEL_GRADIENT.get(_key(geometry), OTHER_WEIGHTS)
  return found._replace(
    in_features=_at_most(found.in_features, geometry.in_features),
    features=_at_most(found.features, geometry.features),
  )


def _key(geometry):
  return geometry.in_features, geometry.features, geometry.stride


def _fitting(found, read, written):
  return found._replace(
    chunk=_at_most(found.chunk, read),
    features=_at_most(found.features, written),
  )


def _at_most(size, channels):
  """No larger a block than holds all channels of a narrow network."""
  return min(size, max(LEAST, power_of_two(channels)))
