"""Kernels of our own, one at a time: registers, spills and shared memory.

    python -m benchmarks.step.temporal_kernels                   # of an H200
    python -m benchmarks.step.temporal_kernels --size 112 --frames 8

Compiles each kernel at each shape of the network for an accelerator that is not
there, with the block sizes of `block_sizes`, and asks the assembler. Ends with
an error if registers spill. How fast they are: `autotune`, on a GPU.
"""

import argparse
import dataclasses
import pathlib
import re
import subprocess
import tempfile

from benchmarks.step import accelerators
from benchmarks.step import device_compilers
from benchmarks.step import roofline
from stclr_jax.errors import UserError

KINDS = ('forward', 'input_gradient', 'kernel_gradient')

# Channels between the halves of a (2+1)D convolution, as on a GPU.
CHANNEL_MULTIPLE = 8

_GRID = re.compile(
  r'temporal_\w+ grid: \[(\d+).*threads: \[(\d+).*shared_memory: (\d+)'
)
_REGISTERS = re.compile(r'Used (\d+) registers')
_SPILLS = re.compile(r'(\d+) bytes spill stores, (\d+) bytes spill loads')


@dataclasses.dataclass(frozen=True)
class Resources:
  """Resources of one kernel.

  Attributes:
    programs: of a call.
    threads: of a program.
    registers: of a thread.
    spilled: bytes that a thread writes for want of registers.
    shared: bytes of shared memory of a program.
    products: instructions that multiply on tensor cores.
    serialized: whether the assembler makes them wait for one another.
  """

  programs: int
  threads: int
  registers: int
  spilled: int
  shared: int
  products: int
  serialized: bool


def geometries(*, views=64, frames=16, size=224):
  """Lists the convolutions over time of R(2+1)D-18.

  Args:
    views: of a step.
    frames: of a view.
    size: of a frame.

  Returns:
    {`Geometry`: names of layers}, each shape once.
  """
  from stclr_jax.models.kernels.blocks import Geometry

  found = {}
  for layer in roofline.layers(frames=frames, size=size):
    if layer.kernel[0] == 1 or layer.kernel[1:] != (1, 1):
      continue
    t, h, w, c = layer.in_shape
    c += -c % CHANNEL_MULTIPLE
    features, stride = layer.out_shape[-1], layer.strides[0]
    key = Geometry(views, t, h * w, c, features, layer.kernel[0], stride)
    found.setdefault(key, []).append(layer.name)
  return found


def chosen(kind, geometry):
  """Finds the block sizes that a kernel has now."""
  from stclr_jax.models.kernels import block_sizes

  return getattr(block_sizes, kind)(geometry)


def make_call(kind, geometry, blocks, *, interpret=False, dtype='bfloat16'):
  """Makes a call of one kernel.

  Args:
    kind: one of `KINDS`.
    geometry: a `blocks.Geometry`.
    blocks: its sizes.
    interpret: whether to compute without a GPU.
    dtype: of the arrays.

  Returns:
    A function of arrays, and their shapes.
  """
  from stclr_jax.models.kernels import temporal_products
  from stclr_jax.models.kernels import temporal_weights

  def call(x, dy, norm, kernel):
    if kind == 'forward':
      return temporal_products.convolve(
        x, norm, kernel, geometry, blocks, interpret=interpret
      )
    if kind == 'input_gradient':
      return temporal_products.input_gradient(
        dy, x, norm, kernel, geometry, blocks, interpret=interpret
      )
    return temporal_weights.kernel_gradient(
      x, dy, norm, geometry, blocks, interpret=interpret
    )

  return call, shapes(geometry, dtype)


def shapes(geometry, dtype):
  """Shapes of x, dy, the normalization and the kernel."""
  import jax

  from stclr_jax.models.kernels import tiles

  clips, frames, pixels, c, f, extent, _ = geometry
  vector = jax.ShapeDtypeStruct((c,), 'float32')
  return (
    jax.ShapeDtypeStruct((clips, frames, pixels, c), dtype),
    jax.ShapeDtypeStruct((clips, geometry.out_frames, pixels, f), dtype),
    tiles.Normalization(*[vector] * 4),
    jax.ShapeDtypeStruct((extent, c, f), dtype),
  )


def measure(kind, geometry, blocks, sharding):
  """Compiles a kernel and reads what it takes.

  Args:
    kind: one of `KINDS`.
    geometry: a `blocks.Geometry`.
    blocks: its sizes.
    sharding: of a device that is not there, see `device_compilers`.

  Returns:
    `Resources`.

  Raises:
    Exception: XLA's, where shared memory does not suffice.
  """
  import jax

  call, arguments = make_call(kind, geometry, blocks)
  arguments = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
    arguments,
  )
  with tempfile.TemporaryDirectory() as folder:
    options = device_compilers.GPU_OPTIONS | {'xla_dump_to': folder}
    jax.jit(call).lower(*arguments).compile(compiler_options=options)
    files = list(pathlib.Path(folder).iterdir())
    text = '\n'.join(
      p.read_text() for p in files if p.name.endswith('thunk_sequence.txt')
    )
    sources = [p for p in files if p.suffix == '.ptx']
    source = next(p for p in sources if 'temporal_' in p.read_text())
    target = re.search(r'\.target (\w+)', source.read_text())[1]
    assembler = (
      device_compilers.folder() / 'nvidia' / 'cuda_nvcc' / 'bin' / 'ptxas'
    )
    said = subprocess.run(
      [assembler, '-v', f'-arch={target}', source, '-o', '/dev/null'],
      capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    programs, threads, shared = map(int, _GRID.search(text).groups())
    return Resources(
      programs,
      threads,
      int(_REGISTERS.search(said)[1]),
      sum(map(int, _SPILLS.search(said).groups())),
      shared,
      source.read_text().count('wgmma.mma_async'),
      'are serialized' in said,
    )


def main(arguments=None):
  """Prints a table; ends with an error if registers spill."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--accelerator', default='h200')
  parser.add_argument('--views', type=int, default=64)
  parser.add_argument('--frames', type=int, default=16)
  parser.add_argument('--size', type=int, default=224)
  parser.add_argument('--kinds', nargs='*', default=KINDS, choices=KINDS)
  options = parser.parse_args(arguments)
  device_compilers.use()
  from jax.sharding import SingleDeviceSharding

  accelerator = accelerators.find(options.accelerator)
  [device] = device_compilers.devices(accelerator)
  found = geometries(
    views=options.views, frames=options.frames, size=options.size
  )
  spilling = []
  print(
    '| kernel | frames, pixels, channels, stride | layers | blocks '
    '| programs | registers | spilled | shared | wgmma | in turn |'
  )
  print('|---|---|---|---|---|---|---|---|---|---|')
  for kind in options.kinds:
    for geometry, names in found.items():
      blocks = chosen(kind, geometry)
      took = measure(kind, geometry, blocks, SingleDeviceSharding(device))
      if took.spilled:
        spilling.append(f'{kind} of {names[0]}: {took.spilled} bytes')
      _, frames, pixels, c, f, _, stride = geometry
      print(
        f'| {kind} | {frames}x{pixels}, {c} to {f}, {stride} | {len(names)} '
        f'| {tuple(blocks)} | {took.programs} | {took.registers} '
        f'| {took.spilled} | {took.shared} | {took.products} '
        f'| {"yes" if took.serialized else "no"} |',
        flush=True,
      )
  if spilling:
    raise UserError(f'Registers spill: {"; ".join(spilling)}.')


if __name__ == '__main__':
  main()
