"""Decides between files or folders that claim one place.

If they hold the same bytes the first is taken: in a folder before in an
archive, then in order of their paths. If they differ, nobody but the user can
say which is meant, and the build stops. Frames of two folders never become
one video.
"""

import collections
import dataclasses
import itertools

_NAMED = 3


def keep_one_a_number(video, skipped, clashes):
  """Keeps one frame of each number.

  Args:
    video: a `videos.Video`, its frames sorted by number and path.
    skipped: list to which (path, reason) of frames not kept is appended.
    clashes: list to which a description is appended if frames differ.

  Returns:
    The video with the frames kept.
  """
  kept = []
  for number, group in itertools.groupby(video.frames, key=lambda f: f.number):
    first, *others = group
    kept.append(first)
    if any(f.digest is None or f.digest != first.digest for f in others):
      names = ', '.join(frame.file.name for frame in (first, *others))
      clashes.append(
        f'{video.folder}: {names} differ and are all frame {number}'
      )
      kept += others
    else:
      skipped += [
        (f.file.path, f'the same as {first.file.name}') for f in others
      ]
  return dataclasses.replace(video, frames=tuple(kept))


def keep_one_a_place(videos, skipped, clashes):
  """Keeps one folder for each video.

  Args:
    videos: list of `videos.Video`.
    skipped: list to which (path, reason) of frames not kept is appended.
    clashes: list to which descriptions are appended if folders differ.

  Returns:
    A list of those kept; all of those that differ.
  """
  by_place = collections.defaultdict(list)
  for video in videos:
    by_place[video.place.condition, video.video_id].append(video)
  kept, differing = [], collections.defaultdict(list)
  for (condition, _), group in by_place.items():
    group.sort(key=lambda video: (video.frames[0].file.archived, video.folder))
    first, *others = group
    kept.append(first)
    if any(None in v.digests or v.digests != first.digests for v in others):
      kept += others
      roots = tuple(video.root for video in group)
      differing[condition, roots].append(group)
    else:
      skipped += [
        (frame.file.path, f'the same video as {first.folder}')
        for video in others
        for frame in video.frames
      ]
  clashes += [
    _describe(condition, roots, groups)
    for (condition, roots), groups in differing.items()
  ]
  return kept


def _describe(condition, roots, groups):
  examples = '; '.join(
    f'{group[0].video_id}: '
    + ' and '.join(f'{v.num_frames} frames in {v.folder}' for v in group)
    for group in groups[:_NAMED]
  )
  more = ', …' if len(groups) > _NAMED else ''
  places = ' and in '.join(dict.fromkeys(roots))
  return (
    f'{len(groups)} videos of {condition} are more than once, and different, '
    f'in {places} ({examples}{more})'
  )
