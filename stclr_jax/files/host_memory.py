"""Memory of the host: what a process may still take, and giving it back."""

import ctypes
import os
import pathlib

# A group's files: its limit, what it holds, and what of that is cached files.
_CGROUP_V2 = 'memory.max', 'memory.current', 'inactive_file'
_CGROUP_V1 = (
  'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file',
)  # fmt: skip


def free_host_bytes(root='/'):
  """Memory that this process may still take on its host, in bytes.

  The least of what Linux calls available and what the limits leave that a
  container, a batch system or a service sets; elsewhere all memory that is
  built in.

  Args:
    root: folder in which Linux says what it has.

  Source: Linux, Documentation/admin-guide/cgroup-v2.rst and
    cgroup-v1/memory.rst.
  """
  root = pathlib.Path(root)
  try:
    lines = (root / 'proc/meminfo').read_text().splitlines()
    fields = dict(line.split(':', 1) for line in lines)
    free = int(fields['MemAvailable'].split()[0]) * 1024
  except (OSError, KeyError):
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
  return min([free, *_left_by_limits(root)])


def give_back():
  """Gives memory that is free back to the system.

  glibc keeps what threads have freed, in a heap for each, and a long run of
  frames through several threads makes these grow from minute to minute.
  Elsewhere nothing is done.

  Source: malloc_trim(3).
  """
  if os.name == 'posix' and hasattr(here := ctypes.CDLL(None), 'malloc_trim'):
    here.malloc_trim(0)


def _left_by_limits(root):
  """Yields what each limited group leaves that this process is in."""
  try:
    lines = (root / 'proc/self/cgroup').read_text().splitlines()
  except OSError:
    return
  for line in lines:  # 'number:controllers:/path'
    _, controllers, path = line.split(':', 2)
    if not controllers:
      mount, names = root / 'sys/fs/cgroup', _CGROUP_V2
    elif 'memory' in controllers.split(','):
      mount, names = root / 'sys/fs/cgroup/memory', _CGROUP_V1
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
