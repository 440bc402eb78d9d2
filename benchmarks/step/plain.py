"""The plain formulations that our faster ones replaced, to measure the gain.

Each can be switched back on in a benchmark's process. Results do not change,
only what they cost.
"""


def switch_off(name):
  """Replaces one of our formulations by the plain one, in this process.

  Args:
    name: one of `CHANGES`.

  Raises:
    ValueError: for another name.
  """
  if name not in CHANGES:
    raise ValueError(f'`off` (={name!r}) must be one of {", ".join(CHANGES)}.')
  CHANGES[name]()


def _convolve_in_3d():
  """Every convolution of more than one tap as one over [b, t, h, w, c]."""
  from stclr_jax.models import convolutions

  def convolve(x, kernel, strides, convolve_nd, **_):
    return convolve_nd(x, kernel, strides)

  _replace(convolutions, '_convolve_2d', convolve)


def _differentiate_norm():
  """The gradient of a batch norm left to automatic differentiation."""
  import jax.numpy as jnp
  from jax import lax

  from stclr_jax.models import normalization

  def normalize_batch(
    x, scale, bias, residual, epsilon, relu, axis_name, known
  ):
    mean, var = normalization.batch_statistics(
      x, axis_name=axis_name, known=known
    )
    gain = scale * lax.rsqrt(var + epsilon)
    wide = x.astype(jnp.promote_types(jnp.float32, x.dtype))
    shape = (1,) * (x.ndim - 1) + (-1,)
    y = (wide - mean.reshape(shape)) * gain.reshape(shape)
    y = y + bias.reshape(shape)
    if residual is not None:
      y = y + residual.astype(y.dtype)
    if relu:
      y = jnp.maximum(y, 0)
    return y.astype(x.dtype), mean, var

  _replace(normalization, 'normalize_batch', normalize_batch)


def _replace(module, name, function):
  if not hasattr(module, name):
    raise AttributeError(f'{module.__name__} has no {name} to replace.')
  setattr(module, name, function)


CHANGES = {
  'convolutions_in_2d': _convolve_in_3d,
  'fused_norm': _differentiate_norm,
}
