"""The shape of a drawn face: identity and action units to curves and creases.

Everything is in face units (see `performances.IDENTITY`): 1 is the distance
between the pupils, x to the viewer's right, y down. Each action unit moves what
its muscle moves (Ekman & Friesen's Facial Action Coding System); how far is
chosen so that full intensity is clear at 64x64 and half of it is not certain.
`face_drawing` decides colours, light and pixels.
"""

import functools

import numpy as np

from stclr_jax.data.drawn.performances import UNITS


@functools.cache
def _spline(num_points, num_samples, closed):
  """Catmull-Rom curve through points, as a matrix [num_samples, num_points]."""
  segments = num_points if closed else num_points - 1
  position = np.linspace(0, segments, num_samples, endpoint=not closed)
  index = np.minimum(position.astype(int), segments - 1)
  t = position - index
  weights = (
    (-t + 2 * t**2 - t**3) / 2,
    (2 - 5 * t**2 + 3 * t**3) / 2,
    (t + 4 * t**2 - 3 * t**3) / 2,
    (-(t**2) + t**3) / 2,
  )
  matrix = np.zeros([num_samples, num_points])
  for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
    at = index + offset
    at = at % num_points if closed else np.clip(at, 0, num_points - 1)
    np.add.at(matrix, (np.arange(num_samples), at), weight)
  return matrix


def curve(points, num_samples, *, closed=False):
  """Smooth curve through points.

  Args:
    points: sequence of (x, y), each a number or float [t]; face units.
    num_samples: points of the result.
    closed: whether the last point leads back to the first.

  Returns:
    float [t, num_samples, 2]; t is 1 where all points are numbers.
  """
  flat = np.broadcast_arrays(*(np.atleast_1d(c) for xy in points for c in xy))
  stacked = np.stack(flat, -1).reshape(len(flat[0]), len(points), 2)
  return _spline(len(points), num_samples, closed) @ stacked


def shape_face(identity, units, closed):
  """Curves and creases of a face over time.

  Args:
    identity: face parameters, float by name.
    units: action units of the left and right, float [t, 2, len(UNITS)], 0 to
      1.2.
    closed: how far the lids are closed by a blink, float [t], 0 to 1.

  Returns:
    curves: float [t, n, 2] (or [1, n, 2]) by name; those of a side end in 0
      (viewer's left) or 1. Closed outlines but for 'lid', 'fold', 'lash'.
    creases: list of (curve, depth): float [t, n, 2] and float [t], depth 0 to
      about 1 of a wrinkle (below 0: a bulge that catches light).
  """
  curves, creases = {}, []
  middle = {f'au{unit}': units[..., i].mean(1) for i, unit in enumerate(UNITS)}
  _add_head(curves, identity, middle)
  for side, sign in enumerate((-1, 1)):
    au = {f'au{unit}': units[:, side, i] for i, unit in enumerate(UNITS)}
    _add_brow(curves, creases, identity, au, side, sign)
    _add_eye(curves, creases, identity, au, closed, side, sign)
    _add_cheek(curves, creases, identity, au, side, sign)
  _add_nose(curves, creases, identity, middle)
  _add_mouth(curves, creases, identity, units)
  return curves, creases


def _drop_chin(au):
  """Distance of the chin below its place at rest, in face units."""
  return 0.26 * au['au26'] + 0.03 * au['au25'] - 0.05 * au['au17']


def _add_head(curves, identity, au):
  p = identity
  w, jaw = p['head_width'], p['head_width'] * p['jaw_width']
  drop = _drop_chin(au)
  chin = p['chin_y'] + drop
  half = [
    (0.55 * w, p['crown_y'] + 0.14),
    (0.92 * w, p['crown_y'] + 0.62),
    (w, -0.25),
    (0.99 * w, 0.30),
    (0.93 * w, 0.72),
    (jaw, 1.12 + 0.5 * drop),
    (p['chin_width'] + 0.08, chin - 0.12),
  ]
  right = [(0, p['crown_y']), *half, (0, chin)]
  left = [(-x, y) for x, y in reversed(half)]
  curves['head'] = curve([*right, *left], 96, closed=True)
  # A beard follows the jaw and meets under the nose.
  mouth = p['nose_y'] + p['mouth_gap']
  low = [(0.97 * w, 0.50), *half[4:]]
  inside = [(0.78 * w, 0.85), (0.62 * w, mouth - 0.08), (0.30, mouth - 0.17)]
  right = [*reversed(low), *inside]  # chin, up the jaw, back to the nose
  left = [(-x, y) for x, y in reversed(right)]
  outline = [(0, chin), *right, (0, mouth - 0.20), *left]
  curves['beard'] = curve(outline, 80, closed=True)


