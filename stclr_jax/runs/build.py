"""From a config to the objects of a run. ConfigDicts end here."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax.data import folds
from stclr_jax.data import placement
from stclr_jax.data import sources
from stclr_jax.data import streaming
from stclr_jax.errors import UserError
from stclr_jax.files import host_memory
from stclr_jax.learning import compiled_steps
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.models import encoders
from stclr_jax.views import views

DTYPES = ('float32', 'bfloat16')

# The videos of the last run in this process, by what was asked for: folds and
# rows of a table share them, and to decode them takes longer than a small run.
_last_read = {}


def load_videos(data):
  """Reads the data set of a config, building the embedded one if needed.

  Args:
    data: `config.data`.

  Returns:
    A `VideoStore`; its frames stay in their records if `data.placement` says
    so, or is 'auto' and they would not fit into memory.

  Raises:
    ValueError: for an unknown name, split or placement, or frames that do not
      fit.
    FileNotFoundError: if the data set has not been built.
  """
  placement.check(data.placement, data.memory_share)
  asked = (data.name, data.split, tuple(data.frame_size), data.data_dir)
  if data.placement != placement.STREAMED and asked in _last_read:
    return _last_read[asked]
  _last_read.clear()  # before the next: memory may not hold both
  drawn = sources.must_draw(data.name, data.split)
  if data.placement == placement.STREAMED or not drawn:
    listed = list_videos(data)
    if not placement.keep_in_host(
      data.placement,
      listed.frame_bytes,
      memory_share=data.memory_share,
      free=parallel.least(host_memory.free_host_bytes()),
    ):
      return listed
  _last_read[asked] = sources.load_videos(
    data.name,
    split=data.split,
    frame_size=tuple(data.frame_size),
    data_dir=data.data_dir or None,
  )
  return _last_read[asked]


def check_videos(data):
  """Makes sure that a data set is there, without reading its frames.

  Args:
    data: `config.data`.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the data set has not been built.
  """
  if not sources.must_draw(data.name, data.split):
    sources.open_source(
      data.name, split=data.split, data_dir=data.data_dir or None
    )


def list_videos(data):
  """Opens the data set of a config and leaves the frames in their records.

  Args:
    data: `config.data`.

  Returns:
    A `VideoStore` of records.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the data set has not been built, or TFDS is not
      installed.
  """
  source = sources.open_source(
    data.name, split=data.split, data_dir=data.data_dir or None
  )
  store = streaming.open_store(
    streaming.TfdsRecords(source.examples),
    frame_size=tuple(data.frame_size),
    label_names=source.label_names,
    name=source.name,
    synthetic=source.synthetic,
    index_file=pathlib.Path(source.directory) / f'index_{data.split}.json',
  )
  return sources.name_people(store, source)


def make_folds(store, data):
  """Deals the people of a data set to the folds of a config.

  Args:
    store: a `VideoStore`.
    data: `config.data`.

  Returns:
    `folds.Folds`.
  """
  return folds.make_folds(
    store.subject,
    num_folds=data.num_folds,
    assignment=data.fold_assignment,
    seed=data.fold_seed,
    labels=store.label,
    video_id=store.video_id,
  )


def select_fold(store, data, *, validation=False):
  """Finds the fold of a config.

  Args:
    store: a `VideoStore`.
    data: `config.data`.
    validation: whether to leave the next fold's people out of training.

  Returns:
    A `folds.Fold` of the store's video indices.
  """
  return make_folds(store, data).fold(data.fold, validation=validation)


def make_view_options(options):
  """Makes the view options of a config.

  Args:
    options: `config.views`.

  Returns:
    A `views.ViewOptions`.
  """
  if options.size < encoders.MIN_IMAGE_SIZE:
    raise UserError(
      f'`views.size` (={options.size}) must be at least '
      f'{encoders.MIN_IMAGE_SIZE} pixels: the encoder halves it four times.'
    )
  temporal, crop, flip, color = (
    options.temporal,
    options.crop,
    options.flip,
    options.color,
  )
  strengths = (color.brightness, color.contrast, color.saturation, color.hue)
  probabilities = tuple(temporal.probabilities) or None  # the variant's own
  if not temporal.enabled:
    probabilities = (0.0, 1.0, 0.0)
  return views.ViewOptions(
    num_frames=options.num_frames,
    size=options.size,
    temporal_probabilities=probabilities,
    temporal_variant=temporal.variant,
    crop_enabled=crop.enabled,
    crop_area=tuple(crop.area),
    crop_aspect=tuple(crop.aspect),
    flip_probability=flip.probability if flip.enabled else 0.0,
    color_probability=color.probability if color.enabled else 0.0,
    color_strengths=strengths,
    mean=tuple(options.mean),
    std=tuple(options.std),
  )


def make_encoder(config):
  """Makes the encoder of a config.

  Args:
    config: with `encoder` and `batch_norm`.

  Returns:
    An `encoders.Encoder`, synchronised over the devices if so configured.

  Raises:
    ValueError: for an unknown architecture, dtype or remat mode.
  """
  options = config.encoder
  if options.architecture not in encoders.ARCHITECTURES:
    raise UserError(
      f'`encoder.architecture` (={options.architecture!r}) must be one of '
      f'{", ".join(encoders.ARCHITECTURES)}.'
    )
  if options.dtype not in DTYPES:
    raise UserError(
      f'`encoder.dtype` (={options.dtype!r}) must be one of '
      f'{", ".join(DTYPES)}.'
    )
  if options.remat not in encoders.REMAT:
    raise UserError(
      f'`encoder.remat` (={options.remat!r}) must be one of '
      f'{", ".join(encoders.REMAT)}.'
    )
  return encoders.Encoder(
    architecture=options.architecture,
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
  clip = jnp.zeros((1, view_options.num_frames, size, size, 3))
  init = jax.jit(lambda key: network.init(key, clip, train=False))
  # It runs once: unoptimised it compiles in 2 s where optimised takes 14.
  compiled = init.lower(jax.random.key(seed)).compile(
    compiler_options={'xla_backend_optimization_level': 0}
  )
  return compiled(jax.random.key(seed))


def epoch_order(indices, *, seed, epoch):
  """Shuffles videos, the same way whenever an epoch is run.

  Args:
    indices: int [n].
    seed: int.
    epoch: int.

  Returns:
    A permutation of `indices`, int32 [n].
  """
  return np.random.default_rng((seed, epoch)).permutation(indices)
