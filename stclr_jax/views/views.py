"""Views: clips sampled from videos and augmented, on the device.

All that is random in a view follows from (seed, epoch, video, view): the same
view can be drawn again in any batch, on any device, after any interruption.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import UInt8

from stclr_jax.errors import UserError
from stclr_jax.views import view_parameters
from stclr_jax.views.augmentations import ViewOptions


class Frames(NamedTuple):
  """The frames of some videos, one video after another.

  Attributes:
    frames: of all videos, uint8 [F, h, w, 3]; None where clips are handed over
      with their video.
    first: index of each video's first frame, int32 [num_videos].
    length: number of each video's frames, int32 [num_videos].
  """

  frames: UInt8[Array, 'frames h w 3'] | None
  first: Int32[Array, ' videos']
  length: Int32[Array, ' videos']


def draw_view(
  frames: Frames,
  video: Int32[Array, ''],
  clip: UInt8[Array, 't h w 3'] | None = None,
  *,
  seed: int,
  epoch: Int32[Array, ''] | int,
  view: int,
  options: ViewOptions,
) -> Float32[Array, 't size size 3']:
  """Draws one view of one video.

  Args:
    frames: `Frames` of all videos.
    video: which video, int32 [].
    clip: the frames that the view takes, uint8 [t, h, w, 3], where somebody
      has read them already (`data.clips`); None to take them from `frames`.
    seed: see `view_parameters.view_key`.
    epoch: see `view_parameters.view_key`.
    view: see `view_parameters.view_key`.
    options: a `ViewOptions`.

  Returns:
    float32 [t, size, size, 3], normalised; bit for bit the same wherever the
    frames come from.
  """
  height, width = _pixels(frames, clip).shape[-3:-1]
  parameters = view_parameters.draw_parameters(
    view_parameters.view_key(seed, epoch, video, view),
    frames.length[video],
    (height, width),
    options=options,
    partner=view_parameters.partner_key(
      seed, epoch, video, view, options=options
    ),
  )
  return _make_view(frames, video, clip, parameters, options)


def draw_views(
  frames: Frames,
  videos: Int32[Array, ' n'],
  clips: UInt8[Array, 'n t h w 3'] | None = None,
  *,
  seed: int,
  epoch: Int32[Array, ''] | int,
  view: int,
  options: ViewOptions,
) -> Float32[Array, 'n t size size 3']:
  """Draws one view of each of some videos.

  Args:
    frames: see `draw_view`.
    videos: which videos, int32 [n].
    clips: uint8 [n, t, h, w, 3] or None; see `draw_view`.
    seed: see `view_parameters.view_key`.
    epoch: see `view_parameters.view_key`.
    view: see `view_parameters.view_key`; the same for all.
    options: a `ViewOptions`.

  Returns:
    float32 [n, t, size, size, 3], normalised.
  """
  frames, videos, clips = jax.tree.map(jnp.asarray, (frames, videos, clips))
  draw = functools.partial(
    draw_view, frames, seed=seed, epoch=epoch, view=view, options=options
  )
  return jax.vmap(draw)(videos, clips)


def evaluation_view(
  frames: Frames,
  video: Int32[Array, ''],
  clip: UInt8[Array, 't h w 3'] | None = None,
  *,
  options: ViewOptions,
) -> Float32[Array, 't size size 3']:
  """Takes the view that a video is judged by; nothing in it is random.

  Args:
    frames: see `draw_view`.
    video: see `draw_view`.
    clip: see `draw_view`.
    options: a `ViewOptions`, for number of frames, size and normalisation.

  Returns:
    float32 [t, size, size, 3], normalised.

  Source: chosen, see `view_parameters.evaluation_parameters`.
  """
  height, width = _pixels(frames, clip).shape[-3:-1]
  parameters = view_parameters.evaluation_parameters(
    frames.length[video], (height, width), options=options
  )
  return _make_view(frames, video, clip, parameters, options)


def evaluation_views(
  frames: Frames,
  videos: Int32[Array, ' n'],
  clips: UInt8[Array, 'n t h w 3'] | None = None,
  *,
  options: ViewOptions,
) -> Float32[Array, 'n t size size 3']:
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


def normalize(
  clip: Float32[Array, '*b 3'], mean: Sequence[float], std: Sequence[float]
) -> Float32[Array, '*b 3']:
  """Subtracts a mean and divides by a deviation, per colour.

  Args:
    clip: float32 [..., 3] in [0, 1].
    mean: three numbers, in [0, 1].
    std: three positive numbers.

  Returns:
    float32 [..., 3].
  """
  planes = (
    (clip[..., channel] - mean[channel]) / std[channel] for channel in range(3)
  )
  planes = jax.lax.optimization_barrier(tuple(planes))
  return jnp.stack(planes, axis=-1)


def _make_view(frames, video, clip, parameters, options):
  taken = _take(frames, video, parameters.indices, clip)
  augmented = view_parameters.apply_parameters(
    taken, parameters, options=options
  )
  return normalize(augmented, options.mean, options.std)


def _take(frames, video, indices, clip):
  """Takes a clip's frames, unless they are there already."""
  pixels = _pixels(frames, clip)
  if clip is None:
    pixels = pixels[frames.first[video] + indices]
  return pixels


def _pixels(frames, clip):
  """Gives the array that has the frames: of the clip, or of all videos."""
  pixels = frames.frames if clip is None else clip
  if pixels is None:
    raise UserError(
      '`clip` (=None) must be the frames of the view, because `frames` has '
      'none itself; give either.'
    )
  return pixels
