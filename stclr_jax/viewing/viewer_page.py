"""One self-contained page: a video in step with the curves of its faces."""

import dataclasses
import html
import json
import math
import pathlib
import urllib.parse

import numpy as np

from stclr_jax.files import whole

_TEMPLATE = pathlib.Path(__file__).with_name('viewer.html')


@dataclasses.dataclass(frozen=True)
class Segment:
  """A stretch of one label.

  Attributes:
    start_s: its beginning, in seconds of the video's clock.
    end_s: its end.
    label: a class, 'unsure', or '' for no answer.
    confidence_mean: mean probability of the label, None without one.
  """

  start_s: float
  end_s: float
  label: str
  confidence_mean: float | None


@dataclasses.dataclass(frozen=True)
class ViewedFace:
  """One face through a video.

  Attributes:
    name: of the track, such as 'face 1'; never a person's.
    start_s: of the windows, ascending, float [n].
    end_s: of the windows, float [n].
    probabilities: float [n, classes], NaN where there is no answer.
    label: of each window, a class, 'unsure' or ''; n strings.
    status: of each window, a word; n strings.
    box_time_s: of the frames with a box or without, ascending, float [m].
    boxes: left, top, width and height in pixels of the upright picture, NaN
      where the face is not seen, float [m, 4].
    coverage: share of the frames in which the face is seen, NaN where nobody
      looked.
    segments: `Segment`s.
  """

  name: str
  start_s: np.ndarray
  end_s: np.ndarray
  probabilities: np.ndarray
  label: tuple[str, ...]
  status: tuple[str, ...]
  box_time_s: np.ndarray
  boxes: np.ndarray
  coverage: float
  segments: tuple[Segment, ...]


@dataclasses.dataclass(frozen=True)
class Note:
  """A sentence about what the page shows.

  Attributes:
    text: the sentence.
    warning: whether it must not be overlooked.
  """

  text: str
  warning: bool = False


@dataclasses.dataclass(frozen=True)
class View:
  """All that a page shows.

  Attributes:
    title: of the page.
    video: path of a video that browsers play, relative to the page; '' for
      none.
    start_s: where what is shown begins on the video's clock, in seconds.
    end_s: where it ends, on the same clock.
    width_px: of the upright picture that the boxes are in.
    height_px: of the same.
    labels: names of the classes, in order.
    unsure_below: probability below which the most probable class is not named.
    faces: `ViewedFace`s.
    notes: `Note`s: what was trained on, and what that means for a reader.
    files: paths of results to offer, relative to the page.
    home: address to go back to, '' for none.
  """

  title: str
  video: str
  start_s: float
  end_s: float
  width_px: int
  height_px: int
  labels: tuple[str, ...]
  unsure_below: float
  faces: tuple[ViewedFace, ...]
  notes: tuple[Note, ...]
  files: tuple[str, ...]
  home: str = ''


def make(view):
  """Makes the page.

  Args:
    view: a `View`.

  Returns:
    HTML that needs nothing besides the video.
  """
  data = {
    'title': view.title,
    'video': _as_url(view.video),
    'start_s': float(view.start_s),
    'end_s': float(view.end_s),
    'width_px': view.width_px,
    'height_px': view.height_px,
    'labels': list(view.labels),
    'unsure_below': view.unsure_below,
    'faces': [_describe(face) for face in view.faces],
    'notes': [dataclasses.asdict(note) for note in view.notes],
    'home': view.home,
    'files': [{'name': name, 'href': _as_url(name)} for name in view.files],
  }
  # A name may hold '</script>'; inside JSON a '<' can be written otherwise.
  text = json.dumps(data, allow_nan=False).replace('<', '\\u003c')
  title, rest = _TEMPLATE.read_text(encoding='utf-8').split('@TITLE@')
  body, end = rest.split('@DATA@')
  return ''.join([title, html.escape(view.title), body, text, end])


def write(view, path):
  """Writes the page, whole or not at all.

  Args:
    view: a `View`.
    path: of the page; one that is there is replaced.
  """
  whole.write_text(path, make(view))


def _as_url(name):
  """A relative path as a link; './' keeps a colon from being a scheme."""
  return f'./{urllib.parse.quote(name)}' if name else ''


def _describe(face):
  confidence = np.array(
    [max(row, default=math.nan) for row in face.probabilities.tolist()]
  )
  return {
    'name': face.name,
    'start_s': _rounded(face.start_s, 3),
    'end_s': _rounded(face.end_s, 3),
    'mid_s': _rounded((face.start_s + face.end_s) / 2, 3),
    'probabilities': [_rounded(row, 4) for row in face.probabilities],
    'confidence': _rounded(confidence, 4),
    'label': list(face.label),
    'status': list(face.status),
    'box_time_s': _rounded(face.box_time_s, 3),
    'boxes': [
      None if np.isnan(box).any() else _rounded(box, 1) for box in face.boxes
    ],
    'coverage': _rounded([face.coverage], 4)[0],
    'segments': [dataclasses.asdict(one) for one in face.segments],
  }


def _rounded(values, digits):
  """A list of numbers, None where there is none."""
  return [
    None if math.isnan(value) else round(value, digits)
    for value in np.asarray(values, float).tolist()
  ]
