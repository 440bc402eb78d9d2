"""From a run to the protocol that stands beside its number.

And what a checkpoint notes of its data, so that the next run can tell.
"""

import numpy as np

from stclr_jax.data import identity
from stclr_jax.evaluation import protocol
from stclr_jax.learning import checkpoints


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
  seen = set()
  if pretrained is not None:
    seen = identity.trained_on(pretrained.notes).among(store)
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


def refuse_seen(pretrained, store, test, *, source, fold, leaky=False):
  """Refuses an encoder that has seen a fold's test people, or may have.

  Args:
    pretrained: its `Checkpoint`.
    store: a `VideoStore`.
    test: the fold's test videos, int [n].
    source: how to name where the encoder comes from.
    fold: how to name the fold.
    leaky: whether folds deal clips, so that everybody is in every fold.

  Raises:
    ValueError: if people seen are tested, or nobody can tell.
  """
  people = identity.trained_on(pretrained.notes)
  if people.renumbered_in(store):
    raise ValueError(
      f'The encoder in {source} was pretrained on {people.data} before it was '
      'imported anew. Its people may have other numbers now, so nobody can '
      'tell whether it saw the test people. Pretrain again on the data as it '
      'is now or, if it may have seen them, say so: '
      '--config.pretrain_scope=all_unlabelled.'
    )
  leaked = sorted(people.among(store) & set(store.subject[test].tolist()))
  if leaked and not leaky:
    raise ValueError(
      f'The encoder in {source} was trained on videos of the people {leaked}, '
      f'who are tested in {fold}. Give the one pretrained for that fold, or '
      'say that this is meant: --config.pretrain_scope=all_unlabelled.'
    )


def data_notes(store):
  """Returns what a checkpoint notes of the data that it is trained on.

  Args:
    store: a `VideoStore`.

  Returns:
    A JSON-able dict: 'data', 'data_hash' (`protocol.hash_videos`) and
    'people_hash' (`identity.hash_people`).
  """
  return {
    'data': store.name,
    'data_hash': _hash(store),
    'people_hash': identity.hash_people(store),
  }


def pretraining_notes(pretrained):
  """Returns what a fine-tuning's checkpoint notes of its pretraining.

  Args:
    pretrained: a `Checkpoint`, or None.

  Returns:
    A JSON-able dict; `identity.pretrained_on` reads it.
  """
  notes = {'data': '', 'subjects_seen': [], 'people_hash': None}
  if pretrained is not None:
    notes |= pretrained.notes
  return {
    'data_pretrained': notes['data'],
    'subjects_pretrained': notes['subjects_seen'],
    'people_hash_pretrained': notes['people_hash'],
    'epochs_pretrained': pretrained.epoch if pretrained is not None else 0,
  }


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
    raise ValueError(
      f'The run in {workdir} cannot go on: the videos of {store.name}, their '
      f'people or labels (hash {now[:12]}) are not those that it was begun '
      f'with ({before[:12]}), so its folds would hold other people. Start '
      'again in a new --workdir, or bring the data back as it was.'
    )


def _hash(store):
  return protocol.hash_videos(store.video_id, store.subject, store.label)


def _pretrained_on(config, pretrained):
  if pretrained is not None:
    return pretrained.notes['data']
  return config.init if config.init == 'kinetics400' else ''


def _pretrain_scope(config, store, dealt, fold, pretrained):
  if pretrained is None:
    return 'other_data' if config.init == 'kinetics400' else 'none'
  people = identity.trained_on(pretrained.notes)
  if not identity.same_people(people.data, store.name):
    return 'other_data'
  if people.renumbered_in(store):
    return 'unknown'
  if dealt.leaky:  # the same people everywhere: only the videos can tell
    return pretrained.notes['pretrain_scope']
  tested = set(store.subject[fold.test].tolist())
  return 'all_unlabelled' if people.among(store) & tested else 'train_folds'
