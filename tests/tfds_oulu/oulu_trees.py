"""Small trees in the shapes in which people have Oulu-CASIA."""

import functools
import hashlib
import io
import pathlib
import zipfile

import numpy as np
from PIL import Image

from stclr_jax import oulu_casia

PEOPLE = (1, 2, 80)
CONDITIONS = {
  'vl_strong': 'VL/Strong',
  'ni_dark': 'NI/Dark',
  'vl_strong_cropped': 'VL_Acropped/Strong',
}


@functools.cache
def encode(seed, image_format='JPEG', size=(12, 16)):
  """An image that no other seed gives."""
  pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, image_format)
  return buffer.getvalue()


@functools.cache
def make_videos(
  conditions=('vl_strong',), people=PEOPLE, expressions=oulu_casia.EXPRESSIONS
):
  """Draws videos of 3 to 5 frames.

  Returns:
    A dict from (condition, 'P001/Anger') to a tuple of encoded frames.
  """
  videos = {}
  for c, condition in enumerate(sorted(CONDITIONS)):
    for person in people:
      for e, expression in enumerate(expressions):
        seed = 10 * (person + 100 * (e + 10 * c))
        if condition in conditions:
          videos[condition, f'P{person:03d}/{expression}'] = tuple(
            encode(seed + t) for t in range(3 + (person + e) % 3)
          )
  return videos


def checksum(videos, condition):
  """Computes what integrity.json says of a condition, in other words."""
  lines = ''
  for (of, video_id), frames in sorted(videos.items()):
    if of == condition:
      digests = [hashlib.sha256(frame).digest() for frame in frames]
      video = hashlib.sha256(b''.join(digests)).hexdigest()
      lines += f'{video_id} {video}\n'
  return hashlib.sha256(lines.encode()).hexdigest()


def write_files(folder, files):
  """Writes a dict from path to bytes."""
  for path, content in files.items():
    path = pathlib.Path(folder, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pack(files, method=zipfile.ZIP_DEFLATED):
  """Packs a dict from path to bytes as .zip; returns its bytes."""
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w', method) as archive:
    for path, content in files.items():
      archive.writestr(path, content)
  return buffer.getvalue()


def lay_out(
  videos, root='', name='{:03d}.jpeg', condition_folders=CONDITIONS, case=str
):
  """Gives frames paths.

  Args:
    videos: as `make_videos` gives them.
    root: folders above the spectrum.
    name: of a frame, by number.
    condition_folders: dict from condition to its folder below the root.
    case: applied to the path from the spectrum on.

  Returns:
    A dict from path to bytes.
  """
  return {
    str(
      pathlib.PurePosixPath(
        root,
        case(f'{condition_folders[condition]}/{video_id}/{name.format(t)}'),
      )
    ): frame
    for (condition, video_id), frames in videos.items()
    for t, frame in enumerate(frames)
  }


def decode(encoded):
  """Decodes an image to uint8 RGB [h, w, 3]."""
  with Image.open(io.BytesIO(encoded)) as image:
    return np.asarray(image.convert('RGB'))
