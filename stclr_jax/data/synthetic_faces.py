"""The embedded data: who performs which expression, with which units, when.

Eighty drawn people perform six expressions each, from neutral to apex, in the
shape of Oulu-CASIA: its lengths, its folders, its four usable conditions. This
file draws the performances (identities, facial action units, timing, light);
`face_shape` turns units into a shape and `face_drawing` paints it. Every draw
is keyed by seed, person and expression, so that a video is the same however
many others are drawn. `data_hardness` in benchmarks/ measures how hard the set
is; its constants were fixed from those figures alone, before any
self-supervised result.
"""

import collections
import concurrent.futures
import hashlib
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

VERSION = '1.0.0'
EXPRESSIONS = ('Anger', 'Disgust', 'Fear', 'Happiness', 'Sadness', 'Surprise')
CONDITIONS = ('vl_strong', 'vl_weak', 'vl_dark', 'ni_strong')
FRAMINGS = ('scene', 'face')
# The sets that the builder packages.
SIZES = {
  'synthetic': {'height': 240, 'width': 320, 'framing': 'scene'},
  'synthetic_demo': {'height': 64, 'width': 64, 'framing': 'face'},
}
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 15, 17, 20, 23, 24, 25, 26)
MAX_SUBJECTS = 80  # Oulu-CASIA's
MIN_SIZE = 32  # chosen: below it an eye has fewer than two pixels

# Units of an expression and how often people use them.
# Source: Du, Tao & Martinez, PNAS 2014, Table 1: bracketed units as given;
# main units 0.85, chosen: the paper says "70 % or more".
_MAIN = 0.85
_EXPRESSION_UNITS = {
  'Anger': {4: _MAIN, 7: _MAIN, 24: _MAIN, 10: 0.26, 17: 0.52, 23: 0.29},
  'Disgust': {9: _MAIN, 10: _MAIN, 17: _MAIN, 4: 0.31, 24: 0.26},
  'Fear': {1: _MAIN, 4: _MAIN, 20: _MAIN, 25: _MAIN, 2: 0.57, 5: 0.63,
           26: 0.33},
  'Happiness': {12: _MAIN, 25: _MAIN, 6: 0.51},
  'Sadness': {4: _MAIN, 15: _MAIN, 1: 0.60, 6: 0.50, 11: 0.26, 17: 0.67},
  'Surprise': {1: _MAIN, 2: _MAIN, 25: _MAIN, 26: _MAIN, 5: 0.66},
}  # fmt: skip

# Frames of a video: how many of Oulu-CASIA's 480 (VIS, strong) have so many.
# Source: counted from the frame lists of public code that uses the data.
_LENGTHS = {
  9: 2, 10: 2, 11: 6, 12: 5, 13: 7, 14: 13, 15: 13, 16: 21, 17: 35, 18: 31,
  19: 46, 20: 35, 21: 38, 22: 43, 23: 45, 24: 35, 25: 28, 26: 24, 27: 6, 28: 4,
  29: 4, 30: 3, 31: 8, 32: 5, 33: 6, 34: 1, 36: 3, 39: 3, 41: 1, 43: 1, 45: 2,
  46: 1, 52: 2, 72: 1,
}  # fmt: skip

# Ranges of what makes a person, drawn uniformly. Lengths in face units: the
# distance between the pupils of the average face is 1, its origin is between
# them, y points down. Others are fractions of their range.
# chosen: adults' proportions (eyes halfway between crown and chin, face 2.1
# wide), wide enough that the nearest picture is the same person's.
_IDENTITY = {
  'head_width': (0.94, 1.16),  # half, at the cheekbones
  'jaw_width': (0.70, 0.92),  # as a fraction of head_width
  'chin_width': (0.30, 0.46),
  'chin_y': (1.50, 1.80),
  'crown_y': (-1.78, -1.50),
  'hairline_y': (-1.22, -0.82),
  'eye_x': (0.46, 0.55),
  'eye_width': (0.24, 0.31),  # half
  'eye_height': (0.100, 0.150),  # half
  'eye_tilt': (-0.04, 0.06),
  'brow_y': (0.34, 0.46),
  'brow_thickness': (0.05, 0.13),
  'brow_length': (0.90, 1.10),
  'brow_arch': (0.02, 0.14),
  'nose_y': (0.62, 0.80),
  'nose_width': (0.22, 0.33),
  'mouth_gap': (0.32, 0.44),  # from the nose to the mouth
  'mouth_width': (0.38, 0.52),  # half
  'upper_lip': (0.06, 0.13),
  'lower_lip': (0.10, 0.18),
  'skin': (0.0, 1.0),  # fair to dark
  'skin_red': (0.0, 1.0),
  'lip_red': (0.0, 1.0),
  'hair_tone': (0.0, 1.0),  # black to grey or blond
  'hair_side': (-0.6, 0.6),  # where it is parted
  'iris': (0.0, 1.0),  # brown to blue
  'age': (0.0, 1.0),  # depth of permanent lines
  'hair_style': (0.0, 1.0),  # see face_drawing: bald, short, fringe, long
  'glasses': (0.0, 1.0),  # above 0.75 wears them
  'beard': (0.0, 1.0),  # above 0.80 a beard, above 0.92 a full one
}

