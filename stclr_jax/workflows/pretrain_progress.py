"""Progress of a pretraining: figures beside chance, neighbours that vote."""

from typing import NamedTuple

from stclr_jax.data import folds
from stclr_jax.evaluation import probes
from stclr_jax.learning import compiled_steps
from stclr_jax.runs.checks import class_checks


class Chance(NamedTuple):
  """Figures of an encoder that has learned nothing.

  Attributes:
    loss: of embeddings that are all alike, or random.
    knn_accuracy: of guessing; None where neighbours do not vote.
  """

  loss: float
  knn_accuracy: float | None


def make_end_epoch(every_epochs, plan, knn, chance):
  """Makes `end_epoch` of `loop.train`: neighbours vote, and it says so.

  Args:
    every_epochs: how often.
    plan: the `loop.Plan`.
    knn: of `make_knn`.
    chance: a `Chance`.

  Returns:
    A function.
  """
  num_epochs = plan.stages[-1].stop

  def end_epoch(epoch, variables, figures, journal):
    if epoch % every_epochs and epoch != num_epochs:
      return
    journal.pause()
    figures['knn_accuracy'] = knn(variables) if knn else None
    if knn:
      journal.write(
        step=epoch * plan.steps_per_epoch,
        epoch=epoch,
        knn_accuracy=figures['knn_accuracy'],
      )
    found = describe(
      figures['loss'],
      figures['contrastive_accuracy'],
      figures['knn_accuracy'],
      chance,
    )
    journal.say(f'epoch {epoch}/{num_epochs}: {found}, {journal.pace()}')

  return end_epoch


def make_knn(options, network, view_options, videos, seen):
  """Makes the vote of neighbours, none of the same person.

  Args:
    options: `config.knn`.
    network: a `PretrainNetwork`.
    view_options: a `views.ViewOptions`.
    videos: `run_videos.PlacedVideos`.
    seen: videos of pretraining, int [n]; those with a label vote.

  Returns:
    `knn(variables)`, the share of them named rightly; None unless labels tell
    anything apart.
  """
  store = videos.store
  labelled = seen[store.label[seen] != folds.UNLABELLED]
  if not class_checks.can_tell_apart(store, labelled):
    return None
  encode = videos.inference(
    compiled_steps.inference_step(
      network, view_options=view_options, method='encode'
    ),
    options=view_options,
    batch_size=options.batch_size,
  )
  num_neighbors = options.num_neighbors

  def knn(variables):
    return probes.knn_accuracy(
      encode(variables, labelled),
      store.label[labelled],
      store.subject[labelled],
      num_neighbors=num_neighbors,
    )

  return knn


def describe(loss, contrastive_accuracy, knn_accuracy, chance):
  """Puts figures of an epoch into words, each beside its `Chance`."""
  words = (
    f'loss {loss:.3f} (chance {chance.loss:.3f}), contrastive accuracy '
    f'{contrastive_accuracy:.1%}'
  )
  if knn_accuracy is None:
    return f'{words}, no kNN without labels of two people and two classes'
  return f'{words}, kNN {knn_accuracy:.1%} (chance {chance.knn_accuracy:.1%})'
