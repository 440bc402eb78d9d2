"""Columns of the tables of predictions: names, units, ranges, meanings."""

import re

WINDOWS = 'windows.csv'
VIDEOS = 'videos.csv'
SEGMENTS = 'segments.csv'
FRAMES = 'frames.csv'

_SHARE = '0 to 1'
_WORDS = (
  'ok; face_small: the face is enlarged more than twice; cut: it leaves the '
  'picture; no_face; few_faces: it is seen in too few frames; too_short: fewer '
  'frames than half a window; unreadable'
)
_VIDEO = ('video', '', 'text', 'name of the recording')
_FACE = (
  'face',
  '',
  '0, 1, ...',
  'number of the face in this recording, by place and continuity, never an '
  'identity; 0 where whole frames are looked at',
)
_LABEL = 'class named; unsure where none is sure enough; empty without answer'
_FRAMES = (
  'frames looked at: a window is a whole number of them, so that it lasts '
  'window_used_s of prediction.json, not quite the seconds that were asked for'
)
_ROTATION = (
  'by which the file says its pictures are to be turned, counterclockwise; all '
  'that is here is of the upright ones'
)
_SCORE = (
  'how sure the detector is: of blaze a probability, 0.65 or more; of hog in '
  'no unit; empty of haar_tilted, which does not say, and where the face was '
  'not found in this very frame'
)
_NO_NUMBERS = ('text', 'word', '64 digits')
_CONFIDENCE = (
  'confidence',
  '',
  _SHARE,
  'probability of the most probable class',
)
_UNSURE = ('unsure', '', '0 or 1', 'whether confidence is below the threshold')
_STATUS = ('status', '', 'word', _WORDS)
_EACH = '<class>'  # stands for a column of each class

# Of each table: name, unit, range and meaning of its columns.
COLUMNS = {
  WINDOWS: (
    _VIDEO,
    _FACE,
    ('window', '', '0, 1, ...', 'number of the window in the recording'),
    ('start_s', 's', '0 or more', 'first moment of the window'),
    ('end_s', 's', 'above start_s', 'end of its last frame'),
    ('mid_s', 's', 'between them', 'middle: where a curve has its point'),
    ('frames', '', '1, 2, ...', _FRAMES),
    ('coverage', '', _SHARE, 'share of them in which the face was found'),
    ('valid', '', '0 or 1', 'whether there is an answer'),
    _STATUS,
    ('label', '', 'text', _LABEL),
    _CONFIDENCE,
    _UNSURE,
    (f'p_{_EACH}', '', _SHARE, 'probability of the class; they add up to 1'),
  ),
  VIDEOS: (
    _VIDEO,
    _FACE,
    ('duration_s', 's', '0 or more', 'length of the part looked at'),
    ('frames', '', '0, 1, ...', 'pictures in the file'),
    ('fps_mean', '1/s', 'above 0', 'of these pictures'),
    ('fps_varies', '', '0 or 1', 'whether the times between them differ'),
    ('width_px', 'px', 'above 0', 'of the upright picture'),
    ('height_px', 'px', 'above 0', 'of the upright picture'),
    ('rotation_deg', 'degrees', '-180 to 180', _ROTATION),
    ('coverage', '', _SHARE, 'share of all frames in which the face was found'),
    ('windows', '', '0, 1, ...', 'how many'),
    ('windows_valid', '', '0, 1, ...', 'of these, with an answer'),
    ('label', '', 'text', f'of the mean over valid windows: {_LABEL}'),
    _CONFIDENCE,
    _UNSURE,
    (f'p_{_EACH}', '', _SHARE, 'mean over valid windows; they add up to 1'),
    (f'share_{_EACH}', '', _SHARE, 'share of valid windows with this label'),
    ('share_unsure', '', _SHARE, 'share of valid windows that are unsure'),
    _STATUS,
    ('note', '', 'text', 'what is to be known of the recording'),
    ('seconds_taken', 's', 'above 0', 'to predict it'),
    ('times_real_time', '', 'above 0', 'duration_s by seconds_taken'),
    ('sha256', '', '64 digits', 'of the file'),
  ),
  SEGMENTS: (
    _VIDEO,
    _FACE,
    ('start_s', 's', '0 or more', 'beginning of a run of one label'),
    ('end_s', 's', 'above start_s', 'its end'),
    ('duration_s', 's', 'above 0', 'its length'),
    ('label', '', 'text', 'class named, or unsure'),
    ('confidence_mean', '', _SHARE, 'over its windows'),
    ('confidence_max', '', _SHARE, 'over its windows'),
  ),
  FRAMES: (
    _VIDEO,
    ('frame', '', '0, 1, ...', 'number of the frame among those looked at'),
    ('time_s', 's', '0 or more', 'when it is shown'),
    _FACE,
    ('valid', '', '0 or 1', 'whether the face was found or lies between'),
    ('status', '', 'word', 'ok or no_face'),
    ('face_score', '', '0 or more', _SCORE),
    ('left_px', 'px', 'any', 'left edge of the face in the upright picture'),
    ('top_px', 'px', 'any', 'its upper edge; the origin is top left'),
    ('width_px', 'px', 'above 0', 'its width'),
    ('height_px', 'px', 'above 0', 'its height'),
    ('interpolated', '', '0 or 1', 'whether it lies between those of others'),
  ),
}


def header(table, labels):
  """Names the columns of a table.

  Args:
    table: a name in `COLUMNS`.
    labels: names of the classes.

  Returns:
    List of names.
  """
  names = []
  for name, *_ in COLUMNS[table]:
    if _EACH in name:
      names += [name.replace(_EACH, label) for label in labels]
    else:
      names.append(name)
  return names


def as_values(table, rows):
  """Makes of cells what they mean.

  Args:
    table: a name in `COLUMNS`.
    rows: lists of cells, text or numbers, the header first.

  Returns:
    A dict each row, by the header: texts, numbers, and None for a cell without
    a value.
  """
  kinds = {name: kind for name, _, kind, _ in COLUMNS[table]}
  texts = {name for name, kind in kinds.items() if kind in _NO_NUMBERS}
  names, *rows = rows
  return [
    {
      name: _value(str(cell), name in texts)
      for name, cell in zip(names, row, strict=True)
    }
    for row in rows
  ]


def _value(cell, is_text):
  if cell == '':
    return None
  if is_text:
    return cell
  return int(cell) if re.fullmatch('-?[0-9]+', cell) else float(cell)


def codebook(labels):
  """Makes `codebook.csv`: what each column of each table means.

  Args:
    labels: names of the classes.

  Returns:
    Rows, the header first.
  """
  rows = [['file', 'column', 'unit', 'range', 'meaning']]
  for table, columns in COLUMNS.items():
    for name, unit, span, meaning in columns:
      for label in labels if _EACH in name else ('',):
        rows.append([table, name.replace(_EACH, label), unit, span, meaning])
  return rows
