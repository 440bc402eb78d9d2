"""Placement of frames: on the device, in host memory, or in records.

On the device, where a step takes its clips itself; in the host's memory, from
which the clips of the next batches are already on their way; or in their
records, of which threads decode only the frames sampled. The views are the
same, bit for bit, so that the choice is one of memory and speed alone.
"""

from typing import NamedTuple

import jax

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import host_memory

DEVICE, HOST, STREAMED = 'device', 'host', 'streamed'
PLACEMENTS = ('auto', DEVICE, HOST, STREAMED)


class Placed(NamedTuple):
  """A choice and its arithmetic.

  Attributes:
    placement: DEVICE, HOST or STREAMED.
    reason: a sentence with the bytes.
  """

  placement: str
  reason: str


def check(placement, memory_share):
  """Refuses what cannot be chosen.

  Args:
    placement: `config.data.placement`.
    memory_share: `config.data.memory_share`.

  Raises:
    ValueError: for an unknown placement, or a share outside (0, 1].
  """
  check_one_of('data.placement', placement, PLACEMENTS)
  if not 0 < memory_share <= 1:
    raise UserError(
      f'`data.memory_share` (={memory_share}) must be more than 0 and at most '
      '1: the share of the free memory that frames may fill.'
    )


def keep_in_host(placement, frame_bytes, *, memory_share, free=None):
  """Decides whether frames are decoded into the host's memory.

  Args:
    placement: one of PLACEMENTS.
    frame_bytes: of all frames, decoded.
    memory_share: share of the free memory that frames may fill under 'auto'.
    free: bytes free; None to look.

  Returns:
    Whether to; if not, they stay in their records.

  Raises:
    ValueError: if 'device' or 'host' is asked for and they do not fit.
  """
  if placement == STREAMED:
    return False
  free = host_memory.free_host_bytes() if free is None else free
  if placement == 'auto':
    return frame_bytes <= memory_share * free
  if frame_bytes > free:
    raise UserError(
      f'`data.placement` (={placement!r}) needs {_size(frame_bytes)} of frames '
      f"in the host's memory, of which {_size(free)} are free; 'streamed' "
      'leaves them in their records, and a smaller `data.frame_size` makes '
      'them fewer.'
    )
  return True


def choose(placement, frame_bytes, *, in_host, memory_share, free=None):
  """Decides where the frames live during a run.

  Args:
    placement: one of PLACEMENTS.
    frame_bytes: of all frames, decoded.
    in_host: whether they are in the host's memory; see `keep_in_host`.
    memory_share: share of a device's free memory that frames may fill under
      'auto'; the rest is left for the step.
    free: bytes free on each device; None to look.

  Returns:
    A `Placed`.

  Raises:
    ValueError: if 'device' is asked for and they do not fit.
  """
  frames = f'{_size(frame_bytes)} of frames'
  if not in_host:
    return Placed(
      STREAMED, f'{frames} stay in their records; only those sampled are read'
    )
  if placement == HOST:
    return Placed(HOST, f"{frames} in the host's memory, as configured")
  free = free_device_bytes() if free is None else free
  left = free - frame_bytes
  if placement == DEVICE and left <= 0:
    raise UserError(
      f"`data.placement` (='device') needs {frames} on each device, of which "
      f"{_size(free)} are free; 'host' sends clips from the host's memory."
    )
  if placement == DEVICE or frame_bytes <= memory_share * free:
    return Placed(
      DEVICE,
      f'{frames} on each device, of {_size(free)} free: {_size(left)} are left '
      'for the step',
    )
  return Placed(
    HOST,
    f"{frames} in the host's memory: on a device, of {_size(free)} free, they "
    f'would take more than the share of {memory_share:g} '
    '(`data.memory_share`)',
  )


def free_device_bytes():
  """Memory still free on the device that has least, in bytes.

  On a CPU its devices share what the host has free, each with a copy.
  """
  devices = jax.local_devices()
  free = []
  for device in devices:
    statistics = device.memory_stats()
    if not statistics or 'bytes_limit' not in statistics:
      return host_memory.free_host_bytes() // len(devices)
    free.append(statistics['bytes_limit'] - statistics['bytes_in_use'])
  return min(free)


def _size(num_bytes):
  for unit, size in (('GB', 1e9), ('MB', 1e6)):
    if abs(num_bytes) >= size:
      return f'{num_bytes / size:.1f} {unit}'
  return f'{num_bytes / 1e3:.1f} kB'
