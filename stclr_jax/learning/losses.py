"""NT-Xent over the global batch (eq. 1), and the classifier's cross-entropy.

Losses are per example; the division happens once, in the step. To add another
contrastive loss, write a class like `NTXent` and name it in
`CONTRASTIVE_LOSSES`. What counts as a negative: `negatives`.
"""

import dataclasses
from typing import Any
from typing import NamedTuple
from typing import Protocol

import jax
import jax.numpy as jnp
import optax
from jax import core
from jax import lax
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float
from jaxtyping import Int32

from stclr_jax.errors import UserError
from stclr_jax.learning import unit_vectors
from stclr_jax.learning.negatives import Negatives
from stclr_jax.learning.negatives import log_weights


class Contrast(NamedTuple):
  """Losses of the embeddings of one device against those of all devices.

  Attributes:
    loss: NT-Xent per embedding, float [2n]; the first views, then the second.
    correct: whether the positive is the most similar of all 2N-1 others, or
      of those among them that are negatives, bool [2n].
  """

  loss: Float[Array, ' 2n']
  correct: Bool[Array, ' 2n']


class ContrastiveLoss(Protocol):
  """A loss of a contrastive step; see `NTXent`."""

  @property
  def negatives(self) -> Negatives:
    """Says what the step must hand over."""
    ...

  def __call__(
    self,
    z_1: Float[Array, 'n d'],
    z_2: Float[Array, 'n d'],
    *,
    axis_name: str | None = None,
    further: Float[Array, 'v n d'] | None = None,
    subject: Int32[Array, ' n'] | None = None,
  ) -> Contrast:
    """Contrasts the embeddings of one device's videos."""
    ...


@dataclasses.dataclass(frozen=True)
class NTXent:
  """NT-Xent as the loss of a contrastive step.

  Frozen, because a loss is part of a compiled step: two that are equal share
  one program.

  Attributes:
    temperature: tau of eq. (1), positive, dimensionless.
    negatives: its `Negatives`; the step hands over what they need.

  Raises:
    ValueError: for a temperature that is not positive.
  """

  temperature: float
  negatives: Negatives = Negatives()

  def __post_init__(self):
    check_temperature(self.temperature)

  def __call__(
    self,
    z_1: Float[Array, 'n d'],
    z_2: Float[Array, 'n d'],
    *,
    axis_name: str | None = None,
    further: Float[Array, 'v n d'] | None = None,
    subject: Int32[Array, ' n'] | None = None,
  ) -> Contrast:
    """Contrasts the embeddings of one device's videos.

    Args:
      z_1: see `contrast`.
      z_2: see `contrast`.
      axis_name: see `contrast`.
      further: see `contrast`; where `negatives.reversed`.
      subject: see `contrast`; where `negatives.need_people`.

    Returns:
      A `Contrast`.

    Raises:
      ValueError: if the videos cannot be cut into the groups.
    """
    options: dict[str, Any] = {
      'further': further,
      'subject': subject,
      'other_people': self.negatives.other_people,
    }
    groups = self.negatives.groups
    if groups == 1:
      return contrast(
        z_1, z_2, self.temperature, axis_name=axis_name, **options
      )
    devices = 1 if axis_name is None else lax.axis_size(axis_name)
    return contrast_within(
      z_1, z_2, self.temperature, groups=groups // devices, **options
    )


# Each is made of (temperature, negatives), and called as `NTXent` is.
CONTRASTIVE_LOSSES = {'nt_xent': NTXent}


def nt_xent(
  z_1: Float[Array, 'n d'],
  z_2: Float[Array, 'n d'],
  temperature: float,
  *,
  axis_name: str | None = None,
) -> Float[Array, ' 2n']:
  """Computes NT-Xent, each embedding against all others of the global batch.

  Args:
    z_1: embeddings of the first views, float [n, d]; not normalised yet.
    z_2: embeddings of the second views; row i pairs with row i of `z_1`.
    temperature: tau of eq. (1), positive, dimensionless.
    axis_name: device axis to gather negatives over; None for one device.

  Returns:
    Loss per embedding, [2n], at least float32; its mean over all devices is
    the mean of eq. (1) over both directions of every pair.

  Raises:
    ValueError: if the embeddings do not pair or the temperature is not
      positive.

  Source: ST-CLR eq. (1); Chen et al. 2020 (arXiv:2002.05709), Sec. 2.1.
  """
  return contrast(z_1, z_2, temperature, axis_name=axis_name).loss


def contrast_within(
  z_1: Float[Array, 'n d'],
  z_2: Float[Array, 'n d'],
  temperature: float,
  *,
  groups: int,
  further: Float[Array, 'v n d'] | None = None,
  subject: Int32[Array, ' n'] | None = None,
  other_people: float = 1.0,
) -> Contrast:
  """Computes NT-Xent where negatives come from parts of a device's batch only.

  Args:
    z_1: see `nt_xent`; its parts lie one behind the other.
    z_2: see `nt_xent`.
    temperature: see `nt_xent`.
    groups: number of parts, none of which sees another: what as many devices
      compute that do not gather.
    further: see `contrast`.
    subject: see `contrast`.
    other_people: see `contrast`.

  Returns:
    A `Contrast`.

  Raises:
    ValueError: as `nt_xent`; if the videos cannot be cut into the groups.
  """
  if len(z_1) % groups:
    raise UserError(
      f"A device's batch (of {len(z_1)} videos) must be divisible by its "
      f'{groups} groups of negatives; change `batch_size` or '
      '`negatives.groups`.'
    )

  def cut(z):
    return z.reshape(groups, -1, z.shape[-1])

  if further is not None:  # [v, n, d] -> [groups, v, n / groups, d]
    further = jax.vmap(cut, out_axes=1)(further)
  if subject is not None:
    subject = subject.reshape(groups, -1)
  result = jax.vmap(
    lambda z_1, z_2, further, subject: contrast(
      z_1,
      z_2,
      temperature,
      further=further,
      subject=subject,
      other_people=other_people,
    )
  )(cut(z_1), cut(z_2), further, subject)

  def join(values):  # [groups, first views and second views]
    return values.reshape(groups, 2, -1).swapaxes(0, 1).reshape(-1)

  return Contrast(join(result.loss), join(result.correct))


