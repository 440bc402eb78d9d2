"""The kernel's gradient of the convolution over time that normalises.

What it reads is not normalised: that is done again, on the way to the product.
Pixels are dealt out to programs, each of which adds up its share of the
gradient of a tile of channels; the shares are added afterwards, in a fixed
order. Pallas, lowered by Triton.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plt
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.models.kernels import rolling
from stclr_jax.models.kernels import tiles
from stclr_jax.models.kernels.blocks import Geometry
from stclr_jax.models.kernels.blocks import WeightBlocks

# Clips of so few periods are written out frame by frame, which spares what a
# loop multiplies beyond their ends. chosen: 17 % of the products at four
# frames, a third at two.
UNROLLED_PERIODS = 4


def kernel_gradient(
  x: Float[Array, 'b t p c'],
  dy: Float[Array, 'b t2 p f'],
  normalization: tiles.Normalization,
  geometry: Geometry,
  blocks: WeightBlocks,
  *,
  interpret: bool,
) -> Float[Array, 'k c f']:
  """Computes the gradient of the kernel.

  Args:
    x: float [b, t, pixels, c], not normalised.
    dy: float [b, t', pixels, f], the dtype of `x`.
    normalization: of the channels of `x`.
    geometry: of all of them.
    blocks: sizes of a program.
    interpret: whether to compute without a GPU.

  Returns:
    [k, c, f], at least float32.
  """
  schedule = rolling.forward_schedule(geometry.extent, geometry.stride)
  extent, c, f = geometry.extent, geometry.in_features, geometry.features
  c_tiles, f_tiles = pl.cdiv(c, blocks.in_features), pl.cdiv(f, blocks.features)
  row_tiles = pl.cdiv(geometry.rows, blocks.rows)
  wanted = pl.cdiv(blocks.programs, c_tiles * f_tiles)
  each = pl.cdiv(row_tiles, wanted)
  shares = pl.cdiv(row_tiles, each)
  dtype = tiles.accurate_dtype(x.dtype)

  def body(x_ref, mean_ref, gain_ref, bias_ref, dy_ref, shares_ref):
    share, tile = tiles.divide(pl.program_id(0), c_tiles * f_tiles)
    c_tile, f_tile = tiles.divide(tile, f_tiles)
    in_channels = tiles.channels(
      c_tile * blocks.in_features, blocks.in_features, c
    )
    out_channels = tiles.channels(f_tile * blocks.features, blocks.features, f)
    vectors = tiles.load_vectors((mean_ref, gain_ref, bias_ref), in_channels)

    def visit(found, period, sums):
      sums = list(sums)
      for step in range(schedule.in_step):
        frame = period * schedule.in_step + step
        is_frame = _is_frame(period, step, geometry)
        pairs = [
          (pair.tap, schedule.first + pair.slot)
          for pair in schedule.pairs
          if pair.frame == step
        ]
        inside = [
          _all(is_frame, _is_inside(period, later, geometry))
          for _, later in pairs
        ]
        if all(is_inside is False for is_inside in inside):
          continue
        rows = tiles.rows(found, frame, geometry.frames, geometry)
        values = tiles.load(x_ref, tiles.only(rows, is_frame), in_channels)
        values = jnp.maximum(tiles.normalize(values, *vectors), 0)
        values = values.astype(x_ref.dtype)
        for (tap, later), is_inside in zip(pairs, inside, strict=True):
          if is_inside is False:
            continue
          rows = tiles.rows(
            found, period + later, geometry.out_frames, geometry
          )
          rows = tiles.only(rows, is_inside)
          gradient = tiles.load(dy_ref, rows, out_channels)
          sums[tap] += tiles.multiply(values, gradient, transposed=True)
      return tuple(sums)

    def pixels(i):
      start = (share * each + i.astype(jnp.int32)) * blocks.rows
      dealt = shares * each * blocks.rows
      return tiles.pixels(start, blocks.rows, dealt, geometry)

    def visit_all(i, sums):
      found = pixels(i)
      for period in range(geometry.out_frames):
        sums = visit(found, period, sums)
      return sums

    def visit_one(i, sums):
      i, period = tiles.divide(i, geometry.out_frames)
      return visit(pixels(i), period, sums)

    sums = (jnp.zeros((blocks.in_features, blocks.features), dtype),) * extent
    if geometry.out_frames <= UNROLLED_PERIODS:
      sums = lax.fori_loop(0, each, visit_all, sums)
    else:
      sums = lax.fori_loop(0, each * geometry.out_frames, visit_one, sums)
    for tap, total in enumerate(sums):
      first = (share * extent + tap) * c
      rows = tiles.Numbers(first + in_channels.numbers, in_channels.exist)
      tiles.store(shares_ref, rows, out_channels, total)

  body.__name__ = name = 'temporal_kernel_gradient'  # the GPU's name of it
  moved = geometry.inputs + geometry.outputs
  mean, _, gain, bias = normalization
  found = pl.pallas_call(
    body,
    out_shape=jax.ShapeDtypeStruct((shares * extent * c, f), dtype),
    grid=(c_tiles * f_tiles * shares,),
    interpret=interpret,
    name=name,
    compiler_params=plt.CompilerParams(
      num_warps=blocks.warps, num_stages=blocks.stages
    ),
    cost_estimate=pl.CostEstimate(
      flops=geometry.flops,
      transcendentals=0,
      bytes_accessed=moved * x.dtype.itemsize
      + geometry.weights * shares * dtype.itemsize,
    ),
    metadata={'flops': str(geometry.flops)},  # Triton leaves the estimate out
  )(x.reshape(-1, c), mean, gain, bias, dy.reshape(-1, f))
  return found.reshape(shares, extent, c, f).sum(0)


def _is_frame(period, step, geometry):
  """Says if a frame of the input is there: a bool, maybe a traced one."""
  if geometry.frames % geometry.stride == 0:
    return True
  return period * geometry.stride + step < geometry.frames


def _is_inside(period, later, geometry):
  """Says if a frame of the output is there: a bool, maybe a traced one."""
  out = period + later
  if isinstance(out, int):
    return 0 <= out < geometry.out_frames
  if later == 0:
    return True
  return out >= 0 if later < 0 else out < geometry.out_frames


def _all(a, b):
  if a is True or b is False:
    return b
  return a if b is True or a is False else a & b
