"""One convolution over [b, t, h, w, c], lowered as its device likes it.

The arithmetic is torch's `Conv3d` with symmetric padding of half the kernel
and no bias. It is written in two equal ways, because no single one is fast
everywhere: XLA's convolutions for GPUs and TPUs, as 2D NHWC wherever one of
time and space has extent one, and gathered columns times a matrix (im2col)
for CPUs, where XLA's convolution gradients are several times slower than its
matrix products.
"""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.ad_checkpoint import checkpoint_name

# What rematerialisation may keep, see `encoders.REMAT`.
OUTPUT = 'convolution'

LOWERINGS = ('auto', 'im2col', 'convolution')

# On a CPU, im2col pays where its columns stay in the cache, or where each of
# them is used for many features; else reading and writing them costs more than
# XLA's slow convolutions. chosen: measured forward and backward on 2 cores at
# the demo's sizes and at 8x56x56, see benchmarks/README.md.
CACHED_COLUMNS_BYTES = 2**23
MANY_FEATURES = 64

# Above this, im2col would fill a laptop's memory: at 4 views of 16x224x224 its
# columns take 26 GB, as 2D convolutions the whole step takes 12.
MAX_COLUMNS_BYTES = 2**29

# He-normal over the fan-out, as torchvision initialises its video networks.
kernel_init = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')


class Conv(nn.Module):
  """Convolution over time and space, padded by half its kernel, no bias.

  Attributes:
    features: output channels.
    kernel_size: extent in (t, h, w), each odd.
    strides: step in (t, h, w).
    in_padding: channels of zeros that the input has behind its own; they have
      no parameters.
    out_padding: channels of zeros to put behind the features.
    dtype: dtype of the arithmetic; the kernel itself stays a float32
      parameter.
    lowering: 'convolution', 'im2col', or 'auto' for the faster one on the
      default device at this size.
  """

  features: int
  kernel_size: Sequence[int]
  strides: Sequence[int] = (1, 1, 1)
  in_padding: int = 0
  out_padding: int = 0
  dtype: jnp.dtype = jnp.float32
  lowering: str = 'auto'

  @nn.compact
  def __call__(self, x):
    """Convolves [b, t, h, w, c] to [b, t', h', w', features]."""
    kernel = self.param(
      'kernel',
      kernel_init,
      (*self.kernel_size, x.shape[-1] - self.in_padding, self.features),
    )
    channels = ((0, self.in_padding), (0, self.out_padding))
    kernel = jnp.pad(kernel.astype(self.dtype), ((0, 0),) * 3 + channels)
    y = convolve(
      x.astype(self.dtype),
      kernel,
      strides=self.strides,
      lowering=self.lowering,
    )
    return checkpoint_name(y, OUTPUT)


def convolve(x, kernel, *, strides=(1, 1, 1), lowering='auto'):
  """Convolves a batch of clips with one kernel.

  Args:
    x: float [b, t, h, w, c].
    kernel: float [kt, kh, kw, c, features], odd extents, the dtype of `x`.
    strides: step in (t, h, w); the padding is half the kernel on both sides,
      so that extent n becomes ceil(n / stride).
    lowering: one of `LOWERINGS`.

  Returns:
    float [b, ceil(t / st), ceil(h / sh), ceil(w / sw), features].

  Raises:
    ValueError: for an unknown lowering.

  Source: torch.nn.Conv3d(padding=kernel_size // 2, bias=False), which
    torchvision's video networks use throughout.
  """
  if lowering not in LOWERINGS:
    raise ValueError(
      f'`lowering` (={lowering!r}) must be one of {", ".join(LOWERINGS)}.'
    )
  if kernel.shape[:3] == (1, 1, 1):
    st, sh, sw = strides
    return x[:, ::st, ::sh, ::sw] @ kernel[0, 0, 0]
  if lowering == 'auto':
    lowering = _faster_lowering(x, kernel, strides)
  if lowering == 'im2col':
    return _columns(x, kernel.shape[:3], strides) @ kernel.reshape(
      -1, kernel.shape[-1]
    )
  return _convolve_xla(x, kernel, strides)


def _faster_lowering(x, kernel, strides):
  if jax.default_backend() != 'cpu':
    return 'convolution'
  positions = x.shape[0] * math.prod(
    -(-n // s) for n, s in zip(x.shape[1:4], strides, strict=True)
  )
  columns_bytes = positions * math.prod(kernel.shape[:4]) * x.dtype.itemsize
  if kernel.shape[-1] >= MANY_FEATURES:
    limit = MAX_COLUMNS_BYTES
  else:
    limit = CACHED_COLUMNS_BYTES
  return 'im2col' if columns_bytes <= limit else 'convolution'


def _columns(x, kernel_size, strides):
  """Gathers under each output position all it sees: [b, t', h', w', k c]."""
  out = [-(-n // s) for n, s in zip(x.shape[1:4], strides, strict=True)]
  half = [k // 2 for k in kernel_size]
  x = jnp.pad(x, ((0, 0), *((p, p) for p in half), (0, 0)))
  taps = []
  for tap in itertools.product(*map(range, kernel_size)):
    window = tuple(
      slice(i, i + (n - 1) * s + 1, s)
      for i, n, s in zip(tap, out, strides, strict=True)
    )
    taps.append(x[:, *window])
  return jnp.concatenate(taps, axis=-1)


def _convolve_xla(x, kernel, strides):
  """Convolves with XLA, in 2D where time or space has extent one.

  Both reshapes are free. Explicit padding, because 'SAME' with stride 2 pads
  on one side only, which is neither torch's arithmetic nor what cuDNN takes.
  """
  kt, kh, kw, c, features = kernel.shape
  st, sh, sw = strides
  b, t, h, w, _ = x.shape
  if kt == 1 and st == 1:
    y = _convolve_nd(x.reshape(b * t, h, w, c), kernel[0], (sh, sw))
    return y.reshape(b, t, *y.shape[1:])
  if (kh, kw, sh, sw) == (1, 1, 1, 1):
    y = _convolve_nd(x.reshape(b, t, h * w, c), kernel[:, 0], (st, 1))
    return y.reshape(b, -1, h, w, features)
  return _convolve_nd(x, kernel, (st, sh, sw))


def _convolve_nd(x, kernel, strides):
  spatial = 'DHW'[-len(strides) :]
  layout = f'N{spatial}C'
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=strides,
    padding=[(k // 2, k // 2) for k in kernel.shape[: len(strides)]],
    dimension_numbers=(layout, f'{spatial}IO', layout),
  )
