"""Every frame once and parts that are slices, whatever the container."""

import av
import making_videos
import numpy as np
import pytest

from stclr_jax.data.video import video_files
from stclr_jax.files.unreadable import UnreadableError

LEVELS = making_videos.level_frames(150, step=3)


def read(path, **options):
  """Returns (times, numbers, notes)."""
  remarks = []
  options = {'fps': 25} | options
  timed = list(video_files.read_timed(path, remarks=remarks, **options))
  assert len(timed) == video_files.count_frames(path, **options)
  times, frames = zip(*timed, strict=True)
  frames = [np.asarray(frame, float) for frame in frames]
  numbers = making_videos.numbers_of(frames, step=3)
  return np.array(times), numbers, remarks


KINDS = {  # suffix: codec, B-frames, container, further options
  'mp4': ('libx264', 2, None, {'gop': 20}),
  'mp4 of one group': ('libx264', 2, None, {'gop': 300}),
  'mp4, sound first': ('libx264', 2, None, {'sound': 0.8}),
  'mkv, sound first': ('libx264', 2, None, {'sound': 0.8}),
  'mov': ('mpeg4', 2, None, {}),
  'webm': ('libvpx', 0, None, {}),
  'flv': ('flv1', 0, None, {}),
  'wmv, sound first': ('wmv2', 0, None, {'sound': 0.2}),
  'avi': ('libx264', 2, None, {'gop': 20}),
  'avi of MPEG-4': ('mpeg4', 2, None, {}),
  'avi of MPEG-4, sound': ('mpeg4', 0, None, {'sound': 0}),
  'm4v': ('mpeg4', 2, 'm4v', {}),
  'h264': ('libx264', 2, 'h264', {}),
  'mpg': ('mpeg2video', 2, 'mpeg', {'gop': 15}),
  'mpg, sound first': ('mpeg2video', 2, 'mpeg', {'sound': 0.8}),
  'ts': ('libx264', 2, 'mpegts', {'gop': 20}),
  'ts, sound first': ('mpeg2video', 2, 'mpegts', {'sound': 0.8}),
}


def test_every_frame_once_and_parts_are_slices(subtests, tmp_path):
  for kind, (codec, b_frames, container, options) in KINDS.items():
    with subtests.test(kind=kind):
      path = tmp_path / f'v.{kind.replace(",", " ").split()[0]}'
      num = 150 if 'mp4' in kind or 'mkv' in kind else 60
      making_videos.write_video(
        path, LEVELS[:num], codec=codec, b_frames=b_frames, container=container,
        **options,
      )  # fmt: skip
      times, numbers, notes = read(path)
      # Sizes of the sound's packets and a millisecond's rounding shift it.
      late = options.get('sound') or 0
      assert times[0] == pytest.approx(late, abs=0.04)
      if num == 60:  # grey levels have not begun anew
        assert numbers == list(range(num))
      assert len(numbers) == num
      told = [note for note in notes if 'begins' in note]
      assert len(told) == len(notes) == (late > 0.1)
      assert read(path, fps=None)[1] == numbers
      for start, end in ((0.4, 0.8), (1.2, None), (4.6, 5.2), (5.0, None)):
        inside = times >= start - 0.3 / 25
        inside &= times < (9 if end is None else end - 0.3 / 25)
        if inside.any():
          part_times, part, _ = read(path, start=start, end=end)
          assert part == np.array(numbers)[inside].tolist()
          assert part_times == pytest.approx(times[inside])


def test_packed_pictures_come_once(tmp_path):
  path = making_videos.write_packed(tmp_path / 'v.avi', LEVELS[:50])
  assert read(path)[1] == read(path, fps=None)[1] == list(range(50))
  assert read(path, start=0.8, end=1.2)[1] == list(range(20, 30))


JOINED = {
  'ts': ('libx264', 'mpegts'),
  'mpg': ('mpeg2video', 'mpeg'),
  'flv': ('flv1', None),
  'mp4': ('libx264', None),
  'wmv': ('wmv2', None),
  'mkv': ('libx264', None),
  'avi': ('mpeg4', None),
  'mxf': ('mpeg2video', None),
  'nut': ('libx264', None),
  'ivf': ('libvpx', None),
  'ogv': ('libvpx', None),
  # nothing in it tells where the second begins
  'm2v': ('mpeg2video', 'mpeg2video'),
}


def test_joined_recordings_are_read_on(subtests, tmp_path):
  for suffix, (codec, container) in JOINED.items():
    with subtests.test(suffix=suffix):
      parts = []
      for num in (40, 10, 30):
        path = making_videos.write_video(
          tmp_path / f'{num}.{suffix}', LEVELS[:num], codec=codec, b_frames=0,
          container=container,
        )  # fmt: skip
        parts.append(path.read_bytes())
      path.write_bytes(b''.join(parts))
      _, numbers, notes = read(path)
      expected = [*range(40), *range(10), *range(30)]
      assert numbers == expected
      if suffix != 'm2v':
        (note,) = notes
        # Of so short a one MPEG's packets name the time of one frame alone.
        short = suffix == 'mpg'
        assert note.startswith(f'{3 - short} recordings joined')
        assert (
          'begins anew after 1.60 s' in note and ('2.00 s' in note) != short
        )
      assert read(path, start=1.2, end=2.4)[1] == expected[30:60]


