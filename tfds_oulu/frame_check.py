"""Decodes a frame to find out whether all of it is there."""

import io

from stclr_jax.data import frame_images

FORMATS = ('JPEG', 'PNG', 'BMP')


def check_frame(encoded):
  """Decodes an image.

  Args:
    encoded: bytes of an image file.

  Returns:
    Its (width, height) in pixels; or why it cannot be used, a string.
  """
  # Pillow, because OpenCV returns the upper half of a truncated JPEG.
  from PIL import Image
  from PIL import UnidentifiedImageError

  if not encoded:
    return 'an empty file'
  try:
    with Image.open(io.BytesIO(encoded)) as image:
      if image.format not in FORMATS:
        return f'a {image.format} image, not one of {", ".join(FORMATS)}'
      image.load()
      size, image_format = image.size, image.format
  except UnidentifiedImageError:
    return 'not an image, or its beginning is missing'
  # Damaged bytes raise whatever the decoder happens to stumble over.
  except Exception as error:
    return f'cannot be decoded ({str(error) or type(error).__name__})'
  if not _has_end(encoded, image_format):
    return 'truncated: the end of the image is missing'
  if not frame_images.opencv_decodes(encoded):
    return 'damaged: OpenCV, which training reads frames by, cannot decode it'
  return size


def _has_end(encoded, image_format):
  """Finds what decoders pass over where only a few bytes are missing."""
  if image_format == 'JPEG':
    # Behind the last start of a scan, as a thumbnail has an end of its own.
    return encoded.rfind(b'\xff\xd9') > encoded.rfind(b'\xff\xda')
  if image_format == 'PNG':
    return b'IEND\xaeB`\x82' in encoded[-64:]
  return True