def contrast(
  z_1: Float[Array, 'n d'],
  z_2: Float[Array, 'n d'],
  temperature: float,
  *,
  axis_name: str | None = None,
  further: Float[Array, 'v n d'] | None = None,
  subject: Int32[Array, ' n'] | None = None,
  other_people: float = 1.0,
) -> Contrast:
  """Computes NT-Xent and whether each embedding finds its positive.

  Args:
    z_1: see `nt_xent`.
    z_2: see `nt_xent`.
    temperature: see `nt_xent`.
    axis_name: see `nt_xent`.
    further: embeddings that are negatives of all others and have no positive
      themselves, v of each video, float [v, n, d]; not normalised yet.
    subject: whom each video shows, int32 [n]; needed unless `other_people` is
      1.
    other_people: weight of a negative that shows another person than the
      embedding it is a negative of, in [0, 1]; 1 is eq. (1).

  Returns:
    A `Contrast`. An embedding that has no negative of any weight has a loss of
    0, and counts as correct.
  """
  if z_1.ndim != 2 or z_1.shape != z_2.shape:
    raise UserError(
      f'`z_1` (of shape {z_1.shape}) and `z_2` (of shape {z_2.shape}) must '
      'both be [n, d], row i of the one pairing with row i of the other.'
    )
  check_temperature(temperature)
  n = z_1.shape[0]
  z_1, z_2 = unit_vectors.normalize(z_1), unit_vectors.normalize(z_2)
  z = jnp.concatenate([z_1, z_2])  # [2n, d]
  bank_1 = _gather(z_1, axis_name)  # [N, d]
  bank_2 = _gather(z_2, axis_name)
  first = 0  # where this device's rows begin among all first views
  if axis_name is not None:
    first = lax.axis_index(axis_name) * n
  banks = [bank_1, bank_2]
  if further is not None:
    banks += list(_gather(unit_vectors.normalize(further), axis_name, axis=1))
  bank = jnp.concatenate(banks)  # [2N, d], or [(2 + v)N, d]
  num_videos = bank_1.shape[0]

  own = first + jnp.arange(n)
  itself = jnp.concatenate([own, own + num_videos])  # [2n]
  # Full precision: TensorFloat32 would be visible at small temperatures.
  similarity = jnp.dot(z, bank.T, precision=lax.Precision.HIGHEST)
  similarity = similarity / temperature  # [2n, 2N]
  is_itself = jnp.arange(len(bank))[None, :] == itself[:, None]
  others = jnp.where(is_itself, -jnp.inf, similarity)
  weighted = others
  if other_people != 1:
    if subject is None:
      raise UserError(
        '`subject` (=None) must say whom each video shows where '
        f'`other_people` (={other_people}) is not 1.'
      )
    # A weight is a factor of exp(similarity), and so a summand here.
    whose = _gather(subject, axis_name)
    weighted += log_weights(
      jnp.tile(subject, 2), jnp.tile(whose, len(banks)), other_people
    ).astype(others.dtype)
    # Those that weigh nothing are no rivals; all others are, as they are.
    others = jnp.where(jnp.isneginf(weighted), -jnp.inf, others)
  positive = jnp.concatenate([own + num_videos, own])
  positive_similarity = jnp.take_along_axis(
    similarity, positive[:, None], axis=1
  )[:, 0]
  loss = jax.nn.logsumexp(weighted, axis=-1) - positive_similarity
  return Contrast(loss, others.argmax(-1) == positive)


def cross_entropy(
  logits: Float[Array, 'n classes'], labels: Int32[Array, ' n']
) -> Float[Array, ' n']:
  """Computes categorical cross-entropy (Sec. III.B).

  Args:
    logits: float [n, num_classes].
    labels: int32 [n] in [0, num_classes).

  Returns:
    Loss per example, [n], at least float32.
  """
  logits = logits.astype(jnp.promote_types(jnp.float32, logits.dtype))
  return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels)


def check_temperature(temperature):
  """Refuses a temperature that eq. (1) cannot divide by.

  Args:
    temperature: tau; a traced value is trusted.

  Raises:
    ValueError: unless it is positive.
  """
  if not isinstance(temperature, core.Tracer) and not temperature > 0:
    raise UserError(
      f'`temperature` (={temperature}) must be positive: eq. (1) divides by '
      'it; 0.1 is the default.'
    )


def _gather(x, axis_name, axis=0):
  """Puts the rows of all devices behind one another.

  The gradient flows through the gathered embeddings: an all_gather's transpose
  sums what every device says about this device's rows.
  """
  if axis_name is None:
    return x
  return lax.all_gather(x, axis_name, axis=axis, tiled=True)
