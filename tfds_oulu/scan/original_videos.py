"""The .avi originals of Oulu-CASIA, its archive A_OriginalVideo.

Their names say A, D, F, H, S1 and S2 for the expressions, and which of S1 and
S2 is sadness is not known here: whoever has the data says so.
"""

import contextlib
import tempfile

from stclr_jax import oulu_casia
from stclr_jax.data.video import video_files
from stclr_jax.errors import UserError

_CODES = {'A': 'Anger', 'D': 'Disgust', 'F': 'Fear', 'H': 'Happiness'}


def complete_labels(labels):
  """Checks what the user says about the names of the originals.

  Args:
    labels: dict from S1 and S2, and others if wanted, to expressions; or None.

  Returns:
    A dict from all six codes to the six expressions; None if `labels` is.

  Raises:
    ValueError: if it is no such dict.
  """
  if labels is None:
    return None
  complete = {**_CODES, **labels} if isinstance(labels, dict) else {}
  codes = {*_CODES, 'S1', 'S2'}
  if set(complete) != codes or sorted(complete.values()) != sorted(
    oulu_casia.EXPRESSIONS
  ):
    raise UserError(
      f'`video_labels` (={labels!r}) must map S1 and S2, and of A, D, F and H '
      'what is not Anger, Disgust, Fear and Happiness, so that each of '
      f'{", ".join(oulu_casia.EXPRESSIONS)} has one code.'
    )
  return complete


def check_video(encoded):
  """Decodes a video.

  Args:
    encoded: bytes of a video file.

  Returns:
    (number of frames, (width, height) in pixels); or why it cannot be used, a
    string.
  """
  number, size = 0, None
  try:
    with _as_file(encoded) as path:
      for frame in video_files.read_frames(path, fps=None):
        number, size = number + 1, frame.shape[1::-1]
  except video_files.UnreadableError as error:
    return str(error)
  return number, size


def encode_frames(encoded):
  """Takes the frames out of a video, each once, in order.

  Args:
    encoded: bytes of a video file that `check_video` found whole.

  Returns:
    A list of PNG images, bytes: nothing is lost a second time.
  """
  import cv2

  with _as_file(encoded) as path:
    return [
      cv2.imencode('.png', frame[..., ::-1])[1].tobytes()
      for frame in video_files.read_frames(path, fps=None)
    ]


@contextlib.contextmanager
def _as_file(encoded):
  with tempfile.NamedTemporaryFile(suffix='.avi') as file:
    file.write(encoded)
    file.flush()
    yield file.name
