"""Compares the face detectors on faces dimmed, tilted, blurred and shrunk.

    python -m benchmarks.science.face_changes FOLDER --out=faces.json
    python -m benchmarks.science.face_changes              drawn faces

FOLDER holds videos of your own, as for `face_coverage`; every tenth frame is
taken. There is no list of where the faces are, so those count on which two
detectors agree in the frame as it is (--agreed); both find all of these by
definition. Each frame is then changed, and it is counted how many of its faces
each detector still finds, at their place and of their size, and how often it
finds one in frames where nobody found any. Milliseconds are of one thread.
"""

import argparse
import collections
import dataclasses
import itertools
import json
import pathlib
import time
from collections.abc import Callable

import numpy as np

from benchmarks import records
from benchmarks.science import face_coverage
from benchmarks.science import other_detectors
from stclr_jax.data.faces import face_detection
from stclr_jax.errors import UserError

_EVERY = 10  # frames, chosen: a head has moved since
# chosen: a face is found if the middle is off by less than a third of its side,
# and the side by less than half.
_OFF = 1 / 3
_SIZES = (2 / 3, 1.5)


@dataclasses.dataclass(frozen=True)
class Change:
  """A change of a frame, and what becomes of its faces.

  Attributes:
    name: for the table.
    apply: function of uint8 [h, w, 3] that gives the like.
    move: 2x3 matrix that brings (x, y, 1) to its new place; None if it stays.
  """

  name: str
  apply: Callable
  move: Callable | None = None


def make_changes():
  """Lists the changes.

  Returns:
    List of `Change`, the first of which changes nothing.
  """
  return [
    Change('as it is', lambda frame: frame),
    *(_turned(degrees) for degrees in (20, 35, -35, 50)),
    *(_dimmed(light) for light in (0.15, 0.06, 0.03)),
    Change('blurred', _blur),
    Change('JPEG at quality 10', _compress),
    Change('grey', _to_grey),
    *(_shrunk(factor) for factor in (1 / 2, 1 / 3)),
  ]


def _turned(degrees):
  import cv2

  def move(frame):
    rows, columns = frame.shape[:2]
    return cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1)

  return _moved(f'tilted by {degrees}', move)


def _shrunk(factor):
  def move(frame):
    margin = (1 - factor) / 2
    rows, columns = frame.shape[:2]
    return np.array([[factor, 0, margin * columns], [0, factor, margin * rows]])

  return _moved(f'{factor:.2f} as large', move)


def _moved(name, move):
  import cv2

  def apply(frame):
    size, edge = frame.shape[1::-1], cv2.BORDER_REPLICATE
    scale = abs(np.linalg.det(move(frame)[:, :2])) ** 0.5
    if scale < 1:  # not aliased
      frame = cv2.GaussianBlur(frame, (0, 0), 0.5 / scale)
    return cv2.warpAffine(frame, move(frame), size, borderMode=edge)

  return Change(name, apply, move)


def _dimmed(light):
  return Change(
    f'{light:.0%} of the light',
    lambda frame: (frame * light).round().astype(np.uint8),
  )


def _blur(frame):
  import cv2

  return cv2.GaussianBlur(frame, (0, 0), 4)


def _compress(frame):
  import cv2

  _, encoded = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, 10])
  return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def _to_grey(frame):
  return face_detection.to_grey(frame)[..., None].repeat(3, -1)


def main(argv=None):
  """Prints the table, and writes the record if asked."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  add = parser.add_argument
  add('folder', nargs='?', help='of videos (default: drawn faces)')
  add('--detectors', nargs='+', default=[*face_coverage.available()])
  add('--agreed', nargs=2, default=['blaze', 'hog'])
  add('--num_subjects', type=int, default=4, help='of the drawn faces')
  add('--out', help='.json to write')
  options = parser.parse_args(argv)
  detectors = {
    name: other_detectors.make_detector(name)
    for name in dict.fromkeys([*options.detectors, *options.agreed])
  }
  figures, faces = measure(read_frames(options), detectors, options.agreed)
  print(f'{sum(faces.values())} faces: {dict(faces)}\n')
  print_table(figures)
  if options.out:
    record = records.origin() | {
      'versions': face_coverage.versions(),
      'agreed': options.agreed,
      'faces': faces,
      'figures': figures,
    }
    pathlib.Path(options.out).write_text(json.dumps(record, indent=1) + '\n')
    print(f'\n{options.out}')
  return figures


def read_frames(options):
  """Yields (video, frame) of every tenth frame of the options' videos."""
  for name, read in face_coverage.list_videos(options):
    for frame in itertools.islice(read(), 0, None, _EVERY):
      yield name, frame


