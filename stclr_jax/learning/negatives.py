"""Negatives of a contrastive step: which views, and how much they weigh.

The paper's are all other views of the batch, all alike. What goes beyond it
is about what a positive pair shares by itself: the person, and a face that
does not move.
"""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from jaxtyping import Float
from jaxtyping import Float32
from jaxtyping import Int32

from stclr_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Negatives:
  """Views that an embedding is to be unlike.

  One weight says what 'all', 'only the same person' and all between would say
  in two settings, of which one would sometimes have no effect.

  Attributes:
    groups: parts of the global batch that contrast within themselves only, a
      multiple of the number of devices; 1 gathers from all devices.
    other_people: weight in the denominator of those that show another person,
      in [0, 1]; 1 is eq. (1), 0 leaves views of the same person only, to whom
      "who is it" is no answer (Shu et al. 2022, arXiv:2210.03853).
    reversed: whether both views of each video played backwards are negatives
      as well: frames without their order are no answer.

  Raises:
    UserError: for a weight outside [0, 1].
  """

  groups: int = 1
  other_people: float = 1.0
  reversed: bool = False

  def __post_init__(self):
    if not 0 <= self.other_people <= 1:
      raise UserError(
        f'`negatives.other_people` (={self.other_people}) must lie between 0 '
        "(only the same person's videos are negatives) and 1 (all are, alike)."
      )

  @property
  def need_people(self):
    """True where a step must know whom its videos show."""
    return self.other_people != 1


def log_weights(
  anchors: Int32[Array, ' a'], negatives: Int32[Array, ' b'], weight: float
) -> Float32[Array, 'a b']:
  """Weighs negatives by whom they show.

  Args:
    anchors: whom each embedding shows.
    negatives: whom each of its possible negatives shows.
    weight: of another person, in [0, 1].

  Returns:
    Logarithms, to be added to similarities: 0 for the same person.
  """
  same = anchors[:, None] == negatives[None, :]
  return jnp.where(same, 0.0, math.log(weight) if weight else -jnp.inf)


def add_reversed(
  clips: Float[Array, 'two_n t h w c'],
) -> Float[Array, 'four_n t h w c']:
  """Adds to the views of some videos the same played backwards.

  Args:
    clips: first views, then second views. A frame at rest before a clip comes
      last then: the way back to rest.

  Returns:
    First views, the same backwards, second views, the same backwards: a view
    and its twin stay together where batch statistics are of one view each.
  """
  first, second = jnp.split(clips, 2)
  return jnp.concatenate([first, first[:, ::-1], second, second[:, ::-1]])


def loss_at_chance(negatives: Negatives, batches: list[np.ndarray]) -> float:
  """Computes the contrastive loss of embeddings that are all alike.

  Of an embedding it is the logarithm of the weights of all that are in its
  denominator, the positive's 1 among them; of an epoch, as whom its videos
  show is drawn, the mean over all embeddings.

  Args:
    negatives: a `Negatives`.
    batches: of an epoch, whom the videos of each show, int [batch_size].

  Returns:
    A float, in nats.
  """
  each = 4 if negatives.reversed else 2  # views of a video
  groups = np.reshape(batches, (len(batches) * negatives.groups, -1))
  if not negatives.need_people:
    return math.log(each * groups.shape[1] - 1)  # of all the same
  same = (groups[:, :, None] == groups[:, None, :]).sum(-1)  # videos
  others = negatives.other_people * (groups.shape[1] - same)
  return float(np.log(each * (same + others) - 1).mean())
