"""Sums of each channel of two arrays, in as few kernels as can be."""

import math

import jax.numpy as jnp
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


def _divisor(number, most):
  """The largest divisor of a number that is at most `most`."""
  return next(n for n in range(most, 0, -1) if number % n == 0)
