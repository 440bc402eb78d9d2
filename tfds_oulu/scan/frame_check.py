"""Decodes a frame to find out whether all of it is there."""

from stclr_jax.data.pictures import frame_images
from stclr_jax.data.pictures import opacity
from stclr_jax.data.pictures import picture_files
from stclr_jax.files.unreadable import UnreadableError

FORMATS = ('JPEG', 'PNG', 'BMP')


def check_frame(encoded):
  """Decodes an image.

  Args:
    encoded: bytes of an image file.

  Returns:
    Its (width, height) in pixels; or why it cannot be used, a string.
  """
  # Pillow, because OpenCV returns the upper half of a truncated JPEG.
  try:
    with picture_files.open_picture(encoded) as image:
      if image.format not in FORMATS:
        return f'a {image.format} image, not one of {", ".join(FORMATS)}'
      image.load()
      size, image_format = image.size, image.format
      _, transparent = (
        opacity.flatten(image) if image.has_transparency_data else (None, False)
      )
  except UnreadableError as error:
    return str(error)
  # Damaged bytes raise whatever the decoder happens to stumble over.
  except Exception as error:
    return f'cannot be decoded ({picture_files.describe_error(error)})'
  if transparent:
    return (
      'transparent somewhere, and what that hides would be trained on; lay it '
      'on a colour'
    )
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
