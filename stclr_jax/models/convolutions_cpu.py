"""A convolution whose gradients are fast on a CPU.

XLA's convolution is fast there forwards, and as the gradient of its input; as
the gradient of its kernel it is up to ten times slower than the same numbers as
a matrix product. So that gradient gathers under each position all that the
kernel sees there (im2col), a few images at a time so that it stays in the
cache, and multiplies. Where images are tiny, everything is done so.
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from stclr_jax.models import convolutions_xla

# chosen: the fastest of 0.5 to 32 MiB on 2 cores, see benchmarks/README.md.
CHUNK_BYTES = 2**22

# chosen: at 4x4 positions an image, gathering is 3 times faster than XLA's
# convolution, at 7x7 equal; see benchmarks/README.md.
FEW_POSITIONS = 16


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x, kernel, strides):
  """Convolves with padding of half the kernel.

  Args:
    x: float [n, *space, c].
    kernel: float [*extents, c, features], odd extents.
    strides: step along each axis of space.

  Returns:
    float [n, *ceil(space / strides), features].
  """
  if not _is_tiny(x, strides):
    return convolutions_xla.convolve(x, kernel, strides)
  return gather(x, kernel.shape[:-2], strides) @ _matrix(kernel)


def _forward(x, kernel, strides):
  return convolve(x, kernel, strides), (x, kernel)


def _backward(strides, kept, dy):
  x, kernel = kept
  if _is_tiny(x, strides):
    gather_x = functools.partial(
      gather, extents=kernel.shape[:-2], strides=strides
    )
    (dx,) = jax.linear_transpose(gather_x, x)(dy @ _matrix(kernel).T)
  else:
    convolve_x = functools.partial(
      convolutions_xla.convolve, kernel=kernel, strides=strides
    )
    (dx,) = jax.linear_transpose(convolve_x, x)(dy)
  return dx, kernel_gradient(x, dy, kernel.shape, strides).astype(kernel.dtype)


convolve.defvjp(_forward, _backward)


def kernel_gradient(x, dy, kernel_shape, strides):
  """Sums over all positions what the kernel saw there, times dy.

  Args:
    x: the convolution's input, float [n, *space, c].
    dy: gradient of its output, float [n, *ceil(space / strides), features].
    kernel_shape: (*extents, c, features).
    strides: step along each axis of space.

  Returns:
    At least float32 [*extents, c, features].
  """
  *extents, c, features = kernel_shape
  # Seen from the input, a tap looks the other way; the narrower side is
  # gathered.
  gather_dy = features < c and set(strides) == {1}
  axis = _free_axis(extents, strides)
  row_bytes = math.prod(extents) * min(c, features) * x.dtype.itemsize
  rows = dy.size // features // x.shape[axis]
  per_chunk = _largest_divisor(
    x.shape[axis], CHUNK_BYTES // max(1, rows * row_bytes)
  )

  def chunk_gradient(start):
    x_part, dy_part = (
      lax.dynamic_slice_in_dim(a, start, per_chunk, axis) for a in (x, dy)
    )
    if gather_dy:
      dy_part = gather(dy_part, extents, strides)
    else:
      x_part = gather(x_part, extents, strides)
    return lax.dot_general(
      x_part.reshape(-1, x_part.shape[-1]),
      dy_part.reshape(-1, dy_part.shape[-1]),
      (((0,), (0,)), ((), ())),
      preferred_element_type=jnp.promote_types(jnp.float32, x.dtype),
    )

  if per_chunk == x.shape[axis]:
    total = chunk_gradient(0)
  else:
    shape = jax.eval_shape(chunk_gradient, 0)
    total, _ = lax.scan(
      lambda total, start: (total + chunk_gradient(start), None),
      jnp.zeros(shape.shape, shape.dtype),
      jnp.arange(0, x.shape[axis], per_chunk),
    )
  if not gather_dy:
    return total.reshape(kernel_shape)
  total = jnp.flip(total.reshape(c, *extents, features), range(1, x.ndim - 1))
  return jnp.moveaxis(total, 0, -2)


def gather(x, extents, strides):
  """Gathers under each output position all that a kernel sees there.

  Args:
    x: float [n, *space, c].
    extents: of the kernel, odd.
    strides: step along each axis of space.

  Returns:
    [n, *ceil(space / strides), prod(extents) * c], zeros beyond the borders.
  """
  out = [-(-n // s) for n, s in zip(x.shape[1:-1], strides, strict=True)]
  x = jnp.pad(x, ((0, 0), *((k // 2, k // 2) for k in extents), (0, 0)))
  taps = []
  for tap in itertools.product(*map(range, extents)):
    window = tuple(
      slice(i, i + (n - 1) * s + 1, s)
      for i, n, s in zip(tap, out, strides, strict=True)
    )
    taps.append(x[:, *window])
  return jnp.concatenate(taps, axis=-1)


def _is_tiny(x, strides):
  positions = (-(-n // s) for n, s in zip(x.shape[1:-1], strides, strict=True))
  return math.prod(positions) <= FEW_POSITIONS


def _matrix(kernel):
  return kernel.reshape(-1, kernel.shape[-1])


def _free_axis(extents, strides):
  """The axis to cut: the last, if no tap looks along it and output follows
  input there; or the images'."""
  free = len(extents) > 1 and extents[-1] == strides[-1] == 1
  return len(extents) if free else 0


def _largest_divisor(n, limit):
  return next(d for d in range(max(1, min(n, limit)), 0, -1) if n % d == 0)
