"""Folds: the people to train on and those to test on.

Folds are by person: nobody is in both parts of one, save in the assignment
whose name says that it leaks. Everything follows from ids by hashes, so that
two labs get the same folds whatever their versions of NumPy.
"""

import dataclasses

import numpy as np

from stclr_jax.data import labelled_subsets
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of

# chosen names; who deals so: 'consecutive' (fold 0 tests P001 to P008): most
# public fold lists of Oulu-CASIA; 'strided' (P001, P011, ...) and 'shuffled':
# some; 'leaky_clips': those that shuffle clips, so that a tested face was
# trained on.
ASSIGNMENTS = ('consecutive', 'strided', 'shuffled', 'leaky_clips')

UNLABELLED = -1
NEVER_TESTED = -1

labelled_subset = labelled_subsets.labelled_subset


@dataclasses.dataclass(frozen=True)
class Fold:
  """Videos of one fold, as indices, int32 ascending.

  Attributes:
    train: labelled videos of the training people.
    test: labelled videos of the test people.
    pretrain: all videos of the training people, labelled or not.
    validation: labelled videos of the people left out of `train` and
      `pretrain` to choose by; none unless asked for.
  """

  train: np.ndarray
  test: np.ndarray
  pretrain: np.ndarray
  validation: np.ndarray


@dataclasses.dataclass(frozen=True)
class Folds:
  """A partition of people into folds.

  Attributes:
    subject: person of each video, int [n].
    fold_of_video: fold in which each video is tested, int [n]; NEVER_TESTED
      of people without a label.
    labelled: whether each video has a label, bool [n].
    num_folds: how many there are.
    assignment: one of ASSIGNMENTS.
  """

  subject: np.ndarray
  fold_of_video: np.ndarray
  labelled: np.ndarray
  num_folds: int
  assignment: str

  @property
  def leaky(self):
    """Says whether a person may be trained on and tested."""
    return self.assignment == 'leaky_clips'

  def fold(self, index, *, validation=False):
    """Returns the videos of a fold.

    Args:
      index: in [0, num_folds).
      validation: whether to leave the next fold's people (after the last, the
        first's) out of training, to choose by.

    Returns:
      A `Fold`.

    Raises:
      ValueError: if there is no such fold, or a person would be in two parts.
    """
    if not 0 <= index < self.num_folds:
      raise UserError(
        f'`data.fold` (={index}) must be one of the {self.num_folds} folds, '
        f'0 to {self.num_folds - 1}.'
      )
    if validation and self.num_folds < 3:
      raise UserError(
        f'`data.num_folds` (={self.num_folds}) must be at least 3 for a '
        'validation fold beside the test fold, or nobody is left to train on.'
      )
    held_out = self.fold_of_video == index
    left_out = np.zeros_like(held_out)
    if validation:
      left_out = self.fold_of_video == (index + 1) % self.num_folds
    rest = ~held_out & ~left_out
    fold = Fold(
      train=_indices(rest & self.labelled),
      test=_indices(held_out & self.labelled),
      pretrain=_indices(rest),
      validation=_indices(left_out & self.labelled),
    )
    if not self.leaky:
      check_disjoint(
        self.subject,
        training=fold.pretrain,
        test=fold.test,
        validation=fold.validation,
      )
    return fold

  def record(self, index, video_id, *, validation=False):
    """Writes a fold down, to be kept with what came out of it.

    Args:
      index: in [0, num_folds).
      video_id: id of each video, n strings.
      validation: as for `fold`.

    Returns:
      A JSON-able dict: 'fold', and for each of 'train', 'test', 'pretrain'
      and 'validation' its 'people' (sorted), 'videos' (their number) and
      'sha256' (`hash_ids` of their ids); 'test' also has 'ids'.
    """
    fold = self.fold(index, validation=validation)
    written = {'fold': index}
    for part, videos in dataclasses.asdict(fold).items():
      written[part] = {
        'people': np.unique(self.subject[videos]).tolist(),
        'videos': len(videos),
        'sha256': identity.hash_ids(video_id[i] for i in videos),
      }
    written['test']['ids'] = sorted(video_id[i] for i in fold.test)
    return written


