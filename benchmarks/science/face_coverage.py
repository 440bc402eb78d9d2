"""Compares the face detectors on videos: how many frames, how fast.

    python -m benchmarks.science.face_coverage FOLDER
    python -m benchmarks.science.face_coverage FOLDER --sheet=faces.png
    python -m benchmarks.science.face_coverage                 drawn faces

FOLDER holds videos of your own, as `stclr_jax.import_videos` takes them. Every
detector sees the same frames. For each video and detector it prints the share
of frames with any detection, the share in which the face that is followed was
found (`coverage`, as in an import's report), and milliseconds a frame. The
sheet is a picture to look at: frames with the square drawn in, and the crops.
One square is laid for a whole video here; an import lays one for each window.
"""

import argparse
import collections
import json
import pathlib
import platform
import time

import numpy as np

from benchmarks import records
from benchmarks.science import other_detectors
from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.data.faces import blaze_file
from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.imports import recordings
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.pictures import frame_images
from stclr_jax.data.video import video_files

DETECTORS = (*face_detection.DETECTORS, *other_detectors.NAMES)
_FPS = recordings.Options.fps
_SHOWN = 6  # chosen: frames of a row of the sheet
_TILE = 120  # pixels, height of a picture of the sheet
_DRAWN = {'height': 240, 'width': 320, 'framing': 'scene'}


