"""The encoders of Tables I and III: R(2+1)D-18, R3D-18 and MC3-18.

Three residual networks that differ only in the convolution they are built
of. `r2plus1d_18` is the paper's Table I and, channel for channel,
torchvision's network of the same name; so are the other two, which the paper
calls '3D' and 'Mixed 2D and 3D'. Arrays are channels-last [b, t, h, w, c];
Table I prints [c, t, h, w]. Submodules carry torchvision's names, so that
weights map one to one.
"""

import functools
from collections.abc import Callable
from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn

from stclr_jax.models.convolutions import Conv
from stclr_jax.models.normalization import BatchNorm

ARCHITECTURES = ('r2plus1d_18', 'r3d_18', 'mc3_18')

STAGE_FEATURES = (64, 128, 256, 512)  # Table I
STEM_MID_FEATURES = 45  # Table I, first row
BLOCKS_PER_STAGE = 2  # Table I: 18 layers

# Four halvings of the height leave nothing of a smaller image but padding.
MIN_IMAGE_SIZE = 16


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
    conv: makes a convolution.
    norm: makes a batch norm; one sits between the halves, before a ReLU.
  """

  features: int
  mid_features: int
  stride: int
  conv: Callable
  norm: Callable

  @nn.compact
  def __call__(self, x, *, train):
    s = self.stride
    x = self.conv(self.mid_features, (1, 3, 3), (1, s, s), name='spatial')(x)
    x = nn.relu(self.norm(name='norm')(x, train=train))
    return self.conv(self.features, (3, 1, 1), (s, 1, 1), name='temporal')(x)


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
    stride: of space, and of time where `strides_time`, in the first
      convolution; the shortcut then is a 1x1x1 convolution ('Residual
      layer').
    architecture: decides the convolution, with `flat`.
    flat: whether an mc3_18 block has left time behind (stages 2 to 4).
    conv: makes a convolution.
    norm: makes a batch norm.
  """

  features: int
  stride: int
  architecture: str
  flat: bool
  conv: Callable
  norm: Callable

  @nn.compact
  def __call__(self, x, *, train):
    make_conv = self._conv_maker(x.shape[-1])
    y = make_conv(self.stride, name='conv1')(x, train=train)
    y = nn.relu(self.norm(name='norm1')(y, train=train))
    y = make_conv(1, name='conv2')(y, train=train)
    y = self.norm(name='norm2')(y, train=train)
    if x.shape[-1] != self.features or self.stride != 1:
      strides = (1 if self.flat else self.stride, self.stride, self.stride)
      x = self.conv(self.features, (1, 1, 1), strides, name='downsample')(x)
      x = self.norm(name='downsample_norm')(x, train=train)
    return nn.relu(x + y)

  def _conv_maker(self, in_features):
    if self.architecture == 'r2plus1d_18':
      return functools.partial(
        Conv2Plus1D,
        self.features,
        mid_features(in_features, self.features),
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


class Encoder(nn.Module):
  """Encodes clips into representations h = f(x).

  Attributes:
    architecture: 'r2plus1d_18' (Table I), 'r3d_18' or 'mc3_18' (Table III).
    width: factor on every number of features; 1 is the paper's, smaller ones
      are for laptops and tests.
    dtype: dtype of the arithmetic; parameters and statistics stay float32.
    momentum: of the batch statistics, see `BatchNorm`.
    epsilon: of the batch norms.
    axis_name: device axis over which batch norm synchronises, or None.
    lowering: see `convolutions.Conv`.

  Source: ST-CLR Table I and Fig. 4; torchvision.models.video.
  """

  architecture: str = 'r2plus1d_18'
  width: float = 1.0
  dtype: jnp.dtype = jnp.float32
  momentum: float = 0.9
  epsilon: float = 1e-5
  axis_name: str | None = None
  lowering: str = 'auto'

  @nn.compact
  def __call__(self, clips, *, train):
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
    conv = functools.partial(Conv, dtype=self.dtype, lowering=self.lowering)
    norm = functools.partial(
      BatchNorm,
      momentum=self.momentum,
      epsilon=self.epsilon,
      dtype=self.dtype,
      axis_name=self.axis_name,
    )
    scaled = functools.partial(scale_features, width=self.width)

    x = clips
    if self.architecture == 'r2plus1d_18':
      x = conv(
        scaled(STEM_MID_FEATURES), (1, 7, 7), (1, 2, 2), name='stem_spatial'
      )(x)
      x = nn.relu(norm(name='stem_spatial_norm')(x, train=train))
      x = conv(scaled(STAGE_FEATURES[0]), (3, 1, 1), name='stem_temporal')(x)
    else:
      x = conv(scaled(STAGE_FEATURES[0]), (3, 7, 7), (1, 2, 2), name='stem')(x)
    x = nn.relu(norm(name='stem_norm')(x, train=train))

    for stage, features in enumerate(STAGE_FEATURES, start=1):
      for block in range(BLOCKS_PER_STAGE):
        x = ResidualBlock(
          scaled(features),
          stride=2 if stage > 1 and block == 0 else 1,
          architecture=self.architecture,
          flat=self.architecture == 'mc3_18' and stage > 1,
          conv=conv,
          norm=norm,
          name=f'layer{stage}_{block}',
        )(x, train=train)

    x = x.astype(jnp.promote_types(jnp.float32, x.dtype))
    return x.mean((-4, -3, -2))  # [b, t, h, w, c] -> [b, c]

  def _check(self, shape):
    if self.architecture not in ARCHITECTURES:
      raise ValueError(
        f'`architecture` (={self.architecture!r}) must be one of '
        f'{", ".join(ARCHITECTURES)}.'
      )
    if len(shape) != 5 or shape[-1] != 3:
      raise ValueError(
        f'`clips` (of shape {shape}) must be [b, t, h, w, 3], channels last.'
      )
    if min(shape[2:4]) < MIN_IMAGE_SIZE:
      raise ValueError(
        f'The image size of `clips` (={shape[2]}x{shape[3]}) must be at least '
        f'{MIN_IMAGE_SIZE}x{MIN_IMAGE_SIZE}, because the encoder halves it '
        'four times; raise `views.size`.'
      )


def scale_features(features, *, width):
  """Scales a number of features, at least one.

  Args:
    features: the paper's number.
    width: positive factor.

  Returns:
    The nearest int, at least 1.
  """
  return max(1, round(features * width))
