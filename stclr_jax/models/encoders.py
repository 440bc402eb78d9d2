"""The encoder of a clip: R(2+1)D-18, R3D-18 or MC3-18 (Tables I and III).

Three residual networks that differ only in the convolution they are built
of, see `architectures`. `r2plus1d_18` is the paper's Table I and, channel for
channel, torchvision's network of the same name; so are the other two, which
the paper calls '3D' and 'Mixed 2D and 3D'. Arrays are channels-last
[b, t, h, w, c]; Table I prints [c, t, h, w]. Submodules carry torchvision's
names, so that weights map one to one.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.models import architectures
from stclr_jax.models import blocks
from stclr_jax.models import convolutions
from stclr_jax.models import folding
from stclr_jax.models import normalization
from stclr_jax.models.convolutions import Conv
from stclr_jax.models.normalization import BatchNorm

# What is kept from the forward pass for the backward pass. 'none': all that it
# reads. 'batch_norm': convolutions' outputs; what batch norms and ReLUs make of
# them is computed again. 'block': blocks' inputs; everything is computed again.
# Statistics are always kept, so that no device waits for another twice.
REMAT = {
  'none': None,
  'batch_norm': (convolutions.OUTPUT, normalization.STATISTICS),
  'block': (normalization.STATISTICS,),
}

# A GPU's tensor cores take 8 channels of 16 bits at once; cuDNN is slow where
# channels do not fill them, and XLA fills them up for float16 only. Parameters
# stay exact: the zeros are added when a kernel is used.
GPU_CHANNEL_MULTIPLE = 8

# What computes a batch norm and the convolution over time behind it: XLA, or
# kernels of our own, see `kernels/`. They save passes over memory on paper; no
# GPU has said yet that they are faster.
KERNELS = ('xla', 'pallas')

# Four halvings of the height leave nothing of a smaller image but padding.
MIN_IMAGE_SIZE = 16


class Encoder(nn.Module):
  """Encodes clips into representations h = f(x).

  Attributes:
    architecture: 'r2plus1d_18' (Table I), 'r3d_18' or 'mc3_18' (Table III); or
      an `architectures.Architecture`.
    width: factor on every number of features; 1 is the paper's, smaller ones
      are for laptops and tests.
    dtype: dtype of the arithmetic; parameters and statistics stay float32.
    momentum: of the batch statistics, see `BatchNorm`.
    epsilon: of the batch norms.
    axis_name: device axis over which batch norm synchronises, or None.
    groups: parts of a batch with batch statistics of their own, see
      `BatchNorm`.
    lowering: see `convolutions.Conv`.
    remat: 'none', 'batch_norm' or 'block': how much is computed again in the
      backward pass to save memory, see `REMAT`. Results do not depend on it.
    kernels: 'xla' or 'pallas', see `KERNELS`; the latter in training only, and
      with one group only. Results differ by rounding.
    channel_multiple: the channels between the halves of a (2+1)D convolution
      are filled up with zeros to a multiple of this; None for what the
      default device likes. Results do not depend on it.
    folded: whether batch norms are in the kernels, see `folding.fold`.

  Source: ST-CLR Table I and Fig. 4; torchvision.models.video.
  """

  architecture: str | architectures.Architecture = 'r2plus1d_18'
  width: float = 1.0
  dtype: jnp.dtype = jnp.float32
  momentum: float = 0.9
  epsilon: float = 1e-5
  axis_name: str | None = None
  groups: int = 1
  lowering: str = 'auto'
  remat: str = 'none'
  kernels: str = 'xla'
  channel_multiple: int | None = None
  folded: bool = False

  @nn.compact
  def __call__(
    self, clips: Float[Array, 'b t h w 3'], *, train: bool
  ) -> Float[Array, 'b d']:
    """Encodes clips.

    Args:
      clips: float [b, t, h, w, 3], normalised; h and w at least 16 pixels.
      train: whether batch norm uses, and moves, the batch's own statistics.

    Returns:
      h, float [b, 512 * width], at least float32.

    Raises:
      ValueError: for an unknown architecture or a shape it cannot take.
    """
    self._check(clips.shape)
    architecture = architectures.find(self.architecture).scaled(self.width)
    conv = functools.partial(Conv, dtype=self.dtype, lowering=self.lowering)
    if self.folded:
      norm = functools.partial(folding.FoldedBatchNorm, dtype=self.dtype)
    else:
      norm = functools.partial(
        BatchNorm,
        momentum=self.momentum,
        epsilon=self.epsilon,
        dtype=self.dtype,
        axis_name=self.axis_name,
        groups=self.groups,
      )
    channel_multiple = self._channel_multiple()
    fuse = self.kernels == 'pallas'

    def stem(encoder, x):
      return blocks.convolve_in_turn(
        x,
        architecture.stem,
        channel_multiple=channel_multiple,
        conv=functools.partial(conv, parent=encoder),
        norm=functools.partial(norm, parent=encoder),
        train=train,
        fuse=fuse,
      )

    def residual(encoder, x, *, block):
      return blocks.ResidualBlock(
        block,
        channel_multiple=channel_multiple,
        conv=conv,
        norm=norm,
        fuse=fuse,
        parent=encoder,
        name=block.name,
      )(x, train=train)

    x = self._rematerialized(stem)(self, clips)
    for block in architecture.blocks():
      one = functools.partial(residual, block=block)
      x = self._rematerialized(one)(self, x)

    x = x.astype(jnp.promote_types(jnp.float32, x.dtype))
    return x.mean((-4, -3, -2))  # [b, t, h, w, c] -> [b, c]

  def _rematerialized(self, part: Callable) -> Callable:
    """Lets the backward pass compute a part of the network again."""
    kept = REMAT[self.remat]
    if kept is None:
      return part
    policy = jax.checkpoint_policies.save_only_these_names(*kept)
    return nn.remat(part, policy=policy)

  def _channel_multiple(self):
    if self.channel_multiple is not None:
      return self.channel_multiple
    return GPU_CHANNEL_MULTIPLE if targets.platform() == 'gpu' else 1

  def _check(self, shape):
    if self.remat not in REMAT:
      raise UserError(
        f'`remat` (={self.remat!r}) must be one of {", ".join(REMAT)}.'
      )
    check_one_of('kernels', self.kernels, KERNELS)
    if len(shape) != 5 or shape[-1] != 3:
      raise UserError(
        f'`clips` (of shape {shape}) must be [b, t, h, w, 3], channels last.'
      )
    if min(shape[2:4]) < MIN_IMAGE_SIZE:
      raise UserError(
        f'The image size of `clips` (={shape[2]}x{shape[3]}) must be at least '
        f'{MIN_IMAGE_SIZE}x{MIN_IMAGE_SIZE}, because the encoder halves it '
        'four times; raise `views.size`.'
      )
