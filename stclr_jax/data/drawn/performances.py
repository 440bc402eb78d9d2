"""Drawn people, and how they perform an expression over time.

The numbers behind the embedded data set, before anything is drawn: identities,
a day of recording each, facial action units, their timing, blinks and the
head's drift. Every draw is keyed by seed, person and expression, so that a
performance is the same however many others are drawn, and nothing but the units
at the apex knows the label. `synthetic_faces` is the public side.
"""

from typing import NamedTuple

import numpy as np

from stclr_jax.oulu_casia import EXPRESSIONS

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 15, 17, 20, 23, 24, 25, 26)

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
LENGTHS = {
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
IDENTITY = {
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
DAY = {
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

# The resting face. chosen: four units below half intensity, any but those that
# no face rests in (9, 25, 26), so that an apex alone is ambiguous.
_REST_UNITS = (1, 2, 4, 5, 6, 7, 10, 11, 12, 15, 17, 20, 23, 24)
_NUM_REST = 4
_REST_RANGE = (0.15, 0.50)
# Intensity at the apex: what the person shows in general times what the clip
# does. chosen: from barely visible (0.33) to full; main and bracketed units
# alike, as the source gives frequencies only.
_EXPRESSIVITY = (0.60, 1.10)
_INTENSITY = (0.55, 1.00)

_PERSON, _PERFORMANCE = range(2)  # streams of random numbers


class Person(NamedTuple):
  """Traits of a person, the same in all six videos.

  Attributes:
    identity: face parameters, float by name of `IDENTITY`.
    day: light, background and clothes, float by name of `DAY`.
    rest: action units of the resting face, float [len(UNITS)], 0 to 0.5.
    sides: gain of each unit on the left and right, float [2, len(UNITS)].
    expressivity: gain of all units, 0.6 to 1.1.
  """

  identity: dict[str, float]
  day: dict[str, float]
  rest: np.ndarray
  sides: np.ndarray
  expressivity: float


class Motion(NamedTuple):
  """Movements of a face in each of the t frames of a video.

  Attributes:
    units: action units of the left and right, float [t, 2, len(UNITS)], 0 to
      1.2.
    closed: how far the lids are closed by a blink, float [t], 0 to 1.
    pose: x, y, scale, roll, yaw, pitch of the head, float [t, 6].
  """

  units: np.ndarray
  closed: np.ndarray
  pose: np.ndarray


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


def make_generator(seed, *stream):
  """Makes the NumPy generator of one stream of random numbers."""
  return np.random.default_rng(np.random.SeedSequence([seed, *stream]))


def draw_person(subject, *, seed=0):
  """Draws the person `subject` (1 to 80); see `Person`."""
  random = make_generator(seed, _PERSON, subject)
  identity = {name: random.uniform(*span) for name, span in IDENTITY.items()}
  day = {name: random.uniform(*span) for name, span in DAY.items()}
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
  random = make_generator(seed, _PERFORMANCE, subject, label)
  lengths = np.repeat(list(LENGTHS), list(LENGTHS.values()))
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


def trace_motion(person, performance):
  """Adds a performance to the resting face of whoever gives it.

  Args:
    person: a `Person`.
    performance: a `Performance` of theirs.

  Returns:
    A `Motion`.
  """
  units = person.rest + trace_units(performance)[:, None] * person.sides
  return Motion(
    np.clip(units, 0, 1.2), trace_blinks(performance), trace_pose(performance)
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
  """Closing of the lids by blinking, float [t], 0 to 1."""
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