# The day of recording, a person's own: one visit, one chair, one lamp setting.
_DAY = {
  'light_angle': (-np.pi, np.pi),
  'light_contrast': (0.10, 0.45),
  'light_level': (0.80, 1.10),
  'light_warmth': (-0.08, 0.08),
  'background_tone': (0.25, 0.85),
  'background_hue': (0.0, 1.0),
  'background_kind': (0.0, 1.0),
  'clothes_tone': (0.08, 0.90),
  'clothes_hue': (0.0, 1.0),
  'clothes_collar': (0.0, 1.0),
}

# What changes a little from clip to clip, as standard deviations.
_CLIP = {
  'x': 0.035,  # face units
  'y': 0.035,
  'scale': 0.012,
  'roll': 0.015,  # radians
  'yaw': 0.030,
  'pitch': 0.030,
  'light_angle': 0.12,  # radians
  'light_level': 0.02,
}
_POSE = ('x', 'y', 'scale', 'roll', 'yaw', 'pitch')

# Standard deviation of head drift within a clip, in the order of _POSE.
# chosen: seated, looking at the camera; about a pixel at 64x64.
_DRIFT = np.array([0.020, 0.020, 0.006, 0.012, 0.025, 0.025])

_REST_UNITS = (1, 2, 4, 5, 6, 7, 10, 11, 12, 15, 17, 20, 23, 24)
_NUM_REST = 4  # chosen: "a few"
_REST_RANGE = (0.15, 0.50)
_EXPRESSIVITY = (0.60, 1.10)
_INTENSITY = (0.55, 1.00)

_PERSON, _PERFORMANCE, _NOISE = range(3)  # streams of random numbers


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


class Person(NamedTuple):
  """What stays the same over a person's six videos.

  Attributes:
    identity: face parameters, float by name of `_IDENTITY`.
    day: light, background and clothes, float by name of `_DAY`.
    rest: action units of the resting face, float [len(UNITS)], 0 to 0.5.
    sides: gain of each unit on the left and right, float [2, len(UNITS)].
    expressivity: gain of all units, 0.6 to 1.1.
  """

  identity: dict[str, float]
  day: dict[str, float]
  rest: np.ndarray
  sides: np.ndarray
  expressivity: float


class Performance(NamedTuple):
  """One performance: units, timing and movement, before any drawing.

  Attributes:
    subject: 1 to 80.
    label: index into EXPRESSIONS.
    num_frames: 9 to 72.
    apex: change of each unit from rest to apex, float [len(UNITS)], 0 to 1.
    starts: when each unit starts, as a fraction of the video.
    durations: how long each takes to rise, as a fraction of the video.
    blinks: middle frame of each blink, float [number of blinks].
    clip: small changes of pose and light, float by name of `_CLIP`.
    drift: amplitudes, frequencies, phases of the head, float [3, 2, 6].
  """

  subject: int
  label: int
  num_frames: int
  apex: np.ndarray
  starts: np.ndarray
  durations: np.ndarray
  blinks: np.ndarray
  clip: dict[str, float]
  drift: np.ndarray


def _generator(seed, *stream):
  return np.random.default_rng(np.random.SeedSequence([seed, *stream]))


