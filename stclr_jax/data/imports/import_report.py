"""Totals of an import, and its report in words."""

import collections

from stclr_jax.data.imported_report import NAME
from stclr_jax.data.imported_report import Totals
from stclr_jax.data.listings.listing import describe_counts

_SHOWN = 20  # chosen: lines of a list that a screen still holds


def summarize(videos, notes, classes, subjects):
  """Counts what a data set holds.

  Args:
    videos: list of `imported_report.Video`.
    notes: lines about the whole set.
    classes: names of the classes, in order.
    subjects: number of each person, by name; several names may have one.

  Returns:
    `imported_report.Totals`.
  """
  kept = [video for video in videos if video.frames]
  labels = collections.Counter(video.label for video in kept)
  lengths = sorted(video.frames for video in kept)
  sizes = collections.Counter(video.frame_size for video in kept)
  noted = [len(video.notes) for video in videos if video.notes]
  looked = [v.coverage for v in videos if v.coverage is not None]
  return Totals(
    num_videos=len(kept),
    num_subjects=len({subjects[video.subject] for video in kept}),
    num_frames=sum(lengths),
    frames_min_median_max=(
      lengths[0], lengths[len(lengths) // 2], lengths[-1],
    ) if lengths else (),
    frame_sizes=tuple((*size, count) for size, count in sizes.most_common()),
    num_bytes=sum(video.bytes for video in kept),
    labels={name: labels[name] for name in classes},
    unlabelled=labels[None],
    left_out=len(videos) - len(kept),
    face_coverage=sum(looked) / len(looked) if looked else None,
    without_face=sum(1 for coverage in looked if not coverage),
    num_notes=len(notes) + sum(noted),
    num_videos_noted=len(noted),
  )  # fmt: skip


def describe(report, path):
  """Puts a report into words.

  Args:
    report: an `imported_report.Report`.
    path: where the data set is.

  Returns:
    Lines to print.
  """
  low, median, high = report.frames_min_median_max
  counts = [f'{name} {n}' for name, n in report.labels.items()]
  if report.unlabelled:
    counts.append(f'unlabelled {report.unlabelled}')
  lines = [
    f'{report.num_videos} videos of {report.num_subjects} people, '
    f'{report.num_frames} frames ({low} to {high} a video, median {median}) at '
    f'{report.options["fps"]:g} a second, {report.num_bytes / 1e6:.1f} MB, in '
    f'{report.seconds:.1f} s.',
    f'Labels: {", ".join(counts)}.',
  ]
  if report.face_coverage is not None:
    kept = report.without_face - report.left_out
    lines.append(
      f'Faces found in {report.face_coverage:.0%} of the frames; '
      f'{report.without_face} video(s) without one, '
      f'{report.left_out} of them left out'
      f'{" (--no_face=skip leaves out all)" if kept else ""}.'
    )
    lines += _describe_coverage(report.videos)
  if report.ignored_files:
    lines.append(f'Passed over: {describe_counts(report.ignored_files)}.')
  lines += _cut([f'Note: {note}.' for note in report.notes])
  lines += _cut(
    [f'  {v.video_id}: {"; ".join(v.notes)}' for v in report.videos if v.notes]
  )
  if number := report.num_notes:
    videos, whole = report.num_videos_noted, len(report.notes)
    on = f', {number - whole} of them on {_count(videos, "video")}'
    lines.append(
      f'{_count(number, "note")}{on if videos else ""}; all are in {NAME}.'
    )
  if report.skipped:
    lines.append(f'Left out {len(report.skipped)}:')
    lines += _cut([f'  {s.name}: {s.reason}' for s in report.skipped])
  lines.append(f'Checksum {report.checksum[:16]}; all of it in {path}.')
  return '\n'.join(lines)


def _cut(lines):
  """As many lines as a screen holds, and where the others are."""
  more = len(lines) - _SHOWN
  if more <= 0:
    return lines
  return [*lines[:_SHOWN], f'  and {more} more, see {NAME}']


def _count(number, what):
  return f'{number} {what}{"" if number == 1 else "s"}'


def _describe_coverage(videos):
  """Lists the videos whose faces were found least."""
  partly = [v for v in videos if v.coverage is not None and v.coverage < 1]
  partly.sort(key=lambda video: video.coverage)
  lines = [f'  {v.coverage:4.0%} {v.video_id}' for v in partly[:_SHOWN]]
  if len(partly) > _SHOWN:
    lines.append(f'  and {len(partly) - _SHOWN} more below 100%')
  return lines