def measure(frames, detectors, agreed):
  """Runs detectors over changed frames.

  Args:
    frames: yields (video, frame), uint8 RGB [h, w, 3].
    detectors: functions by name, see `face_detection.make_detector`.
    agreed: names of the two that say where faces are.

  Returns:
    (figures, faces): by detector and change a dict of `found` and `of`, faces;
      `false` and `empty`, detections in frames without any, and those frames;
      `ms` a frame. And the number of faces by video.

  Raises:
    UserError: where they agree on no face.
  """
  import cv2

  cv2.setNumThreads(1)
  changes, faces = make_changes(), collections.Counter()
  counts = {
    name: {change.name: collections.Counter() for change in changes}
    for name in detectors
  }
  for video, frame in frames:
    first, second = (detectors[name](frame) for name in agreed)
    true = [box for box in first if any(_same(box, b) for b in second)]
    faces[video] += len(true)
    for change, (name, detect) in itertools.product(changes, detectors.items()):
      changed, count = change.apply(frame), counts[name][change.name]
      started = time.thread_time()
      found = detect(changed)
      count['seconds'] += time.thread_time() - started
      count['frames'] += 1
      expected = [_move(box, change, frame) for box in true]
      count['found'] += sum(any(_same(e, f) for f in found) for e in expected)
      count['of'] += len(expected)
      if not first and not second:
        count['false'] += len(found)
        count['empty'] += 1
  if not sum(faces.values()):
    raise UserError(f'{" and ".join(agreed)} agree on no face in these videos.')
  figures = {
    name: {
      change: {
        **{key: count[key] for key in ('found', 'of', 'false', 'empty')},
        'ms': 1e3 * count['seconds'] / count['frames'],
      }
      for change, count in by_change.items()
    }
    for name, by_change in counts.items()
  }
  return figures, faces


def _same(a, b):
  """Says whether a box is where another is, and about as large."""
  off = np.add(a[:2], a[2] / 2) - np.add(b[:2], b[2] / 2)
  return np.abs(off).max() < _OFF * a[2] and (
    _SIZES[0] < b[2] / a[2] < _SIZES[1]
  )


def _move(box, change, frame):
  if change.move is None:
    return box
  matrix = change.move(frame)
  x, y = matrix @ (box.left + box.side / 2, box.top + box.side / 2, 1)
  side = box.side * abs(np.linalg.det(matrix[:, :2])) ** 0.5
  return face_detection.Detection(y - side / 2, x - side / 2, side)


def print_table(figures):
  """Prints a table in Markdown: changes down, detectors across.

  Args:
    figures: see `measure`.
  """
  print(f'| | {" | ".join(figures)} |\n{"|---" * (1 + len(figures))}|')
  for change in next(iter(figures.values())):
    cells = [
      f'{by_change[change]["found"] / by_change[change]["of"]:.0%}'
      for by_change in figures.values()
    ]
    print(f'| {change} | {" | ".join(cells)} |')
  false = [
    f'{sum(c["false"] for c in by_change.values())} of '
    f'{sum(c["empty"] for c in by_change.values())}'
    for by_change in figures.values()
  ]
  print(f'| found in frames without a face | {" | ".join(false)} |')
  times = [
    f'{np.mean([c["ms"] for c in by_change.values()]):.1f}'
    for by_change in figures.values()
  ]
  print(f'| ms a frame | {" | ".join(times)} |')


if __name__ == '__main__':
  main()
