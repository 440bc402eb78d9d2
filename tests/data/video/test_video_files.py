import fractions
import itertools
import tracemalloc

import av
import making_videos
import numpy as np
import pytest

from stclr_jax.data.video import ticks
from stclr_jax.data.video import video_files
from stclr_jax.data.video import video_pictures


def read_numbers(path, **options):
  options = {'fps': 25} | options
  frames = list(video_files.read_frames(path, **options))
  assert len(frames) == video_files.count_frames(path, **options)
  return making_videos.numbers_of(frames)


def test_every_frame_of_every_container(subtests, tmp_path):
  frames = making_videos.level_frames(30)
  for suffix in ('mp4', 'avi', 'mov', 'mkv', 'webm', 'gif'):
    with subtests.test(suffix=suffix):
      path = making_videos.write_video(tmp_path / f'a b é.{suffix}', frames)
      assert read_numbers(path) == list(range(30))
      header = video_files.read_header(path)
      assert header.rate == pytest.approx(25)
      assert header.seconds == pytest.approx(30 / 25)


def test_pixels_are_rgb_and_in_place(tmp_path):
  picture = np.zeros((48, 64, 3), np.uint8)
  picture[:24, :32, 0] = picture[:24, 32:, 1] = picture[24:, :32, 2] = 255
  path = making_videos.write_video(tmp_path / 'v.mp4', [picture] * 3)
  for frame in video_files.read_frames(path, fps=25):
    assert np.abs(frame[4:20, 4:28].mean((0, 1)) - (255, 0, 0)).max() < 8
    assert np.abs(frame[4:20, 36:60].mean((0, 1)) - (0, 255, 0)).max() < 8
    assert np.abs(frame[28:44, 4:28].mean((0, 1)) - (0, 0, 255)).max() < 8


