"""The networks of Tables I and III as data: all convolutions of each.

`encoders` computes what stands here, the roofline counts it, and weights from
elsewhere are named by it. A network is added by its entry in `ARCHITECTURES`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

from stclr_jax.errors import UserError


class Convolution(NamedTuple):
  """One convolution, padded by half its kernel.

  Attributes:
    name: of its module.
    features: output channels.
    kernel_size: extent in (t, h, w), each odd.
    strides: step in (t, h, w).
    norm: name of the batch norm behind it; None where the residual block has
      one of its own.
  """

  name: str
  features: int
  kernel_size: tuple[int, int, int]
  strides: tuple[int, int, int]
  norm: str | None = None


class Block(NamedTuple):
  """Two convolutions beside a shortcut ('Conv Block' in Table I).

  Attributes:
    name: of its module.
    conv1: convolutions that together are the block's first.
    conv2: those that are its second.
    shortcut: the 1x1x1 convolution beside them ('Residual layer'); None where
      the block's input is added as it is.
  """

  name: str
  conv1: tuple[Convolution, ...]
  conv2: tuple[Convolution, ...]
  shortcut: Convolution | None


class Stage(NamedTuple):
  """Residual blocks of one size; the first of them halves it, but in stage 1.

  Attributes:
    features: output channels of each block, M_i.
    num_blocks: how many.
    convolution: `convolution(in_features, features, stride)` gives what a
      block has in the place of a convolution, such as `convolution_3d`.
  """

  features: int
  num_blocks: int
  convolution: Callable[[int, int, int], tuple[Convolution, ...]]


@dataclasses.dataclass(frozen=True)
class Architecture:
  """A residual network of the family of torchvision's video networks.

  Attributes:
    stem: the first convolutions, each with its batch norm.
    stages: what follows, 'layer1' and on.
  """

  stem: tuple[Convolution, ...]
  stages: tuple[Stage, ...]

  def scaled(self, width: float) -> 'Architecture':
    """Scales every number of features.

    Args:
      width: positive factor; a number becomes the nearest int, at least 1.

    Returns:
      An `Architecture`.
    """

    def scale(part):
      return part._replace(features=max(1, round(part.features * width)))

    return Architecture(
      tuple(map(scale, self.stem)), tuple(map(scale, self.stages))
    )

  def blocks(self) -> list[Block]:
    """Lists the residual blocks in the order of computation.

    Returns:
      A list of `Block`.
    """
    found = []
    in_features = self.stem[-1].features
    for number, stage in enumerate(self.stages, start=1):
      for i in range(stage.num_blocks):
        stride = 2 if number > 1 and i == 0 else 1
        name = f'layer{number}_{i}'
        found.append(make_block(name, stage, in_features, stride))
        in_features = stage.features
    return found


def make_block(name: str, stage: Stage, in_features: int, stride: int) -> Block:
  """Makes a residual block.

  Args:
    name: of its module.
    stage: the `Stage` that it is in.
    in_features: channels entering it, M_{i-1}.
    stride: of its first convolution.

  Returns:
    A `Block`.
  """
  conv1, conv2 = (
    stage.convolution(in_features, stage.features, s) for s in (stride, 1)
  )
  shortcut = None
  if in_features != stage.features or stride != 1:
    steps = zip(*(part.strides for part in conv1), strict=True)
    t, h, w = map(math.prod, steps)
    shortcut = Convolution(
      'downsample', stage.features, (1, 1, 1), (t, h, w), 'downsample_norm'
    )
  return Block(name, conv1, conv2, shortcut)


def convolution_3d(
  in_features: int, features: int, stride: int
) -> tuple[Convolution, ...]:
  """A convolution over time and space, '3D' in Table III."""
  del in_features
  return (Convolution('conv', features, (3, 3, 3), (stride, stride, stride)),)


def convolution_2d(
  in_features: int, features: int, stride: int
) -> tuple[Convolution, ...]:
  """A convolution that leaves time as it is, '2D' in Table III."""
  del in_features
  return (Convolution('conv', features, (1, 3, 3), (1, stride, stride)),)


def convolution_2plus1d(
  in_features: int, features: int, stride: int
) -> tuple[Convolution, ...]:
  """A 2D convolution in space, then a 1D convolution in time (Figure 3)."""
  mid = mid_features(in_features, features)
  return (
    Convolution('spatial', mid, (1, 3, 3), (1, stride, stride), 'norm'),
    Convolution('temporal', features, (3, 1, 1), (stride, 1, 1)),
  )


def mid_features(in_features: int, features: int) -> int:
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


def find(architecture: str | Architecture) -> Architecture:
  """Finds a network by its name.

  Args:
    architecture: a name in `ARCHITECTURES`, or an `Architecture` itself.

  Returns:
    An `Architecture`.

  Raises:
    ValueError: for another name.
  """
  if isinstance(architecture, Architecture):
    return architecture
  if architecture not in ARCHITECTURES:
    raise UserError(
      f'`architecture` (={architecture!r}) must be one of '
      f'{", ".join(ARCHITECTURES)}.'
    )
  return ARCHITECTURES[architecture]


def _resnet_18(stem, *convolutions):
  """18 layers: four stages of two blocks (Table I)."""
  stages = zip((64, 128, 256, 512), convolutions, strict=True)
  return Architecture(stem, tuple(Stage(m, 2, conv) for m, conv in stages))


_STEM_3D = (Convolution('stem', 64, (3, 7, 7), (1, 2, 2), 'stem_norm'),)
_STEM_2PLUS1D = (  # Table I, first row
  Convolution('stem_spatial', 45, (1, 7, 7), (1, 2, 2), 'stem_spatial_norm'),
  Convolution('stem_temporal', 64, (3, 1, 1), (1, 1, 1), 'stem_norm'),
)

# Sources: Table I, Table III and Fig. 4; torchvision.models.video.
ARCHITECTURES = {
  'r2plus1d_18': _resnet_18(_STEM_2PLUS1D, *[convolution_2plus1d] * 4),
  'r3d_18': _resnet_18(_STEM_3D, *[convolution_3d] * 4),
  'mc3_18': _resnet_18(_STEM_3D, convolution_3d, *[convolution_2d] * 3),
}
