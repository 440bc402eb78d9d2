"""Who is trained on and who is tested, and which labels are known.

Folds are by person: nobody is in both parts of one. Subsets of the labels are
fixed by the video ids alone, so that two labs use the same ones.
"""

import dataclasses
import hashlib
import math

import numpy as np

ASSIGNMENTS = ('consecutive',)


@dataclasses.dataclass(frozen=True)
class Fold:
  """Videos of one fold.

  Attributes:
    train: indices of the training people's videos, int32 ascending.
    test: indices of the test people's videos, int32 ascending.
  """

  train: np.ndarray
  test: np.ndarray


@dataclasses.dataclass(frozen=True)
class Folds:
  """A partition of people into folds.

  Attributes:
    subject: person of each video, int [n].
    fold_of_video: fold in which each video is tested, int [n].
    num_folds: how many there are.
  """

  subject: np.ndarray
  fold_of_video: np.ndarray
  num_folds: int

  def fold(self, index):
    """Returns the videos of a fold.

    Args:
      index: in [0, num_folds).

    Returns:
      A `Fold`.

    Raises:
      ValueError: if there is no such fold.
    """
    if not 0 <= index < self.num_folds:
      raise ValueError(
        f'`data.fold` (={index}) must be one of the {self.num_folds} folds, '
        f'0 to {self.num_folds - 1}.'
      )
    tested = self.fold_of_video == index
    return Fold(
      train=np.flatnonzero(~tested).astype(np.int32),
      test=np.flatnonzero(tested).astype(np.int32),
    )


def make_folds(subjects, *, num_folds=10, assignment='consecutive'):
  """Deals people to folds.

  Args:
    subjects: person of each video, int [n].
    num_folds: 10 in the paper (Sec. IV.B).
    assignment: 'consecutive': runs of ids, as in most public fold lists; of
      80 people fold 0 tests P001 to P008. Where the number of people is not a
      multiple, folds differ by one person.

  Returns:
    `Folds`.

  Raises:
    ValueError: for an unknown assignment, or fewer people than folds.
  """
  if assignment not in ASSIGNMENTS:
    raise ValueError(
      f'`data.fold_assignment` (={assignment!r}) must be one of '
      f'{", ".join(ASSIGNMENTS)}.'
    )
  subjects = np.asarray(subjects)
  people, position = np.unique(subjects, return_inverse=True)
  if not 2 <= num_folds <= len(people):
    raise ValueError(
      f'`data.num_folds` (={num_folds}) must lie between 2 and the number of '
      f'people (={len(people)}), as nobody may be in two folds.'
    )
  fold_of_person = np.arange(len(people)) * num_folds // len(people)
  return Folds(subjects, fold_of_person[position], num_folds)


def labelled_subset(label, video_id, train, fraction, *, seed):
  """Chooses the training videos whose labels are known (Table VI).

  The subsets of one seed are nested (those of 10 % are among those of 25 %)
  and have each expression's share of the videos, up to rounding; at least one
  video of each.

  Args:
    label: expression of each video, int [n].
    video_id: id of each video, n strings.
    train: indices of the training videos, int [m].
    fraction: share of them to keep, in (0, 1].
    seed: int; another one gives another draw.

  Returns:
    Indices of the videos kept, int32 ascending.

  Raises:
    ValueError: for a fraction outside (0, 1].

  Source: chosen: ranks by a hash of seed and video id, which no library's
    generator can change.
  """
  if not 0 < fraction <= 1:
    raise ValueError(
      f'`data.labelled_fraction` (={fraction}) must lie in (0, 1]: 1 is all '
      'labels, 0.25 a quarter.'
    )
  kept = []
  for expression in np.unique(np.asarray(label)[train]):
    members = [i for i in train if label[i] == expression]
    members.sort(key=lambda i: _rank(seed, video_id[i]))
    kept += members[: max(1, math.floor(fraction * len(members) + 0.5))]
  return np.sort(np.asarray(kept, np.int32))


def _rank(seed, video_id):
  return hashlib.sha256(f'{seed}/{video_id}'.encode()).digest()
