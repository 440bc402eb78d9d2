"""From a config to the objects of a run. ConfigDicts end here."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax.data import folds
from stclr_jax.data import labelled_subsets
from stclr_jax.errors import UserError
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.learning.running import compilation
from stclr_jax.learning.running import compiled_steps
from stclr_jax.models import architectures
from stclr_jax.models import encoders
from stclr_jax.models import heads
from stclr_jax.models.weights import torchvision_weights
from stclr_jax.runs import summaries
from stclr_jax.views import views


@dataclasses.dataclass(frozen=True)
class FoldOptions:
  """Options by which people are dealt to folds, and the fold of a run.

  Attributes:
    num_folds: see `folds.make_folds`.
    fold: which one is held out.
    fold_assignment: see `folds.make_folds`.
    fold_seed: see `folds.make_folds`.
  """

  num_folds: int
  fold: int
  fold_assignment: str
  fold_seed: int


def read_options(kind, node):
  """Reads what some code needs of a config, and nothing else.

  Args:
    kind: a dataclass whose fields are settings, or such dataclasses.
    node: the part of a config that has them, by the same names.

  Returns:
    An instance of it, hashable.
  """

  def read(field):
    value = node[field.name]
    if dataclasses.is_dataclass(field.type):
      return read_options(field.type, value)
    return tuple(value) if isinstance(value, list) else value

  fields = [
    one for one in dataclasses.fields(kind) if one.metadata.get('config', True)
  ]
  return kind(**{one.name: read(one) for one in fields})


def make_folds(store, options):
  """Deals the people of a data set to folds.

  Args:
    store: a `VideoStore`.
    options: `FoldOptions`, or a `config.data`, also one without `fold`.

  Returns:
    `folds.Folds`.
  """
  return folds.make_folds(
    store.subject,
    num_folds=options.num_folds,
    assignment=options.fold_assignment,
    seed=options.fold_seed,
    labels=store.label,
    video_id=store.video_id,
  )


def select_fold(store, options, *, validation=False):
  """Finds the fold that is held out.

  Args:
    store: a `VideoStore`.
    options: `FoldOptions` or `config.data`.
    validation: whether to leave the next fold's people out of training.

  Returns:
    A `folds.Fold` of the store's video indices.
  """
  return make_folds(store, options).fold(options.fold, validation=validation)


def select_labelled(store, videos, options):
  """Finds the videos whose labels are known.

  Args:
    store: a `VideoStore`.
    videos: indices of those trained on, int [n].
    options: `config.data`.

  Returns:
    Indices of some of them, see `labelled_subsets.labelled_subset`.
  """
  return labelled_subsets.labelled_subset(
    store.label,
    store.video_id,
    videos,
    options.labelled_fraction,
    seed=options.labelled_draw,
    unit=options.labelled_unit,
    subject=store.subject,
  )


def make_view_options(options, *, read='clip', rest='first_frame'):
  """Makes the view options of a config.

  Args:
    options: `config.views`.
    read: what a head reads of the views, of `heads.INPUTS`.
    rest: what it takes for rest, of `heads.RESTS`.

  Returns:
    A `views.ViewOptions`.
  """
  if options.size < encoders.MIN_IMAGE_SIZE:
    raise UserError(
      f'`views.size` (={options.size}) must be at least '
      f'{encoders.MIN_IMAGE_SIZE} pixels: the encoder halves it four times.'
    )
  made = read_options(views.ViewOptions, options)
  return dataclasses.replace(made, rest=heads.shows_first_frame(read, rest))


def make_encoder(config):
  """Makes the encoder of a config.

  Args:
    config: with `encoder` and `batch_norm`.

  Returns:
    An `encoders.Encoder`, synchronised over the devices if so configured.
  """
  options = config.encoder
  return encoders.Encoder(
    # Not its name: compiled steps are found by what they compute.
    architecture=architectures.find(options.architecture),
    width=options.width,
    dtype=jnp.dtype(options.dtype),
    momentum=config.batch_norm.momentum,
    epsilon=config.batch_norm.epsilon,
    axis_name=parallel.DEVICE_AXIS
    if config.batch_norm.sync and config.batch_norm.groups == 1
    else None,
    groups=parallel.groups_per_device(config.batch_norm.groups),
    lowering=options.lowering,
    remat=options.remat,
    kernels=options.kernels,
  )


def make_optimizer(options):
  """Makes the optimiser of a config.

  Args:
    options: `config.optimizer`.

  Returns:
    An `optax.GradientTransformation` that gives directions.
  """
  return compiled_steps.create_optimizer(
    options.name, momentum=options.momentum, weight_decay=options.weight_decay
  )


def make_learning_rate(options, *, peak, num_epochs, steps_per_epoch):
  """Makes the learning rate of a stage.

  Args:
    options: `config.optimizer`.
    peak: the stage's rate.
    num_epochs: of the stage.
    steps_per_epoch: of the run.

  Returns:
    A `LearningRate`.
  """
  return optimizers.create_learning_rate(
    options.schedule,
    peak=peak,
    num_steps=num_epochs * steps_per_epoch,
    warmup_steps=options.warmup_epochs * steps_per_epoch,
    patience=options.patience,
    factor=options.factor,
  )


def init_network(network, view_options, *, seed):
  """Initialises a network.

  Args:
    network: a `PretrainNetwork` or `ClassifierNetwork`.
    view_options: for the shape of a clip.
    seed: int.

  Returns:
    {'params': ..., 'batch_stats': ...}.
  """
  size = view_options.size
  shape = (1, view_options.frames_taken, size, size, 3)

  def init(key):
    return network.init(key, jnp.zeros(shape), train=False)

  return compilation.run_once(init, jax.random.key(seed))


def load_weights(variables, config):
  """Puts the user's Kinetics-400 weights into a fresh network, if asked to.

  Args:
    variables: of the network, see `init_network`.
    config: with `init`, `init_weights` and `encoder`.

  Returns:
    (variables, report): as they are and None, unless `init` is 'kinetics400';
    then with the encoder replaced, and a `summaries.WeightsReport`.

  Raises:
    FileNotFoundError: if there is no such file.
    UserError: if `init` and `init_weights` do not go together, or the file
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
  return variables, summaries.WeightsReport(
    report.path, len(report.loaded), report.skipped, report.fresh
  )


def videos_seen(store, folding, *, pretrain_scope, hold_out_validation=False):
  """Chooses the videos that pretraining may see.

  Args:
    store: a `VideoStore`.
    folding: `FoldOptions`.
    pretrain_scope: see `configs/pretrain.py`.
    hold_out_validation: see `configs/pretrain.py`.

  Returns:
    Video indices, int [n].
  """
  unlabelled = (store.label == folds.UNLABELLED).all()
  # Where nobody has a label, nobody is ever tested.
  if pretrain_scope == 'all_unlabelled' or unlabelled:
    return np.arange(store.num_videos)
  fold = select_fold(store, folding, validation=hold_out_validation)
  return fold.pretrain
