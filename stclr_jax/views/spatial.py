"""Crop, resize and flip of a view (Sec. III.A.1, spatial).

Parameters are drawn once per clip and applied to all of its frames. A crop is
a box of whole pixels, so that keys give the same box everywhere; cutting,
antialiased resizing and flipping are one pair of matrix products.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import Key
from jaxtyping import Num

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.views import draws

NUM_ATTEMPTS = 10  # torchvision's


class Box(NamedTuple):
  """A rectangle of whole pixels.

  Attributes:
    top: first row, int32 [].
    left: first column, int32 [].
    height: number of rows, int32 [].
    width: number of columns, int32 [].
  """

  top: Int32[Array, '']
  left: Int32[Array, '']
  height: Int32[Array, '']
  width: Int32[Array, '']


def draw_crop(
  key: Key[Array, ''],
  frame_size: tuple[int, int],
  *,
  area: tuple[float, float],
  aspect: tuple[float, float],
) -> Box:
  """Draws the box of a random resized crop.

  Ten boxes are tried, of a uniform area and a log-uniform aspect, and the
  first that fits is placed anywhere in the frame; where none fits, the box is
  as much of the frame's middle as the aspects allow.

  Args:
    key: typed key.
    frame_size: (height, width) of a frame in pixels; static.
    area: smallest and largest share of the frame's area, in (0, 1].
    aspect: smallest and largest width over height.

  Returns:
    A `Box` inside the frame.

  Raises:
    ValueError: for a range that is out of bounds or upside down.

  Source: Sec. III.A.1, "a frame size and position is picked at random"; the
    distribution is that of torchvision's `RandomResizedCrop.get_params`.
  """
  check_crop(area, aspect)
  rows, columns = frame_size
  key_shape, key_place = jax.random.split(key)
  # Both roots come from tables: one product and one rounding remain, and those
  # are the same in every program.
  side = np.sqrt(rows * columns * draws.make_levels(*area))
  stretch = np.exp(draws.make_levels(*np.log(aspect)) / 2)
  pick_area, pick_aspect = draws.draw_level(key_shape, (2, NUM_ATTEMPTS))
  sides = _float32(side)[pick_area]
  widths = jnp.round(sides * _float32(stretch)[pick_aspect]).astype(jnp.int32)
  heights = jnp.round(sides * _float32(1 / stretch)[pick_aspect])
  heights = heights.astype(jnp.int32)
  fits = (0 < widths) & (widths <= columns) & (0 < heights) & (heights <= rows)

  fallback = _largest_middle(rows, columns, aspect)
  first = jnp.argmax(fits)
  height, width = heights[first], widths[first]
  # Where nothing fits these may be out of range; they are not used then.
  bounds = jnp.stack([rows - height + 1, columns - width + 1])
  top, left = jax.random.randint(key_place, (2,), 0, bounds, jnp.int32)
  drawn = Box(top, left, height, width)
  fitted = jnp.any(fits)
  return jax.tree.map(lambda d, f: jnp.where(fitted, d, f), drawn, fallback)


def centre_square(frame_size: tuple[int, int]) -> Box:
  """Finds the largest square in the middle: the evaluation's crop.

  Args:
    frame_size: (height, width) of a frame in pixels; static.

  Returns:
    A `Box`.

  Source: chosen: the aspect of a face is kept; placed as torchvision's
    `center_crop` does.
  """
  rows, columns = frame_size
  side = min(rows, columns)
  return _constant_box(
    round((rows - side) / 2), round((columns - side) / 2), side, side
  )


def draw_flip(key: Key[Array, ''], *, probability: float) -> Bool[Array, '']:
  """Draws whether a clip is mirrored.

  Args:
    key: typed key.
    probability: in [0, 1].

  Returns:
    bool [].

  Source: Sec. III.A.1 (2).
  """
  return draws.draw_event(key, probability)


def apply_crop(
  clip: Num[Array, 't h w 3'],
  box: Box,
  *,
  size: int,
  flip: Bool[Array, ''] | bool = False,
  dtype: jax.typing.DTypeLike | None = None,
) -> Float32[Array, 't {size} {size} 3']:
  """Cuts a box out of every frame, resizes it to a square and may mirror it.

  The pixels outside of the box have no influence. A box of `size` by `size` is
  copied exactly.

  Args:
    clip: uint8 or float [t, h, w, 3].
    box: a `Box` inside the frame.
    size: side of the result in pixels.
    flip: bool [], mirrors the result; see `draw_flip`.
    dtype: of the factors of both products, which sum in float32 in any case;
      None for float16 on a GPU and float32 elsewhere. float16 holds bytes
      exactly and rounds weights by 2^-11 of themselves at most, so that the
      result is off by 0.4 grey levels at most; tensor cores multiply
      it many times as fast. predicted; benchmarks/README.md.

  Returns:
    float32 [t, size, size, 3], in the units of `clip`.

  Source: torchvision's `resized_crop(..., antialias=True)` on tensors, that is
    bilinear interpolation whose triangle widens when pixels are lost.
  """
  rows, columns = clip.shape[1:3]
  vertical = make_resize_weights(rows, box.top, box.height, size)
  horizontal = make_resize_weights(
    columns, box.left, box.width, size, reverse=flip
  )
  if dtype is None:
    dtype = jnp.float16 if targets.platform() == 'gpu' else jnp.float32
  vertical, horizontal = vertical.astype(dtype), horizontal.astype(dtype)
  product = functools.partial(
    jnp.einsum,
    precision=lax.Precision.HIGHEST,  # or a GPU rounds float32 to 10 bits
    preferred_element_type=dtype,
  )
  # In this order both products are of plain matrices; bytes are cheap to move.
  # Behind the barrier all is compiled by itself, and so to the same bits
  # whether frames were gathered or handed over.
  rows_first = jnp.transpose(clip, (1, 0, 3, 2)).astype(dtype)  # [h, t, 3, w]
  rows_first = lax.optimization_barrier(rows_first)
  cut = product('htcw,xw->htcx', rows_first, horizontal)
  cut = product('yh,htcx->ytcx', vertical, cut)
  planes = [jnp.swapaxes(cut[:, :, i], 0, 1) for i in range(3)]
  return jnp.stack(planes, axis=-1).astype(jnp.float32)


def make_resize_weights(
  length: int,
  start: Int32[Array, ''],
  extent: Int32[Array, ''],
  size: int,
  *,
  reverse: Bool[Array, ''] | bool = False,
) -> Float32[Array, '{size} {length}']:
  """Makes the matrix that cuts and resizes along one axis.

  Output pixel i has its centre at `extent / size * (i + 1/2)`, and takes the
  pixels around it by a triangle that reaches `max(extent / size, 1)` to both
  sides, as far as the interval goes. In units of `1 / (2 * size)` pixels all
  of this is in integers: the one division is the only rounding, and the matrix
  is the same in every program.

  Args:
    length: number of pixels on the axis; static.
    start: first pixel of the interval, int32 [].
    extent: number of pixels in the interval, int32 [].
    size: number of output pixels; static.
    reverse: bool [], whether the output pixels come in reverse order.

  Returns:
    float32 [size, length]; rows sum to 1.
  """
  output = jnp.arange(size, dtype=jnp.int32)
  output = jnp.where(reverse, size - 1 - output, output)[:, None]
  pixel = jnp.arange(length, dtype=jnp.int32)[None] - start
  distance = jnp.abs((2 * pixel + 1) * size - (2 * output + 1) * extent)
  weights = jnp.maximum(2 * jnp.maximum(extent, size) - distance, 0)
  weights = jnp.where((pixel >= 0) & (pixel < extent), weights, 0)
  total = weights.sum(1, keepdims=True)
  return weights.astype(jnp.float32) / total.astype(jnp.float32)


def check_crop(area, aspect):
  """Raises ValueError unless both are ranges that a crop can have."""
  if not 0 < area[0] <= area[1] <= 1:
    raise UserError(
      f'`area` (={tuple(area)}) of a crop must be a smallest and a largest '
      'share of the frame, above 0 and up to 1; (1, 1) crops least.'
    )
  if not 0 < aspect[0] <= aspect[1]:
    raise UserError(
      f'`aspect` (={tuple(aspect)}) of a crop must be a smallest and a largest '
      'width over height, both positive; (1, 1) keeps squares.'
    )


def _largest_middle(rows, columns, aspect):
  if columns / rows < aspect[0]:
    height, width = round(columns / aspect[0]), columns
  elif columns / rows > aspect[1]:
    height, width = rows, round(rows * aspect[1])
  else:
    height, width = rows, columns
  return _constant_box(
    (rows - height) // 2, (columns - width) // 2, height, width
  )


def _constant_box(*numbers):
  return Box(*(jnp.asarray(number, jnp.int32) for number in numbers))


def _float32(values):
  return jnp.asarray(values, jnp.float32)
