"""The batches of an epoch: in which order videos come, and with which others.

To compose batches otherwise, write a function like `shuffled` and name it in
`COMPOSITIONS`; `--config.batches.composition=NAME` then takes it.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.learning import steps

EMPTY = -1  # a place of a batch that no video is for


class Pool(NamedTuple):
  """The videos that a run trains on.

  Attributes:
    video: their indices in the store, int [n].
    subject: whose they are, int [n].
    label: their classes, int [n]; -1 without one.
  """

  video: np.ndarray
  subject: np.ndarray
  label: np.ndarray

  @classmethod
  def of(cls, store, videos):
    """Describes some videos of a `VideoStore`, indices int [n]."""
    return cls(videos, store.subject[videos], store.label[videos])


def shuffled(pool, *, batch_size, people, seed, epoch):
  """Shuffles all videos.

  Args:
    pool: a `Pool` of n videos.
    batch_size: videos that come after one another make a batch.
    people: without effect.
    seed: int.
    epoch: counted from 0; whenever it is run, its order is the same.

  Returns:
    Each of `pool.video` once, int [n].
  """
  del batch_size, people
  return np.random.default_rng((seed, epoch)).permutation(pool.video)


def by_person(pool, *, batch_size, people, seed, epoch):
  """Lets several videos of a person meet in a batch.

  Each epoch a person's videos are shuffled and cut into parts of
  `batch_size` / `people`, rounded up; what is left over of a person, or of one
  with fewer videos, makes a smaller part, and the batch has more people. A
  batch takes parts of different people as they come, shuffled, as long as they
  fit; only where none does is a part cut in two, for this batch and the next.

  An epoch's remainder is as large as `shuffled`'s, and has videos of as few
  people as can be. They take turns: over any epochs all videos wait equally
  often, or once more than others.

  Args:
    pool: see `shuffled`.
    batch_size: see `shuffled`.
    people: whom a batch shows, where all have the videos for it.
    seed: see `shuffled`.
    epoch: see `shuffled`.

  Returns:
    See `shuffled`; the remainder comes last.

  Raises:
    UserError: if no two videos of a person can meet.
  """
  each = -(-batch_size // people)
  if each < 2:
    raise UserError(
      f'`batches.people` (={people}) must be at most half of the `batch_size` '
      f'(={batch_size}), as of each person two videos meet, or more; '
      "`batches.composition` = 'shuffled' asks for nobody."
    )
  check_people(pool, "`batches.composition` (='by_person')")
  remainder = len(pool.video) % batch_size
  everybody = np.arange(len(pool.video))
  queue = _by_person(pool, everybody, np.random.default_rng(seed))
  queue = np.roll(np.concatenate(queue), -epoch * remainder)
  draw = np.random.default_rng((seed, epoch))
  parts = [
    part
    for videos in _by_person(pool, queue[remainder:], draw)
    for part in _cut(videos, each)
  ]
  parts = [parts[i] for i in draw.permutation(len(parts))]
  taken = _fill(parts, pool.subject, batch_size)
  return pool.video[np.concatenate([*taken, queue[:remainder]])]


def of_whole_people(pool, *, batch_size, people, seed, epoch):
  """Lets all videos of a person meet in one batch, whoever has how many.

  Who has most is packed first, into the first batch with room, so that an epoch
  has the same batches by numbers of videos, and as few empty places as that
  leaves. Each epoch those with as many videos change places.

  Args:
    pool: see `shuffled`.
    batch_size: see `shuffled`.
    people: without effect.
    seed: see `shuffled`.
    epoch: see `shuffled`.

  Returns:
    See `shuffled`, with `EMPTY` behind the videos of a batch that has room.

  Raises:
    UserError: if somebody has more videos than a batch takes, or nobody two.
  """
  del people
  check_people(pool, "`batches.composition` (='of_whole_people')")
  draw = np.random.default_rng((seed, epoch))
  with_as_many = collections.defaultdict(list)
  for places in _by_person(pool, np.arange(len(pool.video)), draw):
    with_as_many[len(places)].append(places)
  if (most := max(with_as_many)) > batch_size:
    raise UserError(
      f'`batch_size` (={batch_size}) must be at least {most}, the videos that '
      "one person has, for batches 'of_whole_people'; raise it, or "
      "'by_person' would do."
    )
  sizes = [len(one) for size in with_as_many for one in with_as_many[size]]
  packed = _pack(sorted(sizes, reverse=True), batch_size)
  order = np.full((len(packed), batch_size), EMPTY, pool.video.dtype)
  for row, numbers in zip(draw.permutation(len(packed)), packed, strict=True):
    places = np.concatenate([with_as_many[size].pop() for size in numbers])
    order[row, : len(places)] = pool.video[places]
  return order.reshape(-1)


# Each is called as `shuffled` is.
COMPOSITIONS = {
  'shuffled': shuffled,
  'by_person': by_person,
  'of_whole_people': of_whole_people,
}


def check_people(pool, setting):
  """Refuses videos of which nobody knows whether two show one person.

  Args:
    pool: a `Pool`.
    setting: what needs people, for the message.

  Raises:
    UserError: unless there is a person with two videos.
  """
  number = len(np.unique(pool.subject))
  if number == len(pool.subject):
    raise UserError(
      f'{setting} needs people in two training videos or more, and the '
      f'{number} training videos are, as far as is known, of {number} people. '
      'Say who is in which (docs/own_videos.md), or leave the setting out.'
    )


@dataclasses.dataclass(frozen=True)
class Batches:
  """Lists the batches of any epoch.

  Attributes:
    pool: a `Pool`.
    compose: of `COMPOSITIONS`.
    batch_size: videos, over all devices.
    people: in a batch, see `by_person`.
    seed: of the order.
    filled: whether all videos are in, the last batch filled up with some of
      weight 0; else the remainder waits for the next epoch, as contrastive
      training needs: a video that fills up a batch would be its own negative.

  Raises:
    UserError: if there are fewer videos than a batch takes, or a composition
      leaves places empty, and none may be filled up; if the videos cannot be
      composed so.
  """

  pool: Pool
  compose: Callable
  batch_size: int
  people: int
  seed: int
  filled: bool

  def __post_init__(self):
    if not self.per_epoch:
      raise UserError(
        f'`batch_size` (={self.batch_size}) must not exceed the '
        f'{len(self.pool.video)} training videos; lower it.'
      )
    order = self._order(0)  # refused now, not when a run has begun
    if not self.filled and EMPTY in order:
      raise UserError(
        f'`batch_size` (={self.batch_size}) must be filled by whole people, as '
        'contrastive training leaves no place of a batch empty; '
        "`batches.composition` = 'by_person' would do."
      )

  @functools.cached_property
  def per_epoch(self):
    """Number of batches."""
    if self.filled:
      return -(-len(self._order(0)) // self.batch_size)
    return len(self.pool.video) // self.batch_size

  def __call__(self, epoch):
    """Composes an epoch.

    Args:
      epoch: counted from 0.

    Returns:
      A list of `steps.Batch`es of NumPy arrays [batch_size].
    """
    order = self._order(epoch)
    used = self.per_epoch * self.batch_size
    if not self.filled:
      videos = np.split(order[:used], self.per_epoch)
      return [steps.Batch(video) for video in videos]
    shown = np.full(used, EMPTY, order.dtype)
    shown[: len(order)] = order
    empty = shown == EMPTY
    shown[empty] = np.resize(order[order != EMPTY], empty.sum())
    videos = np.split(shown, self.per_epoch)
    weights = np.split((~empty).astype(np.float32), self.per_epoch)
    return [steps.Batch(*one) for one in zip(videos, weights, strict=True)]

  def name_videos(self, epoch, video_id):
    """Names the videos of an epoch.

    Args:
      epoch: counted from 0.
      video_id: of each video of the store.

    Returns:
      Of each batch, a list of ids; a video that fills it up is named, too.
    """
    return [[video_id[i] for i in batch.video] for batch in self(epoch)]

  def _order(self, epoch):
    return self.compose(
      self.pool,
      batch_size=self.batch_size,
      people=self.people,
      seed=self.seed,
      epoch=epoch,
    )


def _by_person(pool, places, draw):
  """Lists each person's of some places in the pool; all in a random order."""
  places = draw.permutation(places)
  places = places[np.argsort(pool.subject[places], kind='stable')]
  people = np.split(places, np.flatnonzero(np.diff(pool.subject[places])) + 1)
  return [people[i] for i in draw.permutation(len(people))]


