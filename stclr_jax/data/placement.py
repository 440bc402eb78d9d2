"""Where the frames of a data set live while a run needs them.

On the device, where a step takes its clips itself; in the host's memory, from
which the clips of the next batches are already on their way; or in their
records, of which threads decode only the frames sampled. The views are the
same, bit for bit, so that the choice is one of memory and speed alone.
"""

import os
import pathlib
from typing import NamedTuple

import jax

DEVICE, HOST, STREAMED = 'device', 'host', 'streamed'
PLACEMENTS = ('auto', DEVICE, HOST, STREAMED)
_ROOT = pathlib.Path('/')  # where Linux says what it has; tests have their own
# A group's files: its limit, what it holds, and what of that is cached files.
_CGROUP_V2 = 'memory.max', 'memory.current', 'inactive_file'
_CGROUP_V1 = (
  'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file',
)  # fmt: skip


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
  if placement not in PLACEMENTS:
    raise ValueError(
      f'`data.placement` (={placement!r}) must be one of '
      f'{", ".join(PLACEMENTS)}.'
    )
  if not 0 < memory_share <= 1:
    raise ValueError(
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
  free = free_host_bytes() if free is None else free
  if placement == 'auto':
    return frame_bytes <= memory_share * free
  if frame_bytes > free:
    raise ValueError(
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
    raise ValueError(
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
      return free_host_bytes() // len(devices)
    free.append(statistics['bytes_limit'] - statistics['bytes_in_use'])
  return min(free)


def free_host_bytes():
  """Memory that this process may still take on its host, in bytes.

  The least of what Linux calls available and what the limits leave that a
  container, a batch system or a service sets; elsewhere all memory that is
  built in.

  Source: Linux, Documentation/admin-guide/cgroup-v2.rst and
    cgroup-v1/memory.rst.
  """
  try:
    lines = (_ROOT / 'proc/meminfo').read_text().splitlines()
    fields = dict(line.split(':', 1) for line in lines)
    free = int(fields['MemAvailable'].split()[0]) * 1024
  except (OSError, KeyError):
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
  return min([free, *_left_by_limits()])


def _left_by_limits():
  """Yields what each limited group leaves that this process is in."""
  try:
    lines = (_ROOT / 'proc/self/cgroup').read_text().splitlines()
  except OSError:
    return
  for line in lines:  # 'number:controllers:/path'
    _, controllers, path = line.split(':', 2)
    if not controllers:
      mount, names = _ROOT / 'sys/fs/cgroup', _CGROUP_V2
    elif 'memory' in controllers.split(','):
      mount, names = _ROOT / 'sys/fs/cgroup/memory', _CGROUP_V1
    else:
      continue
    # A container sees its own group as the mount, whatever the path says.
    parts = [part for part in path.split('/') if part not in ('', '..')]
    for depth in range(len(parts) + 1):
      left = _left_by_limit(mount.joinpath(*parts[:depth]), *names)
      if left is not None:
        yield left


def _left_by_limit(group, limit, used, cached):
  try:
    limit = int((group / limit).read_text())
    used = int((group / used).read_text())
  except (OSError, ValueError):  # no such group, or 'max'
    return None
  # Frames push out what is cached, such as the data set just read.
  try:
    lines = (group / 'memory.stat').read_text().splitlines()
    used -= int(dict(line.split() for line in lines).get(cached, 0))
  except (OSError, ValueError):
    pass
  return max(0, limit - used)


def _size(num_bytes):
  for unit, size in (('GB', 1e9), ('MB', 1e6)):
    if abs(num_bytes) >= size:
      return f'{num_bytes / size:.1f} {unit}'
  return f'{num_bytes / 1e3:.1f} kB'
