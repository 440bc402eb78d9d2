"""Predicts one recording: what each window of each face shows, and together."""

import dataclasses
import time

import numpy as np

from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import looking
from stclr_jax.inference.videos import prediction


def predict(model, item, settings, report=lambda text, share: None):
  """Predicts a recording.

  Args:
    model: an `inference.model.Model`, a classifier.
    item: a `listing.Item`.
    settings: `settings.Settings`.
    report: called again and again with what is done now, a text, and how much
      of that is done, in [0, 1] or None. A BaseException that it raises ends
      the prediction; an Exception is taken for the recording's.

  Returns:
    A `prediction.Prediction`. One that cannot be read has no windows, the
    status 'unreadable' and a note that says why.
  """
  started = time.monotonic()
  video = prediction.Video(name=item.video_id, path=str(item.path))
  try:
    with naming_errors():
      found = _predict(model, item, settings, video, report)
  except UnreadableError as error:
    found = unreadable(model, settings, video, str(error))
  seconds = time.monotonic() - started
  return dataclasses.replace(
    found, video=dataclasses.replace(found.video, seconds_taken=seconds)
  )


def _predict(model, item, settings, video, report):
  looked = looking.look(model, item, settings, video, report)
  windows = _table(model, looked, settings)
  faces = tuple(
    prediction.summarize(
      windows, one.face, one.coverage, model.labels, settings.unsure_below
    )
    for one in looked.followed
  )
  return prediction.Prediction(
    labels=model.labels,
    video=looked.video,
    status=_status(faces),
    note='; '.join(dict.fromkeys(looked.notes)),
    faces=faces,
    windows=windows,
    boxes=_boxes(looked.times, looked.followed),
    settings=settings,
    caveats=model.info.caveats,
  )


def _status(faces):
  found = [one.status for one in faces]
  if not found:
    return words.NO_FACE
  return words.OK if words.OK in found else found[0]


def _table(model, looked, settings):
  rows = looked.rows
  nothing = np.full(len(model.labels), np.nan)
  answers = [looked.answers.get(row.key, nothing) for row in rows]
  probabilities = np.array(answers).reshape(len(rows), len(model.labels))
  begins = np.array([row.start for row in rows], int)
  stops = np.array([row.stop for row in rows], int)
  return prediction.Windows(
    face=np.array([row.face for row in rows], int),
    window=np.array([row.window for row in rows], int),
    start_s=looked.times[begins],
    end_s=looked.times[stops - 1] + 1 / settings.fps,
    frames=stops - begins,
    coverage=np.array([row.coverage for row in rows], float),
    status=tuple(row.status for row in rows),
    probabilities=probabilities,
    label=prediction.name_classes(
      probabilities, model.labels, settings.unsure_below
    ),
  )


def _boxes(times, followed):
  """Boxes from the first to the last frame in which each face is seen."""
  frames, faces, boxes, scores, between = [], [], [], [], []
  for one in followed:
    seen = np.flatnonzero(~np.isnan(one.box[:, 0]))
    if not len(seen):
      continue
    lived = np.arange(seen[0], seen[-1] + 1)
    frames.append(lived)
    faces.append(np.full(len(lived), one.face))
    boxes.append(one.box[lived])
    scores.append(one.score[lived])
    between.append(one.interpolated[lived])
  frame = np.concatenate(frames) if frames else np.zeros(0, int)
  return prediction.Boxes(
    frame=frame,
    time_s=times[frame],
    face=np.concatenate(faces) if faces else np.zeros(0, int),
    box=np.concatenate(boxes) if boxes else np.zeros((0, 4)),
    score=np.concatenate(scores) if scores else np.zeros(0),
    interpolated=np.concatenate(between) if between else np.zeros(0, bool),
  )


def unreadable(model, settings, video, reason):
  """Makes the prediction of a recording that cannot be read.

  Args:
    model: see `predict`.
    settings: see `predict`.
    video: a `prediction.Video`.
    reason: why, in words for the user.

  Returns:
    A `prediction.Prediction`.
  """
  return prediction.Prediction(
    labels=model.labels,
    video=video,
    status=words.UNREADABLE,
    note=reason,
    faces=(),
    windows=_table(model, looking.nothing(video), settings),
    boxes=_boxes(np.zeros(0), []),
    settings=settings,
    caveats=model.info.caveats,
  )
