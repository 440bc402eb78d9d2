import av
import making_videos
import numpy as np
import pytest

from stclr_jax.data.video import video_copies
from stclr_jax.data.video import video_files
from stclr_jax.files.unreadable import UnreadableError


def played(path):
  """(times, pictures) as a player decodes a file, and its stream's facts."""
  with av.open(str(path)) as container:
    stream = container.streams.video[0]
    facts = (stream.codec_context.name, stream.codec_context.pix_fmt)
    frames = [
      (float(frame.pts * frame.time_base), frame.to_ndarray(format='rgb24'))
      for frame in container.decode(video=0)
    ]
  return *zip(*frames, strict=True), facts


@pytest.mark.parametrize(
  ('suffix', 'encoding'),
  [
    ('mkv', {'times': [0, 40, 120, 130, 400, 440]}),
    ('mp4', {'rotation': 90}),
    ('avi', {}),
  ],
)
def test_copy_shows_each_frame_at_its_time(tmp_path, suffix, encoding):
  source, copy = tmp_path / f'a.{suffix}', tmp_path / 'copy.mp4'
  frames = making_videos.level_frames(6, size=(48, 64), step=30)
  making_videos.write_video(source, frames, **encoding)
  wanted = list(video_files.read_timed(source, fps=None))
  told = video_copies.write(source, copy)
  times, pictures, facts = played(copy)
  assert facts == ('h264', 'yuv420p')
  np.testing.assert_allclose(times, [t for t, _ in wanted], atol=1e-4)
  assert (told.height_px, told.width_px) == wanted[0][1].shape[:2]
  assert told.frames == 6 and told.duration_s > times[-1]
  for picture, (_, upright) in zip(pictures, wanted, strict=True):
    assert picture.shape == upright.shape
    assert abs(picture.mean() - upright.mean()) < 3
  # What a browser must have before it can begin stands first.
  assert copy.read_bytes().index(b'moov') < copy.read_bytes().index(b'mdat')
  assert not list(tmp_path.glob('*.partial'))


def test_odd_and_large_pictures_become_what_browsers_play(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(video_copies, 'LONGEST_SIDE', 40)
  frames = making_videos.level_frames(3, size=(33, 61))
  making_videos.write_video(tmp_path / 'a.gif', frames)
  told = video_copies.write(tmp_path / 'a.gif', tmp_path / 'copy.mp4')
  assert (told.width_px, told.height_px) == (61, 33)
  _, pictures, _ = played(tmp_path / 'copy.mp4')
  assert pictures[0].shape == (22, 40, 3)


def test_what_is_drawn_is_seen(tmp_path):
  frames = making_videos.level_frames(4, size=(48, 64))
  making_videos.write_video(tmp_path / 'a.mkv', frames)

  def draw(seconds, picture):
    drawn = picture.copy()
    drawn[:, 32:] = 255 if seconds > 0.1 else 0
    return drawn

  video_copies.write(tmp_path / 'a.mkv', tmp_path / 'copy.mp4', draw=draw)
  times, pictures, _ = played(tmp_path / 'copy.mp4')
  for seconds, picture in zip(times, pictures, strict=True):
    assert (picture[:, 40:].mean() > 200) == (seconds > 0.1)


def test_what_is_no_video_leaves_nothing(tmp_path):
  (tmp_path / 'a.mp4').write_bytes(b'no video at all' * 100)
  with pytest.raises(UnreadableError):
    video_copies.write(tmp_path / 'a.mp4', tmp_path / 'copy.mp4')
  assert [path.name for path in tmp_path.iterdir()] == ['a.mp4']


@pytest.mark.parametrize(('start', 'black'), [(0.0, 0), (0.05, 0), (1.0, 1)])
def test_a_part_keeps_the_times_of_the_whole(tmp_path, start, black):
  path = tmp_path / 'anna.mkv'
  making_videos.write_video(path, making_videos.level_frames(30), rate=10)
  told = video_copies.write(path, tmp_path / 'c.mp4', start=start, end=2.0)
  wanted = list(video_files.read_timed(path, fps=None, start=start, end=2.0))
  assert told.frames == len(wanted)
  assert told.duration_s == pytest.approx(2.0, abs=0.01)
  times, pictures, _ = played(tmp_path / 'c.mp4')
  # A player's second 0 is there, whatever it counts from.
  assert times[0] == 0 and len(times) == len(wanted) + (wanted[0][0] > 0)
  assert (pictures[0].mean() < 5) == black
  np.testing.assert_allclose(
    times[-len(wanted) :], [time for time, _ in wanted], atol=1e-4
  )
  again = [
    time for time, _ in video_files.read_timed(tmp_path / 'c.mp4', fps=None)
  ]
  np.testing.assert_allclose(again, times, atol=1e-4)
