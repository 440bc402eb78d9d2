"""Random numbers that are the same in every program: one of many levels.

A float drawn as `low + (high - low) * u` depends, in its last bit, on whether
the compiler fuses the multiplication and the addition, and so on batch size
and device. Here an integer is drawn, and looks up a table that NumPy computed.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import Key

from stclr_jax.errors import UserError

# chosen: at 320 pixels a step of a crop's edge is then a tenth of a pixel, of
# a colour factor a twentieth of a grey level.
NUM_LEVELS = 4096  # a power of two


def make_levels(low: float, high: float) -> np.ndarray:
  """Lists the levels of a range: the middles of equal parts.

  Args:
    low: smallest value.
    high: largest value; equal to `low`, all levels are that number exactly.

  Returns:
    float64 [NUM_LEVELS], ascending.
  """
  parts = (np.arange(NUM_LEVELS) + 0.5) / NUM_LEVELS
  return low + (high - low) * parts


def draw_level(
  key: Key[Array, ''], shape: tuple[int, ...] = ()
) -> Int32[Array, '...']:
  """Draws levels.

  Args:
    key: typed key.
    shape: of the result.

  Returns:
    int32, uniform in [0, NUM_LEVELS).
  """
  # The upper bits of a word. `randint` would do, and take longer to compile.
  bits = jax.random.bits(key, shape, jnp.uint32)
  return (bits >> (32 - int(math.log2(NUM_LEVELS)))).astype(jnp.int32)


def draw_uniform(
  key: Key[Array, ''], ranges: Sequence[tuple[float, float]]
) -> Float32[Array, ' n']:
  """Draws numbers, each uniformly from its range.

  Args:
    key: typed key.
    ranges: n pairs (smallest, largest).

  Returns:
    float32 [n].
  """
  tables = np.stack([make_levels(low, high) for low, high in ranges])
  picks = draw_level(key, (len(ranges), 1))
  tables = jnp.asarray(tables, jnp.float32)
  return jnp.take_along_axis(tables, picks, axis=1)[:, 0]


def draw_event(key: Key[Array, ''], probability: float) -> Bool[Array, '']:
  """Draws whether something happens.

  Args:
    key: typed key.
    probability: in [0, 1]; at 0 it never happens and at 1 always.

  Returns:
    bool [].
  """
  # In [0, 1): never below 0, always below 1.
  return jax.random.uniform(key, dtype=jnp.float32) < probability


def check_probability(name, probability):
  """Raises UserError unless it lies in [0, 1]; `name` is for the message."""
  if not 0 <= probability <= 1:
    raise UserError(
      f'`{name}` (={probability}) must lie between 0 (never) and 1 (always).'
    )
