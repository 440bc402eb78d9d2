"""Measures what a device can do at most: a matrix product and a copy.

    python -m benchmarks.step.ceilings

On random numbers: a product of zeros can be an eighth faster.
"""

import argparse
import statistics
import time

from benchmarks import records
from benchmarks.step import accelerators
from benchmarks.step.accelerators import Device

# Of those that were measured on one machine of each kind: 8192^3 products of
# bfloat16 and 8.6 GB copies.
DEVICES = {one.key: one.device for one in accelerators.listed() if one.measured}


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
  matmul_flops = 2 * side**3 / fastest(lambda: product(a, b), seconds)
  x = jax.random.normal(jax.random.key(1), copied // dtype.itemsize, dtype)
  # Adding a number that changes is a copy that cannot be left out.
  move = jax.jit(lambda x, y: x + y)
  one = jnp.ones((), dtype)
  bytes_per_s = 2 * copied / fastest(lambda: move(x, one), seconds)
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
    FLOP/s of the datasheet, for a device that has a file.
  """
  for one in accelerators.listed():
    if one.key.upper() in device_name:
      return one.device.peak_flops
  return measured


def fastest(run, seconds):
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
