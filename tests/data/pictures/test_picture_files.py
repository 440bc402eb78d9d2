import io
import os
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stclr_jax.data.pictures import frame_images
from stclr_jax.data.pictures import picture_files
from stclr_jax.files import regular_files
from stclr_jax.files.unreadable import UnreadableError
from tfds_oulu.scan import frame_check


def encode(suffix, size=(16, 12), **options):
  pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
  data = io.BytesIO()
  Image.fromarray(pixels).save(data, suffix, **options)
  return data.getvalue()


def chunk(kind, data):
  checksum = struct.pack('>I', zlib.crc32(kind + data))
  return struct.pack('>I', len(data)) + kind + data + checksum


def png(width, height, *chunks):
  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  return b''.join(
    [b'\x89PNG\r\n\x1a\n', chunk(b'IHDR', header), *chunks,
     chunk(b'IDAT', zlib.compress(b'\0')), chunk(b'IEND', b'')]
  )  # fmt: skip


def webp(width, height):
  """34 bytes that ask for a canvas."""
  data = struct.pack('<BI', 0x2F, width - 1 | (height - 1) << 14) + bytes(3)
  data = b'WEBPVP8L' + struct.pack('<I', len(data)) + data
  return b'RIFF' + struct.pack('<I', len(data)) + data


def tiff_with_tag(kind, count):
  """A TIFF of which one tag claims to have as many values."""
  entries = [(256, 4, 1, 16), (257, 4, 1, 12), (kind, 4, count, 8)]
  body = b''.join(struct.pack('<HHII', *entry) for entry in entries)
  return struct.pack('<2sHIH', b'II', 42, 8, len(entries)) + body + bytes(4)


BOMB = zlib.compress(bytes(2**26), 9)  # 64 kB that become 64 MB
HOSTILE = {
  'PostScript': (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n'
                 b'{} loop\n%%EOF\n', 'not an image of a format'),
  'Photoshop': (b'8BPS\0\1' + bytes(60), 'not an image of a format'),
  'FITS': (b'SIMPLE  =                    T'.ljust(2880), 'not an image'),
  'a text': (b'<svg width="9" height="9"/>', 'not an image of a format'),
  'an icon': (encode('ICO'), 'not an image of a format'),
  'a long side': (png(70000, 1), 'a side may have 16,384'),
  'many pixels': (png(16000, 16000), 'pixels'),
  'too many pixels': (png(10**9, 10**9), 'pixels'),
  'WebP': (webp(13000, 13000), ' pixels'),
  'a smaller WebP': (webp(9000, 9000), '9000x9000 pixels'),
  'text': (png(16, 12, chunk(b'zTXt', b'k\0\0' + BOMB)), ''),
  'colours': (png(16, 12, chunk(b'iCCP', b'k\0\0' + BOMB)), ''),
  'a chunk': (png(16, 12).replace(b'\0\0\0\x09IDAT', b'\x90\0\0\x09IDAT'),
              'longer than it all'),
  'offsets': (tiff_with_tag(273, 2**32 - 1), ''),
  'empty': (b'', 'an empty file'),
}  # fmt: skip


def test_hostile_pictures_are_named_and_start_nothing(
  subtests, tmp_path, monkeypatch
):
  started = tmp_path / 'started'
  for program in ('gs', 'gswin64c', 'convert', 'dcraw'):
    fake = tmp_path / 'bin' / program
    fake.parent.mkdir(exist_ok=True)
    fake.write_text(f'#!/bin/sh\ntouch "{started}"\n')
    fake.chmod(0o755)
  path_variable = f'{tmp_path / "bin"}{os.pathsep}{os.environ["PATH"]}'
  monkeypatch.setenv('PATH', path_variable)
  path = tmp_path / '001.png'
  for kind, (data, words) in HOSTILE.items():
    with subtests.test(kind=kind):
      path.write_bytes(data)
      for keep_bytes in (True, False):
        with pytest.raises(UnreadableError, match=r'^001\.png: ') as caught:
          list(frame_images.read_frames([path], keep_bytes=keep_bytes))
        assert words in str(caught.value)
      assert isinstance(frame_check.check_frame(data), str)
      assert frame_images.decode(data) is None
      assert not started.exists()


def test_flipped_bytes_are_a_picture_or_its_named_problem(subtests, tmp_path):
  path = tmp_path / '001.png'
  for suffix in ('JPEG', 'PNG', 'BMP', 'TIFF', 'WEBP', 'PPM'):
    with subtests.test(suffix=suffix):
      draw, whole = random.Random(0), encode(suffix)
      outcomes = set()
      for _ in range(60):
        data = bytearray(whole)
        for _ in range(draw.randint(0, 4)):
          data[draw.randrange(min(len(data), 200))] = draw.randrange(256)
        path.write_bytes(data[: draw.choice((None, draw.randrange(len(data))))])
        try:
          (frame,) = frame_images.read_frames([path], keep_bytes=False)
          assert frame.dtype == np.uint8 and frame.shape[2:] == (3,)
          outcomes.add('read')
        except UnreadableError as error:
          assert str(error).startswith('001.png: ')
          outcomes.add('named')
        frame_check.check_frame(path.read_bytes())
      assert outcomes == {'read', 'named'}


def test_limits_are_of_what_is_just_too_much():
  picture_files.check_size(picture_files.MAX_SIDE, 1)
  side = int(picture_files.MAX_PIXELS**0.5)
  picture_files.check_size(side, side)
  for size in ((picture_files.MAX_SIDE + 1, 1), (side, side + 1)):
    with pytest.raises(UnreadableError, match=f'{size[0]}x{size[1]}'):
      picture_files.check_size(*size)


def test_only_regular_files_are_read(tmp_path, monkeypatch):
  os.mkfifo(tmp_path / 'pipe.png')
  (tmp_path / 'zero.png').symlink_to('/dev/zero')
  (tmp_path / 'gone.png').symlink_to(tmp_path / 'nothing')
  (tmp_path / 'loop.png').symlink_to(tmp_path / 'loop.png')
  (tmp_path / 'folder.png').mkdir()
  (tmp_path / 'large.png').write_bytes(bytes(2**21 + 1))
  monkeypatch.setattr(picture_files, 'MAX_BYTES', 2**21)
  for name, words in {
    'pipe': 'a named pipe', 'zero': 'a device', 'gone': 'No such file',
    'loop': 'Too many levels', 'folder': 'a folder',
    'large': 'more than 2 MiB', 'absent': 'No such file',
  }.items():  # fmt: skip
    path = tmp_path / f'{name}.png'
    with pytest.raises(UnreadableError, match=rf'^{name}\.png: .*{words}'):
      list(frame_images.read_frames([path], keep_bytes=True))
    assert (regular_files.find_fault(path) is None) == (name == 'large')
  (tmp_path / 'large.png').write_bytes(bytes(2**21))
  assert len(regular_files.read_bytes(tmp_path / 'large.png', 2**21)) == 2**21
