import jax
import pytest

from stclr_jax.data import placement
from stclr_jax.files import host_memory

GB = 10**9


def choose(wanted, gigabytes, *, in_host=True, free=10 * GB):
  return placement.choose(
    wanted,
    int(gigabytes * GB),
    in_host=in_host,
    memory_share=0.5,
    free=free,
  )


@pytest.mark.parametrize(
  'gigabytes,expected', [(2.4, 'device'), (5.0, 'device'), (5.1, 'host')]
)
def test_auto_fills_its_share_of_a_device(gigabytes, expected):
  assert choose('auto', gigabytes).placement == expected


def test_the_arithmetic_is_said():
  reason = choose('auto', 2.4).reason
  assert '2.4 GB of frames' in reason and 'of 10.0 GB free' in reason
  assert '7.6 GB are left for the step' in reason
  assert 'share of 0.5' in choose('auto', 8).reason
  assert 'records' in choose('auto', 8, in_host=False).reason


def test_what_is_asked_for_is_done():
  assert choose('device', 9.9).placement == 'device'
  assert choose('host', 0.001).placement == 'host'
  assert choose('streamed', 0.001, in_host=False).placement == 'streamed'


def test_frames_that_do_not_fit_are_refused():
  with pytest.raises(ValueError, match="12.0 GB.*10.0 GB are free; 'host'"):
    choose('device', 12)
  for wanted in ('device', 'host'):
    with pytest.raises(ValueError, match="12.0 GB.*10.0 GB.*'streamed'"):
      placement.keep_in_host(wanted, 12 * GB, memory_share=0.5, free=10 * GB)


def test_hosts_keep_what_fits():
  def keep(wanted, gigabytes):
    return placement.keep_in_host(
      wanted, gigabytes * GB, memory_share=0.5, free=10 * GB
    )

  assert keep('auto', 5) and not keep('auto', 6) and keep('host', 6)
  assert not keep('streamed', 1)


def test_unknown_placements_and_shares_are_refused():
  placement.check('auto', 1.0)
  with pytest.raises(ValueError, match="'gpu'.*streamed"):
    placement.check('gpu', 0.5)
  for share in (0, 1.5):
    with pytest.raises(ValueError, match=f'={share}.*at most 1'):
      placement.check('auto', share)


class Gpu:
  def __init__(self, used):
    self._used = used

  def memory_stats(self):
    return {'bytes_limit': 80 * GB, 'bytes_in_use': self._used}


def test_the_fullest_device_counts(monkeypatch):
  monkeypatch.setattr(jax, 'local_devices', lambda: [Gpu(GB), Gpu(3 * GB)])
  assert placement.free_device_bytes() == 77 * GB


def test_cpu_devices_share_the_hosts_memory(monkeypatch):
  monkeypatch.setattr(host_memory, 'free_host_bytes', lambda: 16 * GB)
  assert len(jax.local_devices()) == 8  # none of them knows its memory
  assert placement.free_device_bytes() == 2 * GB


AVAILABLE = 8_000 * 1024


def linux(root, cgroup, groups):
  """Writes what Linux says; groups: {path: {file: content}}."""
  files = {
    'proc/meminfo': 'MemTotal: 9000 kB\nMemAvailable:    8000 kB\n',
    'proc/self/cgroup': cgroup,
  }
  for group, contents in groups.items():
    for name, content in contents.items():
      files[f'sys/fs/cgroup/{group}/{name}'] = f'{content}\n'
  for name, content in files.items():
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content)


def v2(limit, used, cached=0):
  stat = f'anon 5\ninactive_file {cached}\nactive_file 7'
  return {'memory.max': limit, 'memory.current': used, 'memory.stat': stat}


def v1(limit, used, cached=0):
  stat = f'inactive_file 1\ntotal_inactive_file {cached}'
  return {
    'memory.limit_in_bytes': limit,
    'memory.usage_in_bytes': used,
    'memory.stat': stat,
  }


V1 = '5:cpu,cpuacct:/a/b\n4:memory:/a/b\n1:name=systemd:/a\n0::/\n'


@pytest.mark.parametrize(
  'cgroup,groups,expected',
  [
    ('0::/\n', {}, AVAILABLE),
    # A container, whose own group is the mount.
    ('0::/\n', {'.': v2('max', 1000)}, AVAILABLE),
    ('0::/\n', {'.': v2(501_000, 1000)}, 500_000),
    ('0::/../../job\n', {'.': v2(501_000, 1000)}, 500_000),
    # Cached files make room.
    ('0::/\n', {'.': v2(501_000, 500_000, 300_000)}, 301_000),
    ('0::/\n', {'.': v2(501_000, 900_000)}, 0),
    ('0::/\n', {'.': {'memory.max': 90, 'memory.current': 20}}, 70),
    # A job or service: the least of its groups, and no other's.
    (
      '0::/a/b\n',
      {
        'a': v2(9_000, 5_000, 1_000),
        'a/b': v2(7_000, 1_000),
        'c': v2(10, 0),
      },
      5_000,
    ),
    ('0::/a/b\n', {'a': v2('max', 50), 'a/b': v2(7_000, 1_000)}, 6_000),
    (V1, {'memory/a/b': v1(9_000, 5_000, 1_000)}, 5_000),
    (V1, {'memory/a': v1(4_000, 1_000), 'memory/a/b': v1(2**63, 0)}, 3_000),
    (V1, {'memory': v1(4_000, 1_000), 'cpu': v1(10, 0)}, 3_000),
    (V1, {'memory': v1(2**63 - 4096, 10)}, AVAILABLE),
  ],
)
def test_limits_count_without_what_is_cached(
  tmp_path, cgroup, groups, expected
):
  linux(tmp_path, cgroup, groups)
  assert host_memory.free_host_bytes(tmp_path) == expected


def test_without_linux_all_memory_counts(tmp_path):
  here = host_memory.free_host_bytes()
  assert host_memory.free_host_bytes(tmp_path) >= here > 2**20