def _add_brow(curves, creases, identity, au, side, sign):
  p = identity
  # Along the brow, inner to outer.
  x = np.array([0.20, 0.40, 0.60, 0.80, 0.98]) * p['brow_length']
  y = -p['brow_y'] - p['brow_arch'] * np.array([0.1, 0.7, 1.0, 0.8, -0.2])
  # 1 lifts the inner end, 2 the outer one, 4 lowers and draws together, 9
  # pulls the inner end down.
  lift = (
    0.23 * au['au1'][:, None] * [1.0, 0.75, 0.3, 0.05, 0]
    + 0.24 * au['au2'][:, None] * [0, 0.25, 0.7, 1.0, 0.85]
    - 0.17 * au['au4'][:, None] * [0.8, 1.0, 0.7, 0.35, 0.1]
    - 0.09 * au['au9'][:, None] * [1.0, 0.7, 0.3, 0, 0]
  )  # [t, 5]
  inward = 0.10 * au['au4'][:, None] * [1.0, 0.8, 0.4, 0.1, 0]
  x, y = sign * (x - inward), y - lift
  thickness = p['brow_thickness'] * np.array([0.8, 1.0, 0.9, 0.7, 0.15])
  upper = [(x[:, i], y[:, i] - thickness[i] / 2) for i in range(5)]
  lower = [(x[:, i], y[:, i] + thickness[i] / 2) for i in range(5)]
  curves[f'brow{side}'] = curve([*upper, *reversed(lower)], 40, closed=True)

  # Frown lines (4), and lines across the forehead: inner (1), outer (2).
  age = p['age']
  frown = [(sign * (0.10 - 0.02 * au['au4']), y[:, 0] + dy)
           for dy in (-0.16, 0.0, 0.15)]  # fmt: skip
  creases.append((curve(frown, 8), 1.0 * au['au4'] + 0.15 * age))
  for row, rise in enumerate((0.20, 0.36)):
    middle = -p['brow_y'] - p['brow_arch'] - rise
    fade = 1 - 0.3 * row
    ends = [(0, middle - 0.02), (sign * 0.25, middle), (sign * 0.45, middle)]
    depth = fade * (0.55 * au['au1'] + 0.2 * age)
    creases.append((curve(ends, 8), depth))
    ends = [(sign * f, middle + d)
            for f, d in ((0.45, 0.0), (0.65, -0.02), (0.88, 0.05))]  # fmt: skip
    depth = fade * (0.55 * au['au2'] + 0.2 * age)
    creases.append((curve(ends, 8), depth))


