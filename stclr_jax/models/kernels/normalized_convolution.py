"""A batch norm, its ReLU and the convolution over time behind it, as one.

What lies between them is neither written nor kept: both gradients compute it
again from the batch norm's input, which is kept anyway. Sums that the next
batch norm, and the gradient of this one, would read whole arrays for come from
the kernels that write these. Left to XLA: statistics of the input, and the
elementwise rest of its gradient, which must wait for sums over all devices.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.models.kernels import block_sizes
from stclr_jax.models.kernels import temporal_products
from stclr_jax.models.kernels import temporal_weights
from stclr_jax.models.kernels import tiles
from stclr_jax.models.kernels.blocks import Geometry


class Settings(NamedTuple):
  """Settings that are no arrays.

  Attributes:
    epsilon: added to the variance.
    stride: in time; the padding is half the kernel on both sides.
    axis_name: device axis over which the batch is spread, or None.
  """

  epsilon: float
  stride: int
  axis_name: str | None


def normalize_and_convolve(
  x: Float[Array, 'b t h w c'],
  mean: Float[Array, ' c'],
  var: Float[Array, ' c'],
  scale: Float[Array, ' c'],
  bias: Float[Array, ' c'],
  kernel: Float[Array, 'k c f'],
  settings: Settings,
) -> tuple[Float[Array, 'b t2 h w f'], Float[Array, '2 f']]:
  """Normalises, rectifies, and convolves over time.

  Args:
    x: float [b, t, h, w, c].
    mean: of each channel of `x` over the batch of all devices, at least
      float32 [c]; its own gradient is part of that of `x`.
    var: biased variance, likewise.
    scale: of the normalised values, at least float32 [c].
    bias: added to them, at least float32 [c].
    kernel: float [k, c, f], k odd, the dtype of `x`.
    settings: `Settings`.

  Returns:
    y, float [b, ceil(t / stride), h, w, f], the dtype of `x`; means of y and
    of its squares over this device's batch [2, f], at least float32, which
    carry no gradient.

  Raises:
    UserError: where there is neither a CPU nor a GPU to compute on.
  """
  # `functools.partial` hides from pyright what `custom_vjp` returns.
  return _fused(  # pyright: ignore[reportReturnType]
    x, mean, var, scale, bias, kernel, settings
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(6,))
def _fused(x, mean, var, scale, bias, kernel, settings):
  return _forward(x, mean, var, scale, bias, kernel, settings)[0]


def _forward(x, mean, var, scale, bias, kernel, settings):
  geometry = _geometry(x, kernel, settings.stride)
  rstd = lax.rsqrt(var + settings.epsilon)
  y, sums = temporal_products.convolve(
    _flat(x),
    tiles.Normalization(mean, rstd, scale * rstd, bias),
    kernel,
    geometry,
    block_sizes.forward(geometry),
    interpret=_interpret(),
  )
  y = y.reshape(*y.shape[:2], *x.shape[2:4], -1)
  moments = sums / (y.size // y.shape[-1])
  return (y, moments), (x, mean, rstd, scale, bias, kernel)


def _backward(settings, kept, cotangents):
  x, mean, rstd, scale, bias, kernel = kept
  geometry = _geometry(x, kernel, settings.stride)
  gain = scale * rstd
  normalization = tiles.Normalization(mean, rstd, gain, bias)
  dy = _flat(cotangents[0])
  dkernel = temporal_weights.kernel_gradient(
    _flat(x),
    dy,
    normalization,
    geometry,
    block_sizes.kernel_gradient(geometry),
    interpret=_interpret(),
  )
  dz, sums = temporal_products.input_gradient(
    dy,
    _flat(x),
    normalization,
    kernel,
    geometry,
    block_sizes.input_gradient(geometry),
    interpret=_interpret(),
  )
  # The parameters' gradients are this device's; x has moved the statistics of
  # all devices, as in `normalization.normalize_batch`.
  dbias, dscale = sums
  count = x.size // x.shape[-1]
  if settings.axis_name is not None:
    sums = lax.psum(sums, settings.axis_name)
    count *= lax.axis_size(settings.axis_name)
  vectors = (mean, rstd, gain, *(sums / count))
  mean, rstd, gain, mean_dz, mean_dz_normalized = (
    vector.reshape(1, 1, 1, 1, -1) for vector in vectors
  )
  dz = tiles.accurate(dz.reshape(x.shape))
  normalized = (tiles.accurate(x) - mean) * rstd
  dx = gain * (dz - mean_dz - normalized * mean_dz_normalized)
  dx, dkernel = dx.astype(x.dtype), dkernel.astype(kernel.dtype)
  return dx, None, None, dscale, dbias, dkernel


_fused.defvjp(_forward, _backward)


def _geometry(x, kernel, stride):
  clips, frames, height, width, _ = x.shape
  extent, c, f = kernel.shape
  return Geometry(clips, frames, height * width, c, f, extent, stride)


def _flat(x):
  return x.reshape(*x.shape[:2], -1, x.shape[-1])


def _interpret():
  platform = targets.platform()
  if platform not in ('cpu', 'gpu'):
    raise UserError(
      f"`encoder.kernels` (='pallas') is written for GPUs, and computed step "
      f'by step on a CPU; for {platform!r} set it to xla.'
    )
  return platform == 'cpu'