def _pack(sizes, batch_size):
  """Puts sizes, largest first, into the first batches with room for them."""
  packed, room = [], []
  for size in sizes:
    place = next((i for i, left in enumerate(room) if size <= left), len(room))
    if place == len(room):
      packed.append([])
      room.append(batch_size)
    packed[place].append(size)
    room[place] -= size
  return packed


def _cut(videos, each):
  """Cuts a person's videos into parts; none of one, if that can be."""
  cuts = np.arange(each, len(videos), each)
  if each > 2 and len(cuts) and len(videos) % each == 1:
    cuts[-1] -= 1
  return np.split(videos, cuts)


def _fill(parts, subject, batch_size):
  """Puts parts into an order in which batches have whole ones, if they fit."""
  left, taken = [(subject[part[0]], part) for part in parts], []
  while left:
    room, here = batch_size, set()
    # Whoever has a part for each batch to come goes first, or two of theirs
    # would have to meet later.
    to_come = sum(len(part) for _, part in left) // batch_size
    number = collections.Counter(person for person, _ in left)
    left.sort(key=lambda one: number[one[0]] < to_come)
    while room and left:
      person, part = left.pop(_choose(left, room, here))
      if len(part) > room:
        left.insert(0, (person, part[room:]))
      taken.append(part[:room])
      room -= len(taken[-1])
      here.add(person)
  return taken


def _choose(left, room, here):
  """Finds the first part that fits, of a person who is not `here` already."""
  for i, (person, part) in enumerate(left):
    if len(part) <= room and person not in here:
      return i

  def rank(i):  # of the largest, what is cut off is seldom a single video
    person, part = left[i]
    return person not in here, len(part)

  return max(range(len(left)), key=rank)
