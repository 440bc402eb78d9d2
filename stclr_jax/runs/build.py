"""From a config to the objects of a run. ConfigDicts end here."""

import jax
import jax.numpy as jnp

from stclr_jax.errors import UserError
from stclr_jax.learning import compiled_steps
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.models import encoders
from stclr_jax.views import views

DTYPES = ('float32', 'bfloat16')


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
