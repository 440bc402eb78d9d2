"""A prediction as a page, an annotated video and an ELAN file."""

import dataclasses
import pathlib

import numpy as np

from stclr_jax.data.video import video_copies
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import annotated
from stclr_jax.viewing import elan_file
from stclr_jax.viewing import viewer_page

PAGE = 'viewer.html'
PLAYABLE = 'playable.mp4'
ANNOTATED = 'annotated.mp4'
ELAN = 'segments.eaf'
# Seconds of nothing that are no stretch of their own.
_NOTHING = 1e-6


def make_view(one, *, video='', files=(), home=''):
  """Makes what a page shows of a prediction.

  Args:
    one: an `inference.videos.prediction.Prediction`.
    video: path of a video that browsers play, relative to the page; '' for
      none.
    files: paths of results to offer, relative to the page.
    home: address to go back to, '' for none.

  Returns:
    A `viewer_page.View`.
  """
  size = [one.video.width_px, one.video.height_px]
  notes = [viewer_page.Note(one.note, warning=True)] if one.note else []
  # Who trains on drawn faces is told so before all else, in red.
  notes += [viewer_page.Note(text, 'drawn' in text) for text in one.caveats]
  notes += [viewer_page.Note(text) for text in one.settings.notes]
  start = one.video.part_s[0]
  ends = np.array([start + one.video.duration_s, *one.windows.end_s])
  return viewer_page.View(
    title=one.video.name,
    video=video,
    start_s=start,
    end_s=max(start, *ends[~np.isnan(ends)].tolist(), 0.0),
    width_px=size[0],
    height_px=size[1],
    labels=one.labels,
    unsure_below=one.settings.unsure_below,
    faces=tuple(_view_face(one, face) for face in one.faces),
    notes=tuple(notes),
    files=tuple(files),
    home=home,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
  """Views that are wanted of a prediction.

  Attributes:
    page: whether the page, with a copy of the video that browsers play.
    annotated: whether the video with boxes and labels.
    elan: whether the ELAN file, whose video is the copy, or else the recording
      itself.
  """

  page: bool = False
  annotated: bool = False
  elan: bool = False


def write(one, folder, wanted, *, home='', report=lambda text, share: None):
  """Writes what is asked for beside the tables of a recording.

  Args:
    one: a `Prediction`.
    folder: path of the recording's own folder, which holds its tables.
    wanted: a `Wanted`.
    home: see `make_view`.
    report: see `predicting.predict`.

  Returns:
    The paths written, a list.
  """
  folder, source = pathlib.Path(folder), pathlib.Path(one.video.path)
  # Of a folder of pictures there is no video to play.
  playable = source.is_file() and one.status != words.UNREADABLE
  part = dict(zip(('start', 'end'), one.video.part_s, strict=True))
  written = []
  view = make_view(one, home=home)
  if wanted.annotated and playable:
    written.append(folder / ANNOTATED)
    annotated.write(one, written[-1], report)
  if wanted.page and playable:
    written.append(folder / PLAYABLE)

    def told(seconds, picture):
      report(f'Copied {seconds:.1f} s', None)
      return picture

    video_copies.write(source, written[-1], draw=told, **part)
  if wanted.elan:
    written.append(folder / ELAN)
    media = PLAYABLE if wanted.page and playable else str(source.absolute())
    tiers = {face.name: face.segments for face in view.faces}
    elan_file.write(written[-1], media=media, tiers=tiers)
  if wanted.page:
    tables = sorted(path.name for path in folder.glob('*.csv'))
    made = [path.name for path in written]
    shown = dataclasses.replace(
      view, video=PLAYABLE if playable else '', files=(*tables, *made)
    )
    written.append(folder / PAGE)
    viewer_page.write(shown, written[-1])
  return written


def _view_face(one, face):
  rows = np.flatnonzero(one.windows.face == face.face)
  times, boxes = annotated.boxes_until_it_leaves(one, face.face)
  segments = [s for s in one.segments if s.face == face.face]
  return viewer_page.ViewedFace(
    name=f'face {face.face}' if face.face else 'whole frame',
    start_s=one.windows.start_s[rows],
    end_s=one.windows.end_s[rows],
    probabilities=one.windows.probabilities[rows],
    label=tuple(one.windows.label[row] for row in rows),
    status=tuple(one.windows.status[row] for row in rows),
    box_time_s=times,
    boxes=boxes,
    coverage=face.coverage,
    segments=tuple(_with_gaps(segments, one.windows, rows)),
  )


def _with_gaps(segments, windows, rows):
  """Puts a segment without a label where no window has an answer."""
  if not len(rows):
    return
  reached = float(windows.start_s[rows[0]])
  for one in segments:
    if one.start_s - reached > _NOTHING:
      yield viewer_page.Segment(reached, one.start_s, '', None)
    yield viewer_page.Segment(
      one.start_s, one.end_s, one.label, one.confidence_mean
    )
    reached = one.end_s
  end = float(windows.end_s[rows[-1]])
  if end - reached > _NOTHING:
    yield viewer_page.Segment(reached, end, '', None)
