"""A gradient turned into a step: other parameters, or, if it is none, not.

All is decided by numbers that the devices have joined before, so that they
decide alike.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from stclr_jax.errors import check_one_of
from stclr_jax.learning import state as states

# What becomes of a step whose loss or gradient is not finite: it is taken, and
# its metrics stop the run; or it is as if it had not been.
NON_FINITE = ('stop', 'skip')


def descend(
  state: states.TrainState,
  optimizer: optax.GradientTransformation,
  gradients: Any,
  learning_rate: jax.Array,
  trained_names: tuple[str, ...] | None,
) -> states.TrainState:
  """Takes a step of an optimiser.

  Args:
    state: before it.
    optimizer: gives directions, see `optimizers`.
    gradients: of the parameters trained, the same on all devices.
    learning_rate: float [].
    trained_names: top-level names of these parameters; None for all.

  Returns:
    The state after it, its batch statistics as they were.
  """
  params = states.select(state.params, trained_names)
  direction, opt_state = optimizer.update(gradients, state.opt_state, params)
  params = jax.tree.map(
    lambda p, d: p - learning_rate.astype(p.dtype) * d, params, direction
  )
  return dataclasses.replace(
    state,
    step=state.step + 1,
    params=state.params | params,
    opt_state=opt_state,
  )


def settle(
  before: states.TrainState,
  after: states.TrainState,
  metrics: dict[str, jax.Array],
  non_finite: str,
) -> tuple[states.TrainState, dict[str, jax.Array]]:
  """Settles whether a step counts.

  Args:
    before: the state that it began with.
    after: the state that it would leave.
    metrics: the same on all devices, 'loss' and 'gradient_norm' among them.
    non_finite: of `NON_FINITE`.

  Returns:
    (state, metrics). Under 'skip', where loss or gradient norm is not finite,
    the state is `before` bit for bit (parameters, batch statistics, the
    optimiser's, and its number of steps), and the metrics say with 'finite',
    float32 [], 1 or 0, whether they are.
  """
  if non_finite == 'stop':
    return after, metrics
  numbers = jnp.stack([metrics['loss'], metrics['gradient_norm']])
  finite = jnp.isfinite(numbers).all()
  state = jax.tree.map(
    lambda new, old: jnp.where(finite, new, old), after, before
  )
  return state, metrics | {'finite': finite.astype(jnp.float32)}


def check(non_finite: str):
  """Refuses words that `settle` does not know.

  Args:
    non_finite: one of `NON_FINITE`.

  Raises:
    UserError: for another.
  """
  check_one_of('non_finite', non_finite, NON_FINITE)
