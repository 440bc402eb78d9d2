"""Tables of predictions, made, written and read.

Comma-separated, UTF-8, a header in the first line and no comments; points in
numbers, empty where there is none; seconds on the clock that a player shows.
"""

import dataclasses
import math
import pathlib

from stclr_jax.files import csv_tables
from stclr_jax.files import whole
from stclr_jax.inference.tables import columns
from stclr_jax.inference.tables import words

CODEBOOK = 'codebook.csv'


def read(path):
  """Reads one of these tables.

  Args:
    path: of the file, which has the table's name.

  Returns:
    A dict each row: see `columns.as_values`.
  """
  path = pathlib.Path(path)
  with path.open(encoding='utf-8', newline='') as file:
    return columns.as_values(path.name, list(csv_tables.read(file)))


def window_table(one):
  """Makes `windows.csv` of a `prediction.Prediction`, the header first."""
  windows, valid, unsure = one.windows, one.windows.valid, one.windows.unsure
  rows = [columns.header(columns.WINDOWS, one.labels)]
  for i in range(len(windows)):
    rows.append(
      [
        one.video.name,
        int(windows.face[i]),
        int(windows.window[i]),
        _seconds(windows.start_s[i]),
        _seconds(windows.end_s[i]),
        _seconds(windows.mid_s[i]),
        int(windows.frames[i]),
        _share(windows.coverage[i]),
        int(valid[i]),
        windows.status[i],
        windows.label[i],
        _share(windows.confidence[i]),
        int(unsure[i]) if valid[i] else '',
        *map(_share, windows.probabilities[i]),
      ]
    )
  return rows


def video_table(one):
  """Makes `videos.csv` of a `prediction.Prediction`: rows, the header first.

  A row a face; one without a face if there is none.
  """
  video = one.video
  real_time = video.duration_s / video.seconds_taken
  facts = [
    _seconds(video.duration_s),
    _whole(video.frames),
    _seconds(video.fps_mean),
    '' if video.fps_varies is None else int(video.fps_varies),
    _whole(video.width_px),
    _whole(video.height_px),
    _whole(video.rotation_deg),
  ]
  taken = [_seconds(video.seconds_taken), _seconds(real_time), video.sha256]
  rows = [columns.header(columns.VIDEOS, one.labels)]
  nothing = [''] * len(one.labels)
  for face in one.faces:
    answered = face.status == words.OK
    rows.append(
      [
        video.name,
        face.face,
        *facts,
        _share(face.coverage),
        face.windows,
        face.windows_valid,
        face.label,
        _share(face.confidence),
        int(face.label == words.UNSURE) if answered else '',
        *map(_share, face.probabilities),
        *map(_share, face.share),
        _share(face.share_unsure),
        face.status,
        one.note,
        *taken,
      ]
    )
  if not one.faces:
    found_none = '' if one.status == words.UNREADABLE else _share(0.0)
    rows.append(
      [video.name, '', *facts, found_none, 0, 0, '', '', '', *nothing, *nothing]
      + ['', one.status, one.note, *taken]
    )
  return rows


def segment_table(one):
  """Makes `segments.csv` of a `prediction.Prediction`, the header first."""
  return [
    columns.header(columns.SEGMENTS, one.labels),
    *(
      [
        one.video.name,
        segment.face,
        _seconds(segment.start_s),
        _seconds(segment.end_s),
        _seconds(segment.end_s - segment.start_s),
        segment.label,
        _share(segment.confidence_mean),
        _share(segment.confidence_max),
      ]
      for segment in one.segments
    ),
  ]


def frame_table(one):
  """Makes `frames.csv` of a `prediction.Prediction`, the header first."""
  boxes = one.boxes
  rows = [columns.header(columns.FRAMES, one.labels)]
  for i in range(len(boxes)):
    seen = not math.isnan(boxes.box[i, 0])
    rows.append(
      [
        one.video.name,
        int(boxes.frame[i]),
        _seconds(boxes.time_s[i]),
        int(boxes.face[i]),
        int(seen),
        words.OK if seen else words.NO_FACE,
        _share(boxes.score[i]),
        *(f'{side:.1f}' if seen else '' for side in boxes.box[i]),
        int(boxes.interpolated[i]),
      ]
    )
  return rows


MAKERS = {
  columns.WINDOWS: window_table,
  columns.SEGMENTS: segment_table,
  columns.FRAMES: frame_table,
  columns.VIDEOS: video_table,  # the last, which says that the others are there
}


def write_table(path, rows):
  """Writes a table whole.

  Args:
    path: of the file.
    rows: lists of cells, the header first.
  """
  with whole.writing(path, encoding='utf-8', newline='') as file:
    csv_tables.write(file, rows)


def write(directory, one, *, frames=True):
  """Writes the tables of one recording.

  Args:
    directory: path of a folder, made if need be.
    one: a `prediction.Prediction`.
    frames: whether `frames.csv` is one of them.

  Returns:
    The paths by the tables' names.
  """
  directory = pathlib.Path(directory)
  directory.mkdir(parents=True, exist_ok=True)
  written = {}
  for table, make in MAKERS.items():
    if table != columns.FRAMES or frames:
      write_table(directory / table, make(one))
      written[table] = directory / table
  write_table(directory / CODEBOOK, columns.codebook(one.labels))
  return written | {CODEBOOK: directory / CODEBOOK}


def as_json(of):
  """Makes a frozen dataclass what JSON can hold, NaN null."""
  if dataclasses.is_dataclass(of) and not isinstance(of, type):
    return {
      f.name: as_json(getattr(of, f.name)) for f in dataclasses.fields(of)
    }
  if isinstance(of, list | tuple):
    return [as_json(one) for one in of]
  if isinstance(of, float) and math.isnan(of):
    return None
  return of


def _seconds(value):
  return '' if math.isnan(value) else f'{value:.3f}'


def _share(value):
  return '' if math.isnan(value) else f'{value:.4f}'


def _whole(value):
  return '' if math.isnan(value) else str(round(value))
