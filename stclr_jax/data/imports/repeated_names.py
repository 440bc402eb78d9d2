"""Recordings that have one name, of which a data set can keep one at most."""

import collections
import dataclasses
import filecmp

from stclr_jax.data.listings.listing import Problem


def set_apart(items):
  """Leaves out recordings of one name, as a video is known by its name.

  Args:
    items: list of `listing.Item`.

  Returns:
    (kept, problems): of those of one name the first is kept where they are the
    same to the last byte, and none where they differ; a `Problem` for each name
    that occurs more than once.
  """
  groups = collections.defaultdict(list)
  for item in items:
    groups[item.video_id].append(item)
  kept, problems = [], []
  for video_id, group in groups.items():
    if len(group) > 1:
      same = all(_are_the_same(group[0], other) for other in group[1:])
      fate = 'the same, so one counts' if same else 'different, so none counts'
      paths = ', '.join(str(item.path) for item in group)
      reason = f'{len(group)} recordings have this name, {fate}: {paths}'
      problems.append(Problem(video_id, reason))
      group = group[:1] if same else []
    kept += group
  return kept, problems


def _are_the_same(a, b):
  if dataclasses.replace(a, path=b.path, frames=b.frames) != b:
    return False  # in label, person or part
  pairs = [(a.path, b.path)]
  if a.frames or b.frames:
    if len(a.frames) != len(b.frames):
      return False
    pairs = zip(a.frames, b.frames, strict=True)
  try:
    return all(filecmp.cmp(*pair, shallow=False) for pair in pairs)
  except OSError:
    return False