def _add_eye(curves, creases, identity, au, closed, side, sign):
  p = identity
  x, w, h = p['eye_x'], p['eye_width'], p['eye_height']
  # 5 lifts the upper lid, 7 tightens both, 6 pushes the lower one up; 4 and 9
  # press on the upper one.
  upper = h * (1.10 + 0.65 * au['au5'])
  upper = upper - h * (0.45 * au['au7'] + 0.25 * au['au6'])
  upper = upper - h * (0.25 * au['au4'] + 0.40 * au['au9'])
  lower = h * (0.75 - 0.50 * au['au7'] - 0.60 * au['au6'] - 0.25 * au['au9'])
  upper = np.maximum(upper, 0.30 * h)
  lower = np.maximum(lower, 0.02 * h)
  upper = upper * (1 - closed) - (lower - 0.05 * h) * closed
  along = np.linspace(-1, 1, 17)  # inner to outer corner
  tilt = -p['eye_tilt'] * along
  bow = (1 - along**2) ** 0.7  # 0 at the corners
  lid_x = np.broadcast_to(sign * (x + w * along), [len(closed), 17])
  lid_top = tilt - upper[:, None] * bow
  lid_bottom = tilt + lower[:, None] * bow
  curves[f'eye{side}'] = np.stack([
    np.concatenate([lid_x, lid_x[:, ::-1]], 1),
    np.concatenate([lid_top, lid_bottom[:, ::-1]], 1),
  ], -1)  # fmt: skip
  curves[f'lash{side}'] = np.stack([lid_x, lid_top], -1)
  curves[f'lid{side}'] = np.stack([lid_x, lid_bottom], -1)
  # Iris and pupil, cut by the lids.
  angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
  for name, radius in (('iris', 0.145), ('pupil', 0.062)):
    disc_x = np.broadcast_to(x + radius * np.cos(angle), [len(closed), 24])
    at = (disc_x[0] - x) / w
    bow_at = (1 - at**2) ** 0.7
    disc_y = radius * np.sin(angle) - 0.01 - p['eye_tilt'] * at
    disc_y = np.clip(
      disc_y,
      -upper[:, None] * bow_at - p['eye_tilt'] * at,
      lower[:, None] * bow_at - p['eye_tilt'] * at,
    )
    curves[f'{name}{side}'] = np.stack([sign * disc_x, disc_y], -1)

  # The fold of the upper lid, the pouch below, crow's feet (6).
  gap = 0.05 + 0.05 * au['au4'] - 0.02 * au['au5']
  fold_y = np.minimum(lid_top - gap[:, None], -0.02)
  curves[f'fold{side}'] = np.stack([lid_x, fold_y], -1)[:, 2:]
  pouch = [(sign * (x + w * f), lower * b + d)
           for f, b, d in ((-0.8, 0.5, 0.10), (0, 1, 0.16),
                           (0.85, 0.5, 0.09))]  # fmt: skip
  depth = 0.75 * au['au6'] + 0.40 * au['au7'] + 0.25 * p['age']
  creases.append((curve(pouch, 12), depth))
  for rise, run in ((-0.10, 0.20), (0.03, 0.24), (0.15, 0.20)):
    start = (sign * (x + w + 0.05), 0.3 * rise + 0.01)
    end = (sign * (x + w + 0.05 + run), rise)
    depth = 0.9 * au['au6'] + 0.25 * p['age']
    creases.append((curve([start, end], 4), depth))


def _add_cheek(curves, creases, identity, au, side, sign):
  """The fold from nose to mouth (9, 10, 11, 12, 20) and the cheek (6, 12)."""
  p = identity
  corner_x, corner_y = _mouth_corner(identity, au, sign)
  wing = p['nose_width'] + 0.05
  top = p['nose_y'] - 0.12 - 0.08 * au['au9'] - 0.05 * au['au10']
  bulge = 0.10 * au['au12'] + 0.05 * au['au10'] + 0.04 * au['au20']
  fold = [
    (sign * wing, top),
    (sign * (wing + 0.10 + 0.7 * bulge), top + 0.15 - 0.02 * au['au10']),
    (
      (corner_x + sign * (wing + 0.22 + bulge)) / 2 + sign * 0.07,
      (corner_y + top + 0.12) / 2,
    ),
    (corner_x + sign * (0.10 + 0.4 * bulge), corner_y - 0.02),
  ]
  depth = (
    0.25 * p['age']
    + 0.10
    + 0.55 * au['au12']
    + 0.25 * au['au6']
    + 0.50 * au['au9']
  )
  depth = depth + 0.65 * au['au10'] + 0.25 * au['au20'] + 0.15 * au['au15']
  creases.append((curve(fold, 16), depth))
  # 11 deepens only the upper part.
  creases.append((curve(fold[:3], 10), 0.95 * au['au11']))
  # The cheek moves up under the eye and catches light.
  apple_x = sign * (p['eye_x'] + 0.12)
  apple_y = 0.48 - 0.10 * au['au6'] - 0.08 * au['au12']
  apple = [(apple_x - 0.16, apple_y), (apple_x + 0.16, apple_y)]
  creases.append((curve(apple, 6), -0.7 * au['au6'] - 0.5 * au['au12']))
  # 15 draws a line down from the corner; 20 two upright ones beside it.
  line = [(corner_x + sign * 0.02, corner_y + 0.03),
          (corner_x + sign * 0.07, corner_y + 0.15),
          (corner_x + sign * 0.06, corner_y + 0.28)]  # fmt: skip
  creases.append((curve(line, 8), 0.85 * au['au15'] + 0.20 * p['age']))
  for out in (0.08, 0.17):
    line = [(corner_x + sign * out, corner_y - 0.10),
            (corner_x + sign * (out + 0.02), corner_y),
            (corner_x + sign * out, corner_y + 0.12)]  # fmt: skip
    creases.append((curve(line, 8), 0.7 * au['au20']))


