"""Sums and moments of each channel, in as few kernels as can be."""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax import targets

# Of sums on accelerators. chosen: as XLA cuts long sums for GPUs; a block of
# threads has enough to read, there are blocks for all of a GPU, and so many
# stretches are summed by one kernel more.
LONGEST_STRETCH = 2048
MOST_STRETCHES = 1024


def sum_both(
  first: Float[Array, '*b c'], second: Float[Array, '*b c']
) -> Float[Array, '2 c']:
  """Sums two arrays over all but their channels.

  A GPU sums so many numbers in two goes or three: stretches of them, then what
  the stretches gave. XLA cuts the sums of each array by itself, and only the
  first go is one kernel for both. Here, on accelerators, all are.

  Args:
    first: at least float32 [*b, c].
    second: likewise, computed from the same arrays.

  Returns:
    Both sums, of their dtype [2, c].
  """
  if targets.platform() == 'cpu':
    axes = tuple(range(first.ndim - 1))
    return jnp.stack([first.sum(axes), second.sum(axes)])
  rows = math.prod(first.shape[:-1])
  stretch = rows // _divisor(rows, min(math.isqrt(rows), MOST_STRETCHES))
  if stretch > LONGEST_STRETCH:
    stretch = _divisor(rows, LONGEST_STRETCH)
  cut = [one.reshape(-1, stretch, one.shape[-1]) for one in (first, second)]
  return jnp.stack([one.sum(1) for one in cut]).sum(1)


def sums_above(
  x: Float[Array, '*b c'], pivot: Float[Array, ' c'] | None
) -> tuple[Float[Array, ' c'] | None, Float[Array, '2 c']]:
  """Sums each channel and its squares, in one pass, as far as above a pivot.

  A mean of squares less the square of a mean has lost the digits of a variance
  that is small beside it, unless both are of what is left above something near.
  On a CPU that is the value in the middle, far from padding: one of them,
  wherever they are. On an accelerator to read it is a kernel more for each
  batch norm (compiled for an H200), and it is `pivot`; or nothing in half
  precision, whose own rounding is ten times what is lost at any mean.

  Args:
    x: float [*b, c].
    pivot: as near to the channel's mean as may be, at least float32 [c], or
      None.

  Returns:
    What the sums are above, [c] or None for 0; those of the values and of their
    squares, at least float32 [2, c].

  Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample
    variance", The American Statistician 37(3), on shifted data.
  """
  dtype = jnp.promote_types(jnp.float32, x.dtype)
  if targets.platform() == 'cpu':
    pivot = x[tuple(size // 2 for size in x.shape[:-1])].astype(dtype)
  elif dtype != x.dtype:
    pivot = None
  x = x.astype(dtype)
  if pivot is None:
    return None, sum_both(x, jnp.square(x))
  # Or XLA for CPUs writes what both sums share, and reads it twice.
  again = lax.optimization_barrier(pivot)
  sums = sum_both(x - _over(pivot, x), jnp.square(x - _over(again, x)))
  return pivot, sums


def moved(
  moments: Float[Array, '2 c'],
  near: Float[Array, ' c'] | None,
  pivot: Float[Array, ' c'] | None,
) -> tuple[Float[Array, ' c'] | None, Float[Array, '2 c']]:
  """Makes moments above one thing those above another.

  Args:
    moments: means of the values and of their squares, above `near` [2, c].
    near: as `sums_above` gives it.
    pivot: what all devices have, [c] or None for 0.

  Returns:
    `pivot`, and the moments above it [2, c].
  """
  if near is pivot or near is None:
    return near, moments
  mean, squares = moments
  var = jnp.maximum(squares - jnp.square(mean), 0)
  mean = near + mean if pivot is None else near - pivot + mean
  return pivot, jnp.stack([mean, var + jnp.square(mean)])


def _over(values, x):
  return values.reshape((1,) * (x.ndim - 1) + values.shape)


def _divisor(number, most):
  """The largest divisor of a number that is at most `most`."""
  return next(n for n in range(most, 0, -1) if number % n == 0)
