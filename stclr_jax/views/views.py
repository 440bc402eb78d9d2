"""Views: clips sampled from videos and augmented, on the device.

All that is random in a view follows from (seed, epoch, video, view): the same
view can be drawn again in any batch, on any device, after any interruption.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from stclr_jax.errors import UserError
from stclr_jax.views import color
from stclr_jax.views import spatial
from stclr_jax.views import temporal

# Of the pixels of Kinetics-400; torchvision's video weights and the first
# author's loader (pytorch-VideoDataloader, README) normalise so.
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


class Frames(NamedTuple):
  """The frames of some videos, one video after another.

  Attributes:
    frames: of all videos, uint8 [F, h, w, 3]; None where clips are handed over
      with their video.
    first: index of each video's first frame, int32 [num_videos].
    length: number of each video's frames, int32 [num_videos].
  """

  frames: jax.Array | None
  first: jax.Array
  length: jax.Array


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


class ViewParameters(NamedTuple):
  """All that is random in one view.

  Attributes:
    indices: frames of the video, int32 [num_frames].
    box: the crop, a `spatial.Box`.
    flip: whether the view is mirrored, bool [].
    color: a `color.ColorDistortion`.
  """

  indices: jax.Array
  box: spatial.Box
  flip: jax.Array
  color: color.ColorDistortion


def view_key(seed, epoch, video, view):
  """Makes the key of a view.

  Args:
    seed: int, of the run.
    epoch: int32 [], counted from 0.
    video: int32 [], index of the video in its store.
    view: int32 [], number of the view of that video in that epoch.

  Returns:
    Typed key [].
  """
  # Named: JAX's default may be set to generators whose numbers depend on the
  # batch under `vmap`.
  key = jax.random.key(seed, impl='threefry2x32')
  for number in (epoch, video, view):
    key = jax.random.fold_in(key, number)
  return key


def draw_parameters(key, num_video_frames, frame_size, *, options):
  """Draws the parameters of a view.

  Args:
    key: see `view_key`.
    num_video_frames: frames in the video, int32 [].
    frame_size: (height, width) of a frame in pixels; static.
    options: a `ViewOptions`.

  Returns:
    A `ViewParameters`.
  """
  # One key each: switching one augmentation off leaves the others as drawn.
  key_frames, key_crop, key_flip, key_color = jax.random.split(key, 4)
  indices = temporal.sample(
    key_frames,
    num_video_frames,
    num_frames=options.num_frames,
    probabilities=options.temporal_probabilities,
    variant=options.temporal_variant,
  )
  if options.crop_enabled:
    box = spatial.draw_crop(
      key_crop, frame_size, area=options.crop_area, aspect=options.crop_aspect
    )
  else:
    box = spatial.centre_square(frame_size)
  return ViewParameters(
    indices=indices,
    box=box,
    flip=spatial.draw_flip(key_flip, probability=options.flip_probability),
    color=color.draw_color(
      key_color,
      strengths=options.color_strengths,
      probability=options.color_probability,
    ),
  )


def apply_parameters(clip, parameters, *, options):
  """Augments a clip.

  Args:
    clip: uint8 [t, h, w, 3], the frames of `parameters.indices`.
    parameters: a `ViewParameters`.
    options: a `ViewOptions`.

  Returns:
    float32 [t, size, size, 3] in [0, 1].
  """
  clip = _crop(clip, parameters.box, parameters.flip, options.size)
  if options.color_probability > 0 and any(options.color_strengths):
    clip = color.apply_color(clip, parameters.color)
  return clip


def draw_view(frames, video, clip=None, *, seed, epoch, view, options):
  """Draws one view of one video.

  Args:
    frames: `Frames` of all videos.
    video: which video, int32 [].
    clip: the frames that the view takes, uint8 [t, h, w, 3], where somebody
      has read them already (`data.clips`); None to take them from `frames`.
    seed: see `view_key`.
    epoch: see `view_key`.
    view: see `view_key`.
    options: a `ViewOptions`.

  Returns:
    float32 [t, size, size, 3], normalised; bit for bit the same wherever the
    frames come from.
  """
  height, width = (frames.frames if clip is None else clip).shape[-3:-1]
  parameters = draw_parameters(
    view_key(seed, epoch, video, view),
    frames.length[video],
    (height, width),
    options=options,
  )
  clip = _take(frames, video, parameters.indices, clip)
  clip = apply_parameters(clip, parameters, options=options)
  return normalize(clip, options.mean, options.std)


def draw_views(frames, videos, clips=None, *, seed, epoch, view, options):
  """Draws one view of each of some videos.

  Args:
    frames: see `draw_view`.
    videos: which videos, int32 [n].
    clips: uint8 [n, t, h, w, 3] or None; see `draw_view`.
    seed: see `view_key`.
    epoch: see `view_key`.
    view: see `view_key`; the same for all.
    options: a `ViewOptions`.

  Returns:
    float32 [n, t, size, size, 3], normalised.
  """
  frames, videos, clips = jax.tree.map(jnp.asarray, (frames, videos, clips))
  draw = functools.partial(
    draw_view, frames, seed=seed, epoch=epoch, view=view, options=options
  )
  return jax.vmap(draw)(videos, clips)


def evaluation_view(frames, video, clip=None, *, options):
  """Takes the view that a video is judged by; nothing in it is random.

  Args:
    frames: see `draw_view`.
    video: see `draw_view`.
    clip: see `draw_view`.
    options: a `ViewOptions`, for number of frames, size and normalisation.

  Returns:
    float32 [t, size, size, 3], normalised.

  Source: chosen: one uniformly sampled clip (Sec. III.A.1 (2)) and the largest
    centred square; the paper does not describe its test clips.
  """
  indices = temporal.sample_uniform(
    frames.length[video], num_frames=options.num_frames
  )
  clip = _take(frames, video, indices, clip)
  box = spatial.centre_square(clip.shape[1:3])
  clip = _crop(clip, box, False, options.size)
  return normalize(clip, options.mean, options.std)


def evaluation_views(frames, videos, clips=None, *, options):
  """Takes the evaluation's view of each of some videos.

  Args:
    frames: see `draw_view`.
    videos: which videos, int32 [n].
    clips: uint8 [n, t, h, w, 3] or None; see `draw_view`.
    options: see `evaluation_view`.

  Returns:
    float32 [n, t, size, size, 3], normalised.
  """
  frames, videos, clips = jax.tree.map(jnp.asarray, (frames, videos, clips))
  take = functools.partial(evaluation_view, frames, options=options)
  return jax.vmap(take)(videos, clips)


def normalize(clip, mean, std):
  """Subtracts a mean and divides by a deviation, per colour.

  Args:
    clip: float32 [..., 3] in [0, 1].
    mean: three numbers, in [0, 1].
    std: three positive numbers.

  Returns:
    float32 [..., 3].
  """
  shape = (1,) * (clip.ndim - 1) + (3,)
  mean = jnp.asarray(mean, clip.dtype).reshape(shape)
  std = jnp.asarray(std, clip.dtype).reshape(shape)
  return (clip - mean) / std


def _take(frames, video, indices, clip):
  """Takes a clip's frames, unless they are there already."""
  if clip is None:
    clip = frames.frames[frames.first[video] + indices]
  # What follows is compiled by itself, and so to the same bits either way.
  return lax.optimization_barrier(clip)


def _crop(clip, box, flip, size):
  clip = spatial.apply_crop(clip, box, size=size, flip=flip)
  # The weights of a pixel sum to 1 only up to rounding.
  return jnp.clip(clip / 255, 0, 1)
