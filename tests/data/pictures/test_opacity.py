import io
import itertools

import cv2
import numpy as np
from PIL import Image

from stclr_jax.data.pictures import frame_images
from stclr_jax.data.pictures import opacity
from tfds_oulu.scan import frame_check

HIDDEN, SHOWN = (0, 200, 0), (200, 150, 120)


def cut_out(opaque=255, clear=0):
  """A face of one colour before a background of another that is hidden."""
  pixels = np.full((12, 16, 4), (*HIDDEN, clear), np.uint8)
  pixels[3:9, 4:12] = (*SHOWN, opaque)
  return Image.fromarray(pixels)


def palette():
  image = Image.new('P', (16, 12), 0)
  image.putpalette([*HIDDEN, *SHOWN])
  image.paste(1, (4, 3, 12, 9))
  return image


def encode(image, suffix, **options):
  data = io.BytesIO()
  image.save(data, suffix, **options)
  return data.getvalue()


def deep(suffix, channels):
  """16 bits a channel."""
  pixels = np.asarray(cut_out()).astype(np.uint16) * 257
  pixels = pixels[..., [2, 1, 0, 3]]
  return cv2.imencode(f'.{suffix}', pixels[..., -channels:])[1].tobytes()


CUT_OUT = {
  'RGBA.png': encode(cut_out(), 'PNG'),
  'LA.png': encode(cut_out().convert('LA'), 'PNG'),
  'RGBA.webp': encode(cut_out(), 'WEBP', lossless=True, exact=True),
  'RGBA.tif': encode(cut_out(), 'TIFF'),
  'palette.png': encode(palette(), 'PNG', transparency=0),
  'palette of opacities.png': encode(
    palette(), 'PNG', transparency=bytes([0, 255])
  ),
  'one colour.png': encode(
    cut_out().convert('RGB'), 'PNG', transparency=HIDDEN
  ),
  'one grey.png': encode(
    cut_out().convert('L'),
    'PNG',
    transparency=cut_out().convert('L').getpixel((0, 0)),
  ),
  '16 bits.png': deep('png', 4),
  '16 bits.tif': deep('tif', 4),
}


def read(tmp_path, name, data, keep_bytes):
  path = tmp_path / name
  path.write_bytes(data)
  remarks = []
  (frame,) = frame_images.read_frames(
    [path], keep_bytes=keep_bytes, remarks=remarks
  )
  if isinstance(frame, bytes):
    frame = frame_images.decode(frame)
  return frame, remarks


def test_what_is_transparent_is_laid_on_black(subtests, tmp_path):
  shown = cut_out().convert('L').getpixel((6, 6))
  for name, keep_bytes in itertools.product(CUT_OUT, (False, True)):
    with subtests.test(name=name, keep_bytes=keep_bytes):
      frame, remarks = read(tmp_path, name, CUT_OUT[name], keep_bytes)
      assert frame[0, 0].tolist() == [0, 0, 0]
      grey = name.startswith(('LA', 'one grey'))
      assert frame[6, 6].tolist() == ([shown] * 3 if grey else list(SHOWN))
      assert remarks == ['1 of 1 pictures are transparent: laid on black']
      if not name.startswith('16') and name.endswith('png'):
        assert 'transparent' in frame_check.check_frame(CUT_OUT[name])


def test_what_is_opaque_is_not_spoken_of(tmp_path):
  data = encode(cut_out(clear=255), 'PNG')
  frame, remarks = read(tmp_path, 'a.png', data, keep_bytes=True)
  assert frame[0, 0].tolist() == list(HIDDEN) and not remarks
  (kept,) = frame_images.read_frames([tmp_path / 'a.png'], keep_bytes=True)
  assert kept == data
  assert frame_check.check_frame(data) == (16, 12)


def test_half_of_a_colour_is_half_as_bright():
  expected = np.repeat(np.arange(200)[:, None, None], 3, 1)
  for dtype in (np.uint8, np.uint16):
    rgba = np.zeros((200, 3, 4), dtype)
    rgba[..., :3], rgba[..., 3] = np.iinfo(dtype).max, np.arange(200)[:, None]
    assert (opacity.lay_on_ground(rgba) == expected).all(), dtype


def test_sizes_that_differ_are_noted(tmp_path):
  paths = []
  for i, size in enumerate([(16, 12), (12, 16), (16, 12)]):
    paths.append(tmp_path / f'{i}.png')
    Image.new('RGB', size, (i, i, i)).save(paths[-1])
  remarks = []
  list(frame_images.read_frames(paths, keep_bytes=True, remarks=remarks))
  assert len(remarks) == 1 and '16x12, 12x16' in remarks[0]
