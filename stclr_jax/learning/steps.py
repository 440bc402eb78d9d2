"""One step of each kind, as one device sees it.

A step draws its views itself, computes its share, and agrees with the other
devices over `axis_name`. The uint8 frames lie on the device, or come with the
batch; the views are the same, bit for bit. What a step returns is the same on
every device. `parallel` runs these on all devices; `jax.vmap(axis_name=...)`
does as well, which is how tests show that N devices compute what one would.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array
from jaxtyping import Float32
from jaxtyping import Int32
from jaxtyping import UInt8

from stclr_jax.learning import descent
from stclr_jax.learning import losses
from stclr_jax.learning import negatives
from stclr_jax.learning import optimizers
from stclr_jax.learning import person_means
from stclr_jax.learning import state as states
from stclr_jax.learning import unit_vectors
from stclr_jax.models import heads
from stclr_jax.views import view_parameters
from stclr_jax.views import views

# Which draw of a video a view is; any number of them is independent.
PRETRAIN_VIEWS = view_parameters.PAIR
FINETUNE_VIEWS = (0,)


class DeviceVideos(NamedTuple):
  """Arrays of a video store that the steps need, on every device.

  Attributes:
    frames: `views.Frames`, without the frames themselves where clips come
      with each batch.
    label: each video's class, int32 [num_videos]; -1 without one.
    subject: whom each shows, int32 [num_videos].
  """

  frames: views.Frames
  label: Int32[Array, ' videos']
  subject: Int32[Array, ' videos']


class Batch(NamedTuple):
  """Videos of a step, of NumPy on the host and of JAX on the devices.

  Attributes:
    video: their indices, int32 [n].
    weight: 1 for a video, 0 for padding, float32 [n]; only fine-tuning pads.
    clips: the frames of their v views, uint8 [n, v, t, h, w, 3]; None where
      `DeviceVideos` has the frames.
  """

  video: Int32[Array | np.ndarray, ' n']
  weight: Float32[Array | np.ndarray, ' n'] | None = None
  clips: UInt8[Array | np.ndarray, 'n v t h w 3'] | None = None

  def clips_of(
    self, view: int
  ) -> UInt8[Array | np.ndarray, 'n t h w 3'] | None:
    """Clips of one of the v views, uint8 [n, t, h, w, 3], or None."""
    return None if self.clips is None else self.clips[:, view]


def make_pretrain_step(
  network: heads.PretrainNetwork,
  optimizer: optax.GradientTransformation,
  *,
  contrastive_loss: losses.ContrastiveLoss,
  view_options: views.ViewOptions,
  seed: int,
  axis_name: str,
  views_apart: bool = False,
  non_finite: str = 'stop',
) -> Callable:
  """Makes the contrastive step.

  Args:
    network: a `PretrainNetwork`.
    optimizer: gives directions, see `optimizers`.
    contrastive_loss: see `make_contrastive_update`.
    view_options: a `views.ViewOptions`.
    seed: int, of all views.
    axis_name: device axis.
    views_apart: see `make_contrastive_update`.
    non_finite: see `descent.settle`.

  Returns:
    `step(state, videos, batch, epoch, learning_rate) -> (state, metrics)`:
    `videos` are `DeviceVideos`, `batch` a `Batch` of this device's; metrics
    as in `make_contrastive_update`.
  """
  update = make_contrastive_update(
    network,
    optimizer,
    contrastive_loss=contrastive_loss,
    axis_name=axis_name,
    views_apart=views_apart,
    non_finite=non_finite,
  )

  def step(state, videos, batch, epoch, learning_rate):
    pair = [
      views.draw_views(
        videos.frames,
        batch.video,
        batch.clips_of(place),
        seed=seed,
        epoch=epoch,
        view=view,
        options=view_options,
      )
      for place, view in enumerate(PRETRAIN_VIEWS)
    ]
    subject = None
    if contrastive_loss.negatives.need_people:
      subject = videos.subject[batch.video]
    return update(state, jnp.concatenate(pair), learning_rate, subject)

  return step


def make_contrastive_update(
  network: heads.PretrainNetwork,
  optimizer: optax.GradientTransformation,
  *,
  contrastive_loss: losses.ContrastiveLoss,
  axis_name: str,
  views_apart: bool = False,
  non_finite: str = 'stop',
) -> Callable:
  """Makes the contrastive step of views that are drawn already.

  Args:
    network: a `PretrainNetwork`.
    optimizer: gives directions, see `optimizers`.
    contrastive_loss: one of `losses`, such as `losses.NTXent(0.1)`.
    axis_name: device axis.
    views_apart: whether first and second views are among the encoder's groups
      of batch statistics, as if they went through it one after the other.
    non_finite: see `descent.settle`.

  Returns:
    `update(state, clips, learning_rate, subject) -> (state, metrics)`: `clips`
    [2n, t, h, w, 3] are this device's first views, then its second ones;
    `subject`, int32 [n], whom they show, is needed where the loss's negatives
    need people; `metrics` the scalars 'loss', 'contrastive_accuracy',
    'alignment' (arXiv:2005.10242: mean squared distance of pairs) and
    'gradient_norm' of the global batch, and its 'count' of embeddings.
  """
  descent.check(non_finite)
  parts = network.encoder.groups // (2 if views_apart else 1)
  backwards = contrastive_loss.negatives.reversed
  outer = 4 if backwards else 2

  def update(state, clips, learning_rate, subject=None):
    if backwards:
      clips = negatives.add_reversed(clips)

    def loss_fn(params):
      z, updated = network.apply(
        {'params': params, 'batch_stats': state.batch_stats},
        _swap_groups(clips, outer, parts),
        train=True,
        mutable=['batch_stats'],
      )
      z = jnp.split(_swap_groups(z, parts, outer), outer)
      result = contrastive_loss(
        z[0],
        z[outer // 2],
        axis_name=axis_name,
        further=jnp.stack(z[1::2]) if backwards else None,
        subject=subject,
      )
      distance = unit_vectors.squared_distance(z[0], z[outer // 2])
      return result.loss.mean(), (result.correct, distance, updated)

    (loss, (correct, distance, updated)), gradients = jax.value_and_grad(
      loss_fn, has_aux=True
    )(state.params)
    gradients, as_one = optimizers.mean_side_by_side(
      lax.psum(gradients, axis_name), lax.axis_size(axis_name)
    )
    after = descent.descend(state, optimizer, gradients, learning_rate, None)
    after = _with_statistics(after, updated, network, axis_name)
    metrics = {
      'loss': lax.pmean(loss, axis_name),
      'contrastive_accuracy': lax.pmean(correct.mean(), axis_name),
      'alignment': lax.pmean(distance.mean(), axis_name),
      'gradient_norm': optax.tree.norm(as_one),
      'count': lax.psum(correct.size, axis_name),
    }
    return descent.settle(state, after, metrics, non_finite)

  return update


def make_finetune_step(
  network: heads.ClassifierNetwork,
  optimizer: optax.GradientTransformation,
  *,
  view_options: views.ViewOptions,
  seed: int,
  trained: str,
  axis_name: str,
  non_finite: str = 'stop',
) -> Callable:
  """Makes the supervised step.

  Args:
    network: a `ClassifierNetwork`.
    optimizer: gives directions, see `optimizers`.
    view_options: a `views.ViewOptions`.
    seed: int, of all views.
    trained: 'classifier' to leave the encoder bit for bit as it is, its
      batch statistics included, or 'all'.
    axis_name: device axis.
    non_finite: see `descent.settle`.

  Returns:
    `step(state, videos, batch, epoch, learning_rate) -> (state, metrics)`:
    as in `make_pretrain_step`; `metrics` the scalars 'loss' and 'accuracy'
    over the videos of the global batch, and their 'count', padding left out;
    'gradient_norm' is of what is trained.

  Raises:
    ValueError: for another `trained`.
  """
  descent.check(non_finite)
  trained_names = states.trained_parameters(trained)

  def step(state, videos, batch, epoch, learning_rate):
    clips = views.draw_views(
      videos.frames,
      batch.video,
      batch.clips_of(0),
      seed=seed,
      epoch=epoch,
      view=FINETUNE_VIEWS[0],
      options=view_options,
    )
    labels = videos.label[batch.video]
    count = lax.psum(batch.weight.sum(), axis_name)
    rest_of = None
    if network.rest == heads.PERSON_MEAN:
      rest_of = person_means.rest_in_batch(
        videos.subject[batch.video], batch.weight, axis_name
      )

    def loss_fn(params):
      logits, updated = network.apply(
        {'params': state.params | params, 'batch_stats': state.batch_stats},
        clips,
        train=trained == 'all',
        rest_of=rest_of,
        mutable=['batch_stats'],
      )
      loss = losses.cross_entropy(logits, labels) * batch.weight
      # This device's part of the global mean.
      return loss.sum() / count, (loss, logits, updated)

    (_, (loss, logits, updated)), gradients = jax.value_and_grad(
      loss_fn, has_aux=True
    )(states.select(state.params, trained_names))
    gradients, as_one = optimizers.mean_side_by_side(
      lax.psum(gradients, axis_name), 1
    )
    after = descent.descend(
      state, optimizer, gradients, learning_rate, trained_names
    )
    if trained == 'all':
      after = _with_statistics(after, updated, network, axis_name)
    correct = (logits.argmax(-1) == labels) * batch.weight
    sums = lax.psum({'loss': loss.sum(), 'accuracy': correct.sum()}, axis_name)
    metrics = {name: total / count for name, total in sums.items()}
    metrics |= {'gradient_norm': optax.tree.norm(as_one), 'count': count}
    return descent.settle(state, after, metrics, non_finite)

  return step


def make_inference_step(
  network: heads.PretrainNetwork | heads.ClassifierNetwork,
  *,
  view_options: views.ViewOptions,
  method: str,
) -> Callable:
  """Makes the step that looks at each video once, with nothing random.

  Args:
    network: a network with an encoder.
    view_options: a `views.ViewOptions`, for frames, size and normalisation.
    method: 'encode' for representations, 'classify' for logits.

  Returns:
    `step(variables, videos, batch) -> float [n, d]`.
  """

  def step(variables, videos, batch):
    clips = views.evaluation_views(
      videos.frames,
      batch.video,
      batch.clips_of(0),
      options=view_options,
    )
    if method == 'encode':
      return network.apply(variables, clips, method=network.encode)
    return network.apply(variables, clips, train=False)

  return step


def _swap_groups(x, outer, inner):
  """Makes the inner of two divisions of the first axis the outer one.

  Batch norm's groups lie one behind the other, and both views of a video must
  be in one group, as they would be on one device.
  """
  if inner == 1 or outer == 1 or len(x) % (inner * outer):
    return x  # The last is refused by batch norm, with a remedy.
  divided = x.reshape(outer, inner, -1, *x.shape[1:])
  return divided.swapaxes(0, 1).reshape(x.shape)


def _with_statistics(state, updated, network, axis_name):
  batch_stats = updated['batch_stats']
  if network.encoder.axis_name is None:
    # Not synchronised: the running statistics are the mean over the devices.
    batch_stats = lax.pmean(batch_stats, axis_name)
  return state.replace(batch_stats=batch_stats)