def draw_person(subject, *, seed=0):
  """Draws the person `subject` (1 to 80); see `Person`."""
  random = _generator(seed, _PERSON, subject)
  identity = {name: random.uniform(*span) for name, span in _IDENTITY.items()}
  day = {name: random.uniform(*span) for name, span in _DAY.items()}
  rest = np.zeros(len(UNITS))
  for unit in random.choice(_REST_UNITS, _NUM_REST, replace=False):
    rest[UNITS.index(unit)] = random.uniform(*_REST_RANGE)
  # chosen: faces move a tenth more on one side.
  sides = random.normal(1, 0.1, [2, len(UNITS)])
  return Person(identity, day, rest, sides, random.uniform(*_EXPRESSIVITY))


def draw_units(random, expression):
  """Draws the units that one clip shows; at least one, and 25 with 26.

  Args:
    random: NumPy generator.
    expression: a name of EXPRESSIONS.

  Returns:
    bool [len(UNITS)].

  Source: Du, Tao & Martinez (PNAS 2014); a clip without any unit is drawn
    again, since nobody asked to smile does nothing at all.
  """
  while True:
    shown = np.zeros(len(UNITS), bool)
    for unit, probability in _EXPRESSION_UNITS[expression].items():
      shown[UNITS.index(unit)] = random.random() < probability
    if shown[UNITS.index(26)]:  # A dropped jaw parts the lips.
      shown[UNITS.index(25)] = True
    if shown.any():
      return shown


def draw_performance(subject, label, *, seed=0):
  """Draws one performance; see `Performance`.

  Everything but `apex` has a distribution that does not know the label.
  """
  random = _generator(seed, _PERFORMANCE, subject, label)
  lengths = np.repeat(list(_LENGTHS), list(_LENGTHS.values()))
  num_frames = int(random.choice(lengths))
  # chosen: units follow a common onset within a quarter of the video; some are
  # still rising at its end, none is below 0.92 of its apex there.
  starts = random.uniform(0.05, 0.40) + random.uniform(0, 0.25, len(UNITS))
  durations = (1 - starts) * random.uniform(0.5, 1.2, len(UNITS))
  # chosen: people blink about every three seconds, 75 frames.
  blinks = random.uniform(0, num_frames, random.poisson(num_frames / 75))
  clip = {name: random.normal(0, scale) for name, scale in _CLIP.items()}
  drift = np.stack([
    random.normal(0, 1, [2, len(_POSE)]) * _DRIFT,
    # Cycles per frame: one sway takes 20 frames or more.
    random.uniform(0.005, 0.05, [2, len(_POSE)]),
    random.uniform(0, 2 * np.pi, [2, len(_POSE)]),
  ])  # fmt: skip
  shown = draw_units(random, EXPRESSIONS[label])
  apex = shown * random.uniform(*_INTENSITY, len(UNITS))
  apex = np.minimum(apex * draw_person(subject, seed=seed).expressivity, 1)
  return Performance(
    subject, label, num_frames, apex, starts, durations, blinks, clip, drift
  )


def trace_units(performance):
  """Change of each unit over time: 0 at first, 0.9 of apex or more at last.

  Args:
    performance: a `Performance` of t frames.

  Returns:
    float [t, len(UNITS)], 0 to 1.
  """
  time = np.linspace(0, 1, performance.num_frames)[:, None]
  rise = np.clip((time - performance.starts) / performance.durations, 0, 1)
  return rise**2 * (3 - 2 * rise) * performance.apex  # smooth at both ends


def trace_blinks(performance):
  """How far the lids are closed by blinking, float [t], 0 to 1."""
  time = np.arange(performance.num_frames)[:, None]
  # chosen: 4 frames, 160 ms at 25 frames a second.
  closed = np.clip(1.5 - np.abs(time - performance.blinks) / 2, 0, 1)
  return closed.max(axis=1, initial=0)


def trace_pose(performance):
  """Head pose over time: place of the clip plus drift.

  Returns:
    float [t, 6]: x, y (face units), scale (logarithm), roll, yaw, pitch.
  """
  time = np.arange(performance.num_frames)[:, None, None]
  amplitude, frequency, phase = performance.drift
  waves = amplitude * np.sin(2 * np.pi * frequency * time + phase)
  return waves.sum(1) + [performance.clip[name] for name in _POSE]


