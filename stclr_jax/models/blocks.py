"""The residual blocks of Tables I and III, and the convolutions in them."""

import functools
from collections.abc import Callable
from collections.abc import Sequence

from flax import linen as nn


def mid_features(in_features, features):
  """N_i: features between the halves of a (2+1)D block.

  Chosen so that the pair has as many parameters as the 3x3x3 convolution that
  it replaces; computed once per residual block, from the block's own input
  and output, and used by both of its convolutions (hence 230, 460 and 921 in
  Table I also where the input already has the stage's features).

  Args:
    in_features: channels entering the residual block (M_{i-1}).
    features: channels leaving it (M_i).

  Returns:
    N_i as an int.

  Source: Tran et al. 2018 (arXiv:1711.11248), Sec. 3.5; torchvision
    `BasicBlock`.
  """
  return (in_features * features * 27) // (in_features * 9 + features * 3)


class Conv2Plus1D(nn.Module):
  """A 2D convolution in space, then a 1D convolution in time (Figure 3).

  Attributes:
    features: output channels M_i.
    mid_features: channels between the two, N_i.
    stride: of space in the first half and of time in the second.
    channel_multiple: the channels between the halves are filled up with zeros
      to a multiple of this; see `encoders.Encoder`.
    conv: makes a convolution.
    norm: makes a batch norm; one sits between the halves, before a ReLU.
  """

  features: int
  mid_features: int
  stride: int
  channel_multiple: int
  conv: Callable
  norm: Callable

  @nn.compact
  def __call__(self, x, *, train):
    s = self.stride
    padding = -self.mid_features % self.channel_multiple
    x = self.conv(
      self.mid_features,
      (1, 3, 3),
      (1, s, s),
      out_padding=padding,
      name='spatial',
    )(x)
    x = self.norm(padding=padding, name='norm')(x, train=train, relu=True)
    return self.conv(
      self.features,
      (3, 1, 1),
      (s, 1, 1),
      in_padding=padding,
      name='temporal',
    )(x)


class Conv3D(nn.Module):
  """A single convolution with the interface of `Conv2Plus1D`.

  Attributes:
    features: output channels.
    kernel_size: extent in (t, h, w).
    strides: step in (t, h, w).
    conv: makes a convolution.
  """

  features: int
  kernel_size: Sequence[int]
  strides: Sequence[int]
  conv: Callable

  @nn.compact
  def __call__(self, x, *, train):
    del train  # Nothing in here behaves differently in training.
    return self.conv(
      self.features, self.kernel_size, self.strides, name='conv'
    )(x)


class ResidualBlock(nn.Module):
  """Two convolutions beside a shortcut ('Conv Block' in Table I).

  Attributes:
    features: output channels.
    stride: of space, and of time unless `flat`, in the first
      convolution; the shortcut then is a 1x1x1 convolution ('Residual
      layer').
    architecture: decides the convolution, with `flat`.
    flat: whether an mc3_18 block has left time behind (stages 2 to 4).
    channel_multiple: see `Conv2Plus1D`.
    conv: makes a convolution.
    norm: makes a batch norm.
  """

  features: int
  stride: int
  architecture: str
  flat: bool
  channel_multiple: int
  conv: Callable
  norm: Callable

  @nn.compact
  def __call__(self, x, *, train):
    make_conv = self._conv_maker(x.shape[-1])
    y = make_conv(self.stride, name='conv1')(x, train=train)
    y = self.norm(name='norm1')(y, train=train, relu=True)
    y = make_conv(1, name='conv2')(y, train=train)
    if x.shape[-1] != self.features or self.stride != 1:
      strides = (1 if self.flat else self.stride, self.stride, self.stride)
      x = self.conv(self.features, (1, 1, 1), strides, name='downsample')(x)
      x = self.norm(name='downsample_norm')(x, train=train)
    return self.norm(name='norm2')(y, train=train, residual=x, relu=True)

  def _conv_maker(self, in_features):
    if self.architecture == 'r2plus1d_18':
      return functools.partial(
        Conv2Plus1D,
        self.features,
        mid_features(in_features, self.features),
        channel_multiple=self.channel_multiple,
        conv=self.conv,
        norm=self.norm,
      )
    kernel_size = (1, 3, 3) if self.flat else (3, 3, 3)

    def make(stride, name):
      strides = (1 if self.flat else stride, stride, stride)
      return Conv3D(
        self.features, kernel_size, strides, conv=self.conv, name=name
      )

    return make
