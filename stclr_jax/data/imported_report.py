"""Report of an import, `import.json` beside the records; who is in them."""

import dataclasses
import json
from typing import Any

from stclr_jax import making
from stclr_jax.data import record_files
from stclr_jax.data.people import identity
from stclr_jax.data.people import recording_parts
from stclr_jax.errors import UserError
from stclr_jax.files import json_records
from stclr_jax.files import whole

NAME = 'import.json'
FORMAT = 3  # of the records and of NAME
REMEDY = 'Import the videos again, with --overwrite.'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Video(json_records.Record):
  """One video, or a window that was left out.

  Attributes:
    video_id: its name, unique.
    label: name of its class; None for unlabelled.
    subject: name of its person.
    subject_named: whether somebody named the person; else it is a video's name.
    frames: how many; 0 where it was left out.
    frame_size: (height, width) of the first, in pixels; None without frames.
    fps: frames a second.
    fps_known: whether the recording tells when its pictures were taken, or
      somebody did; else they were taken one by one.
    start: where it begins in its recording, in seconds.
    seconds: that it lasts.
    bytes: of all its encoded frames.
    coverage: share of the frames in which the face was found; None where nobody
      looked.
    checksum: SHA-256 of the encoded frames, in hexadecimal.
    picture_checksum: see `same_recordings.picture_checksum`.
    source_checksum: see `same_recordings.source_checksums`.
    notes: what the user should know, a line each.
    attributes: whatever else the listing knew.
  """

  video_id: str
  label: str | None
  subject: str
  subject_named: bool
  frames: int
  frame_size: tuple[int, ...] | None
  fps: float
  fps_known: bool
  start: float
  seconds: float
  bytes: int
  coverage: float | None
  checksum: str
  picture_checksum: str
  source_checksum: str
  notes: tuple[str, ...]
  attributes: dict[str, Any] = dataclasses.field(default_factory=dict)

  def recordings(self):
    """Returns fingerprints of what it shows, see `identity.Who`."""
    pictures = identity.shorten([self.picture_checksum])
    source = self.source_checksum
    if not source:
      return pictures
    # Up to the last frame: parts that follow on each other share none.
    last = self.start + max(self.frames - 1, 0) / self.fps
    part = recording_parts.fingerprint_part(source, self.start, last)
    if self.subject_named:
      return (*pictures, part)
    # Whoever is not named is the person of the whole recording.
    return (*pictures, part, recording_parts.fingerprint_unnamed(source))


@dataclasses.dataclass(frozen=True)
class Skipped(json_records.Record):
  """A recording that could not be imported.

  Attributes:
    name: of it.
    reason: why, in words for the user.
  """

  name: str
  reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals(json_records.Record):
  """Counts over the videos of a data set.

  Attributes:
    num_videos: in the records.
    num_subjects: people.
    num_frames: of all videos.
    frames_min_median_max: frames of a video; () without videos.
    frame_sizes: (height, width, number of videos), the commonest first.
    num_bytes: of all encoded frames.
    labels: number of videos by class, also of those without any.
    unlabelled: number of videos.
    left_out: windows that are not in the records.
    face_coverage: mean over the videos; None where nobody looked.
    without_face: videos in which no face was found.
    num_notes: on the whole set and on videos.
    num_videos_noted: videos with a note.
  """

  num_videos: int
  num_subjects: int
  num_frames: int
  frames_min_median_max: tuple[int, ...]
  frame_sizes: tuple[tuple[int, ...], ...]
  num_bytes: int
  labels: dict[str, int]
  unlabelled: int
  left_out: int
  face_coverage: float | None
  without_face: int
  num_notes: int
  num_videos_noted: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(Totals):
  """All that is known of how a data set was made.

  Attributes:
    name: of the data set.
    source: the folder or file that was imported, as the user named it.
    recipe: which known data set names the people; '' where the user does.
    created: when, ISO 8601, UTC.
    options: every option of the import, by name.
    versions: of packages that decode and write; None for one not installed.
    classes: names, in order.
    checksum: of ids, labels, people and frames, in any order.
    seconds: that the import took.
    notes: on the whole set, a line each.
    ignored_files: number of files passed over, by suffix.
    skipped: recordings that could not be imported.
    subjects: number of each person, by name; several names may have one.
    videos: in order, also windows that were left out.
  """

  name: str
  source: str
  recipe: str
  created: str
  options: dict[str, Any]
  versions: dict[str, str | None]
  classes: tuple[str, ...]
  checksum: str
  seconds: float
  notes: tuple[str, ...]
  ignored_files: dict[str, int]
  skipped: tuple[Skipped, ...]
  subjects: dict[str, int]
  videos: tuple[Video, ...]


