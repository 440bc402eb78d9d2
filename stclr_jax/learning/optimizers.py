"""Optimisers and learning rates, as PyTorch defines them.

An optimiser here gives a direction; the step scales it by minus the learning
rate, which the loop passes in. So a schedule and the plateau rule live on the
host, in plain numbers.
"""

import dataclasses
import math

import optax


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
  raise ValueError(
    f'`optimizer.name` (={name!r}) must be one of {", ".join(OPTIMIZERS)}.'
  )


SCHEDULES = ('constant', 'cosine')


def create_schedule(name, *, learning_rate, num_steps, warmup_steps):
  """Makes a learning rate as a function of the step.

  Args:
    name: 'constant' (the paper's pretraining) or 'cosine' down to zero.
    learning_rate: the constant, or the cosine's peak.
    num_steps: steps of the whole run.
    warmup_steps: steps of the linear rise before the cosine; the constant
      schedule has none.

  Returns:
    `schedule(step) -> learning rate`, a float.

  Raises:
    ValueError: for another name.
  """
  if name == 'constant':
    return lambda step: learning_rate
  if name == 'cosine':
    return lambda step: _cosine(step, learning_rate, num_steps, warmup_steps)
  raise ValueError(
    f'`optimizer.schedule` (={name!r}) must be one of {", ".join(SCHEDULES)}.'
  )


def _cosine(step, peak, num_steps, warmup_steps):
  if step < warmup_steps:
    return peak * (step + 1) / warmup_steps
  share = (step - warmup_steps) / max(1, num_steps - warmup_steps)
  return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


@dataclasses.dataclass
class Plateau:
  """Divides the learning rate when a loss has stopped falling.

  Decides exactly as torch's ReduceLROnPlateau in mode 'min' with a relative
  threshold and no cooldown: the rate falls at the first epoch that is the
  (patience + 1)-th bad one in a row. `optax.contrib.reduce_on_plateau` cuts
  one call earlier.

  Attributes:
    learning_rate: the current one.
    patience: bad epochs endured; 3 in the paper.
    factor: multiplies the rate; 0.1, torch's default.
    threshold: a loss is better if below best * (1 - threshold); 1e-4, torch's
      default.
    best: lowest loss so far.
    num_bad_epochs: epochs since, or since the last cut.

  Source: ST-CLR Sec. IV.A ("plateau learning rate decay with a patience of
    3"); torch.optim.lr_scheduler.ReduceLROnPlateau.
  """

  learning_rate: float
  patience: int = 3
  factor: float = 0.1
  threshold: float = 1e-4
  best: float = math.inf
  num_bad_epochs: int = 0

  def update(self, loss):
    """Takes note of an epoch's loss and returns the next learning rate."""
    if loss < self.best * (1 - self.threshold):
      self.best = loss
      self.num_bad_epochs = 0
    else:
      self.num_bad_epochs += 1
    if self.num_bad_epochs > self.patience:
      self.learning_rate *= self.factor
      self.num_bad_epochs = 0
    return self.learning_rate
