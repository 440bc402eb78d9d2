"""Looks at one recording: its clock, its faces, clips of its windows.

A recording is gone through as often as an import does: its clock, its faces,
its frames. What is held is the detections, and the frames of the windows that
are open, at the network's size.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import os
from typing import NamedTuple

import numpy as np

from stclr_jax.data import videos as stored_videos
from stclr_jax.data.imports import recordings
from stclr_jax.data.imports.recording_frames import RecordingFrames
from stclr_jax.data.pictures import frame_images
from stclr_jax.data.video import video_files
from stclr_jax.files import host_memory
from stclr_jax.files import thread_maps
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import faces as faces_of
from stclr_jax.inference.videos import prediction
from stclr_jax.inference.videos import windows as windows_of

_AHEAD = 8  # chosen: frames, or clips, that are ready before they are asked for
_GIVE_BACK_EVERY = 16  # chosen: batches, half a minute to a few of a recording
_VARIES = 0.1  # chosen: of a step between pictures; clocks round by less


class Row(NamedTuple):
  """A window of a face.

  Attributes:
    face: number of the face; 0 for whole frames.
    window: number of the window.
    start: its first frame.
    stop: the frame after its last.
    square: where the face is, or None for whole frames.
    coverage: share of the frames in which it was found; NaN where nobody
      looked.
    status: one of `words`.
  """

  face: int
  window: int
  start: int
  stop: int
  square: tuple | None
  coverage: float
  status: str

  @property
  def key(self):
    """(face, window)."""
    return self.face, self.window


@dataclasses.dataclass(frozen=True)
class Looked:
  """A recording, and what a network makes of its windows.

  Attributes:
    video: a `prediction.Video`.
    times: of the frames looked at, seconds of the video's clock, float [n].
    followed: a `faces.Followed` each.
    rows: a `Row` each, face by face.
    answers: what the network made of those that can be looked at, float
      [features], by (face, window).
    notes: what the user should know of the recording, a line each.
  """

  video: prediction.Video
  times: np.ndarray
  followed: list
  rows: list
  answers: dict
  notes: list


def nothing(video):
  """Makes the `Looked` of a recording that cannot be read."""
  return Looked(video, np.zeros(0), [], [], {}, [])


def look(network, item, settings, video, report):
  """Goes through a recording.

  Args:
    network: with `batch_size`; `frames_of(num_frames)`, which of a window's
      frames it is shown; `of_taken(clips)`; and `name_taken(found, face)`,
      which makes the answers of what that gave; see `model.Model`.
    item: a `listing.Item`.
    settings: `settings.Settings`.
    video: a `prediction.Video`, its name and path.
    report: see `predicting.predict`.

  Returns:
    `Looked`.

  Raises:
    UnreadableError: if it cannot be read.
  """
  if item.start == 0 and item.end is None:
    item = dataclasses.replace(item, start=settings.start_s, end=settings.end_s)
  recording = RecordingFrames(item, settings.read_options())
  video = _with_clock(video, item, recording, report)
  times, followed, spans, size = _find_faces(recording, settings, report)
  notes = [*recording.notes(), *recording.remarks]  # of all of it
  video = dataclasses.replace(
    video,
    part_s=(item.start, item.end),
    duration_s=float(times[-1] - times[0] + 1 / settings.fps),
    height_px=size[0],
    width_px=size[1],
  )
  rows = [
    Row(
      one.face,
      k,
      *spans[k],
      None if track is None else track.square,
      np.nan if track is None else track.coverage,
      _judge(track, spans[k], size, settings),
    )
    for one in followed
    for k, track in zip(one.windows.tolist(), one.tracks, strict=True)
  ]
  shown = [row for row in rows if row.status in words.VALID]
  answers = _answer(network, recording, shown, settings, report)
  return Looked(video, times, followed, rows, answers, notes)


def hash_file(item):
  """Identifies the bytes of a recording.

  Args:
    item: a `listing.Item`.

  Returns:
    SHA-256 of its file, in hexadecimal; '' of a folder of pictures, or where
    there is no file.
  """
  if item.frames or not os.path.isfile(item.path):
    return ''
  with open(item.path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _with_clock(video, item, recording, report):
  """Adds what only the file itself tells."""
  video = dataclasses.replace(video, sha256=hash_file(item))
  if item.frames or recording.is_animation:
    return video
  clock = video_files.read_clock(
    item.path, lambda seconds: report(f'Read {seconds:.1f} s', None)
  )
  steps = np.diff(clock.times)
  usual = float(np.median(steps)) if len(steps) else np.nan
  return dataclasses.replace(
    video,
    frames=len(clock.times),
    fps_mean=float(1 / steps.mean()) if len(steps) else np.nan,
    fps_varies=bool(np.abs(steps / usual - 1).max() > _VARIES)
    if len(steps)
    else None,
    rotation_deg=clock.rotation,
  )


def _frames(recording):
  """(seconds, uint8 RGB [h, w, 3]) of a recording, decoded in a thread."""
  read = recording.read(keep_bytes=False)
  return thread_maps.iterate_ahead(
    ((seconds, frame) for seconds, frame, _ in read), ahead=_AHEAD
  )


def _find_faces(recording, settings, report):
  """(times, list of `faces.Followed`, spans, frame size) of a recording."""
  length, step = settings.window_length, settings.step_length
  crop = settings.face_crop
  with contextlib.closing(_frames(recording)) as frames:
    timed = _telling(frames, report)
    if crop is None:
      times, size = [], None
      for seconds, frame in timed:
        times.append(seconds)
        size = size or frame.shape[:2]
      spans = windows_of.spans(len(times), length, step)
      return np.array(times), [faces_of.without(len(times), spans)], spans, size
    detected = faces_of.detect(timed, crop)
  spans = windows_of.spans(len(detected.times), length, step)
  followed = faces_of.follow(
    detected, spans, crop, every=settings.faces == 'all'
  )
  return detected.times, followed, spans, detected.frame_size


def _telling(frames, report):
  for seconds, frame in frames:
    report(f'Looked at {seconds:.1f} s', None)
    yield seconds, frame


def _judge(track, span, size, settings):
  if 2 * (span[1] - span[0]) < settings.window_length or span[1] - span[0] < 2:
    return words.TOO_SHORT
  if track is None:
    return words.OK
  return faces_of.judge(track, size, settings)


def _answer(network, recording, rows, settings, report):
  """Answers float [features] by (face, window), of what can be looked at."""
  if not rows:
    return {}
  answers, keys = [], []
  # Until the first is there, the network may have to be compiled.
  report(f'0 of {len(rows)} windows', 0.0)
  clips = _clips(recording, rows, settings, network.frames_of)
  with contextlib.closing(
    thread_maps.iterate_ahead(clips, ahead=_AHEAD)
  ) as ready:
    while batch := list(itertools.islice(ready, network.batch_size)):
      keys += [row.key for row, _ in batch]
      answers.append(network.of_taken(np.stack([clip for _, clip in batch])))
      if len(answers) % _GIVE_BACK_EVERY == 0:
        host_memory.give_back()
      report(f'{len(keys)} of {len(rows)} windows', len(keys) / len(rows))
  groups = np.array([face for face, _ in keys])
  found = network.name_taken(np.concatenate(answers), groups)
  return dict(zip(keys, found, strict=True))


def _clips(recording, rows, settings, frames_of):
  """Generates (`Row`, the frames of it that the network sees)."""
  waiting = sorted(rows, key=lambda row: row.start)
  waiting.reverse()
  opened, number = [], 0
  for _, frame, _ in recording.read(keep_bytes=False):
    while waiting and waiting[-1].start == number:
      row = waiting.pop()
      wanted = np.asarray(frames_of(row.stop - row.start)) + row.start
      taken = np.zeros((len(wanted), *settings.frame_size, 3), np.uint8)
      opened.append((row, wanted, taken))
    made = {}
    for row, wanted, taken in opened:
      if (places := wanted == number).any():
        if row.square not in made:
          made[row.square] = make_frame(frame, row.square, settings)
        taken[places] = made[row.square]
    number += 1
    for row, _, taken in opened:
      if row.stop == number:
        yield row, taken
    opened = [one for one in opened if one[0].stop > number]
    if not waiting and not opened:
      return


def make_frame(frame, square, settings):
  """Makes of a recording's frame what training would have been shown.

  Args:
    frame: uint8 RGB [h, w, 3].
    square: where the face is, (top, left, side) in pixels; None for the whole.
    settings: `settings.Settings`.

  Returns:
    uint8 [*settings.frame_size, 3]: cut, shrunk, packed as JPEG and unpacked,
    and brought to its size, as a data set's frames are.
  """
  shrunk = recordings.shrink(frame, square, settings.max_size)
  if settings.jpeg_quality is not None:
    packed = frame_images.encode_jpeg(shrunk, settings.jpeg_quality)
    shrunk = frame_images.decode(packed)
  return stored_videos.fit(shrunk, settings.frame_size)