def write(path, report):
  """Writes what went into a data set beside its records.

  Args:
    path: of the folder of the records.
    report: a `Report`.
  """
  written = {'format': FORMAT, **report.as_dict()}
  text = json.dumps(written, indent=1, ensure_ascii=False)
  whole.write_text(path / NAME, text + '\n')


def read(path):
  """Reads what went into a data set.

  Args:
    path: of the folder of the records.

  Returns:
    A `Report`.

  Raises:
    UserError: if it is damaged, or of another format.
  """
  try:
    written = json.loads((path / NAME).read_text('utf-8'))
  except ValueError as error:  # JSON's, or bytes that are no text
    raise record_files.damaged(path, f'{NAME}: {error}', REMEDY) from error
  if not isinstance(written, dict):
    reason = f'{NAME} holds a {type(written).__name__}'
    raise record_files.damaged(path, reason, REMEDY)
  json_records.check_format(
    written,
    source=f'The data set in {path}',
    remedy='import the videos again, with --overwrite',
    expected=FORMAT,
  )
  del written['format']
  try:
    return Report.from_dict(written)
  except UserError as error:
    raise record_files.damaged(path, f'{NAME}: {error}', REMEDY) from error


def read_coverage(path):
  """Reads in how many of its frames each video's face was found.

  Args:
    path: of the folder of the records, of any data set.

  Returns:
    A dict from video id to a share of the frames; None where nobody looked.
    Empty for a data set that was not imported.

  Raises:
    UserError: see `read`.
  """
  if not (path / NAME).exists():
    return {}
  return {video.video_id: video.coverage for video in read(path).videos}


def find_making(report):
  """Says how the videos of a data set were made.

  Args:
    report: its `Report`.

  Returns:
    A `making.Making`. In which light they were recorded nobody asks, and
    whether a framing is that of faces which others have cut out.
  """
  options = report.options
  written = [video for video in report.videos if video.frames]
  crop = options['face_crop']
  return making.Making(
    fps=options['fps'] if all(one.fps_known for one in written) else None,
    framing='as_recorded' if crop is None else 'face',
    face_crop=None if crop is None else making.FaceCrop(**crop),
    synthetic=False,
    max_size=options['max_size'],
    jpeg_quality=options['jpeg_quality'],
  )


def find_who(report, store):
  """Names the people of a data set.

  Args:
    report: its `Report`.
    store: a `VideoStore` of its videos.

  Returns:
    An `identity.Who`.

  Raises:
    UserError: if a video is missing in the report.
  """
  by_id = {video.video_id: video for video in report.videos}
  missing = [video_id for video_id in store.video_id if video_id not in by_id]
  if missing:
    reason = f'{NAME} does not know the video {missing[0]}'
    raise record_files.damaged(store.name, reason, REMEDY)
  found = [by_id[video_id] for video_id in store.video_id]
  return identity.Who(
    name=tuple(video.subject for video in found),
    named=tuple(video.subject_named for video in found),
    recordings=tuple(video.recordings() for video in found),
    space=report.recipe,
  )
