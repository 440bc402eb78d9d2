"""Measures block sizes of our own kernels on this GPU, shape by shape.

    python -m benchmarks.step.autotune                      # of every layer
    python -m benchmarks.step.autotune --kinds forward --seconds 300
    python -m benchmarks.step.autotune --dry                # tiny, on a CPU

Prints, for each kernel at each shape, the time of XLA's own operations, of the
block sizes chosen now and of the fastest that was tried, beside the bound; then
the tables of `stclr_jax/models/kernels/block_sizes.py` with the fastest. The
sizes of now are measured first everywhere: where time runs out, the rest stays.
"""

import argparse
import time

from benchmarks import records
from benchmarks.step import ceilings
from benchmarks.step import temporal_kernels

DRY = {'views': 1, 'frames': 2, 'size': 16}

# chosen: a measurement takes so long beyond its compilation.
SECONDS_EACH = 0.05


def candidates(kind, geometry):
  """Lists block sizes to try, those of now first.

  Args:
    kind: one of `temporal_kernels.KINDS`.
    geometry: a `blocks.Geometry`.

  Returns:
    A list of `Blocks` or `WeightBlocks`; some may not fit a device.
  """
  from stclr_jax.models.kernels.blocks import Blocks
  from stclr_jax.models.kernels.blocks import WeightBlocks

  now = temporal_kernels.chosen(kind, geometry)
  if kind == 'kernel_gradient':
    tried = [
      WeightBlocks(rows, in_features, features, programs, warps, stages)
      for rows, in_features, features, warps in (
        (64, 64, 64, 4), (64, 128, 64, 8), (128, 128, 64, 8), (64, 64, 128, 8),
        (128, 64, 64, 4), (64, 128, 128, 8),
      )
      for programs, stages in ((264, 3), (528, 2), (528, 3), (1056, 2))
    ]  # fmt: skip
  else:
    tried = [
      Blocks(rows, features, chunk, resident, warps, stages)
      for rows, features, chunk, warps in (
        (64, 64, 64, 4), (64, 64, 32, 4), (128, 64, 64, 8), (128, 64, 32, 8),
        (64, 32, 64, 4), (128, 128, 64, 8), (64, 128, 32, 8), (64, 64, 64, 8),
      )
      for resident, stages in ((True, 1), (True, 2), (False, 2), (False, 3))
    ]  # fmt: skip
    if geometry.in_features <= 64:
      tried.append(Blocks(64, 64, 16, True, 4, 2))
  return [now, *(blocks for blocks in tried if blocks != now)]


def plain(kind, geometry):
  """Makes XLA's own operations for what a kernel computes.

  Args:
    kind: one of `temporal_kernels.KINDS`.
    geometry: a `blocks.Geometry`.

  Returns:
    A function of the arrays of `temporal_kernels.make_call`.
  """
  import jax
  import jax.numpy as jnp

  from stclr_jax.models import convolutions

  def convolve(x, kernel):
    return convolutions.convolve(
      x[:, :, :, None],
      kernel[:, None, None],
      strides=(geometry.stride, 1, 1),
      lowering='convolution',
    )[:, :, :, 0]

  def normalize(x, norm):
    x = x.astype(jnp.float32)
    mean, rstd, gain, bias = (v.reshape(1, 1, 1, -1) for v in norm)
    return (x - mean) * gain + bias, (x - mean) * rstd

  def call(x, dy, norm, kernel):
    z, normalized = normalize(x, norm)
    rectified = jnp.maximum(z, 0).astype(x.dtype)
    if kind == 'forward':
      y = convolve(rectified, kernel)
      values = y.astype(jnp.float32)
      return y, values.sum((0, 1, 2)), jnp.square(values).sum((0, 1, 2))
    if kind == 'kernel_gradient':
      return jax.vjp(lambda k: convolve(rectified, k), kernel)[1](dy)
    [dz] = jax.vjp(lambda a: convolve(a, kernel), rectified)[1](dy)
    dz = jnp.where(z > 0, dz.astype(jnp.float32), 0)
    sums = dz.sum((0, 1, 2)), (dz * normalized).sum((0, 1, 2))
    return dz.astype(x.dtype), *sums

  return call


def bytes_of(kind, geometry, item_bytes=2):
  """Bytes that a kernel has to move."""
  inputs = 2 if kind == 'input_gradient' else 1
  return (inputs * geometry.inputs + geometry.outputs) * item_bytes


