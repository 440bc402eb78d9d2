"""Colour distortion (Sec. III.A.1, spatial (3)), with torchvision's formulas.

Brightness, contrast, saturation and hue change in a random order, by factors
that are drawn once per clip and applied to all of its frames.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import Key

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.views import draws

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
NAMES = ('brightness', 'contrast', 'saturation', 'hue')

GREY = (0.2989, 0.587, 0.114)  # torchvision's rgb_to_grayscale


class ColorDistortion(NamedTuple):
  """Colour changes of a clip; 1, 1, 1, 0 is none.

  Attributes:
    order: the four operations in their order, int32 [4].
    brightness: factor, float32 [].
    contrast: factor, float32 [].
    saturation: factor, float32 [].
    hue: shift in turns of the colour wheel, float32 [].
  """

  order: Int32[Array, '4']
  brightness: Float32[Array, '']
  contrast: Float32[Array, '']
  saturation: Float32[Array, '']
  hue: Float32[Array, '']


def draw_color(
  key: Key[Array, ''], *, strengths: Sequence[float], probability: float
) -> ColorDistortion:
  """Draws the colour distortion of a clip.

  Args:
    key: typed key.
    strengths: of brightness, contrast and saturation: a factor is uniform in
      [max(0, 1 - strength), 1 + strength]; of hue: the shift is uniform in
      [-strength, strength], in turns. 0 switches an operation off.
    probability: of any change at all.

  Returns:
    A `ColorDistortion`; where nothing is to change, that which does nothing.

  Raises:
    ValueError: for strengths out of bounds.

  Source: Sec. III.A.1 (3); the distribution is that of torchvision's
    `RandomApply([ColorJitter(...)], probability)`.
  """
  check_strengths(strengths)
  key_order, key_applied, key_values = jax.random.split(key, 3)
  *factor_strengths, hue_strength = strengths
  ranges = [(max(0, 1 - s), 1 + s) for s in factor_strengths]
  values = draws.draw_uniform(
    key_values, [*ranges, (-hue_strength, hue_strength)]
  )
  applied = draws.draw_event(key_applied, probability)
  neutral = jnp.array([1.0, 1.0, 1.0, 0.0], jnp.float32)
  values = jnp.where(applied, values, neutral)
  # `permutation` does the same, and takes longer to compile.
  order = jnp.argsort(jax.random.bits(key_order, (4,), jnp.uint32))
  order = order.astype(jnp.int32)
  return ColorDistortion(order, *values)


def apply_color(
  clip: Float32[Array, 't h w 3'],
  distortion: ColorDistortion,
  *,
  target: str | None = None,
) -> Float32[Array, 't h w 3']:
  """Changes the colours of a clip, in the order drawn.

  An operation whose factor is 1 (hue: whose shift is 0) leaves every bit as it
  was. Under `vmap` a `switch` would compute all four operations at all four
  places. Here each has two places, before the operation that it is told apart
  by and after it, with a factor of 1 in one of them. A CPU is slow at
  arithmetic: hue, which is many instructions, is computed once, and contrast,
  which must see a whole frame, twice. Accelerators are slow at reading: there
  contrast is computed once and hue twice, and each reading is one kernel.

  Args:
    clip: float32 [t, h, w, 3] in [0, 1].
    distortion: a `ColorDistortion`.
    target: kind of device whose way is gone; None for the one that programs
      are traced for, see `targets.platform`.

  Returns:
    float32 [t, h, w, 3] in [0, 1].

  Source: torchvision's `ColorJitter` on float tensors: each operation clamps,
    contrast blends with the mean grey of its frame.
  """
  place = jnp.argsort(distortion.order)  # of each operation
  if (target or targets.platform()) == 'cpu':
    return _change_around_hue(clip, distortion, place)
  return _change_around_contrast(clip, distortion, place)


def _change_around_hue(clip, distortion, place):
  """Hue once; what comes before and after it with a contrast each."""
  factors = jnp.stack(distortion[1:])
  planes = jnp.moveaxis(clip, -1, 0)  # [3, t, h, w]
  for before_hue in (True, False):
    in_half = (place < place[HUE]) == before_hue
    in_half_factors = jnp.where(in_half, factors, 1.0)
    for before_contrast in (True, False):
      now = (place < place[CONTRAST]) == before_contrast
      for operation in _pixelwise(place):
        factor = jnp.where(now[operation], in_half_factors[operation], 1.0)
        grey = jnp.where(operation == SATURATION, _grey(planes), 0.0)
        planes = _blend(planes, grey, factor)
      if before_contrast:
        mean = _grey(planes).mean((1, 2), keepdims=True)
        planes = _blend(planes, mean, in_half_factors[CONTRAST])
    if before_hue:
      shifted = jnp.stack(_shift_hue(planes, distortion.hue))
      planes = jnp.where(distortion.hue == 0, planes, shifted)
  return jnp.moveaxis(planes, 0, -1)


def _change_around_contrast(clip, distortion, place):
  """Contrast once; what comes before and after it with a hue each."""
  factors = jnp.stack(distortion[1:])
  nothing = jnp.array([1, 1, 1, 0], jnp.float32)
  early = place < place[CONTRAST]
  # Three arrays all the way: where they are stacked, XLA ends a kernel.
  planes = tuple(clip[..., channel] for channel in range(3))
  planes = _change_pixels(planes, place, jnp.where(early, factors, nothing))
  planes = lax.optimization_barrier(planes)  # or all of it is computed twice
  mean = _grey(planes).mean((1, 2), keepdims=True)
  planes = _blend_each(planes, mean, factors[CONTRAST])
  planes = _change_pixels(planes, place, jnp.where(early, nothing, factors))
  return jnp.stack(planes, axis=-1)


def _change_pixels(planes, place, factors):
  """All but contrast, in order."""
  for before_hue in (True, False):
    for operation in _pixelwise(place):
      now = (place[operation] < place[HUE]) == before_hue
      factor = jnp.where(now, factors[operation], 1.0)
      grey = jnp.where(operation == SATURATION, _grey(planes), 0.0)
      planes = _blend_each(planes, grey, factor)
    if before_hue:
      shifted = _shift_hue(planes, factors[HUE])
      planes = tuple(map(jnp.where, [factors[HUE] == 0] * 3, planes, shifted))
  return planes


def _pixelwise(place):
  """Brightness and saturation in their order."""
  return jnp.where(
    place[BRIGHTNESS] < place[SATURATION],
    jnp.array([BRIGHTNESS, SATURATION]),
    jnp.array([SATURATION, BRIGHTNESS]),
  )


def check_strengths(strengths):
  """Raises ValueError unless they are four that a distortion can have."""
  if len(strengths) != len(NAMES):
    raise UserError(
      f'`strengths` (={tuple(strengths)}) of the colour distortion must be '
      f'{len(NAMES)} numbers, one each for {", ".join(NAMES)}.'
    )
  for name, strength in zip(NAMES, strengths, strict=True):
    limit = 0.5 if name == 'hue' else math.inf
    if not 0 <= strength <= limit:
      raise UserError(
        f'`{name}` (={strength}), a strength of the colour distortion, must '
        f'be at least 0 and at most {limit}; 0 switches it off.'
      )


def _grey(planes):
  red, green, blue = planes
  return GREY[0] * red + GREY[1] * green + GREY[2] * blue  # [t, h, w]


def _blend(planes, reference, factor):
  blended = factor * planes + ((1 - factor) * reference)[None]
  return jnp.clip(blended, 0, 1)


def _blend_each(planes, reference, factor):
  reference = (1 - factor) * reference
  return tuple(jnp.clip(factor * plane + reference, 0, 1) for plane in planes)


def _shift_hue(planes, shift):
  """Turns the colour wheel by `shift`, keeping value and saturation.

  The formula is HSV's without its six cases: with the hue in sixths of a turn,
  a channel is the largest one less the chroma times a trapezium of the hue,
  which is 0 around that channel's own colour and 1 on the other side.
  """
  red, green, blue = planes
  value = jnp.maximum(jnp.maximum(red, green), blue)
  chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
  divisor = jnp.where(chroma == 0, 1.0, chroma)
  sixths = jnp.where(
    value == red,
    (green - blue) / divisor,
    jnp.where(
      value == green,
      2.0 + (blue - red) / divisor,
      4.0 + (red - green) / divisor,
    ),
  )
  sixths = sixths + 6 * shift
  shifted = []
  for offset in (5.0, 3.0, 1.0):
    turned = sixths + offset
    turned = turned - 6 * jnp.floor(turned / 6)
    trapezium = jnp.clip(jnp.minimum(turned, 4 - turned), 0, 1)
    shifted.append(value - chroma * trapezium)
  return tuple(shifted)
