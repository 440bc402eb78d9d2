"""Huge pages for the memory of a process: fewer page faults on a CPU."""

import os
import pathlib
import re
import sys

TUNABLE = 'glibc.malloc.hugetlb'
_OLDEST_GLIBC = (2, 35)


def use(
  linux_says='/sys/kernel/mm/transparent_hugepage/enabled', *, run=os.execve
):
  """Starts this program anew with huge pages, where Linux gives them on demand.

  The allocator reads its settings as a process begins, so that it begins
  again: same arguments, same process number. Call it before anything heavy is
  imported. A step's memory is fetched from the system each time, a page fault
  for each 4 kB; in pages of 2 MB a step of the demo took a quarter less time,
  bit for bit the same (benchmarks/README.md). Where the user has set
  `GLIBC_TUNABLES=glibc.malloc.hugetlb=...`, 0 included, nothing is changed.

  Args:
    linux_says: path of the file in which Linux says who gets huge pages.
    run: as `os.execve`, which does not return.

  Source: glibc's manual, "Memory Allocation Tunables"; Linux,
    Documentation/admin-guide/mm/transhuge.rst.
  """
  given = os.environ.get('GLIBC_TUNABLES', '')
  if TUNABLE in given or sys.gettrace() or _glibc() < _OLDEST_GLIBC:
    return
  try:
    # Under 'always' everybody has them, under 'never' nobody.
    on_demand = '[madvise]' in pathlib.Path(linux_says).read_text()
  except OSError:
    return
  if not on_demand or not sys.executable:
    return
  tunables = ':'.join(filter(None, [given, f'{TUNABLE}=1']))
  run(
    sys.executable,
    [sys.executable, *sys.orig_argv[1:]],
    os.environ | {'GLIBC_TUNABLES': tunables},
  )


def _glibc() -> tuple[int, ...]:
  """The C library's version, (0,) where it is another one."""
  try:
    found = os.confstr('CS_GNU_LIBC_VERSION') or ''
  except (AttributeError, OSError, ValueError):
    return (0,)
  return tuple(int(number) for number in re.findall(r'\d+', found)) or (0,)
