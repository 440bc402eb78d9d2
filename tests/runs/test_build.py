import pytest

from configs import pretrain as pretrain_config
from stclr_jax.data import sources
from stclr_jax.runs import build


@pytest.fixture
def read(monkeypatch):
  """Stands in for reading; lists the lights that were read."""
  lights = []

  def load_videos(name, *, split, frame_size, data_dir):
    assert not build._last_read, 'Two data sets were held at once.'
    lights.append(split)
    return object()

  monkeypatch.setattr(build, '_last_read', {})
  monkeypatch.setattr(sources, 'must_draw', lambda name, split: True)
  monkeypatch.setattr(sources, 'load_videos', load_videos)
  return lights


def test_runs_of_one_process_share_their_videos(read):
  data = pretrain_config.get_config('demo').data
  first = build.load_videos(data)
  data.fold = 3  # whom they are for changes nothing about the videos
  assert build.load_videos(data) is first
  data.split = 'vl_dark'
  assert build.load_videos(data) is not first
  data.split = 'vl_strong'
  build.load_videos(data)
  assert read == ['vl_strong', 'vl_dark', 'vl_strong']
  data.frame_size = (20, 20)
  build.load_videos(data)
  assert len(read) == 4
