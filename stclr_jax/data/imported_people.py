"""People in the videos of an imported data set, by its report."""

from stclr_jax.data import imported
from stclr_jax.data import record_files
from stclr_jax.data.people import identity
from stclr_jax.data.people import recording_parts


def find_who(report, store):
  """Names the people of a data set.

  Args:
    report: as `imported.read_report` returns it.
    store: a `VideoStore` of its videos.

  Returns:
    An `identity.Who`.

  Raises:
    ValueError: if a video is missing in the report.
  """
  entries = {entry['video_id']: entry for entry in report['videos']}
  missing = [video for video in store.video_id if video not in entries]
  if missing:
    raise record_files.damaged(
      store.name,
      f'{imported.REPORT} does not know the video {missing[0]}',
      imported.REMEDY,
    )
  found = [entries[video] for video in store.video_id]
  return identity.Who(
    name=tuple(entry['subject'] for entry in found),
    named=tuple(entry['subject_named'] for entry in found),
    recordings=tuple(map(_fingerprints, found)),
    space=report['recipe'],
  )


def _fingerprints(entry):
  source = entry['source_checksum']
  pictures = identity.shorten([entry['picture_checksum']])
  if not source:
    return pictures
  # Up to the last frame: parts that follow on each other share none.
  last = entry['start'] + max(entry['frames'] - 1, 0) / entry['fps']
  part = recording_parts.fingerprint_part(source, entry['start'], last)
  if entry['subject_named']:
    return (*pictures, part)
  # Whoever is not named is the person of the whole recording.
  return (*pictures, part, recording_parts.fingerprint_unnamed(source))
