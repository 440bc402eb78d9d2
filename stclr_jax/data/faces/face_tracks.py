"""Follows faces through the detections of a video, and chooses one of them.

A detection counts only if others of the same face support it within a few
frames: a "face" that flashes up in a bottle is none. A face that is lost and
found again at its place is the same face. Of several faces that are there about
as long, the largest is taken, or the most central; one that passes by is not.
"""

from typing import NamedTuple

import numpy as np

CHOICES = ('largest', 'central')

# A detection belongs to the face whose last box it overlaps by so much,
# intersection over union. chosen: SORT's (Bewley et al. 2016).
_MIN_OVERLAP = 0.3
# Frames around a detection, its own included, in which others must support it.
# chosen: a third of a second at 25 frames a second.
SUPPORT_WINDOW = 9
# chosen: below it a face is a passer-by; see `face_crops.FaceCropOptions`.
_MIN_PRESENCE = 0.5  # of the detections of the face seen most
_LONG_GAP = 0.25  # of the video, chosen: worth a note


class Face(NamedTuple):
  """Detections of one face.

  Attributes:
    frames: in which it was detected, int [n].
    boxes: top, left and side of each, pixels, float [n, 3].
    scores: of each, see `face_detection.Detection`; float [n].
  """

  frames: np.ndarray
  boxes: np.ndarray
  scores: np.ndarray

  def side(self):
    """Returns the median side, pixels."""
    return float(np.median(self.boxes[:, 2]))

  def off_centre(self, frame_size):
    """Returns the median distance to the middle of the frame, pixels."""
    centres = self.boxes[:, :2] + self.boxes[:, 2:] / 2
    return float(np.hypot(*(np.median(centres, 0) - np.array(frame_size) / 2)))


def link(detections):
  """Joins the detections of each face over time, best overlaps first.

  Args:
    detections: of each frame, a list of `face_detection.Detection`.

  Returns:
    List of `Face`.
  """
  faces = []  # lists of (frame, Detection)
  for index, found in enumerate(detections):
    overlaps = sorted(
      (
        (_overlap(face[-1][1], box), i, j)
        for i, face in enumerate(faces)
        for j, box in enumerate(found)
      ),
      reverse=True,
    )
    used_faces, used_boxes = set(), set()
    for overlap, i, j in overlaps:
      if overlap < _MIN_OVERLAP:
        break
      if i not in used_faces and j not in used_boxes:
        faces[i].append((index, found[j]))
        used_faces.add(i)
        used_boxes.add(j)
    faces += [
      [(index, box)] for j, box in enumerate(found) if j not in used_boxes
    ]
  return [
    Face(
      np.array([i for i, _ in face]),
      np.array([box[:3] for _, box in face]),
      np.array([box.score for _, box in face]),
    )
    for face in faces
  ]


def _overlap(a, b):
  """Intersection over union of two squares."""
  height = min(a.top + a.side, b.top + b.side) - max(a.top, b.top)
  width = min(a.left + a.side, b.left + b.side) - max(a.left, b.left)
  shared = max(0.0, height) * max(0.0, width)
  return shared / (a.side**2 + b.side**2 - shared)


def keep_supported(face, min_support):
  """Keeps the detections of a face that others near in time support.

  Args:
    face: a `Face`.
    min_support: how many there must be within SUPPORT_WINDOW frames.

  Returns:
    A `Face`; without frames if there are none.
  """
  near = np.abs(face.frames[:, None] - face.frames) <= SUPPORT_WINDOW // 2
  kept = near.sum(1) >= min_support
  return Face(face.frames[kept], face.boxes[kept], face.scores[kept])


def choose(faces, frame_size, which, notes):
  """Chooses among faces that are there about as long.

  Args:
    faces: list of `Face`, one or more.
    frame_size: (height, width) in pixels.
    which: one of CHOICES.
    notes: list of lines, to which is added what rule fired.

  Returns:
    A `Face`.
  """
  most = max(len(face.frames) for face in faces)
  present = [f for f in faces if len(f.frames) >= _MIN_PRESENCE * most]
  passing = len(faces) - len(present)
  if passing:
    notes.append(
      f'passed over because seen for less than half as long: {passing} of '
      f'{len(faces)} faces'
    )
  if which == 'largest':
    chosen = max(present, key=Face.side)
  else:
    chosen = min(present, key=lambda face: face.off_centre(frame_size))
  if len(present) > 1:
    notes.append(f'the {which} of {len(present)} faces was taken')
  return chosen


def note_losses(face, num_frames, notes):
  """Notes where a face is not seen for a quarter of the video or more.

  Args:
    face: a `Face`.
    num_frames: of the video.
    notes: list of lines, to which is added.
  """
  edges = np.concatenate([[-1], face.frames, [num_frames]])
  for before, after in zip(edges[:-1], edges[1:], strict=True):
    if after - before - 1 >= max(2, _LONG_GAP * num_frames):
      notes.append(
        f'the face is not seen in frames {before + 1} to {after - 1} of '
        f'{num_frames}; the square is laid around where it was'
      )
