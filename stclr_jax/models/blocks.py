"""The residual blocks of Tables I and III as modules."""

from collections.abc import Callable

from flax import linen as nn
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.models import architectures
from stclr_jax.models.convolutions import is_temporal
from stclr_jax.models.normalization import Summed


class ConvolutionsInTurn(nn.Module):
  """Part of a residual block in the place of one convolution.

  Attributes:
    convolutions: `architectures.Convolution`s, see `convolve_in_turn`.
    channel_multiple: see `convolve_in_turn`.
    conv: makes a convolution.
    norm: makes a batch norm.
    fuse: see `convolve_in_turn`.
  """

  convolutions: tuple[architectures.Convolution, ...]
  channel_multiple: int
  conv: Callable
  norm: Callable
  fuse: bool = False

  @nn.compact
  def __call__(self, x, *, train):
    return convolve_in_turn(
      x,
      self.convolutions,
      channel_multiple=self.channel_multiple,
      conv=self.conv,
      norm=self.norm,
      train=train,
      fuse=self.fuse,
    )


class ResidualBlock(nn.Module):
  """Two convolutions beside a shortcut ('Conv Block' in Table I).

  Attributes:
    block: the `architectures.Block` to compute.
    channel_multiple: see `convolve_in_turn`.
    conv: makes a convolution.
    norm: makes a batch norm.
    fuse: see `convolve_in_turn`.
  """

  block: architectures.Block
  channel_multiple: int
  conv: Callable
  norm: Callable
  fuse: bool = False

  @nn.compact
  def __call__(self, x, *, train):
    y = self._convolve(self.block.conv1, 'conv1')(x, train=train)
    y = self.norm(name='norm1')(y, train=train, relu=True)
    y = self._convolve(self.block.conv2, 'conv2')(y, train=train)
    if self.block.shortcut is not None:
      name, features, kernel_size, strides, norm = self.block.shortcut
      x = self.conv(features, kernel_size, strides, name=name)(x)
      x = self.norm(name=norm)(x, train=train)
    return self.norm(name='norm2')(y, train=train, residual=x, relu=True)

  def _convolve(self, convolutions, name):
    return ConvolutionsInTurn(
      convolutions,
      self.channel_multiple,
      self.conv,
      self.norm,
      self.fuse,
      name=name,
    )


def convolve_in_turn(
  x: Float[Array, 'b t h w c'],
  convolutions: tuple[architectures.Convolution, ...],
  *,
  channel_multiple: int,
  conv: Callable,
  norm: Callable,
  train: bool,
  fuse: bool = False,
) -> Float[Array, 'b t2 h2 w2 features'] | Summed:
  """Convolves one after the other, each with its batch norm and a ReLU.

  Args:
    x: float [b, t, h, w, c].
    convolutions: `architectures.Convolution`s.
    channel_multiple: the channels between two of them are filled up with zeros
      to a multiple of this; see `encoders.Encoder`.
    conv: makes a convolution.
    norm: makes a batch norm.
    train: see `normalization.BatchNorm`.
    fuse: whether a convolution over time alone computes the batch norm before
      it as well, in one kernel of our own.

  Returns:
    float [b, t', h', w', features of the last]; with their sums if a kernel
    of our own has summed them.
  """
  in_padding = 0
  for i, (name, features, kernel_size, strides, norm_name) in enumerate(
    convolutions
  ):
    behind = convolutions[i + 1 :]
    padding = -features % channel_multiple if behind else 0
    x = conv(
      features,
      kernel_size,
      strides,
      in_padding=in_padding,
      out_padding=padding,
      name=name,
    )(x)
    if norm_name is not None:
      # The last of a stem is followed by blocks, which read it as it is.
      x = norm(padding=padding, name=norm_name)(
        x,
        train=train,
        relu=True,
        defer=fuse
        and bool(behind)
        and is_temporal(behind[0].kernel_size, behind[0].strides),
      )
    in_padding = padding
  return x