def _check(num_subjects, framing, height, width, conditions):
  """Raises ValueError where the arguments name no set that can be drawn."""
  if not 1 <= num_subjects <= MAX_SUBJECTS:
    raise ValueError(
      f'`num_subjects` (={num_subjects}) must be 1 to {MAX_SUBJECTS}, the '
      'people of the set; choose fewer or another `seed`.'
    )
  if framing not in FRAMINGS:
    raise ValueError(
      f"`framing` (={framing!r}) must be one of {FRAMINGS}; use 'scene' for "
      "head and shoulders, 'face' for a small frame that the face fills."
    )
  if min(height, width) < MIN_SIZE:
    raise ValueError(
      f'`height` and `width` (={height}, {width}) must be {MIN_SIZE} or more, '
      'or expressions vanish; draw larger and resize.'
    )
  for condition in conditions:
    if condition not in CONDITIONS:
      raise ValueError(
        f'`condition` (={condition!r}) must be one of {CONDITIONS}; the '
        'synthetic faces are drawn in no other.'
      )


def _draw_video(subject, label, *, height, width, framing, condition, seed):
  from stclr_jax.data import face_drawing  # needs OpenCV, drawing only

  person = draw_person(subject, seed=seed)
  performance = draw_performance(subject, label, seed=seed)
  units = person.rest + trace_units(performance)[:, None] * person.sides
  frames = face_drawing.draw_frames(
    _generator(seed, _NOISE, subject, label, CONDITIONS.index(condition)),
    identity=person.identity,
    day=person.day,
    units=np.clip(units, 0, 1.2),
    closed=trace_blinks(performance),
    pose=trace_pose(performance),
    clip=performance.clip,
    height=height,
    width=width,
    framing=framing,
    condition=condition,
  )
  video_id = f'P{subject:03}/{EXPRESSIONS[label]}'
  return Video(video_id, subject, label, frames)


def draw_videos(
  *, height, width, framing, num_subjects=80, condition='vl_strong', seed=0
) -> Iterator[Video]:
  """Draws the videos one after another, in the order of their ids.

  Args:
    height: of a frame, pixels, 32 or more.
    width: of a frame, pixels, 32 or more.
    framing: 'scene', head and shoulders as in Oulu-CASIA (320x240); or 'face',
      a face that fills the frame, for small frames.
    num_subjects: how many people, 1 to 80; the first ones.
    condition: one of CONDITIONS; the same performances under another light.
    seed: of the whole set, 0 or more.

  Returns:
    Iterator of `Video`, six a person.

  Raises:
    ValueError: an argument is out of its range.
  """
  _check(num_subjects, framing, height, width, [condition])

  def draw(which):
    return _draw_video(
      *which,
      height=height,
      width=width,
      framing=framing,
      condition=condition,
      seed=seed,
    )

  return _map_threaded(draw, _list_videos(num_subjects))


def _list_videos(num_subjects):
  subjects = range(1, num_subjects + 1)
  return list(itertools.product(subjects, range(len(EXPRESSIONS))))


def _map_threaded(function, items):
  """Maps in threads and in order, a few items ahead of the consumer."""
  threads = min(8, os.cpu_count() or 1)
  with concurrent.futures.ThreadPoolExecutor(threads) as pool:
    waiting = collections.deque()
    for item in items:
      waiting.append(pool.submit(function, item))
      if len(waiting) > 2 * threads:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()


def write_folder(
  out_dir,
  *,
  height,
  width,
  framing,
  num_subjects=80,
  conditions=('vl_strong',),
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
    conditions: names of CONDITIONS.
    seed: of the whole set.
    jpeg_quality: 1 to 100. chosen 95: artefacts below the drawn noise.

  Raises:
    ValueError: an argument is out of its range.
  """
  import cv2  # drawing only

  _check(num_subjects, framing, height, width, conditions)
  if not 1 <= jpeg_quality <= 100:
    raise ValueError(
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


def content_hash(*, num_subjects=80, seed=0) -> str:
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
    update(draw_person(subject, seed=seed))
    for label in range(len(EXPRESSIONS)):
      update(draw_performance(subject, label, seed=seed))
  return digest.hexdigest()[:16]
