import jax
import pytest

from stclr_jax.data import placement

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
  monkeypatch.setattr(placement, 'free_host_bytes', lambda: 16 * GB)
  assert len(jax.local_devices()) == 8  # none of them knows its memory
  assert placement.free_device_bytes() == 2 * GB


def test_a_containers_limit_counts(tmp_path, monkeypatch):
  monkeypatch.setattr(placement, '_CGROUP', tmp_path)
  free = placement.free_host_bytes()
  assert free > 2**20
  (tmp_path / 'memory.max').write_text('max\n')
  (tmp_path / 'memory.current').write_text('1000\n')
  assert placement.free_host_bytes() > 2**20
  (tmp_path / 'memory.max').write_text('501000\n')
  assert placement.free_host_bytes() == 500_000
