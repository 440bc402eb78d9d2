"""A convolution as XLA's own, written as cuDNN likes it."""

import jax.numpy as jnp
from jax import lax

# Images of so few channels, at stride 2, are folded: four pixels become one of
# four times the channels, which are then filled up with zeros to a multiple
# that tensor cores take. predicted: 3 to 8 % of a GPU's step,
# benchmarks/README.md. 0 switches it off.
FOLDED_CHANNELS = 4
FOLDED_MULTIPLE = 8


def convolve(x, kernel, strides):
  """Convolves with padding of half the kernel.

  The padding is explicit: 'SAME' with stride 2 pads on one side only, which is
  neither torch's arithmetic nor what cuDNN takes.

  Args:
    x: float [n, *space, c], one to three axes of space.
    kernel: float [*extents, c, features], odd extents.
    strides: step along each axis of space.

  Returns:
    float [n, *ceil(space / strides), features].
  """
  padding = [(k // 2, k // 2) for k in kernel.shape[:-2]]
  if _is_foldable(x, strides):
    return _convolve_folded(x, kernel, strides, padding)
  return _convolve(x, kernel, strides, padding)


def _convolve(x, kernel, strides, padding):
  space = 'DHW'[-len(strides) :]
  layout = f'N{space}C'
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=strides,
    padding=padding,
    dimension_numbers=(layout, f'{space}IO', layout),
  )


def _is_foldable(x, strides):
  return (
    x.shape[-1] <= FOLDED_CHANNELS
    and strides[-2:] == (2, 2)
    and x.shape[-3] % 2 == 0
    and x.shape[-2] % 2 == 0
  )


def _convolve_folded(x, kernel, strides, padding):
  """Space-to-depth: stride 2 becomes stride 1 on an image of half the size.

  Output i sees inputs 2 i - half to 2 i + half. With one tap of zeros, in front
  where half is odd and behind where it is even, these are whole pairs.
  """
  extents = kernel.shape[-4:-2]
  halves = [k // 2 for k in extents]
  x = _fold(x)
  taps = [(h % 2, 1 - h % 2) for h in halves]
  kernel = _fold(jnp.pad(kernel, _around(kernel.ndim, taps, end=2)), end=1)
  filling = -x.shape[-1] % FOLDED_MULTIPLE
  x = jnp.pad(x, _around(x.ndim, [(0, filling)]))
  kernel = jnp.pad(kernel, _around(kernel.ndim, [(0, filling)], end=1))
  folded = [((h + 1) // 2, h // 2) for h in halves]
  return _convolve(x, kernel, (*strides[:-2], 1, 1), padding[:-2] + folded)


def _fold(x, end=0):
  """[*n, h, w, c, *e] to [*n, h / 2, w / 2, 4 c, *e], with `end` axes e."""
  last = x.ndim - end
  *n, h, w, c = x.shape[:last]
  e = x.shape[last:]
  x = x.reshape(*n, h // 2, 2, w // 2, 2, c, *e)
  return jnp.moveaxis(x, len(n) + 1, len(n) + 2).reshape(
    *n, h // 2, w // 2, 4 * c, *e
  )


def _around(ndim, amounts, end=0):
  """Padding of an array: `amounts` on the axes before the last `end`."""
  none = (0, 0)
  return [none] * (ndim - len(amounts) - end) + amounts + [none] * end
