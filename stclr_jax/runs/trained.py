"""Earlier runs: opened in one way, and asked whom they were trained on.

A run can begin with another that began with a third: all of them count.
"""

import dataclasses
from typing import Any
from typing import ClassVar

from stclr_jax import making
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.files import json_records
from stclr_jax.learning.saved import checkpoints
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

_RUNS = {'pretrain': 'pretraining', 'finetune': 'fine-tuning'}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notes(json_records.Document):
  """Notes of a run in every checkpoint.

  Attributes:
    encoder: `config.encoder`.
    batch_norm: `config.batch_norm`.
    views: `config.views`.
    data: which data, such as 'oulu_casia:vl_strong'.
    data_hash: `protocol.hash_videos` of it.
    seen: whom the run, and those that it began with, were trained on, the
      first run first.
    making: how the videos trained on were made, as far as known.
    beyond_paper: what they did that the paper does not, in words, in the same
      order; see `provenance.beyond_paper`.
  """

  encoder: dict[str, Any]
  batch_norm: dict[str, Any]
  views: dict[str, Any]
  data: str
  data_hash: str
  seen: tuple[identity.Seen, ...]
  making: making.Making
  beyond_paper: tuple[str, ...] = ()

  def __post_init__(self):
    if not self.seen or not all(one.num_people for one in self.seen):
      raise UserError(
        'It does not say whom the run was trained on (`seen`), so that nobody '
        'could tell whether it may be tested on them; train it again, or bring '
        'the file back as it was written.'
      )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainNotes(Notes):
  """Notes of a pretraining in its checkpoints.

  Attributes:
    init: 'scratch' or 'kinetics400'.
    pretrain_scope: whose videos were meant, see `configs/pretrain.py`.
  """

  workflow: ClassVar[str] = 'pretrain'
  init: str
  pretrain_scope: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuneNotes(Notes):
  """Notes of a fine-tuning in its checkpoints.

  Attributes:
    labels: names of the classes, in order.
    labels_trained: of those that a video trained on shows.
    labelled_videos: ids of the videos trained on.
    epochs_pretrained: of the encoder that it began with; 0 without one.
    input: `config.classifier.input`.
    rest: `config.classifier.rest`.
  """

  workflow: ClassVar[str] = 'finetune'
  labels: tuple[str, ...]
  labels_trained: tuple[str, ...]
  labelled_videos: tuple[str, ...]
  epochs_pretrained: int
  input: str
  rest: str


@dataclasses.dataclass(frozen=True)
class Trained:
  """A checkpoint of an earlier run.

  Attributes:
    workdir: path of the run.
    epoch: epochs done.
    state: see `checkpoints.read`.
    notes: `PretrainNotes` or `FinetuneNotes`.
  """

  workdir: Any
  epoch: int
  state: dict[str, Any]
  notes: Notes

  @property
  def variables(self):
    """{'params': ..., 'batch_stats': ...}."""
    return {name: self.state[name] for name in ('params', 'batch_stats')}


def open_trained(workdir, *, option, workflow='', epoch=0):
  """Reads a checkpoint of an earlier run.

  Args:
    workdir: of the run.
    option: the setting that names it, for messages.
    workflow: which it must be, 'pretrain' or 'finetune'; '' for either.
    epoch: of the checkpoint; 0 for the one that was tested, of a pretraining
      the last one, if the run is finished.

  Returns:
    `Trained`.

  Raises:
    FileNotFoundError: if there is none, or the run is not finished.
    UserError: if it is a run of another workflow, or of another format.
  """
  checkpoint = checkpoints.read(workdir, epoch)
  notes = json_records.read_document(
    {k: v for k, v in checkpoint.notes.items() if k != 'progress'},
    (PretrainNotes, FinetuneNotes),
    source=f'The checkpoint in {workdir}',
    remedy=workdirs.RUN_ANEW,
  )
  run = _RUNS[notes.workflow]
  if workflow and notes.workflow != workflow:
    raise UserError(
      f'`{option}` (={workdir}) is a {run} run; give the workdir of a '
      f'{_RUNS[workflow]}.'
    )
  if not epoch and not summaries.is_finished(workdir):
    named = (
      ''
      if option != 'init_from'
      else f'; or, if that epoch is meant, --config.init_epoch='
      f'{checkpoint.epoch}'
    )
    raise FileNotFoundError(
      f'The {run} in `{option}` (={workdir}) is not finished: its newest '
      f'checkpoint is of epoch {checkpoint.epoch}. Run its command again, it '
      f'goes on where it stopped{named}.'
    )
  return Trained(workdir, checkpoint.epoch, checkpoint.state, notes)


def history(earlier):
  """Lists whom a run, and those before it, were trained on.

  Args:
    earlier: `Trained`, or None for a run that begins with nothing.

  Returns:
    A tuple of `identity.Seen`, the first run first.
  """
  return () if earlier is None else earlier.notes.seen


def find_met(seen, store, same_names, videos=None):
  """Finds the people whom runs saw in a data set.

  Args:
    seen: iterable of `identity.Seen`.
    store: a `VideoStore`.
    same_names: `config.data.same_names`.
    videos: indices of videos, int [n], whose people count; None for all.

  Returns:
    Their numbers in it, a set of ints.
  """
  found = set()
  for one in seen:
    found |= one.among(store, same_names=same_names)
  return found if videos is None else found & set(store.subject[videos])


def refuse_seen(
  earlier,
  store,
  test,
  *,
  source,
  fold,
  same_names,
  unlabelled_is_meant=False,
  leaky=False,
):
  """Refuses an encoder that has seen a fold's test people.

  Args:
    earlier: `Trained`, the encoder.
    store: a `VideoStore`.
    test: the fold's test videos, int [n].
    source: how to name where the encoder comes from.
    fold: how to name the fold.
    same_names: `config.data.same_names`.
    unlabelled_is_meant: whether it may have seen them without their labels.
    leaky: whether folds deal clips, so that everybody is in every fold.

  Raises:
    UserError: if people seen are tested.
  """
  for seen in history(earlier):
    leaked = find_met([seen], store, same_names, test)
    if not leaked or leaky or (unlabelled_is_meant and not seen.labels):
      continue
    how = 'trained' if seen.labels else 'pretrained'
    raise UserError(
      f'The encoder in {source} was {how} on {seen.data}, and so on '
      f'{identity.describe_people(store, leaked)}, tested in {fold} of '
      f'{store.name}. {_remedy(seen, leaked, store)}'
    )


def _remedy(seen, leaked, store):
  remedy = (
    'Give one that did not learn from their labels.'
    if seen.labels
    else 'Give the one pretrained for that fold, or say that this is meant: '
    '--config.pretrain_scope=all_unlabelled.'
  )
  if leaked - seen.among(store, same_names='other_people'):
    remedy += (
      ' If they are others who merely have the same names: '
      '--config.data.same_names=other_people.'
    )
  return remedy
