"""From a run to the protocol that stands beside its number."""

import numpy as np

from stclr_jax.evaluation import protocol


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
  seen = set() if pretrained is None else people_seen(pretrained)
  size = config.views.size
  return protocol.Protocol(
    data=store.name,
    data_hash=protocol.hash_videos(store.video_id, store.subject, store.label),
    num_videos=len(fold.test),
    num_people=len(np.unique(store.subject[fold.test])),
    num_folds=config.data.num_folds,
    folds_run=(config.data.fold,),
    fold_assignment=config.data.fold_assignment,
    fold_seed=config.data.fold_seed,
    fold_hashes=(record['test']['sha256'],),
    pretrain_scope=_pretrain_scope(store, dealt, fold, pretrained),
    validation_in_pretraining=bool(
      seen & set(store.subject[fold.validation].tolist())
    ),
    selection=config.selection,
    labelled_fraction=config.data.labelled_fraction,
    labelled_unit=config.data.labelled_unit,
    labelled_draw=config.data.labelled_draw,
    seed=config.seed,
    view=f'{config.views.num_frames} frames from first to last, centre '
    f'{size}x{size}',
  )


def people_seen(pretrained):
  """Returns the people whose videos a checkpoint was trained on, a set."""
  return set(pretrained.notes['subjects_seen'])


def pool(protocols):
  """Puts the protocols of several folds of one run together.

  Args:
    protocols: list of `Protocol`, each of other folds.

  Returns:
    A `Protocol` of all of them.

  Raises:
    ValueError: if they differ in more than the folds, or share one.
  """
  ordered = sorted(protocols, key=lambda one: one.folds_run)
  folds = tuple(fold for one in ordered for fold in one.folds_run)
  if len(set(folds)) < len(folds):
    raise ValueError(f'The folds {folds} must differ to be pooled.')
  own = {'num_videos', 'num_people', 'folds_run', 'fold_hashes'}
  settings = [
    {k: v for k, v in one.as_dict().items() if k not in own} for one in ordered
  ]
  for one in settings[1:]:
    if differences := protocol.differences(settings[0], one):
      raise ValueError(
        'The folds were not run under one protocol, so their videos cannot be '
        'pooled:\n  ' + '\n  '.join(differences)
      )
  return protocol.Protocol.from_dict(
    settings[0]
    | {
      'folds_run': folds,
      'fold_hashes': tuple(h for one in ordered for h in one.fold_hashes),
      'num_videos': sum(one.num_videos for one in ordered),
      # Of clip-level folds a person can be in several.
      'num_people': sum(one.num_people for one in ordered),
    }
  )


def _pretrain_scope(store, dealt, fold, pretrained):
  if pretrained is None:
    return 'none'
  if dealt.leaky:  # the same people everywhere: only the videos can tell
    return pretrained.notes['pretrain_scope']
  tested = set(store.subject[fold.test].tolist())
  return 'all_unlabelled' if people_seen(pretrained) & tested else 'train_folds'
