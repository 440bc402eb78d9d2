"""Batch norms folded into the convolutions before them, for networks at rest.

By its running statistics a batch norm multiplies each channel and adds to it.
The kernel before it can multiply as well, so that only the addition is left.
"""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.errors import UserError
from stclr_jax.models import architectures


class FoldedBatchNorm(nn.Module):
  """Adds what is left of a batch norm whose kernel has taken its factor.

  Attributes:
    dtype: dtype of the result.
    padding: see `BatchNorm`.

  Source: see `fold`.
  """

  dtype: jnp.dtype = jnp.float32
  padding: int = 0

  @nn.compact
  def __call__(
    self,
    x: Float[Array, '*b c'],
    *,
    train: bool,
    residual: Float[Array, '*b c'] | None = None,
    relu: bool = False,
    defer: bool = False,
  ) -> Float[Array, '*b c']:
    """Adds, and rectifies; see `BatchNorm`.

    Raises:
      ValueError: in training.
    """
    del defer
    if train:
      raise UserError(
        '`train` (=True) must be False: the batch norms of this network are '
        'folded into its kernels, and it cannot be trained. Take it as it was '
        'before `fold`.'
      )
    features = x.shape[-1] - self.padding
    bias = self.param('bias', nn.initializers.zeros, (features,))
    bias = jnp.pad(bias, (0, self.padding)).reshape((1,) * (x.ndim - 1) + (-1,))
    y = x.astype(jnp.promote_types(jnp.float32, x.dtype)) + bias
    if residual is not None:
      y += residual.astype(y.dtype)
    return (nn.relu(y) if relu else y).astype(self.dtype)


def fold(encoder: Any, variables: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
  """Folds the batch norms of a trained encoder.

  Args:
    encoder: an `Encoder`.
    variables: {'params': ..., 'batch_stats': ...} of it.

  Returns:
    (encoder, variables): of the same function for `train` = False, but for
    rounding; it cannot be trained, and has 'params' alone.
  """
  params, stats = (
    {
      path: np.asarray(leaf)
      for path, leaf in traverse_util.flatten_dict(variables[name]).items()
    }
    for name in ('params', 'batch_stats')
  )
  folded = {}
  for conv, norm in _pairs(encoder.architecture):
    kernel = params.pop((*conv, 'kernel'))
    scale, bias = (params.pop((*norm, name)) for name in ('scale', 'bias'))
    mean, var = (stats.pop((*norm, name)) for name in ('mean', 'var'))
    gain = scale / np.sqrt(var.astype(np.float64) + encoder.epsilon)
    folded[*conv, 'kernel'] = (kernel * gain).astype(kernel.dtype)
    folded[*norm, 'bias'] = (bias - mean * gain).astype(bias.dtype)
  left = [*params, *stats]
  if left:
    raise ValueError(f'Nothing is known of {left}; `_pairs` must name all.')
  return (
    encoder.clone(folded=True),
    {'params': traverse_util.unflatten_dict(folded)},
  )


def _pairs(architecture) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
  """Generates the paths of each convolution and of the batch norm behind it."""
  network = architectures.find(architecture)
  for part in network.stem:
    yield (part.name,), (str(part.norm),)
  for block in network.blocks():
    for number, parts in ((1, block.conv1), (2, block.conv2)):
      for part in parts:
        inside = block.name, f'conv{number}'
        norm = (
          (*inside, part.norm) if part.norm else (inside[0], f'norm{number}')
        )
        yield (*inside, part.name), norm
    if block.shortcut is not None:
      yield (
        (block.name, block.shortcut.name),
        (block.name, str(block.shortcut.norm)),
      )
