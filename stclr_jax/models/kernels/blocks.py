"""Sizes of a convolution over time, and of the blocks it is computed in."""

from typing import NamedTuple


class Geometry(NamedTuple):
  """A convolution over time.

  Attributes:
    clips: b.
    frames: of the input, t.
    pixels: of a frame, h * w.
    in_features: channels of the input, those that are padding included.
    features: channels of the output.
    extent: taps of the kernel, odd.
    stride: in time.
  """

  clips: int
  frames: int
  pixels: int
  in_features: int
  features: int
  extent: int
  stride: int

  @property
  def out_frames(self) -> int:
    """Frames of the output."""
    return -(-self.frames // self.stride)

  @property
  def rows(self) -> int:
    """Pixels of all clips, each of which is convolved by itself."""
    return self.clips * self.pixels

  @property
  def inputs(self) -> int:
    """Numbers in the input."""
    return self.rows * self.frames * self.in_features

  @property
  def outputs(self) -> int:
    """Numbers in the output."""
    return self.rows * self.out_frames * self.features

  @property
  def weights(self) -> int:
    """Numbers in the kernel."""
    return self.extent * self.in_features * self.features

  @property
  def flops(self) -> int:
    """Of the convolution, and of either gradient, ends of clips included."""
    return 2 * self.outputs * self.extent * self.in_features


class Blocks(NamedTuple):
  """Sizes of a program of the convolution or of its input's gradient.

  All but `stages` are powers of two.

  Attributes:
    rows: pixels.
    features: channels of what is written.
    chunk: channels of what is read that are multiplied at once.
    resident: whether the kernel is fetched once for all frames, which takes
      room, instead of once a frame.
    warps: of 32 threads.
    stages: fetches under way at once.
  """

  rows: int
  features: int
  chunk: int
  resident: bool
  warps: int
  stages: int


class WeightBlocks(NamedTuple):
  """Sizes of a program of the kernel's gradient.

  Attributes:
    rows: pixels that are added up at once.
    in_features: channels of the input.
    features: channels of the output.
    programs: at least so many in all; the pixels are dealt out to them.
    warps: of 32 threads.
    stages: fetches under way at once.
  """

  rows: int
  in_features: int
  features: int
  programs: int
  warps: int
  stages: int


def power_of_two(n: int) -> int:
  """Rounds up to a power of two.

  Args:
    n: positive int.

  Returns:
    An int.
  """
  return 1 << (n - 1).bit_length()
