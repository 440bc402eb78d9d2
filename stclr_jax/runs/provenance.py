"""From a run to the protocol that stands beside its number.

And what a checkpoint notes of its data, so that the next run can tell.
"""

import numpy as np

from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.evaluation import protocol
from stclr_jax.learning import checkpoints
from stclr_jax.runs import trained


def make_protocol(config, store, dealt, fold, pretrained):
  """Says how the figure of a fine-tuning comes about.

  Args:
    config: of the fine-tuning.
    store: a `VideoStore`.
    dealt: its `folds.Folds`.
    fold: the `folds.Fold` of this run.
    pretrained: the `Checkpoint` it begins with, or None.

  Returns:
    A `protocol.Protocol` of one fold.
  """
  record = dealt.record(config.data.fold, store.video_id)
  seen = trained.find_met(
    trained.history(pretrained), store, config.data.same_names
  )
  return protocol.Protocol(
    data=store.name,
    data_hash=_hash(store),
    num_videos=len(fold.test),
    num_people=len(np.unique(store.subject[fold.test])),
    num_folds=config.data.num_folds,
    folds_run=(config.data.fold,),
    fold_assignment=config.data.fold_assignment,
    fold_seed=config.data.fold_seed,
    fold_hashes=(record['test']['sha256'],),
    pretrain_scope=_pretrain_scope(config, store, dealt, fold, pretrained),
    pretrained_on=_pretrained_on(config, pretrained),
    pretrained_epochs=pretrained.epoch if pretrained is not None else 0,
    validation_in_pretraining=bool(
      seen & set(store.subject[fold.validation].tolist())
    ),
    selection=config.selection,
    labelled_fraction=config.data.labelled_fraction,
    labelled_unit=config.data.labelled_unit,
    labelled_draw=config.data.labelled_draw,
    seed=config.seed,
    view=protocol.describe_view(config.views.num_frames, config.views.size),
  )


def data_notes(store):
  """Returns what a checkpoint notes of the data that it is trained on.

  Args:
    store: a `VideoStore`.

  Returns:
    A JSON-able dict: 'data' and 'data_hash' (`protocol.hash_videos`).
  """
  return {'data': store.name, 'data_hash': _hash(store)}


def refuse_other_data(workdir, store):
  """Refuses to go on with a run whose data has changed since.

  Its folds would hold other people from here on.

  Args:
    workdir: of a run, begun or not.
    store: a `VideoStore` of the name that it was begun with.

  Raises:
    ValueError: if the run's checkpoint notes another `data_hash`.
  """
  notes = checkpoints.read_notes(workdir) or {}
  before, now = notes.get('data_hash'), _hash(store)
  if before not in (None, now):  # None: by an earlier version
    raise UserError(
      f'The run in {workdir} cannot go on: the videos of {store.name}, their '
      f'people or labels (hash {now[:12]}) are not those that it was begun '
      f'with ({before[:12]}), so its folds would hold other people. Start '
      'again in a new --workdir, or bring the data back as it was.'
    )


def _hash(store):
  return protocol.hash_videos(store.video_id, store.subject, store.label)


def _pretrained_on(config, pretrained):
  if pretrained is not None:
    names = [seen.data for seen in trained.history(pretrained)]
    return ', then '.join(dict.fromkeys(names))
  return config.init if config.init == 'kinetics400' else ''


def _pretrain_scope(config, store, dealt, fold, pretrained):
  if pretrained is None:
    return 'other_data' if config.init == 'kinetics400' else 'none'
  seen, same_names = trained.history(pretrained), config.data.same_names
  if any(one.unknown_in(store) for one in seen):
    return 'unknown'
  own = any(identity.same_set(one.data, store.name) for one in seen)
  if own and dealt.leaky:
    # The same people everywhere: only the videos could tell.
    return pretrained.notes.get('pretrain_scope') or 'all_unlabelled'
  if trained.find_met(seen, store, same_names, fold.test):
    return 'all_unlabelled'
  if own or trained.find_met(seen, store, same_names):
    return 'train_folds'
  return 'other_data'
