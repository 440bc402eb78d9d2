"""One convolution over [b, t, h, w, c], lowered as its device likes it.

The arithmetic is torch's `Conv3d` with symmetric padding of half the kernel
and no bias. Wherever one of time and space has extent one, it is written in
2D; see `convolutions_xla` for GPUs and TPUs and `convolutions_cpu` for CPUs.
"""

from collections.abc import Callable
from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.models import convolutions_cpu
from stclr_jax.models import convolutions_xla
from stclr_jax.models import normalization
from stclr_jax.models.kernels import normalized_convolution

# What rematerialisation may keep, see `encoders.REMAT`.
OUTPUT = 'convolution'

LOWERINGS = ('auto', 'im2col', 'convolution')

# So few frames are convolved over time as one matrix product over all of them,
# unless by im2col: a kernel of three taps would spend a third of its work on
# zeros at two frames, two thirds at one, and XLA takes the gradient of a kernel
# that is longer than its input for another operation. predicted: up to 3 % of a
# GPU's step; on a CPU it cost 4, benchmarks/README.md. 0 switches it off.
SHORT_FRAMES = 2

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
  def __call__(
    self, x: Float[Array, 'b t h w c'] | normalization.Deferred
  ) -> Float[Array, 'b t2 h2 w2 features'] | normalization.Summed:
    """Convolves [b, t, h, w, c] to [b, t', h', w', features].

    Args:
      x: float [b, t, h, w, c], or what a batch norm has left to do.

    Returns:
      float [b, t', h', w', features]; with its sums if `x` was left to do.
    """
    is_deferred = isinstance(x, normalization.Deferred)
    c = (x.values if is_deferred else x).shape[-1]
    kernel = self.param(
      'kernel',
      kernel_init,
      (*self.kernel_size, c - self.in_padding, self.features),
    )
    channels = ((0, self.in_padding), (0, self.out_padding))
    kernel = jnp.pad(kernel.astype(self.dtype), ((0, 0),) * 3 + channels)
    if is_deferred:
      y, moments = normalized_convolution.normalize_and_convolve(
        x.values.astype(self.dtype),
        x.mean,
        x.var,
        x.scale,
        x.bias,
        kernel[:, 0, 0],
        normalized_convolution.Settings(
          x.epsilon, self.strides[0], x.axis_name
        ),
      )
      moments = checkpoint_name(moments, normalization.STATISTICS)
      return normalization.Summed(checkpoint_name(y, OUTPUT), moments)
    y = convolve(
      x.astype(self.dtype),
      kernel,
      strides=self.strides,
      lowering=self.lowering,
    )
    return checkpoint_name(y, OUTPUT)


def is_temporal(kernel_size: Sequence[int], strides: Sequence[int]) -> bool:
  """Says if a convolution looks along time only, and moves along it only.

  Args:
    kernel_size: extent in (t, h, w).
    strides: step in (t, h, w).

  Returns:
    A bool; True for a kernel of one pixel of several frames.
  """
  return kernel_size[0] > 1 and (*kernel_size[1:], *strides[1:]) == (1, 1, 1, 1)


def convolve(
  x: Float[Array, 'b t h w c'],
  kernel: Float[Array, 'kt kh kw c features'],
  *,
  strides: Sequence[int] = (1, 1, 1),
  lowering: str = 'auto',
) -> Float[Array, 'b t2 h2 w2 features']:
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
    raise UserError(
      f'`lowering` (={lowering!r}) must be one of {", ".join(LOWERINGS)}.'
    )
  if kernel.shape[:3] == (1, 1, 1):
    st, sh, sw = strides
    return x[:, ::st, ::sh, ::sw] @ kernel[0, 0, 0]
  if lowering == 'auto':
    on_cpu = targets.platform() == 'cpu'
    lowering = 'im2col' if on_cpu else 'convolution'
  if lowering == 'im2col':
    return _convolve_2d(x, kernel, strides, convolutions_cpu.convolve)
  return _convolve_2d(
    x, kernel, strides, convolutions_xla.convolve, short_frames=SHORT_FRAMES
  )


def _convolve_2d(
  x, kernel, strides, convolve_nd: Callable, *, short_frames=0
) -> Array:
  """Leaves out the axes along which a kernel does not look.

  Both reshapes are free.
  """
  kt, kh, kw, c, features = kernel.shape
  st, sh, sw = strides
  b, t, h, w, _ = x.shape
  if kt == 1 and st == 1:
    y = convolve_nd(x.reshape(b * t, h, w, c), kernel[0], (sh, sw))
    return y.reshape(b, t, *y.shape[1:])
  if (kh, kw, sh, sw) == (1, 1, 1, 1):
    if t <= short_frames:
      return _mix_frames(x, kernel[:, 0, 0], st)
    y = convolve_nd(x.reshape(b, t, h * w, c), kernel[:, 0], (st, 1))
    return y.reshape(b, -1, h, w, features)
  return convolve_nd(x, kernel, (st, sh, sw))


def _mix_frames(x, kernel, stride):
  """Convolves over time with a matrix from all frames to all frames.

  Args:
    x: float [b, t, h, w, c].
    kernel: float [k, c, features].
    stride: step in time.

  Returns:
    float [b, ceil(t / stride), h, w, features].
  """
  extent, frames = len(kernel), x.shape[1]
  zeros = jnp.zeros_like(kernel[0])
  taps = [
    [i - o + extent // 2 for o in range(0, frames, stride)]
    for i in range(frames)
  ]
  matrix = jnp.stack(
    [
      jnp.stack([kernel[tap] if 0 <= tap < extent else zeros for tap in row])
      for row in taps
    ]
  )
  return jnp.einsum('bihwc,iocf->bohwf', x, matrix)
