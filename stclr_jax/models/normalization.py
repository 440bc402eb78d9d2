"""Batch normalisation as torch defines it, fused with what follows it.

In these networks a batch norm is followed by a ReLU, at the end of a residual
block with the shortcut added in between. Left to automatic differentiation,
the backward pass keeps the normalised values beside the convolution's output.
`normalize_batch` keeps that output and two numbers a channel, and computes the
rest again while it reads: two passes over memory each way, and one all-reduce.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.errors import UserError
from stclr_jax.models import channel_sums

# What rematerialisation may keep, see `encoders.REMAT`.
STATISTICS = 'statistics'


class Summed(NamedTuple):
  """An array whose channels have been summed by what wrote it.

  Attributes:
    values: float [*b, c].
    moments: means of the values and of their squares over this device's batch
      [2, c], at least float32.
  """

  values: Array
  moments: Array


class Known(NamedTuple):
  """Knowledge of a batch before it is read.

  Attributes:
    moments: see `Summed`; None to compute them.
    pivot: near the means, alike on all devices [c], to join these by; or None.
  """

  moments: Array | None
  pivot: Array | None


NOTHING = Known(None, None)


class Deferred(NamedTuple):
  """Work that a batch norm leaves to the convolution behind it, ReLU and all.

  Attributes:
    values: float [*b, c], as they came.
    mean: of each channel over all devices, at least float32 [c].
    var: biased variance, likewise.
    scale: of the normalised values, at least float32 [c].
    bias: added to them, likewise.
    epsilon: added to the variance.
    axis_name: device axis over which the batch is spread, or None.
  """

  values: Array
  mean: Array
  var: Array
  scale: Array
  bias: Array
  epsilon: float
  axis_name: str | None


class BatchNorm(nn.Module):
  """Normalises each channel by the statistics of the (global) batch.

  Differs from `flax.linen.BatchNorm` in that the running variance is the
  unbiased one, as torch keeps it, and in what it is fused with. Statistics are
  at least float32, whatever the compute dtype.

  Attributes:
    momentum: share of the old running value kept at an update; torch's 0.1
      is 0.9 here.
    epsilon: added to the variance.
    dtype: dtype of the result.
    axis_name: device axis over which the batch is spread; None for one
      device, or for statistics of each device by itself.
    padding: channels of zeros that the input has behind its own; they stay
      zeros, and have neither parameters nor running statistics.
    groups: parts of the batch, one behind the other, that are normalised each
      by its own statistics, as if each were on another device and nothing
      synchronised; the running statistics move by their mean.

  Source: torch.nn.BatchNorm3d and torch.nn.SyncBatchNorm; Ioffe & Szegedy
    2015 (arXiv:1502.03167).
  """

  momentum: float = 0.9
  epsilon: float = 1e-5
  dtype: jnp.dtype = jnp.float32
  axis_name: str | None = None
  padding: int = 0
  groups: int = 1

  @nn.compact
  def __call__(
    self,
    x: Float[Array, '*b c'] | Summed,
    *,
    train: bool,
    residual: Float[Array, '*b c'] | None = None,
    relu: bool = False,
    defer: bool = False,
  ) -> Float[Array, '*b c'] | Deferred:
    """Normalises by the batch's statistics, or the running ones.

    Args:
      x: float [*b, c], maybe with its sums.
      train: whether to use, and move, the batch's own statistics.
      residual: added to the result, float [*b, c], or None.
      relu: whether negative results become 0, after the addition.
      defer: whether the convolution behind it can do this itself, a ReLU
        included; it is left to it in training, without groups.

    Returns:
      [*b, c], of `dtype`; a `Deferred` if it is left.

    Raises:
      ValueError: if a batch cannot be cut into the groups, or a channel has
        too few values in training.
    """
    x, moments = x if isinstance(x, Summed) else (x, None)
    features = x.shape[-1] - self.padding
    scale = self.param('scale', nn.initializers.ones, (features,))
    bias = self.param('bias', nn.initializers.zeros, (features,))
    running_mean = self.variable('batch_stats', 'mean', jnp.zeros, (features,))
    running_var = self.variable('batch_stats', 'var', jnp.ones, (features,))

    scale, bias, pivot = map(self._padded, (scale, bias, running_mean.value))
    if not train:
      gain = scale * lax.rsqrt(self._padded(running_var.value) + self.epsilon)
      y = _scale_shift(x, pivot, gain, bias, residual, relu)
      return y.astype(self.dtype)

    known = Known(moments, pivot)
    if defer and self.groups == 1:
      mean, var = batch_statistics(x, axis_name=self.axis_name, known=known)
      y = Deferred(x, mean, var, scale, bias, self.epsilon, self.axis_name)
    else:
      y, mean, var = _normalize_groups(
        x,
        scale,
        bias,
        residual,
        known,
        (self.epsilon, relu, self.axis_name),
        self.groups,
      )
    if not self.is_initializing():
      count = _count(x, self.axis_name) // self.groups
      if count < 2:
        raise UserError(
          f'Batch norm in training has {count} value(s) a channel (input '
          f'{x.shape}, {self.groups} group(s)); it must have 2 or more, to '
          'have a variance. Raise `batch_size`, the frames or their size, or '
          'lower `batch_norm.groups`.'
        )
      unbiased = var * (count / (count - 1))
      running_mean.value = self._moved(running_mean.value, mean)
      running_var.value = self._moved(running_var.value, unbiased)
    return y if isinstance(y, Deferred) else y.astype(self.dtype)

  def _padded(self, values):
    return jnp.pad(values, (0, self.padding))

  def _moved(self, old, new):
    return self.momentum * old + (1 - self.momentum) * new[: old.size]


def _normalize_groups(x, scale, bias, residual, known, how, groups):
  """`normalize_batch` of each group; statistics are the groups' means."""

  def normalize(x, residual) -> tuple[Array, Array, Array]:
    # `functools.partial` hides from pyright what `custom_vjp` returns.
    return normalize_batch(  # pyright: ignore[reportReturnType]
      x, scale, bias, residual, *how, known
    )

  if groups == 1:
    return normalize(x, residual)
  known = known._replace(moments=None)  # which are of all groups
  if len(x) % groups:
    raise UserError(
      f"A device's batch (of {len(x)} clips) must be divisible by its {groups} "
      'groups of batch norm; change `batch_size` or `batch_norm.groups`.'
    )

  def cut(x):
    return x.reshape(groups, -1, *x.shape[1:])

  cuts = cut(x), None if residual is None else cut(residual)
  y, mean, var = jax.vmap(normalize)(*cuts)
  return y.reshape(x.shape), mean.mean(0), var.mean(0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def normalize_batch(
  x: Float[Array, '*b c'],
  scale: Float[Array, ' c'],
  bias: Float[Array, ' c'],
  residual: Float[Array, '*b c'] | None,
  epsilon: float,
  relu: bool,
  axis_name: str | None,
  known: Known = NOTHING,
) -> tuple[Float[Array, '*b c'], Float[Array, ' c'], Float[Array, ' c']]:
  """Normalises by the batch's own statistics, adds, rectifies.

  Args:
    x: float [*b, c].
    scale: of the normalised values, at least float32 [c].
    bias: added to them, at least float32 [c].
    residual: added then, float [*b, c], or None.
    epsilon: added to the variance.
    relu: whether negative results become 0.
    axis_name: device axis over which the batch is spread, or None.
    known: a `Known`.

  Returns:
    y [*b, c] in the dtype of `x`; the batch's mean [c] and biased variance
    [c], at least float32, which carry no gradient.
  """
  return _forward(x, scale, bias, residual, epsilon, relu, axis_name, known)[0]


def _forward(x, scale, bias, residual, epsilon, relu, axis_name, known):
  mean, var = batch_statistics(x, axis_name=axis_name, known=known)
  rstd = lax.rsqrt(var + epsilon)
  y = _scale_shift(x, mean, scale * rstd, bias, residual, relu).astype(x.dtype)
  if residual is None:
    return (y, mean, var), (x, mean, rstd, scale, bias, None, None)
  # The next convolution keeps y in any case, so that the mask costs nothing
  # more; the barrier has it read there, not computed again from two arrays.
  y = lax.optimization_barrier(y)
  no_residual = jnp.zeros((0,), residual.dtype)
  return (y, mean, var), (x, mean, rstd, scale, bias, y, no_residual)


def _backward(epsilon, relu, axis_name, kept, cotangents):
  del epsilon
  x, mean, rstd, scale, bias, y, no_residual = kept
  # XLA would see that the forward pass has computed the same mask, write it
  # there, a byte an element, and keep it. From another x it cannot.
  x = lax.optimization_barrier(x)
  dz = cotangents[0]
  if relu:
    z = (
      _scale_shift(x, mean, scale * rstd, bias, None, False) if y is None else y
    )
    dz = jnp.where(z > 0, dz, 0)
  if no_residual is not None:
    # Read by two: written once, of the dtype that it came in.
    dresidual = dz = lax.optimization_barrier(dz.astype(no_residual.dtype))
  else:
    dresidual = None
  dz = _accurate(dz)
  normalized = (_accurate(x) - _over(mean, x)) * _over(rstd, x)
  sums = channel_sums.sum_both(dz, dz * normalized)  # [2, c]
  # The parameters' gradients are this device's; x has moved the statistics of
  # all devices.
  dbias, dscale = sums
  if axis_name is not None:
    sums = lax.psum(sums, axis_name)
  mean_dz, mean_dz_normalized = sums / _count(x, axis_name)
  dx = _over(scale * rstd, x) * (
    dz - _over(mean_dz, x) - normalized * _over(mean_dz_normalized, x)
  )
  return dx.astype(x.dtype), dscale, dbias, dresidual, None


normalize_batch.defvjp(_forward, _backward)


def batch_statistics(
  x: Float[Array, '*b c'],
  *,
  axis_name: str | None = None,
  known: Known = NOTHING,
) -> tuple[Float[Array, ' c'], Float[Array, ' c']]:
  """Mean and variance of each channel over a batch spread over devices.

  Args:
    x: float [*b, c].
    axis_name: device axis of the batch, or None.
    known: a `Known`.

  Returns:
    mean [c] and biased variance [c], at least float32.
  """
  (moments, pivot), near = known, None  # above which others have summed
  if moments is None:
    near, sums = channel_sums.sums_above(x, pivot)
    count = _count(x, None)
    if count == _count(x, axis_name):
      # Nothing is sent: one by one, XLA divides where they are read.
      moments = jnp.stack([one / count for one in sums])
    else:
      near, moments = channel_sums.moved(sums / count, near, pivot)
  if axis_name is not None:
    moments = lax.pmean(moments, axis_name)
  mean, mean_of_squares = checkpoint_name(moments, STATISTICS)
  # Rounding can leave less than 0 where a channel is constant.
  var = jnp.maximum(mean_of_squares - jnp.square(mean), 0)
  return mean if near is None else near + mean, var


def _scale_shift(x, mean, gain, bias, residual, relu):
  y = (_accurate(x) - _over(mean, x)) * _over(gain, x) + _over(bias, x)
  if residual is not None:
    y += _accurate(residual)
  return nn.relu(y) if relu else y


def _count(x, axis_name):
  """Number of values a channel has over all devices."""
  count = x.size // x.shape[-1]
  return count * (1 if axis_name is None else lax.axis_size(axis_name))


def _accurate(x):
  return x.astype(jnp.promote_types(jnp.float32, x.dtype))


def _over(values, x):
  """Shapes [c] so that it broadcasts over x, [*b, c], without a promotion."""
  return values.reshape((1,) * (x.ndim - 1) + values.shape)
