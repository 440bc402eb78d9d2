import pytest

from benchmarks.step import roofline
from benchmarks.step import scaling

PARAMETERS = 31_300_125
VIEW_S = 3.12e-3


def efficiency(gpus, views):
  return scaling.weak_scaling(gpus, views, VIEW_S, PARAMETERS)['efficiency']


def test_one_gpu_loses_nothing():
  assert efficiency(1, 16) == 1


@pytest.mark.parametrize(
  'gpus, views, expected', [(2, 16, 0.969), (8, 16, 0.968), (8, 64, 0.992)]
)
def test_one_node_is_as_worked_out_by_hand(gpus, views, expected):
  assert efficiency(gpus, views) == pytest.approx(expected, abs=6e-4)


def test_more_gpus_lose_more_and_more_views_less():
  by_gpus = [efficiency(n, 16) for n in (1, 2, 8, 16, 64)]
  assert by_gpus == sorted(by_gpus, reverse=True)
  by_views = [efficiency(64, n) for n in (8, 16, 32, 64)]
  assert by_views == sorted(by_views)


def test_nodes_are_whole():
  with pytest.raises(ValueError, match='16 would do'):
    efficiency(12, 16)


def test_prints_its_table(capsys):
  scaling.main()
  assert '| 64 | 64 |' in capsys.readouterr().out
  assert roofline.parameters(roofline.layers()) == PARAMETERS
