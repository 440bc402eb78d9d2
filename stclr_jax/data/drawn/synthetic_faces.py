"""The embedded data set: drawn people who perform six expressions.

Eighty people, neutral to apex, in the shape of Oulu-CASIA: its lengths, its
folders, four of its conditions. `performances` draws who shows which facial
action units and when, `face_shape` turns units into a shape, `face_drawing`
paints it; this file puts them together, in memory or as a folder of JPEG files.
`benchmarks/science/data_hardness.py` measures how hard the set is; its
constants were fixed from those figures alone, before any self-supervised
result.
"""

import hashlib
import itertools
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stclr_jax.data.drawn import performances
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import thread_maps
from stclr_jax.oulu_casia import DEFAULT_CONDITION
from stclr_jax.oulu_casia import DRAWN_CONDITIONS
from stclr_jax.oulu_casia import EXPRESSIONS
from stclr_jax.oulu_casia import NUM_PEOPLE

VERSION = '1.0.0'  # of performances and drawing; raised where either changes
FRAMINGS = ('scene', 'face')
# The sets that the builder packages.
SIZES = {
  'synthetic': {'height': 240, 'width': 320, 'framing': 'scene'},
  'synthetic_demo': {'height': 64, 'width': 64, 'framing': 'face'},
}
MIN_SIZE = 32  # chosen: below it an eye has fewer than two pixels

_NOISE = 2  # stream of random numbers, beside those of performances


class Video(NamedTuple):
  """One rendered video.

  Attributes:
    video_id: person and expression, 'P001/Anger'.
    subject: 1 to 80.
    label: index into EXPRESSIONS, 0 to 5.
    frames: RGB, uint8 [t, h, w, 3]; first at rest, last at apex.
  """

  video_id: str
  subject: int
  label: int
  frames: np.ndarray


def _check(num_subjects, framing, height, width, conditions, seed):
  """Raises ValueError where the arguments name no set that can be drawn."""
  if not 1 <= num_subjects <= NUM_PEOPLE:
    raise UserError(
      f'`num_subjects` (={num_subjects}) must be 1 to {NUM_PEOPLE}, the '
      'people of the set; choose fewer or another `seed`.'
    )
  check_one_of(
    'framing',
    framing,
    FRAMINGS,
    "use 'scene' for head and shoulders, 'face' for a small frame that the "
    'face fills',
  )
  if min(height, width) < MIN_SIZE:
    raise UserError(
      f'`height` and `width` (={height}, {width}) must be {MIN_SIZE} or more, '
      'or expressions vanish; draw larger and resize.'
    )
  if seed < 0:
    raise UserError(
      f'`seed` (={seed}) must be 0 or more; the published set is seed 0.'
    )
  for condition in conditions:
    check_one_of(
      'condition',
      condition,
      DRAWN_CONDITIONS,
      'the synthetic faces are drawn in no other',
    )


def _draw_video(subject, label, *, frame_format, condition, seed):
  from stclr_jax.data.drawn import face_drawing  # needs OpenCV, drawing only

  person = performances.draw_person(subject, seed=seed)
  performance = performances.draw_performance(subject, label, seed=seed)
  frames = face_drawing.draw_frames(
    performances.make_generator(
      seed, _NOISE, subject, label, DRAWN_CONDITIONS.index(condition)
    ),
    person,
    performances.trace_motion(person, performance),
    clip=performance.clip,
    frame_format=face_drawing.FrameFormat(*frame_format),
    condition=condition,
  )
  video_id = f'P{subject:03}/{EXPRESSIONS[label]}'
  return Video(video_id, subject, label, frames)


def draw_video(
  subject, label, *, height, width, framing, condition=DEFAULT_CONDITION, seed=0
):
  """Draws one video.

  Args:
    subject: who, 1 to 80.
    label: index into EXPRESSIONS.
    height: of a frame; as all others see `draw_videos`.
    width: of a frame.
    framing: 'scene' or 'face'.
    condition: one of DRAWN_CONDITIONS.
    seed: of the whole set.

  Returns:
    The `Video`.

  Raises:
    ValueError: an argument is out of its range.
  """
  _check(subject, framing, height, width, [condition], seed)
  return _draw_video(
    subject,
    label,
    frame_format=(height, width, framing),
    condition=condition,
    seed=seed,
  )


