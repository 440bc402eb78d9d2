"""Optimisers and learning rates, as PyTorch defines them.

An optimiser here gives a direction; the step scales it by minus the learning
rate, which the loop passes in. So a schedule and the plateau rule live on the
host, in plain numbers.
"""

import dataclasses
import math

import jax
import optax
from jax import flatten_util
from jax import lax

from stclr_jax import targets
from stclr_jax.errors import UserError


def sgd(*, momentum, weight_decay):
  """Makes SGD with momentum; the decay is added before momentum.

  Args:
    momentum: 0.9 in the paper.
    weight_decay: 1e-4 in the paper, on every parameter, as torch does.

  Returns:
    An `optax.GradientTransformation` giving directions to go against.

  Source: ST-CLR Sec. IV.A; torch.optim.SGD. `optax.sgd` has no decay, and
    decoupled decay (AdamW's) would be another method.
  """
  return optax.chain(
    optax.add_decayed_weights(weight_decay), optax.trace(momentum)
  )


def adam():
  """Makes Adam with torch's defaults (0.9, 0.999, 1e-8), no decay.

  Returns:
    An `optax.GradientTransformation` giving directions to go against.

  Source: ST-CLR Sec. IV.A (Adam); torch.optim.Adam.
  """
  return optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8)


def clipped(optimizer, norm):
  """Shortens gradients that are longer than a limit, before an optimiser.

  The norm is over all parameters trained, on accelerators and CPUs alike, and
  torch clips so, too, before weight decay. Nothing is kept of it, so that a
  state is the same with and without.

  Args:
    optimizer: an `optax.GradientTransformation`.
    norm: the limit, positive; 0 for none, which is `optimizer` itself.

  Returns:
    An `optax.GradientTransformation`.

  Source: Pascanu, Mikolov & Bengio 2013 (arXiv:1211.5063), algorithm 1.
  """
  if not norm:
    return optimizer
  clip = optax.clip_by_global_norm(norm)

  def update(updates, state, params=None):
    updates, _ = clip.update(updates, optax.EmptyState())
    return optimizer.update(updates, state, params)

  return optax.GradientTransformation(optimizer.init, update)


def by_part(optimizer):
  """Gives each top-level part of the parameters a state of its own.

  So a part that is trained from a later step on begins to count there, as with
  torch's optimisers, and another can go on with its moments.

  Args:
    optimizer: an `optax.GradientTransformation`.

  Returns:
    An `optax.GradientTransformation` whose state is a dict, by part.
  """

  def init(params):
    return {name: optimizer.init(part) for name, part in params.items()}

  def update(updates, state, params=None):
    updated = {
      name: optimizer.update(
        part, state[name], None if params is None else params[name]
      )
      for name, part in updates.items()
    }
    directions = {name: direction for name, (direction, _) in updated.items()}
    return directions, {name: after for name, (_, after) in updated.items()}

  return optax.GradientTransformation(init, update)


def mean_side_by_side(sums, count):
  """Divides gradients, and lays them into one array on accelerators.

  A convolution's kernel has its gradient in another layout. XLA turns it while
  it changes the kernel, which so cannot be changed where it lies and is copied
  twice; and for the norm, each gradient is summed up by itself.

  Args:
    sums: a pytree of arrays of one dtype, the same on all devices.
    count: what to divide by.

  Returns:
    (the gradients, what to take their norm of).
  """
  if targets.platform() == 'cpu':
    gradients = jax.tree.map(lambda g: g / count, sums)
    return gradients, gradients
  flat, unravel = flatten_util.ravel_pytree(sums)
  flat = lax.optimization_barrier(flat) / count  # or XLA sees through it
  return unravel(flat), flat


OPTIMIZERS = ('sgd', 'adam')


def create_optimizer(name, *, momentum, weight_decay):
  """Makes an optimiser by name.

  Args:
    name: 'sgd' or 'adam'.
    momentum: of SGD.
    weight_decay: of SGD.

  Returns:
    An `optax.GradientTransformation`.

  Raises:
    ValueError: for another name.
  """
  if name == 'sgd':
    return sgd(momentum=momentum, weight_decay=weight_decay)
  if name == 'adam':
    return adam()
  raise UserError(
    f'`optimizer.name` (={name!r}) must be one of {", ".join(OPTIMIZERS)}.'
  )