def test_constant_rates_are_thinned_evenly(subtests, tmp_path):
  frames = making_videos.level_frames(30)
  every_second = list(range(0, 30, 2))
  five_of_six = [i for i in range(30) if i not in (4, 10, 16, 22, 28)]
  for rate, fps, expected in (
    (50, 25, every_second),
    (60, 30, every_second),
    (30, 15, every_second),
    (30, 60, [i // 2 for i in range(60)]),
    (30, 25, five_of_six),
  ):
    for suffix in ('mp4', 'mkv'):  # exact times, rounded ones
      with subtests.test(rate=rate, fps=fps, suffix=suffix):
        path = making_videos.write_video(
          tmp_path / f'v.{suffix}', frames, rate=rate
        )
        assert read_numbers(path, fps=fps) == expected


def test_varying_rates_show_what_a_player_shows(tmp_path):
  times = [0, 40, 400, 440, 480, 1000, 1010, 1020]
  frames = making_videos.level_frames(len(times))
  path = making_videos.write_video(tmp_path / 'v.mkv', frames, times=times)
  shown = read_numbers(path)
  for tick, number in enumerate(shown):
    moment = 40 * tick
    assert times[number] <= moment + 12
    assert number + 1 == len(times) or times[number + 1] > moment + 12
  assert 26 <= len(shown) <= 27


def test_resampling_keeps_its_promises_at_random_times():
  generator = np.random.default_rng(0)
  for _ in range(50):
    times = np.cumsum(generator.exponential(0.05, 40)) - 0.02
    times = times - times[0]
    ends = [*times[1:], times[-1] + 0.04]
    fps = generator.choice([10.0, 25.0, 60.0])
    start = generator.uniform(0.1, 0.5)
    timed = [
      (a, b - a, i) for i, (a, b) in enumerate(zip(times, ends, strict=True))
    ]
    whole = list(ticks.resample(timed, fps=fps))
    moments, shown = map(np.array, zip(*whole, strict=True))
    assert moments == pytest.approx(np.arange(len(whole)) / fps)
    expected = np.searchsorted(times, moments + 0.3 / fps, side='right') - 1
    assert shown.tolist() == expected.tolist()
    assert abs(len(whole) - ends[-1] * fps) <= 0.5 + 1e-9
    # Parts that follow one another are the whole.
    first = list(ticks.resample(timed, fps=fps, end=start))
    second = list(ticks.resample(timed, fps=fps, start=start))
    assert first + second == whole
    assert second[0][0] >= start - 0.3 / fps > first[-1][0]


def test_a_part_is_a_part_of_the_whole(tmp_path):
  frames = making_videos.level_frames(50)
  path = making_videos.write_video(tmp_path / 'v.mp4', frames, gop=20)
  whole = read_numbers(path)
  assert read_numbers(path, start=0.4) == whole[10:]
  assert read_numbers(path, start=1.0, end=1.4) == whole[25:35]
  assert read_numbers(path, end=0.4) == whole[:10]
  # Shorter than half a tick is still a moment that shows something.
  assert read_numbers(path, start=1.0, end=1.01) == [25]


def test_the_picture_is_upright(subtests, tmp_path):
  picture = making_videos.level_frames(1)[0]
  picture[:20, :30] = 250  # one corner
  for quarters in range(4):
    with subtests.test(quarters=quarters):
      path = making_videos.write_video(
        tmp_path / 'phone.mp4', [picture] * 3, rotation=90 * quarters
      )
      shown = next(video_files.read_frames(path, fps=25))
      expected = np.rot90(picture, quarters)  # counterclockwise, too
      assert shown.shape == expected.shape
      assert np.abs(shown.astype(int) - expected).mean() < 5


def test_turning_moves_pixels_as_the_matrix_says():
  picture = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2)
  for a, b in itertools.product((1, -1), (1, -1)):
    for matrix in (((a, 0), (0, b)), ((0, a), (b, 0))):
      moved = {}
      for y, x in itertools.product(range(2), range(3)):
        goes_to = np.array((x, y)) @ np.array(matrix)
        moved[tuple(goes_to)] = picture[y, x, 0]
      left, top = np.min(list(moved), axis=0)
      turned = video_pictures.turn(picture, matrix)
      assert turned.shape[0] * turned.shape[1] == 6
      for (x, y), value in moved.items():
        assert turned[y - top, x - left, 0] == value


def test_pixels_are_made_square(tmp_path):
  frames = making_videos.level_frames(3, size=(48, 60))
  path = making_videos.write_video(
    tmp_path / 'v.mp4', frames, aspect=fractions.Fraction(16, 15)
  )
  assert next(video_files.read_frames(path, fps=25)).shape == (48, 64, 3)


def noise(num_frames):
  generator = np.random.default_rng(0)
  return [
    generator.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(num_frames)
  ]


UNREADABLE = {
  'absent.mp4': 'No such file',
  'text.mp4': 'no video: another kind of file.*Invalid data',
  'empty.mkv': 'an empty file',
  'half.mp4': 'Invalid data',
  'half.mkv': 'cut off: .* of the 4.00 s',
  'damaged.mkv': 'is damaged',
  'sound.m4a': 'no picture',
  'pointer.flv': 'git lfs pull',
  'half.gif': 'cut off: the mark that ends a .gif is missing',
}


def test_unreadable_files_say_why(subtests, tmp_path):
  whole = making_videos.write_video(tmp_path / 'whole.mkv', noise(100))
  whole = whole.read_bytes()
  movie = making_videos.write_video(tmp_path / 'whole.mp4', noise(20))
  with av.open(str(tmp_path / 'whole.mkv')) as container:
    frame = bytes([p for p in container.demux(video=0) if p.size][50])
  # Its head stays, so that it is still a picture, and all else is lost.
  damaged = whole.replace(frame, frame[:40] + bytes(len(frame) - 40))
  animation = making_videos.write_video(tmp_path / 'whole.gif', noise(8))
  for name, content in {
    'half.gif': animation.read_bytes()[: animation.stat().st_size // 2],
    'text.mp4': b'not a video' * 100,
    'empty.mkv': b'',
    'half.mp4': movie.read_bytes()[:-2000],
    'half.mkv': whole[: len(whole) // 2],
    'damaged.mkv': damaged,
    'pointer.flv': b'version https://git-lfs.github.com/spec/v1\noid sha256:1',
  }.items():
    (tmp_path / name).write_bytes(content)
  making_videos.write_sound(tmp_path / 'sound.m4a')
  for name, reason in UNREADABLE.items():
    with subtests.test(name=name):
      with pytest.raises(video_files.UnreadableError, match=reason):
        list(video_files.read_frames(tmp_path / name, fps=25))


def test_a_file_that_ends_a_little_early_is_read_and_told(tmp_path):
  path = making_videos.write_video(tmp_path / 'v.mkv', noise(30), gop=1)
  remarks = []
  whole = list(video_files.read_frames(path, fps=25, remarks=remarks))
  assert len(whole) == 30 and remarks == []
  data = path.read_bytes()
  path.write_bytes(data[: round(0.75 * len(data))])
  part = list(video_files.read_frames(path, fps=25, remarks=remarks))
  assert 18 <= len(part) <= 27
  (remark,) = remarks
  assert remark == (
    f'ends {(30 - len(part)) / 25:.2f} s before the 1.20 s that its header '
    'names'
  )


def test_a_cover_is_not_the_video(subtests, tmp_path):
  frames = making_videos.level_frames(20)
  cover = np.full_like(frames[0], 250)
  for name, attached in (('v.mp4', True), ('v.mp4', False), ('v.mkv', False)):
    with subtests.test(name=name, attached=attached):
      path = making_videos.write_with_cover(
        tmp_path / name, frames, cover, attached=attached
      )
      assert read_numbers(path) == list(range(20))
      assert video_files.read_header(path).seconds == pytest.approx(0.8)
      remarks = []
      list(video_files.read_frames(path, fps=25, remarks=remarks))
      (remark,) = remarks
      assert '2 picture tracks' in remark


def test_a_cover_alone_is_no_video(tmp_path):
  cover = making_videos.level_frames(1)[0]
  path = making_videos.write_with_cover(
    tmp_path / 'song.mp4', [], cover, attached=True, cover_only=True
  )
  with pytest.raises(video_files.UnreadableError, match='only a cover'):
    video_files.read_header(path)


def test_a_part_after_the_end_is_refused(tmp_path):
  frames = making_videos.level_frames(5)
  path = making_videos.write_video(tmp_path / 'v.mp4', frames)
  with pytest.raises(video_files.UnreadableError, match='no frame from 9 s'):
    list(video_files.read_frames(path, fps=25, start=9))


def test_memory_does_not_grow_with_the_video(tmp_path):
  frames = making_videos.level_frames(8, size=(120, 160))
  path = making_videos.write_video(tmp_path / 'v.mp4', frames * 100)
  size = frames[0].nbytes
  tracemalloc.start()
  try:
    count = sum(1 for _ in video_files.read_frames(path, fps=25))
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  assert count == 800
  assert peak < 20 * size