def draw_videos(
  *,
  height,
  width,
  framing,
  num_subjects=NUM_PEOPLE,
  condition=DEFAULT_CONDITION,
  seed=0,
) -> Iterator[Video]:
  """Draws the videos one after another, in the order of their ids.

  Args:
    height: of a frame, pixels, 32 or more.
    width: of a frame, pixels, 32 or more.
    framing: 'scene', head and shoulders as in Oulu-CASIA (320x240); or 'face',
      a face that fills the frame, for small frames.
    num_subjects: how many people, 1 to 80; the first ones.
    condition: one of DRAWN_CONDITIONS; the same performances under another
      light.
    seed: of the whole set, 0 or more.

  Returns:
    Iterator of `Video`, six a person.

  Raises:
    ValueError: an argument is out of its range.
  """
  _check(num_subjects, framing, height, width, [condition], seed)

  def draw(which):
    return _draw_video(
      *which,
      frame_format=(height, width, framing),
      condition=condition,
      seed=seed,
    )

  return thread_maps.map_threaded(draw, _list_videos(num_subjects))


def _list_videos(num_subjects):
  subjects = range(1, num_subjects + 1)
  return list(itertools.product(subjects, range(len(EXPRESSIONS))))


def write_folder(
  out_dir,
  *,
  height,
  width,
  framing,
  num_subjects=NUM_PEOPLE,
  conditions=(DEFAULT_CONDITION,),
  seed=0,
  jpeg_quality=95,
) -> None:
  """Writes the set as JPEG files in the folder layout of Oulu-CASIA.

  `out_dir/OriginalImg/VL/Strong/P001/Anger/000.jpeg`, and so on; near-infrared
  under `NI`.

  Args:
    out_dir: folder, made if absent.
    height: of a frame, pixels; as `width`, `framing`, `num_subjects` and `seed`
      see `draw_videos`.
    width: of a frame, pixels.
    framing: 'scene' or 'face'.
    num_subjects: how many people, 1 to 80.
    conditions: names of DRAWN_CONDITIONS.
    seed: of the whole set.
    jpeg_quality: 1 to 100. chosen 95: artefacts below the drawn noise.

  Raises:
    ValueError: an argument is out of its range.
  """
  import cv2  # drawing only

  _check(num_subjects, framing, height, width, conditions, seed)
  if not 1 <= jpeg_quality <= 100:
    raise UserError(
      f'`jpeg_quality` (={jpeg_quality}) must be 1 to 100; 95 is usual.'
    )
  options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
  for condition in conditions:
    spectrum, light = condition.split('_')
    root = pathlib.Path(out_dir, 'OriginalImg', spectrum.upper(), light.title())
    for video in draw_videos(
      height=height,
      width=width,
      framing=framing,
      num_subjects=num_subjects,
      condition=condition,
      seed=seed,
    ):
      folder = root / video.video_id
      folder.mkdir(parents=True, exist_ok=True)
      for index, frame in enumerate(video.frames):
        _, data = cv2.imencode('.jpeg', frame[..., ::-1], options)
        (folder / f'{index:03}.jpeg').write_bytes(data.tobytes())


def content_hash(*, num_subjects=NUM_PEOPLE, seed=0) -> str:
  """Hashes the performances: the same on every platform, unlike JPEG bytes.

  Args:
    num_subjects: how many people, 1 to 80.
    seed: of the whole set.

  Returns:
    16 hexadecimal digits over all parameters, rounded to 1e-4, and VERSION
    (which is raised where the drawing changes).
  """
  digest = hashlib.sha256(VERSION.encode())

  def update(values):
    for value in values:
      value = list(value.values()) if isinstance(value, dict) else value
      rounded = np.round(np.ravel(value) * 1e4).astype('<i8')
      digest.update(rounded.tobytes())

  for subject in range(1, num_subjects + 1):
    update(performances.draw_person(subject, seed=seed))
    for label in range(len(EXPRESSIONS)):
      update(performances.draw_performance(subject, label, seed=seed))
  return digest.hexdigest()[:16]
