"""Whom earlier runs were trained on, and whether they may be tested on whom.

A run can begin with another that began with a third: all of them count.
"""

from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.learning import checkpoints
from stclr_jax.models.weights import torchvision_weights
from stclr_jax.runs import workdirs

_RUNS = {'pretrain': 'pretraining', 'finetune': 'fine-tuning'}


def open_finished(workdir, *, workflow, option):
  """Reads the last checkpoint of a finished run.

  Args:
    workdir: of the run.
    workflow: which it must be, 'pretrain' or 'finetune'.
    option: the setting that names it, for messages.

  Returns:
    A `Checkpoint`.

  Raises:
    FileNotFoundError: if there is none, or the run is not finished.
    ValueError: if it is a run of another workflow.
  """
  checkpoint = checkpoints.read(workdir)
  wanted, found = _RUNS[workflow], checkpoint.notes['workflow']
  if found != workflow:
    raise UserError(
      f'`{option}` (={workdir}) is a {_RUNS.get(found) or found} run; give the '
      f'workdir of a {wanted}.'
    )
  if workdirs.read_summary(workdir) is None:
    raise FileNotFoundError(
      f'The {wanted} in {workdir} is not finished; run its command again, it '
      'goes on where it stopped.'
    )
  return checkpoint


def history(checkpoint):
  """Lists whom a run, and those before it, were trained on.

  Args:
    checkpoint: a `Checkpoint`, or None for a run that begins with nothing.

  Returns:
    A tuple of `identity.Seen`, the first run first.
  """
  return () if checkpoint is None else identity.history(checkpoint.notes)


def note_seen(store, videos, *, labels, before=None):
  """Returns what a checkpoint notes of whom it and those before it saw.

  Args:
    store: a `VideoStore`.
    videos: indices of those trained on, int [n].
    labels: whether their labels are learned from.
    before: the `Checkpoint` that the run begins with, or None.

  Returns:
    A JSON-able dict; `identity.history` reads it.
  """
  seen = (*history(before), identity.see(store, videos, labels=labels))
  return {'seen': [one.as_dict() for one in seen]}


def find_met(seen, store, same_names, videos=None):
  """Finds the people whom runs saw in a data set.

  Args:
    seen: iterable of `identity.Seen`.
    store: a `VideoStore`.
    same_names: `config.data.same_names`.
    videos: indices of videos, int [n], whose people count; None for all.

  Returns:
    Their numbers in it, a set of ints.

  Raises:
    ValueError: for another value of `data.same_names`.
  """
  if same_names not in identity.SAME_NAMES:
    raise UserError(
      f'`data.same_names` (={same_names!r}) must be one of '
      f'{", ".join(identity.SAME_NAMES)}.'
    )
  found = set()
  for one in seen:
    found |= one.among(store, same_names=same_names)
  return found if videos is None else found & set(store.subject[videos])


def refuse_seen(
  checkpoint,
  store,
  test,
  *,
  source,
  fold,
  same_names,
  unlabelled_is_meant=False,
  leaky=False,
):
  """Refuses an encoder that has seen a fold's test people, or may have.

  Args:
    checkpoint: its `Checkpoint`.
    store: a `VideoStore`.
    test: the fold's test videos, int [n].
    source: how to name where the encoder comes from.
    fold: how to name the fold.
    same_names: `config.data.same_names`.
    unlabelled_is_meant: whether it may have seen them without their labels.
    leaky: whether folds deal clips, so that everybody is in every fold.

  Raises:
    ValueError: if people seen are tested, or nobody can tell.
  """
  for seen in history(checkpoint):
    how = 'trained' if seen.labels else 'pretrained'
    meant = unlabelled_is_meant and not seen.labels
    if seen.unknown_in(store) and not meant:
      raise UserError(
        f'The encoder in {source} was {how} on {seen.data} before it was '
        'imported anew, by an earlier version that noted numbers only. Its '
        'people may have other numbers now, so nobody can tell whether it saw '
        'the test people. Pretrain again on the data as it is now or, if it '
        'may have seen them, say so: --config.pretrain_scope=all_unlabelled.'
      )
    leaked = find_met([seen], store, same_names, test)
    if leaked and not meant and not leaky:
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


def load_weights(variables, config):
  """Puts the user's Kinetics-400 weights into a fresh network, if asked to.

  Args:
    variables: of the network, see `build.init_network`.
    config: with `init`, `init_weights` and `encoder`.

  Returns:
    (variables, report): as they are and None, unless `init` is 'kinetics400';
    then with the encoder replaced, and the JSON-able dict of a
    `torchvision_weights.Report`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if `init` and `init_weights` do not go together, or the file
      does not hold the encoder of this config.
  """
  if config.init != 'kinetics400':
    if config.init_weights:
      raise UserError(
        f'`init_weights` (={config.init_weights!r}) has no meaning with '
        f'`init` = {config.init!r}; drop it, or set --config.init=kinetics400.'
      )
    return variables, None
  if not config.init_weights:
    raise UserError(
      "`init` = 'kinetics400' needs `init_weights`, a file with the state dict "
      f"of torchvision's {config.encoder.architecture}: download the one that "
      'its documentation names (Kinetics-400) and give '
      '--config.init_weights=PATH. None comes with this project.'
    )
  variables, report = torchvision_weights.load_encoder(
    variables, config.init_weights, config.encoder.architecture
  )
  print(report.describe(), flush=True)
  return variables, report.as_dict()
