"""Whatever a file is, holds or is called ends in frames or a named problem."""

import os
import random
import shutil
import socket

import av
import making_videos
import pytest

from stclr_jax.data.video import video_files
from stclr_jax.data.video import video_open
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors

SCRIPTS = {
  'hls': '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n',
  'concat': 'ffconcat version 1.0\nfile {}\n',
  'sdp': 'v=0\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n'
  'a=rtpmap:96 H264/90000\n',
  'dash': '<?xml version="1.0"?><MPD type="static" '
  'xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{}</BaseURL></MPD>',
}


def _read_whole(path):
  return list(video_files.read_frames(path, fps=25))


def test_scripts_open_nothing(subtests, tmp_path):
  video = making_videos.write_video(
    tmp_path / 'v.ts', making_videos.level_frames(5), container='mpegts'
  )
  for suffix in ('mp4', 'm3u8', 'ffconcat', 'mpd'):
    for script, text in SCRIPTS.items():
      with subtests.test(script=script, suffix=suffix):
        path = tmp_path / f'script.{suffix}'
        path.write_text(text.format(video.name))
        with pytest.raises(UnreadableError):
          _read_whole(path)


def test_a_name_is_no_address(subtests, tmp_path, monkeypatch):
  making_videos.write_video(tmp_path / 'v.mp4', making_videos.level_frames(5))
  monkeypatch.chdir(tmp_path)
  for name in ('12:30:05.mp4', 'file:a.mp4', 'http:a.mp4'):
    with subtests.test(name=name):
      shutil.copy('v.mp4', name)
      assert video_files.count_frames(name, fps=25) == 5
      assert video_files.read_header(name).rate == 25


def test_only_files_are_opened(tmp_path):
  os.mkfifo(tmp_path / 'pipe.mp4')
  (tmp_path / 'link.mp4').symlink_to('/dev/zero')
  (tmp_path / 'folder.mp4').mkdir()
  with socket.socket(socket.AF_UNIX) as server:
    server.bind(os.path.relpath(tmp_path / 'socket.mp4'))
    for path in tmp_path.iterdir():
      with pytest.raises(UnreadableError, match='not a file'):
        video_files.read_header(path)


def test_a_length_that_cannot_be_read_is_named(subtests, tmp_path):
  path = making_videos.write_video(
    tmp_path / 'v.mkv', making_videos.level_frames(50)
  )
  data = path.read_bytes()
  assert b'00:00:02.000000000' in data
  for tag in (
    b'2.000000000 second',
    b'00:00:02,000000000',
    b'99:99:99.9\xff\xff\xff',
  ):
    path.write_bytes(data.replace(b'00:00:02.000000000', tag.ljust(18)[:18]))
    for read in (video_files.read_header, _read_whole):
      with subtests.test(tag=tag, read=read):
        with pytest.raises(UnreadableError, match='DURATION.*ffmpeg -i'):
          read(path)


def test_pictures_have_limits(subtests, tmp_path, monkeypatch):
  with pytest.raises(UnreadableError, match='at most 64 million'):
    video_open.check_size(8001, 8000)
  monkeypatch.setattr(video_open, 'MAX_SIDE', 100)
  for size, aspect, reason in (
    ((48, 128), None, 'pictures of 128x48'),
    ((48, 64), 2, 'pictures of 128x48'),
    ((48, 64), 40, '40 times as wide as high'),
  ):
    with subtests.test(size=size, aspect=aspect):
      path = making_videos.write_video(
        tmp_path / 'v.mp4', making_videos.level_frames(2, size), aspect=aspect
      )
      with pytest.raises(UnreadableError, match=reason):
        _read_whole(path)


def test_a_header_that_is_cut_off_is_no_sound(subtests, tmp_path):
  path = tmp_path / 'v.mp4'
  with av.open(str(path), 'w', options={'movflags': 'faststart'}) as file:
    stream = file.add_stream('libx264', rate=25)
    stream.height, stream.width, stream.pix_fmt = 48, 64, 'yuv420p'
    for pixels in making_videos.level_frames(5):
      file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
    file.mux(stream.encode())
  whole = path.read_bytes()
  for kept in (120, 250, 450, 700):
    with subtests.test(kept=kept):
      path.write_bytes(whole[:kept])
      with pytest.raises(UnreadableError, match='cut off'):
        video_files.read_header(path)


def test_the_net_names_errors_and_lets_interrupts_pass():
  for error in (
    KeyError('a'),
    ZeroDivisionError(),
    MemoryError(),
    OSError(5, 'x'),
  ):
    with pytest.raises(UnreadableError) as caught, naming_errors():
      raise error
    assert str(caught.value)
  for error in (KeyboardInterrupt(), ImportError('dlib')):
    with pytest.raises(type(error)), naming_errors():
      raise error


FUZZED = {
  'mp4': 'libx264', 'mov': 'mpeg4', 'mkv': 'libx264', 'webm': 'libvpx',
  'avi': 'mpeg4', 'flv': 'flv1', 'wmv': 'wmv2', 'mpg': 'mpeg2video',
  'ts': 'libx264', 'gif': None,
}  # fmt: skip


@pytest.mark.slow
def test_damaged_bytes_end_in_frames_or_a_named_problem(tmp_path):
  chance = random.Random(0)
  whole = {}
  for suffix, codec in FUZZED.items():
    whole[suffix] = making_videos.write_video(
      tmp_path / f'whole.{suffix}', making_videos.level_frames(12), codec=codec
    ).read_bytes()
  named = 0
  for i in range(500):
    suffix = chance.choice(list(whole))
    data = bytearray(whole[suffix])
    first = chance.choice([0, 0, max(0, len(data) - 2000)])
    for _ in range(chance.choice([1, 4, 16])):
      at = chance.randrange(first, min(len(data), first + 2000))
      data[at] = chance.choice(
        [0, 127, 255, data[at] ^ 1 << chance.randrange(8)]
      )
    path = tmp_path / f'{i}.{suffix}'
    path.write_bytes(data)
    for options in ({'fps': 25}, {'fps': 25, 'start': 0.2}, {'fps': None}):
      try:
        video_files.read_header(path)
        list(video_files.read_frames(path, **options))
      except UnreadableError as error:
        assert str(error).strip()
        named += 1
  assert 0 < named < 1500
