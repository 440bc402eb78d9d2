"""The mean over a person's clips in a batch, over all devices.

A rest to compare a clip with, where videos do not begin at rest.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array
from jaxtyping import Float
from jaxtyping import Float32
from jaxtyping import Int32


def rest_in_batch(
  subject: Int32[Array, ' n'], weight: Float32[Array, ' n'], axis_name: str
) -> Callable[[Float[Array, 'n d']], Float[Array, 'n d']]:
  """Makes what finds the rest of each clip of a batch.

  Args:
    subject: whom each of this device's clips shows.
    weight: 1 for a clip, 0 for one that only fills the batch up and belongs
      to no mean.
    axis_name: device axis.

  Returns:
    `rest_of(h)`: the mean of h over the clips of each row's person, on
    whichever devices they are; 0 for a person of whom all have weight 0. Its
    gradient reaches the clips of other devices.
  """

  def rest_of(h):
    everywhere = lax.all_gather((h, subject, weight), axis_name, tiled=True)
    all_h, all_subject, all_weight = everywhere
    same = subject[:, None] == all_subject[None, :]
    share = jnp.where(same, all_weight[None, :], 0).astype(h.dtype)
    sums = jnp.matmul(share, all_h, precision=lax.Precision.HIGHEST)
    return sums / jnp.maximum(share.sum(1, keepdims=True), 1)

  return rest_of
