"""The augmentations of a view: of each its settings, what it draws and does.

An augmentation is a frozen dataclass with the keys of its node of the config;
defaults are the paper's. Three always say which part of the video a view is:
`temporal`, `crop` and `flip`. The others change pixels, one after another: to
add one is to write its class and name it in `ViewOptions`.
"""

import abc
import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import Key

from stclr_jax.errors import UserError
from stclr_jax.views import color
from stclr_jax.views import draws
from stclr_jax.views import spatial
from stclr_jax.views import temporal

# Of the pixels of Kinetics-400; torchvision's video weights and the first
# author's loader (pytorch-VideoDataloader, README) normalise so.
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


@dataclasses.dataclass(frozen=True)
class Temporal:
  """Which frames of its video a view takes.

  Attributes:
    enabled: if not (Table IV), frames are taken at equal distances.
    variant: 'paper' or 'author_code'; see `temporal.sample`.
    probabilities: of random, uniform and sequential sampling; () for the
      variant's own.
    distance: how far apart the middles of the two clips of a pair may be, as
      a share of the video in [0, 1]; 1 (the paper has no such limit) is
      anywhere, 0 the same middle.
  """

  enabled: bool = True
  variant: str = 'paper'
  probabilities: tuple[float, float, float] | tuple[()] = ()
  distance: float = 1.0

  def __post_init__(self):
    temporal.check_options(self.probabilities or None, self.variant)
    if not 0 <= self.distance <= 1:
      raise UserError(
        f'`views.temporal.distance` (={self.distance}) must lie between 0 (the '
        'two clips of a pair have the same middle) and 1 (they are anywhere).'
      )

  def draw(
    self,
    key: Key[Array, ''],
    num_video_frames: Int32[Array, ''] | int,
    *,
    num_frames: int,
    partner: Key[Array, ''] | None = None,
  ) -> Int32[Array, ' num_frames']:
    """Draws frame indices.

    Args:
      key: see `temporal.sample`.
      num_video_frames: see `temporal.sample`.
      num_frames: see `temporal.sample`.
      partner: key of the clip that this one must be near, for a `distance`
        below 1; None for none.

    Returns:
      int32 [num_frames]; see `temporal.sample`, `temporal.sample_near`.
    """
    sample = functools.partial(
      temporal.sample,
      num_video_frames=num_video_frames,
      num_frames=num_frames,
      probabilities=self.probabilities or None
      if self.enabled
      else temporal.ONLY_UNIFORM,
      variant=self.variant,
    )
    if partner is None:
      return sample(key)
    return temporal.sample_near(
      key, sample(partner), sample, num_video_frames, distance=self.distance
    )

  def describe(
    self, indices: Int32[Array | np.ndarray, ' n'], length: int
  ) -> str:
    """Names the frames that were taken of a video of `length`."""
    uniform = temporal.sample_uniform(length, num_frames=len(indices))
    if np.array_equal(indices, uniform):
      how = 'at equal distances'
    elif length >= len(indices) and (np.diff(indices) == 1).all():
      how = 'consecutive'
    else:
      how = 'irregular'
    return f'frames {" ".join(map(str, indices.tolist()))} ({how})'


@dataclasses.dataclass(frozen=True)
class Crop:
  """Which box of its frames a view shows.

  Attributes:
    enabled: if not (Table IV), the box is the evaluation's centre square.
    area: see `spatial.draw_crop`.
    aspect: see `spatial.draw_crop`.
  """

  enabled: bool = True
  area: tuple[float, float] = (0.2, 1.0)  # chosen: ActiveFER
  aspect: tuple[float, float] = (3 / 4, 4 / 3)  # chosen: torchvision

  def __post_init__(self):
    spatial.check_crop(self.area, self.aspect)

  def draw(
    self, key: Key[Array, ''], frame_size: tuple[int, int]
  ) -> spatial.Box:
    """Draws a box in frames of (height, width) pixels."""
    if not self.enabled:
      return spatial.centre_square(frame_size)
    return spatial.draw_crop(
      key, frame_size, area=self.area, aspect=self.aspect
    )

  def describe(self, box: spatial.Box, frame_size: tuple[int, int]) -> str:
    """Says which box was drawn in frames of (height, width) pixels."""
    top, left, height, width = map(int, box)
    share = height * width / (frame_size[0] * frame_size[1])
    return (
      f'crop {width} x {height} at ({left}, {top}), {share:.0%} of the frame'
    )


@dataclasses.dataclass(frozen=True)
class Flip:
  """Says whether a view is mirrored.

  Attributes:
    enabled: if not (Table IV), none is.
    probability: in [0, 1].
  """

  enabled: bool = True
  probability: float = 0.5  # chosen: torchvision

  def __post_init__(self):
    draws.check_probability('flip.probability', self.probability)

  def draw(self, key: Key[Array, '']) -> Bool[Array, '']:
    """Draws whether; see `spatial.draw_flip`."""
    probability = self.probability if self.enabled else 0.0
    return spatial.draw_flip(key, probability=probability)

  def describe(self, flip: Bool[Array | np.ndarray, ''] | bool) -> str:
    """Says whether."""
    return 'mirrored' if flip else 'not mirrored'


