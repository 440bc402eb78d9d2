"""Face detectors that find fewer faces than those an import offers.

OpenCV's other cascades, to be compared with `face_detection.DETECTORS`.
"""

import numpy as np

from stclr_jax.data.faces import face_detection

NAMES = ('haar', 'haar_default', 'haar_profile')


def make_detector(name):
  """Makes a function that finds the faces of a frame.

  Args:
    name: one of `face_detection.DETECTORS`; or 'haar', the cascade
      frontalface_alt2; 'haar_default', frontalface_default; 'haar_profile',
      profileface, both ways.

  Returns:
    See `face_detection.make_detector`.
  """
  if name not in NAMES:
    return face_detection.make_detector(name)
  cascade = {
    'haar': 'frontalface_alt2',
    'haar_default': 'frontalface_default',
    'haar_profile': 'profileface',
  }[name]
  run = face_detection.make_cascade(cascade)

  def detect(frame):
    grey = face_detection.to_grey(frame)
    found = run(grey)
    if name == 'haar_profile':  # looks to one side only
      columns = grey.shape[1]
      mirrored = run(np.ascontiguousarray(grey[:, ::-1]))
      found += [(y, columns - x - side, side) for y, x, side in mirrored]
    return found

  return face_detection.at_working_size(detect)
