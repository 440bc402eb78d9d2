"""Options of the views; their defaults are those of the paper's config."""

import dataclasses

from stclr_jax.errors import UserError
from stclr_jax.views import color
from stclr_jax.views import spatial
from stclr_jax.views import temporal

# Of the pixels of Kinetics-400; torchvision's video weights and the first
# author's loader (pytorch-VideoDataloader, README) normalise so.
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


@dataclasses.dataclass(frozen=True)
class ViewOptions:
  """How views are drawn; hashable, so that it can be static under `jit`.

  Attributes:
    num_frames: frames of a clip.
    size: height and width of a view in pixels.
    temporal_probabilities: of random, uniform and sequential sampling; None
      for the variant's own, (0, 1, 0) for temporal sampling switched off.
    temporal_variant: 'paper' or 'author_code'; see `temporal.sample`.
    crop_enabled: whether crops are random; if not, all are the evaluation's.
    crop_area: see `spatial.draw_crop`.
    crop_aspect: see `spatial.draw_crop`.
    flip_probability: 0 for flips switched off.
    color_probability: 0 for colour distortion switched off.
    color_strengths: of brightness, contrast, saturation and hue; see
      `color.draw_color`.
    mean: of red, green and blue, in [0, 1]; subtracted.
    std: of red, green and blue; divided by.
  """

  num_frames: int = 16  # Sec. IV.A
  size: int = 224  # Sec. IV.A
  temporal_probabilities: tuple[float, float, float] | None = None
  temporal_variant: str = 'paper'
  crop_enabled: bool = True
  crop_area: tuple[float, float] = (0.2, 1.0)  # chosen: ActiveFER
  crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)  # chosen: torchvision
  flip_probability: float = 0.5  # chosen: torchvision
  color_probability: float = 0.8  # chosen: SimCLR, ActiveFER
  color_strengths: tuple[float, float, float, float] = (
    *(0.4, 0.4, 0.4, 0.1),  # chosen: ActiveFER, pre_train.py
  )
  mean: tuple[float, float, float] = KINETICS_MEAN
  std: tuple[float, float, float] = KINETICS_STD

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if isinstance(value, list):  # as JSON has them; not hashable
        object.__setattr__(self, field.name, tuple(value))
    for name in ('num_frames', 'size'):
      if getattr(self, name) < 1:
        raise UserError(f'`{name}` (={getattr(self, name)}) must be positive.')
    for name in ('flip_probability', 'color_probability'):
      if not 0 <= getattr(self, name) <= 1:
        raise UserError(
          f'`{name}` (={getattr(self, name)}) must lie between 0 (never) and '
          '1 (always).'
        )
    if min(self.std) <= 0:
      raise UserError(f'`std` (={self.std}) must be positive.')
    temporal.check_options(self.temporal_probabilities, self.temporal_variant)
    spatial.check_crop(self.crop_area, self.crop_aspect)
    color.check_strengths(self.color_strengths)
