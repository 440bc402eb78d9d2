"""Pictures that move: APNG, animated WebP, TIFF files of several pages.

One such file is a video. `.gif` files are read as videos by FFmpeg and come
here only under the name of a picture.
"""

import os
import struct

import numpy as np

from stclr_jax.data.pictures import frame_images
from stclr_jax.data.pictures import opacity
from stclr_jax.data.pictures import picture_files
from stclr_jax.files import regular_files
from stclr_jax.files.unreadable import UnreadableError

# chosen: 8000 pictures of 1920x1080; a file of a few megabytes can ask for a
# thousand times that, which would take days.
MAX_PIXELS = 2**34
# chosen: as browsers show one whose delay is 0, 'as fast as possible'.
_DEFAULT_SECONDS = 0.1
_PNG = b'\x89PNG\r\n\x1a\n'
_CHUNKS = 1000  # chosen: looked at; a picture has some ten before its pixels
_TIFF_KIND = 254  # NewSubfileType: 1 a thumbnail, 4 a mask


def is_animation(path):
  """Says whether a file holds several pictures that follow one another.

  Reads some bytes of the header.

  Args:
    path: `pathlib.Path` of a file.

  Returns:
    True also for one whose header says so and that is damaged behind it, which
    reading it will tell; False for what is no picture, and for `.gif` files,
    which FFmpeg reads.
  """
  if path.suffix.lower() == '.gif' or regular_files.find_fault(path):
    return False
  try:
    with open(path, 'rb') as file:
      if not _may_move(file):
        return False
  except OSError:  # reading it will say why
    return False
  try:
    with frame_images.naming(path.name):
      image = picture_files.open_picture(picture_files.read_picture(path))
      return len(_list_pages(image, at_most=2)) > 1
  except UnreadableError:
    return True


def read_animation(path, *, remarks=None):
  """Reads the pictures of an animation, each composed as it is shown.

  Args:
    path: `pathlib.Path` of a file that `is_animation`.
    remarks: list to which is added, once all are read, what the user should
      know of them; None for nobody who asks.

  Yields:
    (time, duration, picture): when it is shown from the file's beginning, and
    for how long, in seconds, both None where the file names no times, as a TIFF
    does not; uint8 RGB [h, w, 3].

  Raises:
    UnreadableError: if a picture cannot be decoded, or the file asks for more
      pixels than `MAX_PIXELS`, naming it.
  """
  data = picture_files.read_picture(path)
  notes = opacity.PictureNotes()
  time, undelayed = 0.0, 0
  with frame_images.naming(path.name):
    image = picture_files.open_picture(data)
    pages = _list_pages(image)
    pixels = len(pages) * image.width * image.height
    if pixels > MAX_PIXELS:
      raise UnreadableError(
        f'{len(pages)} pictures of {image.width}x{image.height}; '
        f'{MAX_PIXELS:,} pixels are the limit'
      )
    # Opened anew each time: not every format can be wound back.
    shift = _find_shift(data, pages)
    timed = _has_times(data, pages)
    image = picture_files.open_picture(data)
  for page in pages:
    with frame_images.naming(f'{path.name}, picture {page}'):
      frame, transparent = _read_page(data, image, page, shift)
      duration = _seconds(image)
    notes.see(*frame.shape[1::-1], transparent)
    if not timed:
      yield None, None, frame
      continue
    undelayed += not duration
    yield time, duration or _DEFAULT_SECONDS, frame
    time += duration or _DEFAULT_SECONDS
  if remarks is not None:
    remarks += notes.describe()
    if not timed:
      remarks.append(
        f'names no times: its {len(pages)} pictures are taken as those of a '
        'folder (--source_fps)'
      )
    if undelayed:
      remarks.append(
        f'{undelayed} pictures with a delay of 0: each shown for '
        f'{_DEFAULT_SECONDS} s'
      )


def _may_move(file):
  """Says whether a header says that there may be several pictures."""
  start = file.read(32)
  if start.startswith(_PNG):
    return _has_animation_chunk(file)
  if start.startswith(b'RIFF') and start[8:16] == b'WEBPVP8X':
    return len(start) > 20 and bool(start[20] & 2)
  if start[:4] in (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+'):
    return _has_second_page(file, start)
  return start.startswith(b'GIF8')


def _has_animation_chunk(file):
  file.seek(len(_PNG))
  for _ in range(_CHUNKS):
    header = file.read(8)
    if len(header) < 8 or header[4:] in (b'IDAT', b'IEND'):
      return False
    if header[4:] == b'acTL':
      return True
    file.seek(int.from_bytes(header[:4], 'big') + 4, os.SEEK_CUR)
  return False


def _has_second_page(file, start):
  order = '<' if start.startswith(b'II') else '>'
  big = start[2 if order == '<' else 3] == ord('+')
  offset, count, entry = ('Q', 'Q', 20) if big else ('I', 'H', 12)
  try:
    (place,) = struct.unpack_from(order + offset, start, 8 if big else 4)
    file.seek(place)
    size = struct.calcsize(order + count)
    (number,) = struct.unpack(order + count, file.read(size))
    file.seek(place + size + number * entry)
    size = struct.calcsize(order + offset)
    return any(file.read(size))
  except (struct.error, OSError, ValueError, OverflowError):
    return False


def _list_pages(image, at_most=None):
  """Lists the numbers of an opened file's pictures."""
  if image.format != 'TIFF':
    # The picture for readers that know no APNG is none of the animation.
    first = int(getattr(image, 'default_image', False))
    return range(first, getattr(image, 'n_frames', 1))
  pages, number = [], 0
  while at_most is None or len(pages) < at_most:
    try:
      image.seek(number)
    except EOFError:
      break
    if not image.tag_v2.get(_TIFF_KIND, 0) & 5:
      picture_files.check_size(*image.size)
      pages.append(number)
    number += 1
  return pages


def _has_times(data, pages):
  """Says whether any picture names how long it is shown."""
  image = picture_files.open_picture(data)
  for page in pages:
    image.seek(page)
    image.load()
    if _seconds(image):
      return True
  return False


def _seconds(image):
  return image.info.get('duration', 0) / 1000


def _read_page(data, image, page, shift):
  from PIL import ImageOps

  image.seek(page)
  image.load()
  if shift is not None:
    pixels, transparent = _decode_deep(data, image, page)
    return frame_images.to_rgb(pixels >> shift), transparent
  return opacity.flatten(ImageOps.exif_transpose(image))


def _find_shift(data, pages):
  """The shift to 8 bits that all pages share; None where they have 8."""
  image = picture_files.open_picture(data)
  bits = 0
  for page in pages:
    image.seek(page)
    # Pillow takes the upper 8 of a PNG's bits, save of a grey one.
    if image.format != 'TIFF' and not image.mode.startswith('I'):
      return None
    if not frame_images.is_deep(image, data):
      return None
    image.load()
    pixels, _ = _decode_deep(data, image, page)
    bits = max(bits, 8, int(pixels.max()).bit_length())
  return bits - 8 if bits else None


def _decode_deep(data, image, page):
  if image.format == 'TIFF':
    return frame_images.decode_deep(data, image, page)
  return np.asarray(image).astype(np.uint16), False