SCHEDULES = ('constant', 'cosine', 'plateau')


def create_learning_rate(
  name, *, peak, num_steps, warmup_steps=0, patience=3, factor=0.1
):
  """Makes the learning rate of a run or of one of its stages.

  Args:
    name: 'constant' (the paper's pretraining), 'plateau' (its fine-tuning) or
      'cosine', which falls to zero.
    peak: the first rate, or the highest one after a warmup.
    num_steps: steps of the stage, for the cosine.
    warmup_steps: steps of a linear rise before the cosine.
    patience: of the plateau.
    factor: of the plateau.

  Returns:
    A `LearningRate`.

  Raises:
    ValueError: for another name.
  """
  if name == 'constant':
    return Constant(peak)
  if name == 'cosine':
    return Cosine(peak, num_steps, warmup_steps)
  if name == 'plateau':
    return Plateau(peak, patience, factor)
  raise UserError(
    f'`optimizer.schedule` (={name!r}) must be one of {", ".join(SCHEDULES)}.'
  )


@dataclasses.dataclass
class LearningRate:
  """A rate that may depend on the step and on the losses so far."""

  def at(self, step):
    """Returns the rate of a step, counted from 0."""
    raise NotImplementedError

  def end_epoch(self, loss):
    """Takes note of an epoch's mean training loss; most rates need none."""

  def notes(self):
    """Returns what a checkpoint has to keep, JSON-able."""
    return dataclasses.asdict(self)

  def restore(self, notes):
    """Goes on from `notes`."""
    for name, value in notes.items():
      setattr(self, name, value)


@dataclasses.dataclass
class Constant(LearningRate):
  """The same rate at every step."""

  learning_rate: float

  def at(self, step):
    """Returns the rate of a step, counted from 0."""
    del step
    return self.learning_rate


@dataclasses.dataclass
class Cosine(LearningRate):
  """A linear rise, then half a cosine down to zero.

  Attributes:
    peak: highest rate.
    num_steps: steps until zero.
    warmup_steps: steps of the rise.
  """

  peak: float
  num_steps: int
  warmup_steps: int

  def at(self, step):
    """Returns the rate of a step, counted from 0."""
    if step < self.warmup_steps:
      return self.peak * (step + 1) / self.warmup_steps
    falling = max(1, self.num_steps - self.warmup_steps)
    share = min(1.0, (step - self.warmup_steps) / falling)
    return self.peak * 0.5 * (1 + math.cos(math.pi * share))


@dataclasses.dataclass
class Plateau(LearningRate):
  """Divides the rate when the loss has stopped falling.

  Decides exactly as torch's ReduceLROnPlateau in mode 'min' with a relative
  threshold, no cooldown and no lowest rate: the rate falls at the
  (patience + 1)-th bad epoch in a row. `optax.contrib.reduce_on_plateau` cuts
  one call earlier.

  Attributes:
    learning_rate: the current one.
    patience: bad epochs endured; 3 in the paper.
    factor: multiplies the rate; 0.1, torch's default.
    threshold: a loss is better if below best * (1 - threshold); 1e-4, torch's
      default.
    eps: the rate stays where it would fall by no more; 1e-8, torch's default.
    best: lowest loss so far.
    num_bad_epochs: epochs since, or since the last cut.

  Source: ST-CLR Sec. IV.A ("plateau learning rate decay with a patience of
    3"); torch.optim.lr_scheduler.ReduceLROnPlateau.
  """

  learning_rate: float
  patience: int = 3
  factor: float = 0.1
  threshold: float = 1e-4
  eps: float = 1e-8
  best: float = math.inf
  num_bad_epochs: int = 0

  def at(self, step):
    """Returns the current rate."""
    del step
    return self.learning_rate

  def end_epoch(self, loss):
    """Takes note of an epoch's loss; the rate may fall."""
    if loss < self.best * (1 - self.threshold):
      self.best = loss
      self.num_bad_epochs = 0
    else:
      self.num_bad_epochs += 1
    if self.num_bad_epochs > self.patience:
      lower = self.learning_rate * self.factor
      if self.learning_rate - lower > self.eps:
        self.learning_rate = lower
      self.num_bad_epochs = 0
