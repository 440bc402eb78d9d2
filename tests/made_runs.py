"""Earlier runs that were never run."""

import json

import numpy as np

from stclr_jax import making
from stclr_jax.data.people import identity
from stclr_jax.runs import provenance
from stclr_jax.runs import trained

_OPTIONS = {'encoder': {}, 'batch_norm': {}, 'views': {}}


def make_notes(store, videos, *, labels=False, before=None, **changes):
  """What a run on some videos notes, after another.

  Args:
    store: a `VideoStore`.
    videos: indices of those that it sees.
    labels: whether it is a fine-tuning.
    before: the `trained.Trained` that it begins with, or None.
    **changes: other fields.

  Returns:
    `PretrainNotes` or `FinetuneNotes`, as they come from JSON.
  """
  common = {
    **_OPTIONS,
    'data': store.name,
    'data_hash': provenance.hash_data(store),
    'making': making.Making(num_videos=len(videos)),
    'seen': (
      *trained.history(before),
      identity.see(store, np.asarray(videos), labels=labels),
    ),
  }
  if labels:
    notes = trained.FinetuneNotes(
      **{
        **common,
        'labels': tuple(store.label_names),
        'labels_trained': tuple(store.label_names),
        'labelled_videos': (),
        'epochs_pretrained': before.epoch if before else 0,
        'input': 'clip',
        'rest': 'first_frame',
        **changes,
      }
    )
  else:
    notes = trained.PretrainNotes(
      **{
        **common,
        'init': 'scratch',
        'pretrain_scope': 'train_folds',
        **changes,
      }
    )
  written = json.loads(json.dumps(notes.as_dict()))
  assert type(notes).from_dict(written) == notes
  return notes


def make_trained(store, videos, **options):
  """A finished run of one epoch, see `make_notes`."""
  return trained.Trained('x', 1, {}, make_notes(store, videos, **options))


def read_trained(checkpoint):
  """The `trained.Trained` of a `checkpoints.Checkpoint`."""
  kinds = (trained.PretrainNotes, trained.FinetuneNotes)
  kind = {one.workflow: one for one in kinds}[checkpoint.notes['workflow']]
  notes = kind.from_dict(checkpoint.notes)
  return trained.Trained('x', checkpoint.epoch, checkpoint.state, notes)
