import io
import itertools

import making_videos
import numpy as np
import pytest
from PIL import Image

from stclr_jax.data.pictures import frame_images
from stclr_jax.data.pictures import picture_files
from stclr_jax.files import file_names
from stclr_jax.files.unreadable import UnreadableError


def picture(seed=0, size=(12, 16, 3), top=256, dtype=np.uint8):
  return np.random.default_rng(seed).integers(0, top, size, dtype)


def read(paths, keep_bytes=True):
  return list(frame_images.read_frames(paths, keep_bytes=keep_bytes))


def test_eight_bit_images_stay_byte_for_byte(subtests, tmp_path):
  for pixels in (picture(), picture(size=(12, 16))):
    for name in ('a.jpg', 'a.jpeg', 'a.png', 'ü ä.PNG'):
      with subtests.test(name=name, shape=pixels.shape):
        path = making_videos.write_image(tmp_path / name, pixels)
        assert read([path]) == [path.read_bytes()]
        (decoded,) = read([path], keep_bytes=False)
        np.testing.assert_array_equal(
          decoded, making_videos.decode(path.read_bytes())
        )


def test_other_images_are_decoded(subtests, tmp_path):
  pixels = np.full((12, 16, 3), (200, 100, 50), np.uint8)
  for suffix in ('bmp', 'tif', 'webp', 'ppm'):
    with subtests.test(suffix=suffix):
      path = making_videos.write_image(tmp_path / f'a.{suffix}', pixels)
      (decoded,) = read([path])
      assert np.abs(decoded.astype(int) - pixels).max() <= 3


def test_sixteen_bits_share_one_shift(subtests, tmp_path):
  for bits, shape, suffix in itertools.product(
    (8, 10, 12, 16), ((12, 16), (12, 16, 3)), ('png', 'tif')
  ):
    with subtests.test(bits=bits, shape=shape, suffix=suffix):
      dark = picture(1, shape, 2 ** (bits - 2), np.uint16)
      bright = picture(2, shape, 2**bits, np.uint16)
      bright.flat[0] = 2**bits - 1
      paths = [
        making_videos.write_image(tmp_path / f'{i}.{suffix}', pixels)
        for i, pixels in enumerate((dark, bright))
      ]
      for decoded, pixels in zip(read(paths), (dark, bright), strict=True):
        expected = pixels // 2 ** (bits - 8)
        if len(shape) == 2:
          expected = np.stack([expected] * 3, axis=-1)
        assert decoded.dtype == np.uint8
        np.testing.assert_array_equal(decoded, expected)


def test_images_are_turned_as_their_camera_noted(tmp_path):
  pixels = np.zeros((16, 16, 3), np.uint8)
  pixels[:8, :8] = 255
  exif = Image.Exif()
  exif[0x0112] = 6  # to be turned clockwise
  path = tmp_path / 'a.jpg'
  Image.fromarray(pixels).save(path, exif=exif, quality=100)
  (decoded,) = read([path])
  assert np.abs(decoded.astype(int) - np.rot90(pixels, -1)).mean() < 3


def test_half_an_image_is_named(subtests, tmp_path):
  for suffix, cut in itertools.product(('jpg', 'png'), (0, 60, -20)):
    with subtests.test(suffix=suffix, cut=cut):
      path = making_videos.write_image(tmp_path / f'007.{suffix}', picture())
      path.write_bytes(path.read_bytes()[:cut])
      with pytest.raises(UnreadableError, match=r'007\.'):
        read([path])


def test_floating_point_images_are_refused(tmp_path):
  data = io.BytesIO()
  Image.fromarray(np.zeros((4, 4), np.float32)).save(data, 'TIFF')
  path = tmp_path / 'a.tif'
  path.write_bytes(data.getvalue())
  with pytest.raises(UnreadableError, match='a.tif: pixels of type float32'):
    read([path])


def test_natural_order():
  names = ['f10.png', 'f9.png', 'F2.png', 'f02b.png', 'f1.png']
  assert sorted(names, key=file_names.natural_key) == [
    'f1.png', 'F2.png', 'f02b.png', 'f9.png', 'f10.png',
  ]  # fmt: skip
  # A number before a letter and a letter before a number can be compared.
  assert sorted(['a1', '1a', '', 'b'], key=file_names.natural_key)
  # More digits than Python makes a number of; a digit that is none; Arabic.
  names = ['f9', 'f١٠', 'f1' + '0' * 5000, 'f2' + '0' * 5000, 'f²']
  assert sorted(reversed(names), key=file_names.natural_key) == names


def test_frames_that_only_training_stumbles_over_are_found(tmp_path):
  """Pillow passes over a wrong checksum that OpenCV does not."""
  path = making_videos.write_image(tmp_path / 'a.png', picture())
  whole = path.read_bytes()
  broken = None
  for place in range(len(whole) - 12, 33, -1):
    data = bytearray(whole)
    data[place] ^= 0xFF
    if _pillow_reads(data) and not frame_images.opencv_decodes(bytes(data)):
      broken = bytes(data)
      break
  if broken is None:
    pytest.skip('These versions agree on every damaged byte.')
  path.write_bytes(broken)
  with pytest.raises(UnreadableError, match='a.png: damaged; OpenCV'):
    read([path])


def _pillow_reads(data):
  try:
    picture_files.open_picture(bytes(data)).load()
  except (OSError, SyntaxError, ValueError):
    return False
  return True
