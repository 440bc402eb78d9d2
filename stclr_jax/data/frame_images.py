"""Frames that lie in a folder as image files."""

import io
import re

import numpy as np

from stclr_jax.data.video_files import UnreadableError

SUFFIXES = (
  '.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.pgm', '.ppm',
)  # fmt: skip
_EXIF_ORIENTATION = 0x0112
_TIFF_BITS = 258  # BitsPerSample


def natural_key(name):
  """Sorts names as people number them: 'f2', 'f10', 'f010b'.

  Args:
    name: of a file or a person.

  Returns:
    A key for `sorted`.
  """
  parts = re.split(r'(\d+)', str(name))
  # Odd parts are digits; the name itself decides between '1' and '01'.
  keys = [int(p) if i % 2 else p.lower() for i, p in enumerate(parts)]
  return keys, str(name)


def find_gaps(names):
  """Looks for numbers that are missing from numbered files.

  Args:
    names: file names in order.

  Returns:
    The missing numbers between the first and the last, ascending; none where
    the last number in the names does not count frames one by one.
  """
  numbers = [re.findall(r'\d+', name.rpartition('.')[0]) for name in names]
  if not names or not all(numbers):
    return []
  present = sorted({int(found[-1]) for found in numbers})
  if len(present) < len(names):
    return []
  missing = sorted(set(range(present[0], present[-1])) - set(present))
  # Every second or fifth frame is a choice, not a loss.
  return missing if len(missing) < len(present) else []


def read_frames(paths, *, keep_bytes):
  """Reads and checks frames, one at a time.

  Images of 16 bits become ones of 8 by one shift for the whole video, the
  least with which its brightest value fits: a camera of 10 or 12 bits is
  neither darkened nor made to flicker.

  Args:
    paths: of the images, in order.
    keep_bytes: whether images that need no change, upright JPEG and PNG of 8
      bits, come as the bytes of their files.

  Yields:
    uint8 RGB [h, w, 3], or bytes.

  Raises:
    UnreadableError: for a file that is no image or only a part of one, naming
      it.
  """
  shift = None
  for path in paths:
    data = _read(path)
    image = _load(data, path)
    if _is_deep(image, data):
      if shift is None:
        shift = _find_shift(paths)
      yield _to_rgb(_decode_deep(data, path) >> shift)
    elif keep_bytes and _needs_no_change(image):
      if not opencv_decodes(data):
        raise UnreadableError(f'{path.name}: damaged; OpenCV cannot decode it')
      yield data
    else:
      from PIL import ImageOps

      yield np.array(ImageOps.exif_transpose(image).convert('RGB'))


def opencv_decodes(data):
  """Says whether OpenCV, which training decodes with, can.

  Pillow reads some damaged files that OpenCV does not, and the other way round.

  Args:
    data: bytes of an image file.
  """
  return decode(data) is not None


def decode(data):
  """Decodes an image as it lies in the file, whatever its note on rotation.

  Args:
    data: bytes of an image file.

  Returns:
    uint8 RGB [h, w, 3], of a grey image three equal channels; None if OpenCV
    cannot.
  """
  import cv2

  flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
  return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def encode_jpeg(frame, quality):
  """Encodes a frame as JPEG, with colour at full resolution (4:4:4).

  Args:
    frame: uint8 RGB [h, w, 3].
    quality: 1 to 100.

  Returns:
    bytes.
  """
  import cv2

  options = [
    cv2.IMWRITE_JPEG_QUALITY,
    quality,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
  ]
  bgr = np.ascontiguousarray(frame[..., ::-1])
  return cv2.imencode('.jpg', bgr, options)[1].tobytes()


def _read(path):
  try:
    return path.read_bytes()
  except OSError as error:
    raise UnreadableError(f'{path.name}: {error.strerror}') from error


def _load(data, path):
  # Pillow, because OpenCV returns the upper half of a truncated JPEG.
  from PIL import Image

  try:
    image = Image.open(io.BytesIO(data))
    image.load()
    if image.format == 'PNG' and b'IEND' not in data[-1024:]:
      raise ValueError('cut off at its end')
  except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as e:
    reason = 'an empty file' if not data else str(e).split('<_io')[0].strip()
    raise UnreadableError(f'{path.name}: {reason or type(e).__name__}') from e
  return image


def _is_deep(image, data):
  # Pillow makes 3 x 16 bits 3 x 8; only the header tells.
  bits = 8
  if image.format == 'PNG':
    bits = data[24]
  elif image.format == 'TIFF':
    bits = max(image.tag_v2.get(_TIFF_BITS, (8,)))
  return bits > 8 or image.mode.startswith(('I', 'F'))


def _needs_no_change(image):
  upright = image.getexif().get(_EXIF_ORIENTATION, 1) == 1
  return image.format in ('JPEG', 'PNG') and upright


def _decode_deep(data, path):
  import cv2

  pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
  if pixels is None or pixels.dtype != np.uint16:
    dtype = None if pixels is None else pixels.dtype
    raise UnreadableError(
      f'{path.name}: pixels of type {dtype}; 8 or 16 bits can be read'
    )
  return pixels


def _find_shift(paths):
  bits = 8
  for path in paths:
    data = _read(path)
    if _is_deep(_load(data, path), data):
      bits = max(bits, int(_decode_deep(data, path).max()).bit_length())
  return bits - 8


def _to_rgb(pixels):
  pixels = pixels.astype(np.uint8)
  if pixels.ndim == 2:
    return np.repeat(pixels[..., None], 3, axis=2)
  if pixels.shape[2] < 3:  # grey and opacity
    return np.repeat(pixels[..., :1], 3, axis=2)
  return np.ascontiguousarray(pixels[..., 2::-1])  # OpenCV's order is BGR
