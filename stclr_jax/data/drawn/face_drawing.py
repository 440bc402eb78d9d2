"""Paints drawn faces: shapes, colours and light to RGB frames, with OpenCV.

Three layers: a colour canvas of filled outlines, drawn two to four times larger
than the frame and averaged down; a canvas of thin creases and one of broad
shadows, both multiplied in; then the lamp, its flicker and the noise of the
camera, fresh for every frame. `face_shape` decides where things are,
`performances` who moves what when. Colours, outlines of hair and clothes and
widths of lines are chosen by eye, from contact sheets
(`benchmarks/science/data_hardness.py --sheet`).
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from stclr_jax.data.drawn import face_shape

_SHIFT = 4  # OpenCV's fixed point: a sixteenth of a pixel
_NEUTRAL = 128  # of the shading canvases: neither darker nor lighter


class Camera(NamedTuple):
  """Brightness of a condition, and the answer of the sensor.

  Attributes:
    gain: brightness relative to the strong lamp.
    noise: standard deviation per pixel and channel, grey levels.
    flicker: standard deviation of a frame's brightness, as a fraction.
    infrared: grey picture of near-infrared reflectance.
  """

  gain: float
  noise: float
  flicker: float
  infrared: bool


# chosen: weak as a room lit by a screen, dark as no lamp at all, where noise is
# a third of the signal; near-infrared has its own lamp.
_CAMERAS = {
  'vl_strong': Camera(1.0, 4.0, 0.012, False),
  'vl_weak': Camera(0.40, 6.0, 0.020, False),
  'vl_dark': Camera(0.14, 8.0, 0.030, False),
  'ni_strong': Camera(1.0, 5.0, 0.012, True),
}

# Fair to dark skin, RGB. chosen: steps of the Fitzpatrick scale.
_SKIN = np.array([
  (246, 214, 190), (236, 196, 166), (222, 178, 142), (198, 150, 112),
  (158, 112, 80), (112, 76, 54),
])  # fmt: skip
# Black, brown, dark blond, fair, grey.
_HAIR = np.array([
  (22, 18, 18), (58, 38, 26), (98, 70, 44), (170, 134, 84), (168, 164, 160),
])  # fmt: skip


class FrameFormat(NamedTuple):
  """Size of a frame, and how much of it a face takes.

  Attributes:
    height: pixels.
    width: pixels.
    framing: 'scene' or 'face', see `synthetic_faces.draw_videos`.
  """

  height: int
  width: int
  framing: str

  def locate_face(self):
    """Returns the face unit in pixels, and where its origin (x, y) lies."""
    if self.framing == 'scene':
      # chosen: a seated person 60 cm from the camera fills 55 % of the height.
      unit = 0.18 * min(self.height, 0.9 * self.width)
      return unit, np.array([0.5 * self.width, 0.40 * self.height])
    # chosen: brow to chin is 70 % of the frame, hair to chin nearly all of it.
    unit = 0.295 * min(self.height, 1.25 * self.width)
    return unit, np.array([0.5 * self.width, 0.41 * self.height])


def draw_frames(random, person, motion, *, clip, frame_format, condition):
  """Draws the frames of one video.

  Args:
    random: NumPy generator of the noise and flicker.
    person: a `performances.Person`.
    motion: a `performances.Motion` of t frames.
    clip: small changes of light, float by name, of a
      `performances.Performance`.
    frame_format: a `FrameFormat`.
    condition: a name of `oulu_casia.DRAWN_CONDITIONS`.

  Returns:
    RGB frames, uint8 [t, height, width, 3].
  """
  camera = _CAMERAS[condition]
  identity, day = person.identity, person.day
  height, width, _ = frame_format
  # chosen: 2 to 4 times, so that an eye of the smallest frame has 20 pixels.
  factor = int(np.clip(math.ceil(180 / min(height, width)), 2, 4))
  unit, origin = frame_format.locate_face()
  unit, origin = unit * factor, origin * factor
  size = (height * factor, width * factor)

  colours = _mix_colours(identity, day, camera.infrared)
  curves, creases = face_shape.shape_face(identity, motion.units, motion.closed)
  curves |= _shape_surroundings(identity, curves['head'])

  def place(points, amount=1.0, relief=0.0):
    return turn_head(points, motion.pose * amount, relief) * unit + origin

  still = {'neck', 'clothes', 'collar'}
  placed = {
    name: _fix(place(points, 0.4 if name in still else 1.0,
                     0.35 if name.startswith('nostril') else 0.0))
    for name, points in curves.items()
  }  # fmt: skip
  folds = [(_fix(place(points)), depth) for points, depth in creases]
  centre = place(np.zeros([1, 1, 2]))[:, 0] / factor
  light = _light_up(day, clip, centre.mean(0), unit / factor, (height, width))
  backdrop = _draw_background(day, colours, size)

  frames = np.empty([len(motion.units), height, width, 3], np.uint8)
  for index in range(len(frames)):
    outlines = {name: points[index] for name, points in placed.items()}
    colour = backdrop.copy()
    _paint(colour, outlines, colours, identity, unit)
    picture = cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA)
    shade = _shade(folds, outlines, index, unit, size, (width, height))
    gain = camera.gain * (1 + camera.flicker * random.standard_normal())
    picture = picture * (light * gain) * shade[..., None]
    channels = 1 if camera.infrared else 3
    noise = random.standard_normal([height, width, channels], np.float32)
    picture += camera.noise * noise
    frames[index] = np.clip(picture + 0.5, 0, 255, out=picture)
  return frames


def turn_head(points, pose, relief):
  """Turns the head: face units to face units around the frame's origin.

  A head is an ellipsoid here; what is nearer to the camera moves more.

  Args:
    points: x and y, float [t or 1, n, 2].
    pose: see `performances.Motion`, float [t, 6].
    relief: how far the points stand out of the head, face units.

  Returns:
    float [t, n, 2].
  """
  x, y = points[..., 0], points[..., 1]
  depth = np.sqrt(np.maximum(0, 1 - (x / 1.15) ** 2 - ((y - 0.1) / 1.9) ** 2))
  shift_x, shift_y, scale, roll, yaw, pitch = pose.T[..., None]
  x = x + yaw * (depth + relief)
  y = y + pitch * (depth + relief)
  scale = np.exp(scale)
  turned_x = scale * (x * np.cos(roll) - y * np.sin(roll)) + shift_x
  turned_y = scale * (x * np.sin(roll) + y * np.cos(roll)) + shift_y
  return np.stack([turned_x, turned_y], -1)


def _fix(points):
  return np.round(points * 2**_SHIFT).astype(np.int32)


def _blend(palette, position):
  """Colour at `position` (0 to 1) of a palette, uint8 [n, 3]."""
  steps = np.linspace(0, 1, len(palette))
  return np.array([np.interp(position, steps, c) for c in palette.T])


def _tint(tone, hue):
  """Muted colour of a wall or cloth: tone and hue from 0 to 1."""
  angle = 2 * np.pi * (hue + np.array([0, 1 / 3, 2 / 3]))
  return 255 * np.clip(tone * (1 + 0.22 * np.cos(angle)), 0, 1)


def _mix_colours(identity, day, infrared):
  """RGB by material, 0 to 255."""
  p = identity
  if infrared:
    # chosen: skin reflects 850 nm whatever its colour, hair less dark than
    # seen, lips hardly stand out, the iris is dark.
    grey = {
      'skin': 212 - 28 * p['skin'],
      'lips': 186 - 24 * p['skin'],
      'hair': 70 + 80 * p['hair_tone'],
      'brow': 96 + 50 * p['hair_tone'],
      'sclera': 190,
      'iris': 84,
      'pupil': 24,
      'mouth': 48,
      'teeth': 218,
      'nostril': 84,
      'lash': 60,
      'glasses': 52,
      'wall': 45 + 120 * day['background_tone'],
      'clothes': 80 + 120 * day['clothes_tone'],
    }
    return {name: np.full(3, value) for name, value in grey.items()}
  skin = _blend(_SKIN, p['skin']) + p['skin_red'] * np.array([4, -8, -6])
  hair = _blend(_HAIR, p['hair_tone'])
  red = skin * [0.82, 0.50, 0.50]
  return {
    'skin': skin,
    'lips': skin + (red - skin) * (0.55 + 0.40 * p['lip_red']),
    'hair': hair,
    'brow': 0.80 * hair + 0.12 * skin,
    'sclera': np.array([232, 226, 220]) - 14 * p['age'],
    'iris': _blend(np.array([(58, 36, 22), (96, 104, 74), (92, 128, 160)]),
                   p['iris']),
    'pupil': np.array([12, 10, 10]),
    'mouth': np.array([62, 20, 22]),
    'teeth': np.array([238, 232, 220]),
    'nostril': 0.42 * skin,
    'lash': 0.25 * skin,
    'glasses': np.array([34, 32, 36]),
    'wall': _tint(day['background_tone'], day['background_hue']),
    'clothes': _tint(day['clothes_tone'], day['clothes_hue']),
  }  # fmt: skip


def _shape_surroundings(identity, head):
  """Hair, ears, neck, clothes and glasses; face units, [t or 1, n, 2]."""
  p = identity
  w, crown = p['head_width'], p['crown_y']
  style = _name_hair(identity)
  curves = {}
  for side, sign in enumerate((-1, 1)):
    ear = [(0.94, -0.22), (1.12, -0.26), (1.15, 0.05), (1.04, 0.36),
           (0.92, 0.34)]  # fmt: skip
    points = [(sign * x * w, y) for x, y in ear]
    curves[f'ear{side}'] = face_shape.curve(points, 24, closed=True)
    # A lens: between circle and square, wider than the eye.
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    bend = np.abs(np.stack([np.cos(angle), np.sin(angle)])) ** 0.7
    bend = bend * np.sign([np.cos(angle), np.sin(angle)])
    lens = [sign * (p['eye_x'] + 0.02) + 0.40 * bend[0], 0.04 + 0.27 * bend[1]]
    curves[f'lens{side}'] = np.stack(lens, -1)[None]
    temple = [(sign * (p['eye_x'] + 0.42), 0.0), (sign * w, -0.04)]
    curves[f'temple{side}'] = face_shape.curve(temple, 2)
  bridge = [(-p['eye_x'] + 0.38, 0.0), (0, -0.04), (p['eye_x'] - 0.38, 0.0)]
  curves['bridge'] = face_shape.curve(bridge, 10)

  lift = {'bald': 1.0, 'short': 1.05, 'fringe': 1.08, 'long': 1.10}[style]
  line = -0.62 if style == 'fringe' else p['hairline_y']
  over = [(-1.02 * w, -0.05), (-0.98 * w * lift, 0.45 * crown),
          (-0.62 * w, crown * lift + 0.10), (0, crown * lift - 0.04),
          (0.62 * w, crown * lift + 0.10), (0.98 * w * lift, 0.45 * crown),
          (1.02 * w, -0.05)]  # fmt: skip
  part = p['hair_side']
  under = [(0.93 * w, -0.25), (0.82 * w, 0.55 * line - 0.1),
           (0.45 * w + 0.2 * part, line + 0.10), (part * w, line - 0.04),
           (-0.45 * w + 0.2 * part, line + 0.10),
           (-0.82 * w, 0.55 * line - 0.1),
           (-0.93 * w, -0.25)]  # fmt: skip
  if style != 'bald':
    curves['hair'] = face_shape.curve([*over, *under], 100, closed=True)
  for strand, at in enumerate((-0.75, -0.45, -0.15, 0.2, 0.5, 0.8)):
    points = [(0.9 * part * w + 0.15 * at, crown * lift + 0.05),
              (at * 0.75 * w, (crown + line) / 2 + 0.12 * abs(at)),
              (at * 0.90 * w, line - 0.10 + 0.4 * abs(at) ** 3)]  # fmt: skip
    curves[f'strand{strand}'] = face_shape.curve(points, 12)
  down = 2.2 if style == 'long' else 0.3
  spread = 1.22 if style == 'long' else 1.0
  half = [(0.75 * w, crown + 0.05), (1.08 * spread * w, -0.6),
          (1.10 * spread * w, 0.5 * down), (0.85 * w, down)]  # fmt: skip
  points = [(0, crown * lift), *half, *((-x, y) for x, y in half[::-1])]
  curves['mane'] = face_shape.curve(points, 80, closed=True)

  jaw = w * p['jaw_width']
  neck = [(0.80 * jaw, 0.9), (0.78 * jaw, 2.0), (0.95 * jaw, 2.5),
          (-0.95 * jaw, 2.5), (-0.78 * jaw, 2.0),
          (-0.80 * jaw, 0.9)]  # fmt: skip
  curves['neck'] = face_shape.curve(neck, 40, closed=True)
  cloth = [(0.72 * jaw, 2.10), (1.6, 2.35), (2.2, 2.75), (2.6, 5.5),
           (-2.6, 5.5), (-2.2, 2.75), (-1.6, 2.35), (-0.72 * jaw, 2.10),
           (0, 2.45)]  # fmt: skip
  curves['clothes'] = face_shape.curve(cloth, 80, closed=True)
  collar = [(-0.72 * jaw, 2.10), (0, 2.45), (0.72 * jaw, 2.10)]
  curves['collar'] = face_shape.curve(collar, 16)
  t = len(head)
  return {
    name: np.broadcast_to(points, [t, *points.shape[1:]])
    for name, points in curves.items()
  }


def _name_hair(identity):
  # chosen: few bald, a third long.
  for style, below in (('bald', 0.08), ('short', 0.44), ('fringe', 0.66)):
    if identity['hair_style'] < below:
      return style
  return 'long'


def _draw_background(day, colours, size):
  """A wall, a curtain or a shelf behind the chair; uint8 [h, w, 3]."""
  height, width = size
  y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
  x = np.linspace(0, 1, width, dtype=np.float32)
  tone = 1.08 - 0.20 * y + 0 * x
  if day['background_kind'] > 0.7:
    tone = tone * (1 + 0.12 * np.sin(2 * np.pi * 9 * x))
  elif day['background_kind'] > 0.4:
    edge = 0.15 + 0.7 * day['background_hue']
    tone = tone * np.where(x > edge, 0.72, 1.0)
  wall = tone[..., None] * colours['wall'].astype(np.float32)
  return np.clip(wall, 0, 255).astype(np.uint8)


def _light_up(day, clip, centre, unit, size):
  """The lamp: a factor per pixel, float32 [h, w, 3]; one side is darker."""
  angle = day['light_angle'] + clip['light_angle']
  y, x = np.mgrid[: size[0], : size[1]]
  across = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
  side = np.tanh(across / (1.8 * unit))
  level = day['light_level'] + clip['light_level']
  lamp = level * (1 + day['light_contrast'] * side)
  warmth = 1 + day['light_warmth'] * np.array([1, 0, -1])
  return (lamp[..., None] * warmth).astype(np.float32)


def _fill(canvas, points, colour):
  cv2.fillPoly(canvas, [points], colour, cv2.LINE_AA, _SHIFT)


def _line(canvas, points, colour, thickness, closed=False):
  thickness = max(1, round(thickness))
  cv2.polylines(
    canvas, [points], closed, colour, thickness, cv2.LINE_AA, _SHIFT
  )


def _paint(canvas, outlines, colours, identity, unit):
  """Fills the outlines of one frame, back to front, in place."""
  c = {name: tuple(map(float, colour)) for name, colour in colours.items()}
  dim = {name: tuple(0.80 * v for v in colour) for name, colour in c.items()}
  style = _name_hair(identity)
  if style == 'long':
    _fill(canvas, outlines['mane'], dim['hair'])
  _fill(canvas, outlines['neck'], tuple(0.86 * v for v in c['skin']))
  _fill(canvas, outlines['clothes'], c['clothes'])
  _line(canvas, outlines['collar'], dim['clothes'], 0.07 * unit)
  if style != 'long':
    for side in '01':
      _fill(canvas, outlines[f'ear{side}'], tuple(0.92 * v for v in c['skin']))
  _fill(canvas, outlines['head'], c['skin'])
  if identity['beard'] > 0.80:
    share = 0.65 if identity['beard'] > 0.92 else 0.28
    beard = share * colours['hair'] + (1 - share) * colours['skin']
    _fill(canvas, outlines['beard'], tuple(map(float, beard)))
  for side in '01':
    _paint_eye(canvas, outlines, c, side, unit)
    _fill(canvas, outlines[f'brow{side}'], c['brow'])
    _fill(canvas, outlines[f'nostril{side}'], c['nostril'])
  _fill(canvas, outlines['lips'], c['lips'])
  _fill(canvas, outlines['mouth'], c['mouth'])
  _fill(canvas, outlines['teeth'], c['teeth'])
  _line(canvas, outlines['seam'], tuple(0.45 * v for v in c['lips']),
        0.025 * unit)  # fmt: skip
  if 'hair' in outlines:
    _fill(canvas, outlines['hair'], c['hair'])
    for strand in range(6):
      _line(canvas, outlines[f'strand{strand}'], dim['hair'], 0.03 * unit)
  if identity['glasses'] > 0.75:
    thickness = (0.04 + 0.12 * (identity['glasses'] - 0.75)) * unit
    for side in '01':
      _line(canvas, outlines[f'lens{side}'], c['glasses'], thickness, True)
      _line(canvas, outlines[f'temple{side}'], c['glasses'], thickness)
    _line(canvas, outlines['bridge'], c['glasses'], thickness)


def _paint_eye(canvas, outlines, c, side, unit):
  _fill(canvas, outlines[f'eye{side}'], c['sclera'])
  _fill(canvas, outlines[f'iris{side}'], c['iris'])
  _fill(canvas, outlines[f'pupil{side}'], c['pupil'])
  _line(canvas, outlines[f'fold{side}'], tuple(0.72 * v for v in c['skin']),
        0.025 * unit)  # fmt: skip
  _line(canvas, outlines[f'lid{side}'], tuple(0.66 * v for v in c['skin']),
        0.025 * unit)  # fmt: skip
  _line(canvas, outlines[f'lash{side}'], c['lash'], 0.05 * unit)


def _shade(folds, outlines, index, unit, size, frame_size):
  """Creases, bulges and the roundness of the head, as a factor per pixel.

  Returns:
    float32 [h, w] of the frame, about 0.5 to 1.3.
  """
  fine = np.full(size, _NEUTRAL, np.uint8)
  # Broad shadows are blurred anyway: a quarter of the canvas is enough.
  small = (size[0] // 4, size[1] // 4)
  broad = np.full(small, _NEUTRAL, np.uint8)

  def shrink(points):
    return points // 4

  _fill(broad, shrink(outlines['neck']), _NEUTRAL - 34.0)
  _fill(broad, shrink(outlines['head']), float(_NEUTRAL))
  # The head turns away from the light towards its outline, drawn a little
  # inside so that the wall behind stays clear.
  middle = outlines['head'].mean(0)
  edge = (middle + 0.94 * (outlines['head'] - middle)).astype(np.int32)
  _line(broad, shrink(edge), _NEUTRAL - 44.0, 0.05 * unit, True)
  for side in '01':
    _line(broad, shrink(outlines[f'fold{side}']), _NEUTRAL - 22.0, 0.04 * unit)
  for points, depths in folds:
    depth = depths[index] if np.ndim(depths) else depths
    if depth > 0.03:
      # chosen: a wrinkle of depth 1 takes 45 % of the light in its middle,
      # and its surroundings lose some too.
      grey = _NEUTRAL * (1 - 0.45 * min(depth, 1.6))
      _line(fine, points[index], grey, 0.045 * unit)
      grey = _NEUTRAL * (1 - 0.16 * min(depth, 1.6))
      _line(broad, shrink(points[index]), grey, 0.022 * unit)
    elif depth < -0.03:
      grey = _NEUTRAL * (1 + 0.28 * min(-depth, 1.6))
      _line(broad, shrink(points[index]), grey, 0.045 * unit)
  if 'hair' in outlines:  # hides wrinkles
    _fill(fine, outlines['hair'], float(_NEUTRAL))
  fine = cv2.resize(fine, frame_size, interpolation=cv2.INTER_AREA)
  softness = 0.02 * unit * frame_size[0] / size[1]
  if softness > 0.3:
    fine = cv2.GaussianBlur(fine, (0, 0), softness)
  broad = cv2.GaussianBlur(broad, (0, 0), 0.025 * unit)
  broad = cv2.resize(broad, frame_size, interpolation=cv2.INTER_LINEAR)
  return fine.astype(np.float32) * broad / np.float32(_NEUTRAL**2)
