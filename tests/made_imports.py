"""Reports of imports that never were."""

from stclr_jax.data.imported_report import Report
from stclr_jax.data.imported_report import Video
from stclr_jax.data.imports import import_report


def make_video(name, frames=10, **values):
  """A `Video` of whole frames, of a person of its own; or other values."""
  fields = {
    'label': None,
    'subject': name,
    'subject_named': True,
    'frame_size': (240, 320) if frames else None,
    'fps': 25.0,
    'fps_known': True,
    'start': 0.0,
    'seconds': frames / 25,
    'bytes': 100 * frames,
    'coverage': None,
    'checksum': '',
    'picture_checksum': '',
    'source_checksum': '',
    'notes': (),
  }
  return Video(video_id=name, frames=frames, **(fields | values))


def make_report(videos, *, classes=(), notes=(), subjects=(), recipe=''):
  """A `Report` of such videos, with totals that are theirs."""
  names = dict.fromkeys(video.subject for video in videos)
  subjects = {name: i for i, name in enumerate(names)} | dict(subjects)
  return Report(
    name='mine',
    source='here',
    recipe=recipe,
    created='',
    options={'fps': 25.0},
    versions={},
    classes=tuple(classes),
    seconds=1.0,
    notes=tuple(notes),
    ignored_files={},
    skipped=(),
    checksum='f' * 64,
    videos=tuple(videos),
    subjects=subjects,
    **vars(import_report.summarize(videos, notes, classes, subjects)),
  )
