"""Parameters and operations of a network, counted without running it."""

import copy
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from stclr_jax.models import heads
from stclr_jax.runs import build

# The gradients by weights and by activations cost the forward pass each.
TRAINING_PASSES = 3


class Cost(NamedTuple):
  """Of an encoder.

  Attributes:
    parameters: their number.
    flop: operations of one forward pass of one clip, 2 a multiply-add.
  """

  parameters: int
  flop: float


def encoder_cost(config):
  """Counts parameters and operations of an encoder.

  Args:
    config: of a pretraining or fine-tuning.

  Returns:
    A `Cost`, the same on any machine: of the plain convolutions, whichever
    way they are computed.
  """
  config = copy.deepcopy(config)
  config.batch_norm.sync = False
  config.encoder.lowering = 'convolution'
  config.encoder.dtype = 'float32'
  return _count(
    build.make_encoder(config), config.views.num_frames, config.views.size
  )


@functools.cache
def _count(encoder, num_frames, size):
  clip = jax.ShapeDtypeStruct((1, num_frames, size, size, 3), jnp.float32)
  key = jax.eval_shape(lambda: jax.random.key(0))
  variables = jax.eval_shape(
    functools.partial(encoder.init, train=False), key, clip
  )
  forward = jax.jit(functools.partial(encoder.apply, train=False))
  analysis = forward.lower(variables, clip).cost_analysis()
  leaves = jax.tree.leaves(variables['params'])
  return Cost(sum(leaf.size for leaf in leaves), float(analysis['flops']))


def clips_per_view(config):
  """Counts the clips that a step encodes for each view.

  Args:
    config: of a pretraining or fine-tuning.

  Returns:
    1 for the paper's method; twice as many where a head reads a change, as the
    frame at rest is encoded as well, or where views played backwards are
    negatives.
  """
  if 'projection' not in config:
    classifier = config.classifier
    return 1 + heads.shows_first_frame(classifier.input, classifier.rest)
  rest_too = heads.shows_first_frame(config.projection.input)
  return (1 + rest_too) * (1 + config.negatives.reversed)
