"""Measures what a device can do at most: a matrix product and a copy.

    python -m benchmarks.step.ceilings

On random numbers: a product of zeros can be an eighth faster.
"""

import argparse
import dataclasses
import statistics
import time

from benchmarks import records


@dataclasses.dataclass(frozen=True)
class Device:
  """Ceilings of a device.

  Attributes:
    name: for tables.
    peak_flops: dense matrix products per second by the datasheet, of which
      MFU is a share.
    matmul_flops: measured on a large matrix product of random numbers.
    bytes_per_s: measured on a large copy, read plus written.
    item_bytes: of an activation.
  """

  name: str
  peak_flops: float
  matmul_flops: float
  bytes_per_s: float
  item_bytes: int = 2


# NVIDIA's datasheets (bf16, dense), and 8192^3 products and 8.6 GB copies
# measured on one machine of each kind.
DEVICES = {
  'h200': Device('NVIDIA H200', 989e12, 790e12, 4.3e12),
  'h100': Device('NVIDIA H100', 989e12, 798e12, 3.0e12),
}


def this_device(*, dtype=None, seconds=1.0):
  """Measures JAX's default device.

  Args:
    dtype: of both; None for bfloat16, and for float32 on a CPU.
    seconds: to spend on each of the two, about.

  Returns:
    A `Device`. Its `peak_flops` is a known GPU's datasheet figure,
    for bfloat16, or else the product measured.
  """
  import jax
  import jax.numpy as jnp

  is_cpu = jax.default_backend() == 'cpu'
  dtype = jnp.dtype(dtype or ('float32' if is_cpu else 'bfloat16'))
  side = 2048 if is_cpu else 8192
  copied = 2**28 if is_cpu else 2**32  # bytes: several times any cache
  a, b = jax.random.normal(jax.random.key(0), (2, side, side), dtype)
  product = jax.jit(jnp.dot)
  matmul_flops = 2 * side**3 / _fastest(lambda: product(a, b), seconds)
  x = jax.random.normal(jax.random.key(1), copied // dtype.itemsize, dtype)
  # Adding a number that changes is a copy that cannot be left out.
  move = jax.jit(lambda x, y: x + y)
  one = jnp.ones((), dtype)
  bytes_per_s = 2 * copied / _fastest(lambda: move(x, one), seconds)
  name = jax.devices()[0].device_kind
  if is_cpu:
    name = records.machine()['cpu']
  return Device(
    name, peak_flops(name, matmul_flops), matmul_flops, bytes_per_s,
    item_bytes=dtype.itemsize,
  )  # fmt: skip


def peak_flops(device_name, measured=None):
  """Looks up a device's bfloat16 rate.

  Args:
    device_name: as the driver gives it.
    measured: what to return for an unknown device.

  Returns:
    FLOP/s, those of the datasheet for an H100 or H200.
  """
  known = any(chip in device_name for chip in ('H100', 'H200'))
  return 989e12 if known else measured


def _fastest(run, seconds):
  """Seconds of the fifth of the runs that is fastest, about."""
  import jax

  jax.block_until_ready(run())
  times = []
  while sum(times) < seconds or len(times) < 5:
    started = time.perf_counter()
    jax.block_until_ready(run())
    times.append(time.perf_counter() - started)
  return statistics.quantiles(times, n=5)[0]


def main():
  """Prints one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--dtype')
  parser.add_argument('--seconds', type=float, default=1.0)
  parser.add_argument('--out')
  options = parser.parse_args()
  device = this_device(dtype=options.dtype, seconds=options.seconds)
  record = {'benchmark': 'ceilings'} | vars(device)
  records.emit(record | {'versions': records.versions()}, options.out)


if __name__ == '__main__':
  main()
