"""The batches of an epoch: in which order videos come, and with which others.

To compose batches otherwise, write a function like `shuffled` and name it in
`COMPOSITIONS`; `--config.composition=NAME` then takes it.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.learning import steps


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


def shuffled(pool, *, batch_size, seed, epoch):
  """Shuffles all videos.

  Args:
    pool: a `Pool` of n videos.
    batch_size: videos that come after one another make a batch.
    seed: int.
    epoch: counted from 0; whenever it is run, its order is the same.

  Returns:
    Each of `pool.video` once, int [n].
  """
  del batch_size
  return np.random.default_rng((seed, epoch)).permutation(pool.video)


COMPOSITIONS = {'shuffled': shuffled}


@dataclasses.dataclass(frozen=True)
class Batches:
  """Lists the batches of any epoch.

  Attributes:
    pool: a `Pool`.
    compose: of `COMPOSITIONS`.
    batch_size: videos, over all devices.
    seed: of the order.
    filled: whether all videos are in, the last batch filled up with some of
      weight 0; else the remainder waits for the next epoch, as contrastive
      training needs: a video that fills up a batch would be its own negative.

  Raises:
    UserError: if there are fewer videos than a batch takes, and it may not be
      filled up.
  """

  pool: Pool
  compose: Callable
  batch_size: int
  seed: int
  filled: bool

  def __post_init__(self):
    if not self.per_epoch:
      raise UserError(
        f'`batch_size` (={self.batch_size}) must not exceed the '
        f'{len(self.pool.video)} training videos; lower it.'
      )

  @property
  def per_epoch(self):
    """Number of batches."""
    number = len(self.pool.video)
    if self.filled:
      return -(-number // self.batch_size)
    return number // self.batch_size

  def __call__(self, epoch):
    """Composes an epoch.

    Args:
      epoch: counted from 0.

    Returns:
      A list of `steps.Batch`es of NumPy arrays [batch_size].
    """
    order = self.compose(
      self.pool, batch_size=self.batch_size, seed=self.seed, epoch=epoch
    )
    used = self.per_epoch * self.batch_size
    videos = np.split(np.resize(order, used), self.per_epoch)
    if not self.filled:
      return [steps.Batch(video) for video in videos]
    known = (np.arange(used) < len(order)).astype(np.float32)
    weights = np.split(known, self.per_epoch)
    return [steps.Batch(*one) for one in zip(videos, weights, strict=True)]