def _add_nose(curves, creases, identity, au):
  p = identity
  y, w = p['nose_y'], p['nose_width'] / 2
  # 9 and 10 lift and widen the wings; so does 12, a little.
  lift = 0.09 * au['au9'] + 0.04 * au['au10']
  wide = 1 + 0.14 * au['au9'] + 0.08 * au['au10'] + 0.08 * au['au12']
  for side, sign in enumerate((-1, 1)):
    wing = [
      (sign * 1.5 * w * wide, y - 0.20 - lift),
      (sign * 2.05 * w * wide, y - 0.10 - lift),
      (sign * 1.8 * w * wide, y - lift),
      (sign * 1.2 * w * wide, y - 0.01 - 0.5 * lift),
    ]
    creases.append((curve(wing, 12), 0.75 + 0 * lift))
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    curves[f'nostril{side}'] = np.stack([
      sign * 0.85 * w * wide[:, None] + 0.36 * w * np.cos(angle),
      y - 0.02 - 0.6 * lift[:, None] + 0.035 * np.sin(angle),
    ], -1)  # fmt: skip
    # The bridge: a soft shadow beside it, and the wrinkles of 9.
    bridge = [(sign * 0.16, -0.10), (sign * 0.11, 0.20), (sign * w, y - 0.22)]
    creases.append((curve(bridge, 10), 0.30 + 0 * lift))
    for row in (0.02, 0.13, 0.24):
      wrinkle = [(sign * 0.02, row - 0.03), (sign * 0.10, row),
                 (sign * 0.19, row + 0.07)]  # fmt: skip
      creases.append((curve(wrinkle, 8), 1.0 * au['au9']))
  base = [(-1.0 * w, y + 0.02 - 0.3 * lift), (0, y + 0.06 - 0.3 * lift),
          (1.0 * w, y + 0.02 - 0.3 * lift)]  # fmt: skip
  creases.append((curve(base, 10), 0.55 + 0 * lift))
  tip = [(-0.04, y - 0.13 - 0.5 * lift), (0.04, y - 0.13 - 0.5 * lift)]
  creases.append((curve(tip, 4), -0.5 + 0 * lift))


def _mouth_corner(identity, au, sign):
  """Corner of the mouth on one side: x, y, each float [t]."""
  p = identity
  # 12 draws it up and out, 15 down, 20 out; 23, 24 and 26 in.
  width = p['mouth_width'] * (
    1
    + 0.28 * au['au12']
    + 0.30 * au['au20']
    + 0.04 * au['au15']
    - 0.16 * au['au23']
    - 0.06 * au['au24']
    - 0.08 * au['au17']
    - 0.14 * au['au26']
  )
  y = (
    p['nose_y']
    + p['mouth_gap']
    - 0.02
    - 0.21 * au['au12']
    + 0.16 * au['au15']
    + 0.04 * au['au20']
    + 0.03 * au['au17']
    + 0.13 * au['au26']
    - 0.02 * au['au10']
  )
  return sign * width, y