def measure(call, arguments, seconds=SECONDS_EACH):
  """Times a function.

  Args:
    call: of arrays.
    arguments: the arrays.
    seconds: to spend, about, beyond compilation.

  Returns:
    Seconds of the fifth of the runs that is fastest; None where the compiler
    refuses, as for want of shared memory.
  """
  import jax

  try:
    compiled = jax.jit(call).lower(*arguments).compile()
    return ceilings.fastest(lambda: compiled(*arguments), seconds)
  except jax.errors.JaxRuntimeError:
    return None


def random_arguments(shapes):
  """Random numbers of these shapes."""
  import jax

  leaves, tree = jax.tree.flatten(shapes)
  keys = jax.random.split(jax.random.key(0), len(leaves))
  made = [
    jax.random.normal(key, leaf.shape, leaf.dtype)
    for key, leaf in zip(keys, leaves, strict=True)
  ]
  return jax.tree.unflatten(tree, made)


def tune(kind, geometry, device, *, deadline, dry=False):
  """Measures the candidates of a kernel at one shape.

  Args:
    kind: one of `temporal_kernels.KINDS`.
    geometry: a `blocks.Geometry`.
    device: `ceilings.Device`, for the bound.
    deadline: `time.monotonic()` after which nothing more is tried.
    dry: compute step by step, on a CPU, and only the sizes of now.

  Returns:
    A record: sizes, milliseconds, and the bound.
  """
  dtype = 'float32' if dry else 'bfloat16'
  arguments = random_arguments(temporal_kernels.shapes(geometry, dtype))
  found, refused = {}, 0
  for blocks in candidates(kind, geometry)[: 1 if dry else None]:
    if found and time.monotonic() > deadline:
      break
    call, _ = temporal_kernels.make_call(
      kind, geometry, blocks, interpret=dry, dtype=dtype
    )
    took = measure(call, arguments)
    if took is None:
      refused += 1
    else:
      found[blocks] = took
  xla = measure(plain(kind, geometry), arguments)
  now = temporal_kernels.chosen(kind, geometry)
  best = min(found, key=found.get) if found else now
  bound = max(
    bytes_of(kind, geometry) / device.bytes_per_s,
    geometry.flops / device.matmul_flops,
  )

  def milliseconds(seconds):
    return None if seconds is None else seconds * 1e3

  return {
    'benchmark': 'autotune',
    'kind': kind,
    'geometry': geometry._asdict(),
    'bound_ms': milliseconds(bound),
    'xla_ms': milliseconds(xla),
    'now_ms': milliseconds(found.get(now)),
    'best_ms': milliseconds(found.get(best)),
    'now': repr(now),
    'best': repr(best),
    'measured': len(found),
    'refused': refused,
  }


def tables(found):
  """Writes the fastest sizes as `block_sizes` has them.

  Args:
    found: records of `tune`.

  Returns:
    Python, as text.
  """
  lines = []
  for kind in dict.fromkeys(record['kind'] for record in found):
    lines.append(f'{kind.upper()} = {{')
    for record in (r for r in found if r['kind'] == kind):
      geometry = record['geometry']
      key = tuple(geometry[n] for n in ('in_features', 'features', 'stride'))
      lines.append(f'  {key}: {record["best"]},')
    lines.append('}')
  return '\n'.join(lines)


def main(arguments=None):
  """Prints a JSON line a kernel, and the tables."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  kinds = temporal_kernels.KINDS
  parser.add_argument('--views', type=int, default=64)
  parser.add_argument('--frames', type=int, default=16)
  parser.add_argument('--size', type=int, default=224)
  parser.add_argument('--kinds', nargs='*', default=kinds, choices=kinds)
  parser.add_argument('--seconds', type=float, default=500, help='for all')
  parser.add_argument('--dry', action='store_true', help='tiny, on a CPU')
  parser.add_argument('--out')
  options = parser.parse_args(arguments)
  size = {name: getattr(options, name) for name in DRY}
  shapes = temporal_kernels.geometries(**DRY if options.dry else size)
  device = ceilings.DEVICES['h200'] if options.dry else ceilings.this_device()
  jobs = [(kind, one) for kind in options.kinds for one in shapes]
  if options.dry:
    jobs = [(kind, next(iter(shapes))) for kind in options.kinds]
  started, found = time.monotonic(), []
  for i, (kind, geometry) in enumerate(jobs):
    now = time.monotonic()
    share = max(0, started + options.seconds - now) / (len(jobs) - i)
    found.append(
      tune(kind, geometry, device, deadline=now + share, dry=options.dry)
    )
    records.emit(found[-1] | {'versions': records.versions()}, options.out)
  print(tables(found))


if __name__ == '__main__':
  main()
