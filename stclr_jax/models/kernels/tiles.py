"""Rows of pixels times channels: how a kernel's program reads and writes them.

Arrays are seen as [clips * frames * pixels, channels]. Block sizes are powers
of two, channels and pixels are not: what a block has beyond them is masked.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.experimental.pallas import triton as plt
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float
from jaxtyping import Int

from stclr_jax.models.kernels.blocks import Geometry


class Normalization(NamedTuple):
  """Vectors of a batch norm, [c] each, at least float32.

  Attributes:
    mean: subtracted.
    rstd: factor that makes the variance 1.
    gain: factor, `rstd` and the parameter together.
    bias: added then.
  """

  mean: Array
  rstd: Array
  gain: Array
  bias: Array


class Numbers(NamedTuple):
  """Places along an axis of an array.

  Attributes:
    numbers: int32 [n], a power of two of them.
    exist: bool [n], which of them there are; None if all.
  """

  numbers: Int[Array, ' n']
  exist: Bool[Array, ' n'] | None


def channels(start: int | Int[Array, ''], size: int, total: int) -> Numbers:
  """Numbers the channels of a block.

  Args:
    start: the first.
    size: of the block; `start` is a multiple of it.
    total: channels that there are.

  Returns:
    `Numbers`.
  """
  numbers = start + lax.iota(jnp.int32, size)
  return Numbers(numbers, None if total % size == 0 else numbers < total)


def pixels(
  start: Int[Array, ''], size: int, dealt: int, geometry: Geometry
) -> Numbers:
  """Numbers the pixels of a block, over all clips.

  Args:
    start: the first.
    size: of the block.
    dealt: pixels that all programs together take, at least all there are.
    geometry: says how many there are.

  Returns:
    `Numbers`.
  """
  numbers = start + lax.iota(jnp.int32, size)
  total = geometry.rows
  return Numbers(numbers, None if dealt == total else numbers < total)


def rows(
  found: Numbers, frame: int | Int[Array, ''], frames: int, geometry: Geometry
) -> Numbers:
  """Finds the rows of pixels in a frame.

  Args:
    found: see `pixels`.
    frame: of each clip.
    frames: of a clip.
    geometry: says how many pixels a frame has.

  Returns:
    `Numbers` of rows of [clips * frames * pixels, channels].
  """
  count = geometry.pixels
  clip, pixel = divide(found.numbers, count)
  first = clip * (frames * count) + pixel
  return Numbers(first + frame * count, found.exist)


def divide(
  n: Int[Array, '*n'], by: int
) -> tuple[Int[Array, '*n'], Int[Array, '*n']]:
  """Divides numbers that are not negative.

  Args:
    n: int32, or a loop's counter.
    by: positive.

  Returns:
    The quotient and the remainder, int32.
  """
  n, divisor = n.astype(jnp.int32), jnp.int32(by)
  return lax.div(n, divisor), lax.rem(n, divisor)


def load(
  ref, rows: Numbers, channels: Numbers
) -> Float[Array, 'rows channels']:
  """Reads a block of [rows, channels]; 0 where there is nothing."""
  mask = _mask(rows, channels)
  return plt.load(
    ref.at[rows.numbers[:, None], channels.numbers[None]],
    mask=mask,
    other=None if mask is None else 0,
  )


def store(
  ref, rows: Numbers, channels: Numbers, values: Float[Array, 'rows channels']
) -> None:
  """Writes a block of [rows, channels], where there is something."""
  plt.store(
    ref.at[rows.numbers[:, None], channels.numbers[None]],
    values,
    mask=_mask(rows, channels),
  )


def load_vectors(refs, channels: Numbers) -> list[Float[Array, ' channels']]:
  """Reads a block of each of several arrays [channels]; 0 beyond them."""
  other = None if channels.exist is None else 0
  return [
    plt.load(ref.at[channels.numbers], mask=channels.exist, other=other)
    for ref in refs
  ]


def normalize(
  x: Float[Array, 'rows channels'],
  mean: Float[Array, ' channels'],
  gain: Float[Array, ' channels'],
  bias: Float[Array, ' channels'],
) -> Float[Array, 'rows channels']:
  """Computes (x - mean) * gain + bias, at least in float32."""
  return (accurate(x) - mean[None]) * gain[None] + bias[None]


def multiply(
  a: Float[Array, 'm k'], b: Float[Array, 'k n'], *, transposed: bool = False
) -> Float[Array, 'm n']:
  """Multiplies matrices; the sums are at least float32.

  Args:
    a: float [m, k], or [k, m] if `transposed`.
    b: float [k, n], the dtype of `a`.
    transposed: whether the first is.

  Returns:
    [m, n], at least float32.
  """
  return lax.dot_general(
    a,
    b,
    (((0 if transposed else 1,), (0,)), ((), ())),
    preferred_element_type=accurate_dtype(a.dtype),
  )


def accurate(x: Float[Array, '*n']) -> Float[Array, '*n']:
  """Makes an array at least float32."""
  return x.astype(accurate_dtype(x.dtype))


def accurate_dtype(dtype: jnp.dtype) -> jnp.dtype:
  """Finds the dtype of sums: at least float32."""
  return jnp.promote_types(jnp.float32, dtype)


def only(found: Numbers, condition: bool | Bool[Array, '']) -> Numbers:
  """Takes all that exist away unless a condition holds."""
  if condition is True:
    return found
  exist = jnp.broadcast_to(condition, found.numbers.shape)
  return Numbers(
    found.numbers, exist if found.exist is None else exist & found.exist
  )


def _mask(rows, channels):
  if rows.exist is None:
    return None if channels.exist is None else channels.exist[None]
  if channels.exist is None:
    return rows.exist[:, None]
  return rows.exist[:, None] & channels.exist[None]
