"""The convolution over time that normalises what it reads, and its gradient.

`convolve`: what it reads becomes (x - mean) * gain + bias, rectified, on the
way to the product; what it writes is summed for the next batch norm.
`input_gradient`: what it writes has the ReLU's mask applied, which is computed
again from x, and is summed for the batch norm's own gradient. Rounding is that
of the operations one by one: factors and results in the dtype of x, sums at
least in float32.

Both are one kernel with another beginning and end: a tile of pixels times a
tile of channels, frame after frame, see `rolling`. Pallas, lowered by Triton.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plt
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.models.kernels import rolling
from stclr_jax.models.kernels import tiles
from stclr_jax.models.kernels.blocks import Blocks
from stclr_jax.models.kernels.blocks import Geometry


class _Product(NamedTuple):
  """A sum over frames and channels of what is read times a kernel.

  Attributes:
    name: of the kernel.
    schedule: a `rolling.Schedule`.
    in_frames: of a clip that is read.
    in_features: channels that are read.
    out_frames: of a clip that is written.
    features: channels that are written.
  """

  name: str
  schedule: rolling.Schedule
  in_frames: int
  in_features: int
  out_frames: int
  features: int


def convolve(
  x: Float[Array, 'b t p c'],
  normalization: tiles.Normalization,
  kernel: Float[Array, 'k c f'],
  geometry: Geometry,
  blocks: Blocks,
  *,
  interpret: bool,
) -> tuple[Float[Array, 'b t2 p f'], Float[Array, '2 f']]:
  """Convolves what is made of `x`, and sums the result.

  Args:
    x: float [b, t, pixels, c], not normalised yet.
    normalization: of its channels.
    kernel: float [k, c, f], the dtype of `x`.
    geometry: of all of them.
    blocks: sizes of a program.
    interpret: whether to compute without a GPU.

  Returns:
    y, float [b, t', pixels, f], the dtype of `x`; the sums of y and of its
    squares [2, f], at least float32.
  """
  product = _Product(
    'temporal_convolution',
    rolling.forward_schedule(geometry.extent, geometry.stride),
    geometry.frames,
    geometry.in_features,
    geometry.out_frames,
    geometry.features,
  )

  def body(x_ref, mean_ref, gain_ref, bias_ref, kernel_ref, y_ref, sums_ref):
    def fetch(rows, channels):
      vectors = tiles.load_vectors((mean_ref, gain_ref, bias_ref), channels)
      z = tiles.normalize(tiles.load(x_ref, rows, channels), *vectors)
      return jnp.maximum(z, 0).astype(x_ref.dtype)

    def finish(rows, channels, values):
      values = values.astype(y_ref.dtype)
      tiles.store(y_ref, rows, channels, values)
      values = tiles.accurate(values)
      if rows.exist is not None:
        values = jnp.where(rows.exist[:, None], values, 0)
      return values, jnp.square(values)

    _program(product, geometry, blocks, kernel_ref, sums_ref, fetch, finish)

  mean, _, gain, bias = normalization
  moved = geometry.inputs + geometry.outputs + geometry.weights
  return _call(
    body,
    product,
    geometry,
    blocks,
    moved,
    (x, mean, gain, bias, kernel),
    interpret,
  )


def input_gradient(
  dy: Float[Array, 'b t2 p f'],
  x: Float[Array, 'b t p c'],
  normalization: tiles.Normalization,
  kernel: Float[Array, 'k c f'],
  geometry: Geometry,
  blocks: Blocks,
  *,
  interpret: bool,
) -> tuple[Float[Array, 'b t p c'], Float[Array, '2 c']]:
  """Computes the gradient of the rectified input, masks it, and sums it.

  Args:
    dy: float [b, t', pixels, f], the dtype of `x`.
    x: float [b, t, pixels, c], not normalised.
    normalization: of its channels.
    kernel: float [k, c, f], the dtype of `x`.
    geometry: of all of them.
    blocks: sizes of a program.
    interpret: whether to compute without a GPU.

  Returns:
    dz, float [b, t, pixels, c], the gradient of what is rectified; its sum and
    that of its product with the normalised values [2, c], at least float32.
  """
  product = _Product(
    'temporal_input_gradient',
    rolling.transposed_schedule(geometry.extent, geometry.stride),
    geometry.out_frames,
    geometry.features,
    geometry.frames,
    geometry.in_features,
  )

  def body(dy_ref, x_ref, *refs):
    *vector_refs, kernel_ref, dz_ref, sums_ref = refs

    def finish(rows, channels, values):
      mean, rstd, gain, bias = tiles.load_vectors(vector_refs, channels)
      x = tiles.load(x_ref, rows, channels)
      values = tiles.accurate(values.astype(dz_ref.dtype))
      values = jnp.where(tiles.normalize(x, mean, gain, bias) > 0, values, 0)
      tiles.store(dz_ref, rows, channels, values.astype(dz_ref.dtype))
      if rows.exist is not None:
        values = jnp.where(rows.exist[:, None], values, 0)
      return values, values * (tiles.accurate(x) - mean[None]) * rstd[None]

    def fetch(rows, channels):
      return tiles.load(dy_ref, rows, channels)

    _program(product, geometry, blocks, kernel_ref, sums_ref, fetch, finish)

  moved = geometry.outputs + 2 * geometry.inputs + geometry.weights
  arguments = (dy, x, *normalization, kernel.transpose(0, 2, 1))
  return _call(body, product, geometry, blocks, moved, arguments, interpret)


def _program(product, geometry, blocks, kernel_ref, sums_ref, fetch, finish):
  """Computes a tile of pixels and of channels, in all frames.

  `fetch(rows, channels)` reads factors; `finish(rows, channels, values)` writes
  what has been summed, and gives what to add up over pixels.
  """
  count = pl.cdiv(product.features, blocks.features)
  tile, place = tiles.divide(pl.program_id(0), count)
  dealt = pl.cdiv(geometry.rows, blocks.rows) * blocks.rows
  found = tiles.pixels(tile * blocks.rows, blocks.rows, dealt, geometry)
  first = place * blocks.features
  out_channels = tiles.channels(first, blocks.features, product.features)
  starts = range(0, product.in_features, blocks.chunk)

  def chunk(start):
    return tiles.channels(start, blocks.chunk, product.in_features)

  def weights(tap, start):
    numbers, exist = chunk(start)
    below = tiles.Numbers(tap * product.in_features + numbers, exist)
    return tiles.load(kernel_ref, below, out_channels)

  is_short = rolling.is_short(product.schedule, product.in_frames)
  is_resident = blocks.resident and not is_short
  if is_resident:
    taps = range(geometry.extent)
    kept = {(tap, at): weights(tap, at) for tap in taps for at in starts}

  def add_chunk(products, start, window):
    window, used = list(window), {}
    for frame, pairs in products:
      rows = tiles.rows(found, frame, product.in_frames, geometry)
      values = fetch(rows, chunk(start))
      for tap, slot in pairs:
        if tap not in used:
          at = tap, start
          used[tap] = kept[at] if is_resident else weights(*at)
        window[slot] += tiles.multiply(values, used[tap])
    return tuple(window)

  def multiply(products, window):
    if is_resident:
      for start in starts:
        window = add_chunk(products, start, window)
      return window
    # No loop carries what it does not add to.
    used = sorted({slot for _, pairs in products for _, slot in pairs})
    places = {slot: place for place, slot in enumerate(used)}
    products = [
      (frame, [(tap, places[slot]) for tap, slot in pairs])
      for frame, pairs in products
    ]
    sums = lax.fori_loop(
      0,
      len(starts),
      lambda i, sums: add_chunk(
        products, i.astype(jnp.int32) * blocks.chunk, sums
      ),
      tuple(window[slot] for slot in used),
    )
    window = list(window)
    for slot, total in zip(used, sums, strict=True):
      window[slot] = total
    return tuple(window)

  def emit(frame, values, exists):
    rows = tiles.rows(found, frame, product.out_frames, geometry)
    rows = tiles.only(rows, exists)
    for i, summands in enumerate(finish(rows, out_channels, values)):
      row = (tile * product.out_frames + frame) * 2 + i
      row = tiles.only(tiles.Numbers(jnp.full((1,), row), None), exists)
      tiles.store(sums_ref, row, out_channels, summands.sum(0, keepdims=True))

  rolling.roll(
    product.schedule,
    product.in_frames,
    product.out_frames,
    zero=lambda: jnp.zeros((blocks.rows, blocks.features), sums_ref.dtype),
    multiply=multiply,
    emit=emit,
  )


def _call(body, product, geometry, blocks, moved, arguments, interpret):
  """Runs all programs; gives what they wrote and the sums of their sums."""
  dtype = arguments[0].dtype
  count = pl.cdiv(geometry.rows, blocks.rows)
  written, parts = (n * product.out_frames for n in (geometry.rows, count))
  body.__name__ = product.name  # the GPU's name of it
  values, sums = pl.pallas_call(
    body,
    out_shape=(
      jax.ShapeDtypeStruct((written, product.features), dtype),
      jax.ShapeDtypeStruct(
        (parts * 2, product.features), tiles.accurate_dtype(dtype)
      ),
    ),
    grid=(count * pl.cdiv(product.features, blocks.features),),
    interpret=interpret,
    name=product.name,
    compiler_params=plt.CompilerParams(
      num_warps=blocks.warps, num_stages=blocks.stages
    ),
    cost_estimate=pl.CostEstimate(
      flops=geometry.flops,
      transcendentals=0,
      bytes_accessed=moved * dtype.itemsize,
    ),
    metadata={'flops': str(geometry.flops)},  # Triton leaves the estimate out
  )(*(a.reshape(-1, a.shape[-1]) if a.ndim > 1 else a for a in arguments))
  shape = (geometry.clips, product.out_frames, geometry.pixels)
  values = values.reshape(*shape, product.features)
  return values, sums.reshape(parts, 2, -1).sum(0)
