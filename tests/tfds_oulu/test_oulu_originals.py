import making_videos
import pytest

from tfds_oulu.scan import original_videos


@pytest.mark.parametrize('codec, b_frames', [('libx264', 2), ('mpeg4', 2)])
@pytest.mark.parametrize('rate', [25, 15])
def test_each_frame_of_an_original_comes_once(tmp_path, codec, b_frames, rate):
  frames = making_videos.level_frames(30)
  path = making_videos.write_video(
    tmp_path / 'v.avi', frames, codec=codec, b_frames=b_frames, rate=rate
  )
  encoded = path.read_bytes()
  assert original_videos.check_video(encoded) == (30, (64, 48))
  images = map(making_videos.decode, original_videos.encode_frames(encoded))
  assert making_videos.numbers_of(images) == list(range(30))


def test_packed_pictures_of_an_original_come_once(tmp_path):
  path = making_videos.write_packed(
    tmp_path / 'v.avi', making_videos.level_frames(30)
  )
  images = original_videos.encode_frames(path.read_bytes())
  numbers = making_videos.numbers_of(map(making_videos.decode, images))
  assert numbers == list(range(30))


def test_an_original_that_is_none_says_why():
  assert 'Invalid data' in original_videos.check_video(b'no video' * 100)