def main(argv=None):
  """Prints the table, and writes the record and the sheet if asked."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  add = parser.add_argument
  add('folder', nargs='?', help='of videos (default: drawn faces)')
  add('--detectors', nargs='+', default=[*available()])
  add('--num_subjects', type=int, default=4, help='of the drawn faces')
  add('--sheet', help='.png to write')
  add(
    '--sheet_detector',
    choices=face_detection.DETECTORS,
    default=face_detection.default(),
    help='whose crops the sheet shows',
  )
  add('--out', help='.json to write')
  options = parser.parse_args(argv)
  videos = list(list_videos(options))
  rows = []
  for name, read in videos:
    rows += measure(name, read, options.detectors)
  print_table(rows)
  if options.sheet:
    crop = face_crops.FaceCropOptions(detector=options.sheet_detector)
    draw_sheet(videos, crop, options.sheet)
    print(f'\n{options.sheet}')
  if options.out:
    record = records.origin() | {
      'versions': versions(),
      'fps': _FPS,
      'rows': rows,
    }
    pathlib.Path(options.out).write_text(json.dumps(record, indent=1) + '\n')
    print(f'\n{options.out}')
  return rows


def measure(name, read, detectors):
  """Runs detectors over a video.

  Args:
    name: of the video.
    read: function that gives an iterator of its frames, uint8 RGB [h, w, 3].
    detectors: names of DETECTORS.

  Returns:
    A JSON-able dict for each detector: video, detector, frames, `any` (share of
    frames with a detection), `coverage`, `per_frame` (detections a frame),
    `ms` a frame, notes.
  """
  found = {detector: [] for detector in detectors}
  seconds = collections.Counter()
  functions = {d: other_detectors.make_detector(d) for d in detectors}
  for frame in read():
    size = frame.shape[:2]
    for detector, detect in functions.items():
      started = time.perf_counter()
      found[detector].append(detect(frame))
      seconds[detector] += time.perf_counter() - started
  rows = []
  for detector, detections in found.items():
    crop = face_crops.FaceCropOptions()
    track = face_crops.lay_square(detections, size, crop)
    number = len(detections)
    rows.append(
      {
        'video': name,
        'detector': detector,
        'frames': number,
        'any': sum(map(bool, detections)) / number,
        'coverage': track.coverage,
        'per_frame': sum(map(len, detections)) / number,
        'ms': 1e3 * seconds[detector] / number,
        'notes': list(track.notes),
      }
    )
  return rows


def print_table(rows):
  """Prints a table in Markdown: videos down, detectors across.

  Args:
    rows: dicts of `measure`.
  """
  detectors = list(dict.fromkeys(row['detector'] for row in rows))
  by_video = collections.defaultdict(dict)
  for row in rows:
    by_video[row['video']][row['detector']] = row
  print('share of frames with the followed face (with any detection)\n')
  print(f'| video | frames | {" | ".join(detectors)} |')
  print('|---' * (2 + len(detectors)) + '|')
  for video, cells in by_video.items():
    shares = [
      f'{cells[d]["coverage"]:.0%} ({cells[d]["any"]:.0%})' for d in detectors
    ]
    frames = cells[detectors[0]]['frames']
    print(f'| {video} | {frames} | {" | ".join(shares)} |')
  times = [
    np.mean([row['ms'] for row in rows if row['detector'] == d])
    for d in detectors
  ]
  print(f'| ms a frame | | {" | ".join(f"{ms:.1f}" for ms in times)} |')


def draw_sheet(videos, crop, path):
  """Draws frames with the square, and below them the crops; a video a row.

  Args:
    videos: list of (name, read), see `measure`.
    crop: a `face_crops.FaceCropOptions`.
    path: of the .png file.
  """
  import cv2

  rows = []
  for name, read in videos:
    track = face_crops.find_square(read(), crop)
    shown = np.linspace(0, track.num_frames - 1, _SHOWN).round().astype(int)
    frames = [frame for i, frame in enumerate(read()) if i in set(shown)]
    title = f'{name}: {crop.detector}, coverage {track.coverage:.0%}'
    rows += [
      _title(title),
      _tile_row(_outline(f, track.square) for f in frames),
    ]
    if track.square is not None:
      cut = [face_crops.cut(f, track.square, _TILE) for f in frames]
      rows.append(_tile_row(cut))
  width = max(row.shape[1] for row in rows)
  sheet = np.concatenate([_pad(row, width) for row in rows])
  if not cv2.imwrite(str(path), sheet[..., ::-1]):
    raise OSError(f'{path} cannot be written.')


def available():
  """Names the detectors that can run here: BlazeFace wants its file."""
  lacking = set() if blaze_file.is_there() else {'blaze'}
  return tuple(name for name in DETECTORS if name not in lacking)


def list_videos(options):
  """Yields (name, function that reads its frames) of videos.

  Args:
    options: `folder`, None for drawn faces of `num_subjects` people.
  """
  if options.folder is None:
    drawn = synthetic_faces.draw_videos(
      **_DRAWN, num_subjects=options.num_subjects
    )
    for video in drawn:
      yield video.video_id, lambda frames=video.frames: iter(frames)
    return
  for item in listing_folder.list_folder(options.folder).items:
    if item.frames:
      yield (
        item.video_id,
        lambda f=item.frames: frame_images.read_frames(f, keep_bytes=False),
      )
    else:
      yield (
        item.video_id,
        lambda path=item.path: video_files.read_frames(path, fps=_FPS),
      )


def _outline(frame, square):
  import cv2

  frame = frame.copy()
  if square is not None:
    top, left, side = square
    corners = (round(left), round(top)), (round(left + side), round(top + side))
    cv2.rectangle(frame, *corners, (0, 255, 0), max(1, len(frame) // 120))
  width = round(frame.shape[1] * _TILE / len(frame))
  return cv2.resize(frame, (width, _TILE), interpolation=cv2.INTER_AREA)


def _tile_row(pictures):
  return np.concatenate(list(pictures), axis=1)


def _title(text):
  import cv2

  band = np.full((20, 9 * len(text), 3), 255, np.uint8)
  font = cv2.FONT_HERSHEY_SIMPLEX
  return cv2.putText(band, text, (2, 15), font, 0.45, (0, 0, 0))


def _pad(row, width):
  spare = ((0, 0), (0, width - row.shape[1]), (0, 0))
  return np.pad(row, spare, constant_values=255)


def versions():
  """Lists the versions of what detects."""
  import cv2

  versions = {'python': platform.python_version(), 'opencv': cv2.__version__}
  try:
    import dlib

    versions['dlib'] = dlib.__version__
  except ImportError:
    versions['dlib'] = None
  return versions


if __name__ == '__main__':
  main()
