"""The train state: all that training changes, as one pytree."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from stclr_jax.errors import UserError


@struct.dataclass
class TrainState:
  """The state of a training run on the device; no random key is in it.

  Attributes:
    step: optimiser steps taken, int32 [].
    params: {'encoder': ..., head: ...}, float32.
    batch_stats: {'encoder': ...}, float32.
    opt_state: of the optimiser, for the parameters that it trains.
  """

  step: jax.Array
  params: Any
  batch_stats: Any
  opt_state: Any


def create_state(variables, optimizer, *, trained=None, kept=None):
  """Creates the state before the first step.

  Args:
    variables: {'params': ..., 'batch_stats': ...} of a network.
    optimizer: an `optax.GradientTransformation`.
    trained: names of the top-level parameters to train; None for all.
    kept: states of parts to go on with, of an `optimizers.by_part`; or None.

  Returns:
    A `TrainState`.
  """
  params = variables['params']
  # One program: one by one, each shape of an array would be compiled apart.
  opt_state = jax.jit(optimizer.init)(select(params, trained))
  return TrainState(
    step=jnp.asarray(np.int32(0)),
    params=params,
    batch_stats=variables['batch_stats'],
    opt_state=opt_state if kept is None else opt_state | kept,
  )


def select(params, names):
  """Takes some top-level parameters; all of them if `names` is None."""
  return params if names is None else {name: params[name] for name in names}


def trained_parameters(trained: str) -> tuple[str, ...] | None:
  """Names the parameters that a stage of fine-tuning trains.

  Args:
    trained: 'classifier' or 'all'.

  Returns:
    Top-level names, or None for all of them.

  Raises:
    ValueError: for another word.
  """
  if trained not in ('classifier', 'all'):
    raise UserError(f"`trained` (={trained!r}) must be 'classifier' or 'all'.")
  return ('classifier',) if trained == 'classifier' else None


def count_parameters(params):
  """Counts the numbers in a tree of parameters."""
  return sum(leaf.size for leaf in jax.tree.leaves(params))
