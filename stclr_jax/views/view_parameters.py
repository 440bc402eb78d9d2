"""All that is random in a view, from its key to what it does to a clip.

It follows from (seed, epoch, video, view): the same view can be drawn again in
any batch, on any device, after any interruption.
"""

from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import Key
from jaxtyping import UInt8

from stclr_jax.views import spatial
from stclr_jax.views import temporal
from stclr_jax.views.augmentations import ViewOptions

# Numbers of the two views of a positive pair, among any views of a video.
PAIR = FIRST_VIEW, SECOND_VIEW = 1, 2


class ViewParameters(NamedTuple):
  """Parameters drawn for one view.

  Attributes:
    indices: frames of the video, int32 [frames_taken]; the one at rest first.
    box: the crop, a `spatial.Box`.
    flip: whether the view is mirrored, bool [].
    pixels: what each of `ViewOptions.pixel_augmentations` drew; None for one
      that is switched off.
  """

  indices: Int32[Array, ' frames_taken']
  box: spatial.Box
  flip: Bool[Array, ''] | bool
  pixels: tuple[Any, ...]


def view_key(
  seed: int,
  epoch: Int32[Array, ''] | int,
  video: Int32[Array, ''] | int,
  view: Int32[Array, ''] | int,
) -> Key[Array, '']:
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


def partner_key(
  seed: int,
  epoch: Int32[Array, ''] | int,
  video: Int32[Array, ''] | int,
  view: Int32[Array, ''] | int,
  *,
  options: ViewOptions,
) -> Key[Array, ''] | None:
  """Makes the key of the view that a view must be near in time.

  Args:
    seed: see `view_key`.
    epoch: see `view_key`.
    video: see `view_key`.
    view: see `view_key`.
    options: a `ViewOptions`.

  Returns:
    Typed key []: the first view's for the second one, any other's own; None
    where views may be anywhere.
  """
  if options.temporal.distance == 1:
    return None
  return view_key(seed, epoch, video, view - (view == SECOND_VIEW))


def draw_parameters(
  key: Key[Array, ''],
  num_video_frames: Int32[Array, ''] | int,
  frame_size: tuple[int, int],
  *,
  options: ViewOptions,
  partner: Key[Array, ''] | None = None,
) -> ViewParameters:
  """Draws the parameters of a view.

  Args:
    key: see `view_key`.
    num_video_frames: frames in the video, int32 [].
    frame_size: (height, width) of a frame in pixels; static.
    options: a `ViewOptions`.
    partner: see `partner_key`.

  Returns:
    A `ViewParameters`.
  """
  # One key each: switching one augmentation off, or adding another, leaves the
  # others as drawn.
  key_frames, key_crop, key_flip, key_first = jax.random.split(key, 4)
  augmentations = options.pixel_augmentations
  further = range(4, 3 + len(augmentations))
  keys = [key_first, *(jax.random.fold_in(key, i) for i in further)]
  if partner is not None:
    partner = jax.random.split(partner, 4)[0]
  return ViewParameters(
    indices=_after_rest(
      options.temporal.draw(
        key_frames,
        num_video_frames,
        num_frames=options.num_frames,
        partner=partner,
      ),
      options,
    ),
    box=options.crop.draw(key_crop, frame_size),
    flip=options.flip.draw(key_flip),
    pixels=tuple(
      one.draw(own) if one.enabled else None
      for one, own in zip(augmentations, keys, strict=True)
    ),
  )


def evaluation_parameters(
  num_video_frames: Int32[Array, ''] | int,
  frame_size: tuple[int, int],
  *,
  options: ViewOptions,
) -> ViewParameters:
  """Gives those of the view that a video is judged by; nothing is random.

  Args:
    num_video_frames: see `draw_parameters`.
    frame_size: see `draw_parameters`.
    options: a `ViewOptions`, for the number of frames.

  Returns:
    A `ViewParameters`.

  Source: chosen: one uniformly sampled clip (Sec. III.A.1 (2)) and the largest
    centred square; the paper does not describe its test clips.
  """
  return ViewParameters(
    indices=evaluation_indices(num_video_frames, options=options),
    box=spatial.centre_square(frame_size),
    flip=False,
    pixels=(None,) * len(options.pixel_augmentations),
  )


def evaluation_indices(
  num_video_frames: Int32[Array, ''] | int, *, options: ViewOptions
) -> Int32[Array, ' frames_taken']:
  """Lists the frames of the view that a video is judged by.

  Args:
    num_video_frames: see `draw_parameters`.
    options: see `evaluation_parameters`.

  Returns:
    int32 [frames_taken].
  """
  taken = temporal.sample_uniform(
    num_video_frames, num_frames=options.num_frames
  )
  return _after_rest(taken, options)


def apply_parameters(
  clip: UInt8[Array, 't h w 3'],
  parameters: ViewParameters,
  *,
  options: ViewOptions,
) -> Float32[Array, 't size size 3']:
  """Augments a clip.

  Args:
    clip: uint8 [t, h, w, 3], the frames of `parameters.indices`.
    parameters: a `ViewParameters`.
    options: a `ViewOptions`.

  Returns:
    float32 [t, size, size, 3] in [0, 1].
  """
  augmented = spatial.apply_crop(
    clip, parameters.box, size=options.size, flip=parameters.flip
  )
  # The weights of a pixel sum to 1 only up to rounding.
  planes = (augmented[..., channel] for channel in range(3))
  planes = [jnp.clip(plane / 255, 0, 1) for plane in planes]
  augmented = jnp.stack(planes, axis=-1)
  for augmentation, drawn in _of_pixels(parameters, options):
    augmented = augmentation.apply(augmented, drawn)
  return augmented


def describe_parameters(
  parameters: ViewParameters,
  num_video_frames: int,
  frame_size: tuple[int, int],
  *,
  options: ViewOptions,
) -> str:
  """Says what was drawn for a view.

  Args:
    parameters: a `ViewParameters` of NumPy values.
    num_video_frames: see `draw_parameters`.
    frame_size: see `draw_parameters`.
    options: a `ViewOptions`.

  Returns:
    A line of text; nothing in it of what changes pixels and is switched off.
  """
  return '; '.join(
    (
      options.temporal.describe(parameters.indices, num_video_frames),
      options.crop.describe(parameters.box, frame_size),
      options.flip.describe(parameters.flip),
      *(one.describe(drawn) for one, drawn in _of_pixels(parameters, options)),
    )
  )


def _after_rest(indices, options):
  """Puts the video's first frame before a clip, where it is wanted."""
  if not options.rest:
    return indices
  return jnp.concatenate([jnp.zeros(1, indices.dtype), indices])


def _of_pixels(parameters, options):
  """Pairs each augmentation that is switched on with what it drew."""
  both = zip(options.pixel_augmentations, parameters.pixels, strict=True)
  return [pair for pair in both if pair[1] is not None]
