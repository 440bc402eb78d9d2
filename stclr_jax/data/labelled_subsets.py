"""Subsets of the training labels, for Table VI.

The subsets are fixed by ids alone, so that two labs use the same ones: 10 %
of a fold's 432 training videos are the same 43 everywhere. Five draws, 0 to 4,
are published; a result at a small fraction needs all five.
"""

import hashlib
import math

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of

UNITS = ('clip', 'person')
_PLURALS = {'clip': 'clips', 'person': 'people'}


def labelled_subset(
  label, video_id, train, fraction, *, seed, unit='clip', subject=None
):
  """Chooses the training videos whose labels are known.

  The subsets of one seed are nested: those of 10 % are among those of 25 %.
  By clip each expression keeps its share, up to rounding (to within one where
  expressions are equally many), and at least one video. By person whole
  people are known. Videos without a label are never chosen. A fraction too
  small for every expression is refused: what is printed as 1 % would be more.

  Args:
    label: expression of each video, int [n]; -1 without one.
    video_id: id of each video, n strings.
    train: indices of the training videos, int [m].
    fraction: share of their labels, or of their people, to keep, in (0, 1].
    seed: which of the draws.
    unit: 'clip' or 'person'.
    subject: person of each video, int [n]; only 'person' needs it.

  Returns:
    Indices of the videos kept, int32 ascending.

  Raises:
    ValueError: for a fraction outside (0, 1], an unknown unit, no label, or so
      few that an expression has none.

  Source: chosen: ranks by a hash of seed and video id, which no library's
    generator can change.
  """
  if not 0 < fraction <= 1:
    raise UserError(
      f'`data.labelled_fraction` (={fraction}) must lie in (0, 1]: 1 is all '
      'labels, 0.25 a quarter.'
    )
  check_one_of('data.labelled_unit', unit, UNITS)
  label = np.asarray(label)
  labelled = [int(i) for i in train if label[i] >= 0]
  if not labelled:
    raise UserError(
      f'The training videos ({len(train)}) must have labels, but none has; '
      'only pretraining can use them.'
    )
  if unit == 'clip':
    groups = [[i] for i in _stratified(label, video_id, labelled, seed)]
  else:
    groups = _by_person(subject, labelled, seed)
  # floor(x + 1/2): Python's round would keep 2 of 2.5 and 4 of 3.5.
  number = int(np.floor(fraction * len(groups) + 0.5))
  if number < (enough := _enough_for_all(label, groups)):
    _refuse_few(fraction, unit, number, enough, len(groups))
  kept = [i for group in groups[:number] for i in group]
  return np.sort(np.asarray(kept, np.int32))


def rank(seed, name):
  """Returns the place of a name in a draw, as sortable bytes."""
  return hashlib.sha256(f'{seed}/{name}'.encode()).digest()


def _stratified(label, video_id, videos, seed):
  """An order of which every beginning has each expression's share.

  The j-th of an expression's n videos stands at (j + 1/2) / n of the way, the
  first of each at the very beginning.
  """
  place = {}
  for expression in np.unique(label[videos]):
    members = [i for i in videos if label[i] == expression]
    members.sort(key=lambda i: rank(seed, video_id[i]))
    for j, i in enumerate(members):
      place[i] = (2 * j + 1) / (2 * len(members)) if j else 0.0
  return sorted(videos, key=lambda i: (place[i], rank(seed, video_id[i])))


def _by_person(subject, videos, seed):
  """Each person's videos, the people in the order of the draw."""
  if subject is None:
    raise UserError(
      "`data.labelled_unit` = 'person' needs the person of each video; give "
      '`subject`.'
    )
  groups = {}
  for i in videos:
    groups.setdefault(int(subject[i]), []).append(i)
  people = sorted(groups, key=lambda person: rank(seed, person))
  return [groups[person] for person in people]


def _refuse_few(fraction, unit, number, enough, total):
  # Rounded up, so that the fraction named does, too.
  least = math.ceil(1e4 * (enough - 0.5) / total) / 1e4
  raise UserError(
    f'`data.labelled_fraction` (={fraction}) must leave every class a labelled '
    f'{unit}: it keeps {number} of {total} {_PLURALS[unit]}, and in this draw '
    f'it takes {enough} to show every class that the training videos have; '
    f'{least:g} would do.'
  )


def _enough_for_all(label, groups):
  """Number of groups, from the first, that hold every expression."""
  missing = {int(label[i]) for group in groups for i in group}
  for number, group in enumerate(groups, 1):
    missing -= {int(label[i]) for i in group}
    if not missing:
      return number
