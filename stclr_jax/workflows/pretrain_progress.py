"""Progress of a pretraining: figures beside chance, neighbours that vote."""

from typing import NamedTuple

from stclr_jax.data import folds
from stclr_jax.evaluation import probes
from stclr_jax.evaluation.audits import audit
from stclr_jax.evaluation.audits import collapse
from stclr_jax.evaluation.audits import under_the_person
from stclr_jax.runs import representations
from stclr_jax.runs.checks import class_checks


class Chance(NamedTuple):
  """Figures of an encoder that has learned nothing.

  Attributes:
    loss: of embeddings that are all alike, or random.
    knn_accuracy: of guessing; None where neighbours do not vote.
  """

  loss: float
  knn_accuracy: float | None


class Votes(NamedTuple):
  """Shares of the videos that neighbours name rightly; None if they cannot.

  Attributes:
    knn_accuracy: neighbours by h of the clip.
    knn_accuracy_of_change: by the change of h from the first frame to the last,
      in which a person cannot hide the expression; None also where nothing
      changes.
  """

  knn_accuracy: float | None = None
  knn_accuracy_of_change: float | None = None


class Look(NamedTuple):
  """A look at the representations of the labelled videos.

  Attributes:
    votes: `Votes`.
    use: the `collapse.Use` of h of the clip; None where nobody looks.
  """

  votes: Votes = Votes()
  use: collapse.Use | None = None

  def figures(self):
    """Returns its numbers by name, None where nobody looked."""
    use = dict.fromkeys(collapse.Use._fields)
    return self.votes._asdict() | (self.use._asdict() if self.use else use)


def make_end_epoch(every_epochs, plan, knn, chance):
  """Makes `end_epoch` of `loop.train`: neighbours vote, and it says so.

  Args:
    every_epochs: how often.
    plan: the `plans.Plan`.
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
    look = knn(variables) if knn else Look()
    figures.update(look.figures())
    if knn:
      journal.write(
        step=epoch * plan.steps_per_epoch, epoch=epoch, **look.figures()
      )
    found = describe(
      figures['loss'], figures['contrastive_accuracy'], look.votes, chance
    )
    journal.say(f'epoch {epoch}/{num_epochs}: {found}, {journal.pace()}')
    for sentence in collapse.judge(look.use, figures['loss'], chance.loss):
      journal.say(sentence)

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
    `knn(variables)`, a `Look`; None unless labels tell anything apart.
  """
  store = videos.store
  labelled = seen[store.label[seen] != folds.UNLABELLED]
  if not class_checks.can_tell_apart(store, labelled):
    return None
  encode = representations.make_encode(
    network, videos, view_options=view_options, batch_size=options.batch_size
  )
  orders = representations.frame_orders(view_options.num_frames)
  num_neighbors = options.num_neighbors

  def vote(h):
    return probes.knn_accuracy(
      h,
      store.label[labelled],
      store.subject[labelled],
      num_neighbors=num_neighbors,
    )

  def knn(variables):
    clip, first, last = (
      encode(variables, labelled, orders[order])
      for order in (audit.FORWARD, audit.FIRST_FRAME, audit.LAST_FRAME)
    )
    moves = under_the_person.changes(last - first, clip)
    votes = Votes(vote(clip), vote(last - first) if moves else None)
    return Look(votes, collapse.measure(clip))

  return knn


def describe(loss, contrastive_accuracy, votes, chance):
  """Puts figures of an epoch into words, each beside its `Chance`.

  Args:
    loss: mean of the epoch.
    contrastive_accuracy: of the epoch, in [0, 1].
    votes: `Votes`.
    chance: a `Chance`.

  Returns:
    A line of text.
  """
  words = (
    f'loss {loss:.3f} (chance {chance.loss:.3f}), contrastive accuracy '
    f'{contrastive_accuracy:.1%}'
  )
  if votes.knn_accuracy is None:
    return (
      f'{words}, no kNN without labels of two people and two classes, and no '
      'audit'
    )
  of_change = 'unknown, as nothing changes'
  if votes.knn_accuracy_of_change is not None:
    of_change = f'{votes.knn_accuracy_of_change:.1%}'
  return (
    f'{words}, kNN {votes.knn_accuracy:.1%}, of the change {of_change} (chance '
    f'{chance.knn_accuracy:.1%})'
  )
