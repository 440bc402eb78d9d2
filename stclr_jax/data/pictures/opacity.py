"""Pictures that are transparent somewhere are laid on one colour.

What a transparent pixel hides is still in the file: a face whose background was
removed would have it again if opacity were dropped.
"""

import numpy as np

# chosen: black, on which players show such videos; and most sets of faces whose
# surroundings were removed have black ones.
GROUND_NAME = 'black'
_ROWS = 64  # chosen: laid at once; products take four times the memory


def lay_on_ground(rgba):
  """Lays a picture on black.

  Args:
    rgba: uint8 or uint16 [h, w, 4], not premultiplied; the last channel is
      opacity, 0 for what cannot be seen. The others may be in any order.

  Returns:
    The same dtype, [h, w, 3].
  """
  top = np.iinfo(rgba.dtype).max
  laid = np.empty((*rgba.shape[:2], 3), rgba.dtype)
  for first in range(0, len(rgba), _ROWS):
    rows = rgba[first : first + _ROWS]
    product = rows[..., :3].astype(np.uint32) * rows[..., 3:]
    laid[first : first + _ROWS] = (product + top // 2) // top
  return laid


def is_transparent(rgba):
  """Says whether any pixel is not opaque.

  Args:
    rgba: uint8 or uint16 [h, w, 4].
  """
  return bool((rgba[..., 3] < np.iinfo(rgba.dtype).max).any())


def flatten(image):
  """Turns a decoded picture into colours, whatever it has of opacity.

  Args:
    image: a `PIL.Image.Image` of 8 bits.

  Returns:
    (uint8 RGB [h, w, 3], whether anything was transparent).
  """
  if image.has_transparency_data:
    rgba = np.array(image.convert('RGBA'))
    if is_transparent(rgba):
      return lay_on_ground(rgba), True
    return np.ascontiguousarray(rgba[..., :3]), False
  return np.array(image.convert('RGB')), False


class PictureNotes:
  """Collects what is to be said of a video's pictures once all were seen."""

  def __init__(self):
    self._sizes = {}
    self._transparent = 0
    self._number = 0

  def see(self, width, height, transparent):
    """Takes note of the next picture.

    Args:
      width: in pixels, upright.
      height: in pixels.
      transparent: whether it was laid on a colour.
    """
    self._number += 1
    self._transparent += transparent
    self._sizes.setdefault((width, height), None)

  def describe(self):
    """Returns a list of notes, one line each."""
    notes = []
    if self._transparent:
      notes.append(
        f'{self._transparent} of {self._number} pictures are transparent: '
        f'laid on {GROUND_NAME}'
      )
    if len(self._sizes) > 1:
      shown = ', '.join(f'{w}x{h}' for w, h in list(self._sizes)[:4])
      notes.append(
        f'pictures of {len(self._sizes)} sizes ({shown}'
        f'{", …" if len(self._sizes) > 4 else ""}): look whether they are of '
        'one recording'
      )
    return notes
