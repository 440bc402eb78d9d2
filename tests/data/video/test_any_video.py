"""Videos in which anything was changed: decoded, or refused in words."""

import contextlib

import making_videos
import numpy as np
import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st

from stclr_jax.data.video import video_files
from stclr_jax.files.unreadable import UnreadableError

pytestmark = pytest.mark.properties
FRAMES = 6


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp('any_video')


@pytest.fixture(scope='module')
def videos(folder):
  """The bytes of small videos, by the ending of their names."""
  frames = making_videos.level_frames(FRAMES, size=(16, 16))
  made = {}
  for ending in ('mp4', 'mkv', 'avi'):
    path = folder / f'whole.{ending}'
    making_videos.write_video(path, frames, rate=10)
    made[ending] = path.read_bytes()
  return made


@given(data=st.data())
def test_damaged_videos(data, videos, folder):
  ending = data.draw(st.sampled_from(sorted(videos)))
  path = folder / f'damaged.{ending}'
  path.write_bytes(data.draw(damaged(videos[ending])))
  with contextlib.suppress(UnreadableError):
    header = video_files.read_header(path)
    assert header.rate >= 0 and header.seconds >= 0
  with contextlib.suppress(UnreadableError):
    last = -np.inf
    for seconds, picture in video_files.read_timed(path, fps=None):
      assert seconds > last
      last = seconds
      assert picture.dtype == np.uint8 and picture.shape[2] == 3
