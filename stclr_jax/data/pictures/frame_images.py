"""Frames that lie in a folder as image files."""

import contextlib
import functools

import numpy as np

from stclr_jax.data.pictures import opacity
from stclr_jax.data.pictures.picture_files import describe_error
from stclr_jax.data.pictures.picture_files import open_picture
from stclr_jax.data.pictures.picture_files import read_picture
from stclr_jax.errors import UserError
from stclr_jax.files.unreadable import UnreadableError

SUFFIXES = (
  '.jpg', '.jpeg', '.png', '.apng', '.bmp', '.tif', '.tiff', '.webp', '.pgm',
  '.ppm',
)  # fmt: skip
_EXIF_ORIENTATION = 0x0112
_TIFF_BITS = 258  # BitsPerSample
_TIFF_EXTRA_SAMPLES = 338
_UNASSOCIATED = 2  # of ExtraSamples: opacity by which colours are multiplied


def read_frames(paths, *, keep_bytes, remarks=None):
  """Reads and checks frames, one at a time.

  Images of 16 bits become ones of 8 by one shift for the whole video, the
  least with which its brightest value fits: a camera of 10 or 12 bits is
  neither darkened nor made to flicker. Transparent ones are laid on black.

  Args:
    paths: of the images, in order.
    keep_bytes: whether images that need no change, upright JPEG and PNG of 8
      bits, come as the bytes of their files; a transparent one as those of a
      PNG that is not.
    remarks: list to which is added, once all are read, what the user should
      know of them; None for nobody who asks.

  Yields:
    uint8 RGB [h, w, 3], or bytes.

  Raises:
    UnreadableError: for a file that is no image, or only a part of one, or
      larger than `picture_files` allows, naming it.
  """
  notes = opacity.PictureNotes()
  find_shift = functools.cache(lambda: _find_shift(paths))
  for path in paths:
    data = read_picture(path)
    with naming(path.name):
      frame, size, transparent = _read_frame(data, keep_bytes, find_shift)
    notes.see(*size, transparent)
    yield frame
  if remarks is not None:
    remarks += notes.describe()


@contextlib.contextmanager
def naming(name):
  """Turns whatever a decoder raises into an error that names the file.

  Args:
    name: of the file.

  Raises:
    UnreadableError: in place of any exception.
  """
  try:
    yield
  # Damaged files raise whatever their decoder happens to stumble over.
  except Exception as error:
    raise UnreadableError(f'{name}: {describe_error(error)}') from error


def _read_frame(data, keep_bytes, find_shift):
  """Returns (picture or its bytes, (width, height), whether transparent)."""
  from PIL import ImageOps

  image = _load(data)
  if is_deep(image, data):
    pixels, transparent = decode_deep(data, image)
    frame = to_rgb(pixels >> find_shift())
    return frame, frame.shape[1::-1], transparent
  kept = keep_bytes and _needs_no_change(image)
  if not kept or image.has_transparency_data:
    frame, transparent = opacity.flatten(ImageOps.exif_transpose(image))
    if transparent and kept:  # a PNG of the same size, as its neighbours are
      return _encode_png(frame), image.size, True
    if not kept:
      return frame, frame.shape[1::-1], transparent
  if not opencv_decodes(data):
    raise UnreadableError('damaged; OpenCV cannot decode it')
  return data, image.size, False


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
    cannot, or it is of no format or size that `open_picture` allows.
  """
  import cv2

  try:
    open_picture(data)  # of its header alone, 5 % of the time of decoding
  except UnreadableError:
    return None
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


def _encode_png(frame):
  import cv2

  bgr = np.ascontiguousarray(frame[..., ::-1])
  return cv2.imencode('.png', bgr)[1].tobytes()


def _load(data):
  # Pillow, because OpenCV returns the upper half of a truncated JPEG.
  image = open_picture(data)
  image.load()
  if image.format == 'PNG' and b'IEND' not in data[-1024:]:
    raise UserError('cut off at its end')
  return image


def is_deep(image, data):
  """Says whether a picture has more than 8 bits a channel.

  Args:
    image: as `open_picture` opened it.
    data: bytes of its file.
  """
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


def decode_deep(data, image, page=0):
  """Decodes a picture of 16 bits; transparent ones are laid on black.

  Args:
    data: bytes of its file.
    image: as `open_picture` opened it, of the same page.
    page: which, of a file with several.

  Returns:
    (uint16 [h, w] or [h, w, 3], blue first; whether it was transparent).

  Raises:
    UnreadableError: if it is of neither 8 nor 16 bits.
  """
  import cv2

  flags, pages = cv2.IMREAD_UNCHANGED, ()
  encoded = np.frombuffer(data, np.uint8)
  if page:
    _, pages = cv2.imdecodemulti(encoded, flags, range=(page, page + 1))
  pixels = pages[0] if pages else cv2.imdecode(encoded, flags)
  if pixels is None or pixels.dtype != np.uint16:
    dtype = None if pixels is None else pixels.dtype
    raise UnreadableError(f'pixels of type {dtype}; 8 or 16 bits can be read')
  if pixels.ndim == 2 and 'transparency' in image.info:  # one level of grey
    clear = pixels == image.info['transparency']
    return np.where(clear, 0, pixels).astype(np.uint16), bool(clear.any())
  if pixels.ndim == 2 or pixels.shape[2] == 3:
    return pixels, False
  if pixels.shape[2] == 2:  # grey and opacity
    pixels = pixels[..., [0, 0, 0, 1]]
  extra = (_UNASSOCIATED,)
  if image.format == 'TIFF':
    extra = image.tag_v2.get(_TIFF_EXTRA_SAMPLES, extra)
  if extra[0] == _UNASSOCIATED and opacity.is_transparent(pixels):
    return opacity.lay_on_ground(pixels), True
  # Opaque; or multiplied by their opacity, and so on black already.
  return pixels[..., :3], extra[0] == 1 and opacity.is_transparent(pixels)


def _find_shift(paths):
  bits = 8
  for path in paths:
    data = read_picture(path)
    with naming(path.name):
      image = _load(data)
      if is_deep(image, data):
        pixels, _ = decode_deep(data, image)
        bits = max(bits, int(pixels.max()).bit_length())
  return bits - 8


def to_rgb(pixels):
  """Makes colours of 8 bits of what was shifted to them.

  Args:
    pixels: [h, w] or [h, w, 3], blue first, 0 to 255.

  Returns:
    uint8 RGB [h, w, 3].
  """
  pixels = pixels.astype(np.uint8)
  if pixels.ndim == 2:
    return np.repeat(pixels[..., None], 3, axis=2)
  return np.ascontiguousarray(pixels[..., ::-1])