def _add_mouth(curves, creases, identity, units):
  p = identity
  sides = [
    {f'au{unit}': units[:, side, i] for i, unit in enumerate(UNITS)}
    for side in range(2)
  ]
  au = {name: (sides[0][name] + sides[1][name]) / 2 for name in sides[0]}
  left = _mouth_corner(identity, sides[0], -1)
  right = _mouth_corner(identity, sides[1], 1)
  middle = p['nose_y'] + p['mouth_gap']

  # The lips meet at `seam` when closed; 25 parts them, 26 lowers the jaw.
  # 10 and 9 lift the upper lip and, as long as they touch, the lower one too.
  seam = middle - 0.08 * au['au17'] - 0.04 * au['au12']
  seam = seam - 0.07 * au['au10'] - 0.03 * au['au9']
  top = seam - (0.05 + 0.06 * au['au10']) * au['au25']
  bottom = seam + 0.11 * au['au25'] + 0.34 * au['au26']
  # 23 and 24 roll the lips in, 20 stretches them thin, 17 pushes out the lower.
  thin = 1 - 0.40 * au['au23'] - 0.70 * au['au24'] - 0.25 * au['au20']
  thin = np.maximum(thin - 0.15 * au['au12'], 0.12)
  upper = p['upper_lip'] * thin * (1 + 0.45 * au['au10'])
  lower = p['lower_lip'] * thin * (1 + 0.25 * au['au17'] - 0.10 * au['au26'])

  def between(fraction, y):
    """A point over the mouth's width: -1 is the left corner, 1 the right."""
    x = (left[0] * (1 - fraction) + right[0] * (1 + fraction)) / 2
    corner = left[1] if fraction < 0 else right[1]
    bend = 1 - abs(fraction) ** 2.2  # 0 at the corners
    return x, corner + (y - corner) * bend

  cupid = [(-0.55, 0.8), (-0.2, 1.15), (0, 0.95), (0.2, 1.15), (0.55, 0.8)]
  over = [between(f, top - upper * g) for f, g in cupid]
  inner_top = [between(f, top) for f in (-0.6, -0.25, 0, 0.25, 0.6)]
  inner_bottom = [between(f, bottom) for f in (0.6, 0.25, 0, -0.25, -0.6)]
  under = [between(f, bottom + lower * g)
           for f, g in ((0.6, 0.75), (0.25, 1), (0, 1), (-0.25, 1),
                        (-0.6, 0.75))]  # fmt: skip
  curves['lips'] = curve([left, *over, right, *under], 60, closed=True)
  curves['mouth'] = curve([left, *inner_top, right, *inner_bottom], 60,
                          closed=True)  # fmt: skip
  # The upper teeth hang from under the lip, as far as the mouth is open.
  show = np.minimum(bottom - top, 0.11 + 0.03 * au['au12'])
  teeth = [between(f, top) for f in (-0.75, 0, 0.75)]
  teeth += [between(f, top + 0.9 * show) for f in (0.7, 0, -0.7)]
  curves['teeth'] = curve(teeth, 30, closed=True)
  curves['seam'] = curve([left, *inner_top, right], 30)

  # 23 and 24 press a bulge around the lips; 17 dimples the chin and arches a
  # crease above it.
  press = 0.45 * au['au23'] + 0.70 * au['au24']
  for y in (top - upper - 0.09, bottom + lower + 0.09):
    creases.append((curve([between(f, y) for f in (-0.5, 0, 0.5)], 8), -press))
  shadow = [between(f, bottom + lower + d)
            for f, d in ((-0.4, 0.06), (0, 0.07), (0.4, 0.06))]  # fmt: skip
  creases.append((curve(shadow, 8), 0.45 + 0.35 * au['au24']))
  chin = p['chin_y'] + _drop_chin(au)
  boss = (bottom + lower + chin) / 2
  arch = [(-0.26, boss + 0.04), (-0.14, boss - 0.06), (0, boss - 0.09),
          (0.14, boss - 0.06), (0.26, boss + 0.04)]  # fmt: skip
  creases.append((curve(arch, 12), 0.95 * au['au17']))
  for x, y in ((-0.13, 0.06), (0.02, 0.02), (0.12, 0.08), (-0.03, 0.13)):
    dimple = [(x - 0.02, boss + y), (x + 0.02, boss + y + 0.01)]
    creases.append((curve(dimple, 4), 0.8 * au['au17']))