def make_folds(
  subjects,
  *,
  num_folds=10,
  assignment='consecutive',
  seed=0,
  labels=None,
  video_id=None,
):
  """Deals people to folds.

  Args:
    subjects: person of each video, int [n].
    num_folds: 10 in the paper (Sec. IV.B).
    assignment: 'consecutive': runs of ids; of 80 people fold 0 tests P001 to
      P008. 'strided': every num_folds-th person. 'shuffled': runs of people
      in an order drawn by `seed`. 'leaky_clips': videos in an order drawn by
      `seed`, the same number of each expression a fold, whoever they are of;
      only to measure what that does. Where numbers do not divide, folds
      differ by one person, or video.
    seed: int, of 'shuffled' and 'leaky_clips'.
    labels: expression of each video, int [n], UNLABELLED (-1) without one;
      None if all have one. Only people with a label are dealt: the others'
      videos are never tested, and pretrained on in every fold.
    video_id: id of each video, n strings; only 'leaky_clips' needs them.

  Returns:
    `Folds`.

  Raises:
    ValueError: for an unknown assignment, fewer people than folds, or no
      label at all.
  """
  check_one_of('data.fold_assignment', assignment, ASSIGNMENTS)
  subjects = np.asarray(subjects)
  if labels is None:
    labels = np.zeros(len(subjects), int)
  labels = np.asarray(labels)
  labelled = labels != UNLABELLED
  people = np.unique(subjects[labelled])
  if not len(people):
    raise UserError(
      'No video of this data set has a label, so that there is nothing to test '
      'and no fold to hold out. Pretraining needs none: '
      '--config.pretrain_scope=all_unlabelled. For all else import the videos '
      'with labels (docs/own_videos.md).'
    )
  if not 2 <= num_folds <= len(people):
    remedy = f'; {len(people)} would do' if 2 <= len(people) < num_folds else ''
    raise UserError(
      f'`data.num_folds` (={num_folds}) must lie between 2 and the number of '
      f'people with labelled videos (={len(people)}), as nobody may be in two '
      f'folds{remedy}.'
    )
  fold_of_video = np.full(len(subjects), NEVER_TESTED)
  if assignment == 'leaky_clips':
    dealt = _deal_clips(labels, video_id, seed=seed)
    fold_of_video[dealt] = np.arange(len(dealt)) % num_folds
    return Folds(subjects, fold_of_video, labelled, num_folds, assignment)
  if assignment == 'shuffled':
    people = sorted(people, key=lambda p: labelled_subsets.rank(seed, int(p)))
  position = np.arange(len(people))
  fold = (
    position % num_folds
    if assignment == 'strided'
    else position * num_folds // len(people)
  )
  for person, its_fold in zip(people, fold, strict=True):
    fold_of_video[subjects == person] = its_fold
  return Folds(subjects, fold_of_video, labelled, num_folds, assignment)


def check_disjoint(subject, **parts):
  """Refuses a run whose parts share a person.

  Args:
    subject: person of each video, int [n].
    **parts: indices of each part's videos, such as training= and test=.

  Raises:
    ValueError: naming the people, if two parts share any.
  """
  subject = np.asarray(subject)
  people = {
    name: set(subject[np.asarray(videos, int)].tolist())
    for name, videos in parts.items()
  }
  names = list(people)
  for i, first in enumerate(names):
    for second in names[i + 1 :]:
      shared = sorted(people[first] & people[second])
      if shared:
        raise UserError(
          f'The {first} and {second} videos share the people {shared}; a '
          'known face makes the result too good. Deal folds by person '
          "(`data.fold_assignment` = 'consecutive'); to measure the leak, "
          "use 'leaky_clips'."
        )


def _deal_clips(labels, video_id, *, seed):
  """Labelled videos by expression, then by hash: dealt in turn, each fold
  gets as many of each."""
  if video_id is None:
    raise UserError(
      "`data.fold_assignment` = 'leaky_clips' deals videos by their ids; give "
      '`video_id`.'
    )
  return sorted(
    np.flatnonzero(labels != UNLABELLED),
    key=lambda i: (labels[i], labelled_subsets.rank(seed, video_id[i])),
  )


def _indices(chosen):
  return np.flatnonzero(chosen).astype(np.int32)
