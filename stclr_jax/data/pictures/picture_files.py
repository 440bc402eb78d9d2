"""Opens pictures: of formats that are listed, and of sizes that are limited.

Everything that decodes a picture goes through `open_picture`. Pillow left to
itself knows formats that run other programs (PostScript is handed to
Ghostscript, which obeys whatever it says), and a header of thirty bytes can ask
for gigabytes.
"""

import io

from stclr_jax.files import regular_files
from stclr_jax.files.unreadable import UnreadableError

# Pillow's names; PPM is PNM as a whole. An MPO, as some phones write, is taken
# for the JPEG that it begins with.
FORMATS = ('JPEG', 'PNG', 'BMP', 'TIFF', 'WEBP', 'PPM', 'GIF')
# chosen: 8192 x 8192, more than the 61 megapixels of the largest cameras in
# use; decoded it takes 200 MB, and a few are decoded at once.
MAX_PIXELS = 2**26
# chosen: WebP's own limit is 16383; no camera's picture is longer.
MAX_SIDE = 2**14
# chosen: of a file read as one picture; 64 megapixels of 4 bytes.
MAX_BYTES = 2**28
_PNG = b'\x89PNG\r\n\x1a\n'


def read_picture(path):
  """Reads the bytes of a picture's file.

  Args:
    path: `pathlib.Path`.

  Returns:
    bytes.

  Raises:
    UnreadableError: if it cannot be read, is no regular file or larger than
      `MAX_BYTES`, naming it.
  """
  try:
    return regular_files.read_bytes(path, MAX_BYTES)
  except OSError as error:
    raise UnreadableError(f'{path.name}: {error.strerror or error}') from error


def open_picture(data):
  """Reads a picture's header.

  Args:
    data: bytes of the file.

  Returns:
    A `PIL.Image.Image` that is not decoded yet.

  Raises:
    UnreadableError: if it is of none of `FORMATS`, damaged, or larger than
      `MAX_PIXELS` or `MAX_SIDE`; the reason without the file's name.
  """
  from PIL import Image
  from PIL import UnidentifiedImageError

  if not data:
    raise UnreadableError('an empty file')
  try:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
  except UnidentifiedImageError as error:
    raise UnreadableError(
      f'not an image of a format that is read ({", ".join(FORMATS)}), or its '
      f'beginning is missing; it begins with {bytes(data[:8])!r}'
    ) from error
  # Pillow's own limits; the first is a warning, which may have been made one.
  except (
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
  ) as error:
    raise UnreadableError(
      f'more than {MAX_PIXELS:,} pixels, the limit'
    ) from error
  # Damaged headers raise whatever their reader happens to stumble over.
  except Exception as error:
    raise UnreadableError(describe_error(error)) from error
  check_size(*image.size)
  if image.format == 'PNG':
    _check_chunks(data)
  return image


def _check_chunks(data):
  """OpenCV takes as much memory as a chunk says it is long, up to 2 GB."""
  place = len(_PNG)
  while place + 8 <= len(data):
    length = int.from_bytes(data[place : place + 4], 'big')
    kind = data[place + 4 : place + 8]
    place += 12 + length
    if place > len(data):
      raise UnreadableError('cut off, or damaged: a part is longer than it all')
    if kind == b'IEND':
      return


def check_size(width, height):
  """Refuses pictures that are too large to be decoded.

  Args:
    width: in pixels.
    height: in pixels.

  Raises:
    UnreadableError: naming size and limit.
  """
  if max(width, height) > MAX_SIDE:
    raise UnreadableError(
      f'{width}x{height} pixels; a side may have {MAX_SIDE:,}'
    )
  if width * height > MAX_PIXELS:
    raise UnreadableError(
      f'{width}x{height} pixels; {MAX_PIXELS:,} are the limit'
    )


def describe_error(error):
  """Puts what a decoder raised into words.

  Args:
    error: an exception.

  Returns:
    Its text without addresses in memory, or the name of its class.
  """
  if isinstance(error, MemoryError):
    return 'more than fits in memory'
  return str(error).split('<_io')[0].strip() or type(error).__name__