class PixelAugmentation(abc.ABC):
  """Base of an augmentation that changes the pixels of a clip.

  Switched off by its `enabled`, it draws nothing and is not part of the
  program. Albumentations calls such transforms pixel-level.
  """

  enabled: bool

  @abc.abstractmethod
  def draw(self, key: Key[Array, '']) -> Any:
    """Draws what happens to a clip, alike on every device: see `draws`.

    Args:
      key: typed key, of this augmentation alone.

    Returns:
      An array or a NamedTuple of arrays.
    """

  @abc.abstractmethod
  def apply(
    self, clip: Float32[Array, 't h w 3'], drawn: Any
  ) -> Float32[Array, 't h w 3']:
    """Changes all frames of a clip in the way drawn.

    Args:
      clip: float32 [t, h, w, 3] in [0, 1].
      drawn: of `draw`.

    Returns:
      The same shape, dtype and range.
    """

  @abc.abstractmethod
  def describe(self, drawn: Any) -> str:
    """Says on the contact sheet what was drawn, of NumPy values."""

  def parts(self, drawn: Any) -> list[tuple[str, Any]]:
    """Takes apart what was drawn, if it is several operations (Figure 2).

    Args:
      drawn: of `draw`.

    Returns:
      Pairs (name, what would have been drawn if that were all).
    """
    return []


@dataclasses.dataclass(frozen=True)
class Color(PixelAugmentation):
  """Distortion of colours; see `color.draw_color`.

  Attributes:
    enabled: if not (Table IV), colours stay as they are.
    probability: in [0, 1], of any change at all.
    brightness: strength.
    contrast: strength.
    saturation: strength.
    hue: strength, in turns.
  """

  enabled: bool = True
  probability: float = 0.8  # chosen: SimCLR, ActiveFER
  brightness: float = 0.4  # chosen: these four are of ActiveFER, pre_train.py
  contrast: float = 0.4
  saturation: float = 0.4
  hue: float = 0.1

  def __post_init__(self):
    draws.check_probability('color.probability', self.probability)
    color.check_strengths(self._strengths)

  def draw(self, key: Key[Array, '']) -> color.ColorDistortion:
    """Draws a distortion."""
    return color.draw_color(
      key, strengths=self._strengths, probability=self.probability
    )

  def apply(
    self, clip: Float32[Array, 't h w 3'], drawn: color.ColorDistortion
  ) -> Float32[Array, 't h w 3']:
    """Distorts the colours; see `color.apply_color`."""
    return color.apply_color(clip, drawn)

  def describe(self, drawn: color.ColorDistortion) -> str:
    """Says which factors, in their order."""
    *factors, hue = map(float, drawn[1:])
    if (*factors, hue) == (1, 1, 1, 0):
      return 'colours as they are'
    words = [
      f'{name} x{factor:.2f}'
      for name, factor in zip(color.NAMES[:-1], factors, strict=True)
    ]
    words.append(f'hue {360 * hue:+.0f}°')
    return ', '.join(words[i] for i in drawn.order)

  def parts(
    self, drawn: color.ColorDistortion
  ) -> list[tuple[str, color.ColorDistortion]]:
    """Each of the four alone, but for those whose strength is 0."""
    one = jnp.float32(1)
    nothing = color.ColorDistortion(drawn.order, one, one, one, 0 * one)
    return [
      (name, nothing._replace(**{name: getattr(drawn, name)}))
      for name, strength in zip(color.NAMES, self._strengths, strict=True)
      if strength
    ]

  @property
  def _strengths(self):
    return self.brightness, self.contrast, self.saturation, self.hue


@dataclasses.dataclass(frozen=True)
class ViewOptions:
  """Options of views; hashable, so that they can be static under `jit`.

  Attributes:
    num_frames: frames of a clip.
    size: height and width of a view in pixels.
    temporal: which frames.
    crop: which box of them.
    flip: whether they are mirrored.
    color: distortion of colours; from here on, what changes pixels, in the
      order in which it does.
    mean: of red, green and blue, in [0, 1]; subtracted.
    std: of red, green and blue; divided by.
    rest: whether the video's first frame stands before those of the clip and
      is treated as they are; not the paper's, see `heads.INPUTS`.
  """

  num_frames: int = 16  # Sec. IV.A
  size: int = 224  # Sec. IV.A
  temporal: Temporal = Temporal()
  crop: Crop = Crop()
  flip: Flip = Flip()
  color: Color = Color()
  mean: tuple[float, float, float] = KINETICS_MEAN
  std: tuple[float, float, float] = KINETICS_STD
  # Of the network, not of `config.views`.
  rest: bool = dataclasses.field(default=False, metadata={'config': False})

  def __post_init__(self):
    for name in ('num_frames', 'size'):
      if getattr(self, name) < 1:
        raise UserError(f'`{name}` (={getattr(self, name)}) must be positive.')
    if min(self.std) <= 0:
      raise UserError(f'`std` (={self.std}) must be positive.')

  @property
  def frames_taken(self) -> int:
    """Frames of a view: those of the clip, and the one at rest."""
    return self.num_frames + self.rest

  @property
  def pixel_augmentations(self) -> tuple[PixelAugmentation, ...]:
    """The augmentations that change pixels, in their order."""
    values = (getattr(self, field.name) for field in dataclasses.fields(self))
    return tuple(v for v in values if isinstance(v, PixelAugmentation))
