"""Embeddings as directions, whatever their length."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array
from jaxtyping import Float

# A zero embedding has no direction; this only keeps its gradient finite.
MIN_NORM = 1e-12
# Powers of two by which float32 can be multiplied without loss.
_EXPONENTS = 126


def normalize(z: Float[Array, '*b d']) -> Float[Array, '*b d']:
  """Divides vectors by their lengths.

  The square of a length is beyond float32 from 2e19 on, its power 3/2, which
  the gradient needs, from 4e12 on. So vectors are first brought near to 1 by a
  power of two, which changes no digit, nor the result: a direction does not
  depend on a length, and so the factor needs no gradient.

  Args:
    z: float [*b, d].

  Returns:
    Of length 1, at least float32 [*b, d]; zeros where `z` is.
  """
  z = z.astype(jnp.promote_types(jnp.float32, z.dtype))
  largest = lax.stop_gradient(jnp.abs(z).max(-1, keepdims=True))
  _, exponent = jnp.frexp(largest)
  exponent = jnp.clip(exponent, -_EXPONENTS, _EXPONENTS)
  z = z * jnp.ldexp(jnp.ones_like(largest), -exponent)
  square = jnp.sum(jnp.square(z), -1, keepdims=True)
  return z * lax.rsqrt(jnp.maximum(square, MIN_NORM**2))


def squared_distance(
  first: Float[Array, '*b d'], second: Float[Array, '*b d']
) -> Float[Array, '*b']:
  """Squared distance of two directions.

  Args:
    first: vectors of any length, float [*b, d].
    second: likewise.

  Returns:
    In [0, 4], at least float32 [*b].
  """
  return jnp.sum(jnp.square(normalize(first) - normalize(second)), -1)
