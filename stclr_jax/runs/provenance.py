"""On whose videos, and how, an encoder was pretrained: a number's protocol.

And whether a run's data is still what it was begun with.
"""

from typing import NamedTuple

from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.evaluation import protocol
from stclr_jax.learning.saved import checkpoints
from stclr_jax.runs import trained

_CONTRASTS = {
  'change': 'contrast of changes',
  'change_of_clip': "contrast of the clip's change",
  'both': 'contrast of the clip and its change',
}


class Pretraining(NamedTuple):
  """People whom a pretraining saw, as seen from the fine-tuning's fold.

  Attributes:
    scope: see `protocol.Protocol.pretrain_scope`.
    data: which data; '' without pretraining.
    epochs: after how many the encoder was taken; 0 if nobody knows.
    validation_seen: whether it saw people of the fold's validation.
  """

  scope: str
  data: str
  epochs: int
  validation_seen: bool


def describe_pretraining(init, earlier, store, fold, *, same_names, leaky):
  """Says what the pretraining of a fine-tuning saw.

  Args:
    init: `config.init` of the fine-tuning.
    earlier: the `trained.Trained` that it begins with, or None.
    store: a `VideoStore`.
    fold: the `folds.Fold` that is tested.
    same_names: `config.data.same_names`.
    leaky: whether folds deal clips.

  Returns:
    A `Pretraining`.
  """
  if earlier is None:
    if init == 'kinetics400':
      return Pretraining('other_data', init, 0, False)
    return Pretraining('none', '', 0, False)
  seen = earlier.notes.seen
  met = trained.find_met(seen, store, same_names)
  return Pretraining(
    scope=_scope(earlier.notes, store, fold, met, leaky),
    data=', then '.join(dict.fromkeys(one.data for one in seen)),
    epochs=earlier.epoch,
    validation_seen=bool(met & set(store.subject[fold.validation].tolist())),
  )


def beyond_paper(config):
  """Lists what a run does that the paper's method does not.

  Args:
    config: of any workflow.

  Returns:
    A tuple of words to be put one after another; () for the paper's method,
    and for all but pretraining and fine-tuning. What a classifier reads is
    part of a protocol's `view`.
  """
  if config.workflow not in ('pretrain', 'finetune'):
    return ()
  found = []
  if config.batches.composition != 'shuffled':
    found.append(f'batches {config.batches.composition.replace("_", " ")}')
  if config.workflow == 'finetune':
    return tuple(f'fine-tuning in {one}' for one in found)
  if (weight := config.negatives.other_people) != 1:
    found.append(f'negatives that show other people weigh {weight:g}')
  if config.negatives.reversed:
    found.append('views played backwards are negatives')
  if (distance := config.views.temporal.distance) != 1:
    found.append(f"a pair's clips are at most {distance:g} of a video apart")
  if config.projection.input != 'clip':
    found.append(_CONTRASTS[config.projection.input])
  return tuple(found)


def _scope(notes, store, fold, met, leaky):
  own = any(identity.same_set(one.data, store.name) for one in notes.seen)
  if own and leaky:
    # The same people everywhere: only the videos could tell.
    pretrained = isinstance(notes, trained.PretrainNotes)
    return notes.pretrain_scope if pretrained else 'all_unlabelled'
  if met & set(store.subject[fold.test].tolist()):
    return 'all_unlabelled'
  return 'train_folds' if own or met else 'other_data'


def hash_data(store):
  """Fingerprint of a `VideoStore`, see `protocol.hash_videos`."""
  return protocol.hash_videos(store.video_id, store.subject, store.label)


def refuse_other_data(workdir, store):
  """Refuses to go on with a run whose data has changed since.

  Its folds would hold other people from here on.

  Args:
    workdir: of a run, begun or not.
    store: a `VideoStore` of the name that it was begun with.

  Raises:
    UserError: if the run's checkpoint notes another `data_hash`.
  """
  notes = checkpoints.read_notes(workdir)
  if notes is None:
    return
  before, now = notes['data_hash'], hash_data(store)
  if before != now:
    raise UserError(
      f'The run in {workdir} cannot go on: the videos of {store.name}, their '
      f'people or labels (hash {now[:12]}) are not those that it was begun '
      f'with ({before[:12]}), so its folds would hold other people. Start '
      'again in a new --workdir, or bring the data back as it was.'
    )
