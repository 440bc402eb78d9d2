"""The recording of a prediction, with boxes and labels drawn into it."""

import pathlib

import numpy as np

from stclr_jax.data.video import video_copies
from stclr_jax.errors import UserError
from stclr_jax.inference.tables import words

# By class, then again; of `viewer.html`, where their source is.
_COLOURS = (
  (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
  (0, 114, 178), (213, 94, 0), (204, 121, 167), (138, 143, 152),
)  # fmt: skip
_NONE = (154, 161, 171)
_TEXT = (0, 0, 0)


def write(one, path, report=lambda text, share: None):
  """Writes the video of a prediction with boxes and labels.

  Args:
    one: a `prediction.Prediction`.
    path: of the video, .mp4; one that is there is replaced.
    report: see `predicting.predict`.

  Raises:
    UserError: if it is no .mp4 or the recording itself, or if there is no video
      to draw into.
    UnreadableError: if the recording is not what it was.
  """
  path, source = pathlib.Path(path), pathlib.Path(one.video.path)
  if path.suffix.lower() != '.mp4':
    raise UserError(f'The video (={path}) is written as .mp4; name it so.')
  if not source.is_file() or one.status == words.UNREADABLE:
    raise UserError(
      f'{one.video.name} is no video that can be read ({source}), so that '
      'nothing can be drawn into it.'
    )
  if path.resolve() == source.resolve():
    raise UserError(f'{path} is the recording itself; give another name.')
  start, end = one.video.part_s
  draw = drawer(one)

  def told(seconds, picture):
    report(f'Drew {seconds:.1f} s', None)
    return draw(seconds, picture)

  video_copies.write(source, path, start=start, end=end, draw=told)


def drawer(one):
  """Makes the function that draws the faces of a prediction into its video.

  Args:
    one: a `prediction.Prediction`.

  Returns:
    `draw(seconds, picture)` as `video_copies.write` takes it.
  """
  faces = [
    (windows, boxes_until_it_leaves(one, face.face))
    for face in one.faces
    for windows in [np.flatnonzero(one.windows.face == face.face)]
  ]

  def draw(seconds, picture):
    picture = np.ascontiguousarray(picture).copy()
    for windows, (times, boxes) in faces:
      said, colour = _say(one, windows, seconds)
      if not len(boxes):  # the whole frame was looked at
        _draw_label(picture, (0, 0), said, colour)
        continue
      at = np.searchsorted(times, seconds + 1e-3, 'right') - 1
      if at >= 0 and not np.isnan(boxes[at]).any():
        _draw_box(picture, boxes[at], said, colour)
    return picture

  return draw


def boxes_until_it_leaves(one, face):
  """Gives the boxes of a face, and none where a frame or more lacks it.

  Args:
    one: a `prediction.Prediction`.
    face: number of the face.

  Returns:
    (seconds [m], boxes [m, 4]): from each moment on, the box in pixels; NaN
    where there is none.
  """
  rows = np.flatnonzero(one.boxes.face == face)
  times, boxes = one.boxes.time_s[rows], one.boxes.box[rows]
  if not len(times):
    return times, boxes
  step = 1 / one.settings.fps
  left = np.append(np.diff(times) > 1.5 * step, True)
  gone = np.full([left.sum(), 4], np.nan)
  after = np.flatnonzero(left) + 1
  return (
    np.insert(times, after, times[left] + step),
    np.insert(boxes, after, gone, axis=0),
  )


def _say(one, rows, seconds):
  """(text, colour) of a face at a moment, by the window nearest to it."""
  windows = one.windows
  if not len(rows):
    return '', _NONE
  at = rows[np.argmin(np.abs(windows.mid_s[rows] - seconds))]
  label = windows.label[at]
  if not windows.start_s[at] <= seconds <= windows.end_s[at] or not label:
    return '', _NONE
  if label not in one.labels:
    return label, _NONE
  colour = _COLOURS[one.labels.index(label) % len(_COLOURS)]
  return f'{label} {100 * windows.confidence[at]:.0f} %', colour


def _draw_box(picture, box, said, colour):
  import cv2

  scale = max(1, round(min(picture.shape[:2]) / 360))
  left, top, width, height = (round(float(side)) for side in box)
  corner = (left + width, top + height)
  cv2.rectangle(picture, (left, top), corner, colour, 2 * scale)
  _draw_label(picture, (left, top), said, colour)


def _draw_label(picture, corner, said, colour):
  """A label above a corner, or below it where there is no room."""
  import cv2

  if not said:
    return
  left, top = corner
  scale = max(1, round(min(picture.shape[:2]) / 360))
  font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale
  (wide, high), below = cv2.getTextSize(said, font, size, scale)
  bottom = top if top > high + below else top + high + below
  cv2.rectangle(
    picture, (left, bottom - high - below), (left + wide, bottom), colour, -1
  )
  cv2.putText(
    picture, said, (left, bottom - below // 2), font, size, _TEXT, scale,
    cv2.LINE_AA,
  )  # fmt: skip
