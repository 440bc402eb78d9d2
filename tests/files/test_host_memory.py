"""Memory that is free goes back to the system."""

import ctypes
import pathlib

import numpy as np
import pytest

from stclr_jax.files import host_memory

KILOBYTES = 60  # of each block: below what glibc asks the system for apart


def resident():
  """Bytes of this process in memory."""
  status = pathlib.Path('/proc/self/status').read_text()
  fields = dict(line.split(':', 1) for line in status.splitlines())
  return int(fields['VmRSS'].split()[0]) * 1024


@pytest.mark.skipif(
  not hasattr(ctypes.CDLL(None), 'malloc_trim'), reason='not glibc'
)
def test_what_lies_between_used_blocks_goes_back():
  blocks = [np.ones(KILOBYTES * 1024, np.uint8) for _ in range(2000)]
  del blocks[::2]
  before = resident()
  host_memory.give_back()
  freed = 1000 * KILOBYTES * 1024
  assert before - resident() > 0.5 * freed
  assert all(block.all() for block in blocks)
