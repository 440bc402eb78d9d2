"""Batch normalisation as torch defines it, synchronised over devices."""

import jax
import jax.numpy as jnp
from flax import linen as nn


class BatchNorm(nn.Module):
  """Normalises each channel by the statistics of the (global) batch.

  Differs from `flax.linen.BatchNorm` in one point: the running variance is
  the unbiased one, as torch keeps it. Statistics are at least float32,
  whatever the compute dtype, and cost one all-reduce when synchronised.

  Attributes:
    momentum: share of the old running value kept at an update; torch's 0.1
      is 0.9 here.
    epsilon: added to the variance.
    dtype: dtype of the result.
    axis_name: device axis over which the batch is spread; None for one
      device, or for statistics of each device by itself.

  Source: torch.nn.BatchNorm3d and torch.nn.SyncBatchNorm; Ioffe & Szegedy
    2015 (arXiv:1502.03167).
  """

  momentum: float = 0.9
  epsilon: float = 1e-5
  dtype: jnp.dtype = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, *, train):
    """Normalises float [*b, c] by the batch's statistics, or the running."""
    features = x.shape[-1:]
    scale = self.param('scale', nn.initializers.ones, features)
    bias = self.param('bias', nn.initializers.zeros, features)
    running_mean = self.variable('batch_stats', 'mean', jnp.zeros, features)
    running_var = self.variable('batch_stats', 'var', jnp.ones, features)

    x = x.astype(jnp.promote_types(jnp.float32, x.dtype))
    if train:
      mean, var, count = batch_statistics(x, axis_name=self.axis_name)
      if not self.is_initializing():
        unbiased = var * (count / (count - 1))
        running_mean.value = self._moved(running_mean.value, mean)
        running_var.value = self._moved(running_var.value, unbiased)
    else:
      mean, var = running_mean.value, running_var.value

    gain = scale * jax.lax.rsqrt(var + self.epsilon)
    shape = (1,) * (x.ndim - 1) + features
    y = (x - mean.reshape(shape)) * gain.reshape(shape) + bias.reshape(shape)
    return y.astype(self.dtype)

  def _moved(self, old, new):
    return self.momentum * old + (1 - self.momentum) * new


def batch_statistics(x, *, axis_name=None):
  """Mean and variance of each channel over a batch spread over devices.

  Args:
    x: float [*b, c], at least float32.
    axis_name: device axis of the batch, or None.

  Returns:
    mean [c], biased variance [c], and the number of values per channel.
  """
  axes = tuple(range(x.ndim - 1))
  moments = jnp.stack([x.mean(axes), jnp.square(x).mean(axes)])  # [2, c]
  count = x.size // x.shape[-1]
  if axis_name is not None:
    moments = jax.lax.pmean(moments, axis_name)
    count *= jax.lax.axis_size(axis_name)
  mean, mean_of_squares = moments
  # Rounding can leave a tiny negative number where a channel is constant.
  var = jnp.maximum(mean_of_squares - jnp.square(mean), 0)
  return mean, var, count