def test_joined_recordings_may_be_of_two_codecs(tmp_path):
  joined = b''
  for codec in ('mpeg4', 'libx264'):
    path = making_videos.write_video(
      tmp_path / 'v.avi', LEVELS[:10], codec=codec, container='avi'
    )
    joined += path.read_bytes()
  path.write_bytes(joined)
  assert read(path)[1] == [*range(10)] * 2


def test_only_the_last_picture_is_left_out_as_cut_off(tmp_path):
  whole = making_videos.write_video(
    tmp_path / 'v.avi', LEVELS[:30], codec='libx264', b_frames=0
  ).read_bytes()
  before, header, *pictures = whole.split(b'00dc')
  for lost in (1, 5):
    broken = pictures[:]
    for i in range(30 - lost, 30):
      length = int.from_bytes(broken[i][:4], 'little')
      broken[i] = broken[i][:4] + b'\0' * length + broken[i][4 + length :]
    path = tmp_path / 'v.avi'
    path.write_bytes(b'00dc'.join([before, header, *broken]))
    if lost == 1:
      _, numbers, (note,) = read(path)
      assert numbers == list(range(29)) and 'last picture' in note
    else:
      with pytest.raises(UnreadableError):
        read(path)


def test_what_is_missing_is_told_as_what_it_is(tmp_path):
  whole = making_videos.write_video(
    tmp_path / 'v.ts', LEVELS[:60], container='mpegts', gop=20, b_frames=0
  ).read_bytes()
  packets = [whole[i : i + 188] for i in range(0, len(whole), 188)]
  path = tmp_path / 'late.ts'
  path.write_bytes(b''.join(packets[:2] + packets[20:]))
  times, numbers, (note,) = read(path)
  assert numbers == list(range(20, 60))
  assert 'cannot be shown: the file begins between key frames' in note
  assert f'first {times[0]:.2f} s' in note
  # Parts are slices here, too.
  start = times[10]
  assert read(path, start=start)[1] == numbers[10:]


def test_an_end_behind_the_end_is_told(tmp_path):
  path = making_videos.write_video(tmp_path / 'v.mp4', LEVELS[:50])
  assert read(path, end=2.2)[2] == []
  _, numbers, (note,) = read(path, end=45)
  assert numbers == list(range(50))
  assert note.startswith('ends at 2.00 s; its `end` (=45) lies behind')


def test_pictures_that_change_are_told(tmp_path):
  sizes = [
    making_videos.level_frames(25, size) for size in ((48, 64), (64, 48))
  ]
  parts = [
    making_videos.write_video(
      tmp_path / f'{i}.ts', frames, container='mpegts', b_frames=0
    ).read_bytes()
    for i, frames in enumerate(sizes)
  ]
  path = tmp_path / 'both.ts'
  path.write_bytes(b''.join(parts))
  _, _, notes = read(path)
  assert "the picture's size changes from 64x48 to 48x64 at 1.00 s" in notes
  times = [40 * i + 5000 * (i > 10) for i in range(20)]
  path = making_videos.write_video(
    tmp_path / 'gap.mkv', LEVELS[:20], times=times, b_frames=0
  )
  _, numbers, (note,) = read(path)
  assert len(numbers) == 20 + 125 and 'for 5.04 s from 0.40 s' in note


def test_interlaced_pictures_lose_their_combs(tmp_path):
  # A bar moves right by 4 pixels from field to field.
  frames = []
  for i in range(12):
    frame = np.full((48, 96, 3), 20, np.uint8)
    for line in range(48):
      left = 4 * (2 * i + line % 2)
      frame[line, left : left + 8] = 220
    frames.append(frame)
  path = making_videos.write_video(
    tmp_path / 'v.mpg', frames, codec='mpeg2video', container='mpeg',
    interlaced=True, b_frames=0,
  )  # fmt: skip
  remarks = []
  made = list(video_files.read_frames(path, fps=25, remarks=remarks))
  assert remarks == ['interlaced pictures: the two fields were made one']
  assert len(made) == 12 == video_files.count_frames(path, fps=25)

  def combs(frame):
    grey = frame.mean(-1)
    return np.abs(grey[1:-1] * 2 - grey[:-2] - grey[2:]).mean()

  assert combs(made[5]) < combs(frames[5]) / 4
  part = list(video_files.read_frames(path, fps=25, start=0.2))
  assert all((a == b).all() for a, b in zip(part, made[5:], strict=True))


def test_what_is_transparent_is_black(subtests, tmp_path):
  for name, codec, pix_fmt in [
    ('v.webm', 'libvpx-vp9', 'yuva420p'),
    ('v.mov', 'qtrle', 'argb'),
  ]:
    with subtests.test(name=name, codec=codec, pix_fmt=pix_fmt):
      picture = np.full((48, 64, 4), 255, np.uint8)
      picture[:, :32, 3] = 0
      with av.open(str(tmp_path / name), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, pix_fmt
        for _ in range(3):
          frame = av.VideoFrame.from_ndarray(picture, format='rgba')
          container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode())
      remarks = []
      frames = video_files.read_frames(tmp_path / name, fps=25, remarks=remarks)
      shown = next(frames)
      assert shown[:, :28].max() < 20 and shown[:, 36:].min() > 235
      assert len(list(frames)) == 2
      assert 'transparent: laid on black' in remarks[-1]
