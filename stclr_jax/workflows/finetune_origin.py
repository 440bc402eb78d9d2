"""The encoder and the labels of a fine-tuning, and whom they have seen."""

import numpy as np

from stclr_jax import making
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.evaluation import protocol
from stclr_jax.models import heads
from stclr_jax.runs import build
from stclr_jax.runs import provenance
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.runs.checks import person_checks


def open_encoder(config):
  """Opens the run whose encoder is begun with.

  Args:
    config: as `configs/finetune.py` gives it.

  Returns:
    `trained.Trained`; None for a fresh encoder.

  Raises:
    FileNotFoundError: if there is none where `init_from` says, or its run is
      not finished and `init_epoch` names none.
    UserError: if `init` and `init_from` do not go together.
  """
  if config.init != 'pretrained':
    if config.init_from:
      raise UserError(
        f'`init_from` (={config.init_from!r}) has no meaning with `init` = '
        f'{config.init!r}; drop one of the two.'
      )
    return None
  if not config.init_from:
    raise UserError(
      "`init` = 'pretrained' needs `init_from`, the workdir of a pretraining "
      'run: --config.init_from=WORKDIR. To start from nothing: '
      '--config.init=scratch.'
    )
  return trained.open_trained(
    config.init_from, option='init_from', epoch=config.init_epoch
  )


def choose_labelled(config, store, dealt, fold, earlier):
  """Chooses the videos trained on, if the encoder may be tested on the fold.

  Args:
    config: as `configs/finetune.py` gives it.
    store: a `VideoStore`.
    dealt: its `folds.Folds`.
    fold: the `folds.Fold` that is tested.
    earlier: of `open_encoder`.

  Returns:
    Video indices, int [n].

  Raises:
    UserError: if the encoder has seen people tested, the labels have
      nothing to tell apart, or people lack the mean that is their rest.
  """
  if earlier is not None:
    trained.refuse_seen(
      earlier,
      store,
      fold.test,
      source=f'`init_from` (={config.init_from})',
      fold=f'`data.fold` (={config.data.fold})',
      same_names=config.data.same_names,
      unlabelled_is_meant=config.pretrain_scope == 'all_unlabelled',
      leaky=dealt.leaky,
    )
  labelled = build.select_labelled(store, fold.train, config.data)
  class_checks.check_trained(
    store, labelled, where=f'of fold {config.data.fold}'
  )
  if config.classifier.rest == heads.PERSON_MEAN:
    _check_means(config, store, fold, labelled)
  return labelled


def make_notes(config, store, fold, labelled, earlier):
  """Makes what the checkpoints note, `trained.FinetuneNotes`.

  Args:
    config: see `choose_labelled`, as all but `labelled`.
    store: a `VideoStore`.
    fold: the `folds.Fold` that is tested.
    labelled: of `choose_labelled`.
    earlier: of `open_encoder`.
  """
  return trained.FinetuneNotes(
    encoder=workdirs.as_json(config.encoder),
    batch_norm=workdirs.as_json(config.batch_norm),
    views=workdirs.as_json(config.views),
    input=config.classifier.input,
    rest=config.classifier.rest,
    data=store.name,
    data_hash=provenance.hash_data(store),
    seen=(
      *trained.history(earlier),
      identity.see(store, fold.train, labels=True),
    ),
    making=making.of_videos(store, labelled),
    beyond_paper=_beyond_paper(config, earlier),
    labels=tuple(store.label_names),
    labels_trained=tuple(class_checks.names(store, labelled)),
    labelled_videos=tuple(store.video_id[i] for i in labelled),
    epochs_pretrained=earlier.epoch if earlier else 0,
  )


def make_protocol(config, store, dealt, fold, earlier):
  """Says how the figure comes about, as a `protocol.Protocol` of one fold.

  Args:
    config: see `choose_labelled`, as all arguments.
    store: a `VideoStore`.
    dealt: its `folds.Folds`.
    fold: the `folds.Fold` that is tested.
    earlier: of `open_encoder`.
  """
  pretraining = provenance.describe_pretraining(
    config.init,
    earlier,
    store,
    fold,
    same_names=config.data.same_names,
    leaky=dealt.leaky,
  )
  record = dealt.record(config.data.fold, store.video_id)
  return protocol.Protocol(
    data=store.name,
    data_hash=provenance.hash_data(store),
    num_videos=len(fold.test),
    num_people=len(np.unique(store.subject[fold.test])),
    num_folds=config.data.num_folds,
    folds_run=(config.data.fold,),
    fold_assignment=config.data.fold_assignment,
    fold_seed=config.data.fold_seed,
    fold_hashes=(record['test']['sha256'],),
    pretrain_scope=pretraining.scope,
    pretrained_on=pretraining.data,
    pretrained_epochs=pretraining.epochs,
    validation_in_pretraining=pretraining.validation_seen,
    selection=config.selection,
    labelled_fraction=config.data.labelled_fraction,
    labelled_unit=config.data.labelled_unit,
    labelled_draw=config.data.labelled_draw,
    seed=config.seed,
    view=protocol.describe_view(
      config.views.num_frames,
      config.views.size,
      config.classifier.input,
      config.classifier.rest,
    ),
    beyond_paper=_beyond_paper(config, earlier),
  )


def _check_means(config, store, fold, labelled):
  setting = f'`classifier.rest` (={config.classifier.rest!r})'
  if config.batches.composition != 'of_whole_people':
    raise UserError(
      f'{setting} needs all training videos of a person in one batch, which '
      f'`batches.composition` (={config.batches.composition!r}) does not keep '
      'together: --config.batches.composition=of_whole_people.'
    )
  for videos, kind in (
    (labelled, 'labelled training'),
    (fold.test, 'test'),
    (fold.validation, 'validation'),
  ):
    person_checks.check_means(
      store,
      videos,
      setting=setting,
      where=f'{kind} videos of fold {config.data.fold}',
    )


def _beyond_paper(config, earlier):
  before = earlier.notes.beyond_paper if earlier else ()
  return (*before, *provenance.beyond_paper(config))
