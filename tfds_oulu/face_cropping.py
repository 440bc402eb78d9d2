"""Cuts faces out of a build's videos, where a config asks for it.

Off by default: the paper takes the originals' whole frames of 320x240, and
Oulu-CASIA comes with cropped faces of its own (VL_Acropped), which are splits
beside the originals. A crop of one's own is another data set: the records no
longer hold the bytes that came, and other people's figures are not of it.
"""

import json
import pathlib

import numpy as np

from stclr_jax.data.faces import face_crops
from stclr_jax.data.pictures import frame_images
from stclr_jax.errors import UserError

FILE_NAME = 'face_crops.json'
# chosen: as `recordings.Options`, of which this is the encoding.
_JPEG_QUALITY = 95


class FaceCropper:
  """Cuts one square out of all frames of a video, and keeps what it found."""

  def __init__(self, options):
    """Begins.

    Args:
      options: dict of `face_crops.FaceCropOptions`, such as {'margin': 0.3};
        {} for its defaults.

    Raises:
      ValueError: if there is no such option, or a value is impossible.
    """
    try:
      self.options = face_crops.FaceCropOptions(**options)
    except TypeError as error:
      raise UserError(
        f'`face_crop` (={options!r}) must be options of face_crops.'
        f'FaceCropOptions, such as {{"margin": 0.4}}; {{}} for its defaults: '
        f'{error}.'
      ) from error
    self.tracks = {}

  def crop(self, condition, video_id, frames):
    """Crops a video; without a face it stays as it is.

    Args:
      condition: such as 'vl_strong'.
      video_id: such as 'P001/Anger'.
      frames: encoded images, list of bytes.

    Returns:
      Encoded images: square, of the side of the square in the frame.
    """
    decoded = [frame_images.decode(frame) for frame in frames]
    if len({frame.shape for frame in decoded}) > 1:
      self._note(condition, video_id, 0.0, ['frames of several sizes: whole'])
      return frames
    track = face_crops.find_square(decoded, self.options)
    if track.square is None:
      notes = [*track.notes, 'whole frames']
      self._note(condition, video_id, 0.0, notes)
      return frames
    self._note(condition, video_id, track.coverage, track.notes, track.square)
    side = max(1, round(track.square.side))
    cut = (face_crops.cut(frame, track.square, side) for frame in decoded)
    return [frame_images.encode_jpeg(frame, _JPEG_QUALITY) for frame in cut]

  def _note(self, condition, video_id, coverage, notes, square=None):
    self.tracks.setdefault(condition, {})[video_id] = {
      'coverage': coverage,
      'square': None if square is None else square._asdict(),
      'notes': list(notes),
    }

  def write(self, directory):
    """Writes what was found of every video beside the records.

    Args:
      directory: of the records.
    """
    text = json.dumps(self.tracks, indent=1, sort_keys=True)
    (pathlib.Path(directory) / FILE_NAME).write_text(text + '\n', 'utf-8')

  def describe(self):
    """Returns a line a condition: coverage, and videos without a face."""
    lines = []
    for condition, tracks in self.tracks.items():
      coverage = np.mean([track['coverage'] for track in tracks.values()])
      whole = [v for v, track in tracks.items() if track['square'] is None]
      text = f'{condition}: faces found in {coverage:.1%} of the frames'
      if whole:
        text += f'; whole frames, as none was found: {", ".join(whole)}'
      lines.append(text)
    return lines
