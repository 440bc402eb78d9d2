"""Figures of devices: their ceilings, and what a compiler must know of them.

A device is a file of `devices/`, which names the source of each figure. To add
one: copy the file of its kind, and put the figures of XLA's own file
(xla/backends/gpu/target_config/specs) and of the datasheet in.
"""

import dataclasses
import functools
import json
import pathlib

from stclr_jax.errors import UserError

FOLDER = pathlib.Path(__file__).parent / 'devices'

# Of a device's memory, what JAX takes unless told otherwise, for all that a
# process keeps there. Source: docs.jax.dev, "GPU memory allocation".
MEMORY_SHARE = 0.75


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


@dataclasses.dataclass(frozen=True)
class Accelerator:
  """A device that programs can be compiled for.

  Attributes:
    key: name of its file.
    platform: 'gpu' or 'tpu'.
    device: its ceilings for 16-bit numbers.
    measured: whether its ceilings were measured, or are an assumed share of
      the peak.
    tf32_flops: ceiling of products of float32 at the default precision.
    float32_flops: of those at the highest precision.
    memory_bytes: of one device.
    compiler: what the compiler is told.
    sources: of the figures.
  """

  key: str
  platform: str
  device: Device
  measured: bool
  tf32_flops: float
  float32_flops: float
  memory_bytes: int
  compiler: dict
  sources: dict

  def flops(self, dtype, *, highest=False):
    """Returns the ceiling of products of a type of numbers, FLOP/s.

    Args:
      dtype: of the operands, as a program spells it, such as 'bf16'.
      highest: whether float32 must not be rounded.
    """
    if dtype in ('bf16', 'f16') or dtype.startswith('f8'):
      return self.device.matmul_flops
    return self.float32_flops if highest else self.tf32_flops

  @property
  def target_config(self):
    """Text by which XLA knows a GPU that is not there."""
    return _as_text(self.compiler)

  def describe(self):
    """Says in a line what bounds are computed with."""
    how = 'measured' if self.measured else 'an assumed share of the datasheet'
    device = self.device
    return (
      f'{device.name} at {device.matmul_flops / 1e12:.4g} TFLOP/s and '
      f'{device.bytes_per_s / 1e12:.3g} TB/s ({how})'
    )


def at_hand(device):
  """Gives a device that has been measured, whichever it is.

  Args:
    device: a `Device`.

  Returns:
    An `Accelerator`: that of its file, with the ceilings measured; of another
    device, one that rounds nothing faster than it multiplies.
  """
  for one in listed():
    if one.device.name == device.name:
      return dataclasses.replace(one, device=device, measured=True)
  return Accelerator(
    key='this',
    platform='',
    device=device,
    measured=True,
    tf32_flops=device.matmul_flops,
    float32_flops=device.matmul_flops,
    memory_bytes=0,
    compiler={},
    sources={},
  )


def names():
  """Lists the devices that have a file."""
  return sorted(path.stem for path in FOLDER.glob('*.json'))


def listed():
  """Returns all of them, `Accelerator`s."""
  return [find(name) for name in names()]


@functools.cache
def find(name):
  """Finds a device by the name of its file.

  Args:
    name: such as 'h200'.

  Returns:
    An `Accelerator`.

  Raises:
    UserError: if there is no such file.
  """
  if name not in names():
    raise UserError(
      f'`accelerator` (={name!r}) has no file of figures in '
      f'benchmarks/step/devices; there are {", ".join(names())}.'
    )
  found = json.loads((FOLDER / f'{name}.json').read_text())
  peak, ceilings = found['peak'], found['ceilings']
  share = ceilings['bfloat16_flops'] / peak['bfloat16_flops']
  compiler = found['compiler']
  return Accelerator(
    key=name,
    platform=found['platform'],
    device=Device(
      found['name'],
      peak['bfloat16_flops'],
      ceilings['bfloat16_flops'],
      ceilings['bytes_per_s'],
    ),
    measured=found['measured'],
    tf32_flops=share * peak['tf32_flops'],
    float32_flops=share * peak['float32_flops'],
    memory_bytes=compiler['memory_bytes']
    if 'memory_bytes' in compiler
    else compiler['gpu_device_info']['device_memory_size'],
    compiler=compiler,
    sources=found['sources'],
  )


def _as_text(fields):
  """Writes a dict as a text-format protocol buffer."""
  lines = []
  for name, value in fields.items():
    if isinstance(value, dict):
      lines.append(f'{name} {{ {_as_text(value)} }}')
    else:
      lines.append(f'{name}: {json.dumps(value)}')
  return ' '.join(lines)
