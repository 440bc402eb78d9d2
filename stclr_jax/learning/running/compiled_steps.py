"""Compiled steps, shared by the runs of one process.

Folds and rows of a table differ in data and parameters, not in program. To
trace and compile a step takes longer than a small run; here it is done once.
"""

import functools

from stclr_jax import targets
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.learning import steps

# chosen: more than one run needs, so that the next finds its own; few enough
# that a long table does not keep all that it compiled.
KEPT = 16

by_part = functools.lru_cache(KEPT)(optimizers.by_part)
clipped = functools.lru_cache(KEPT)(optimizers.clipped)
create_optimizer = functools.lru_cache(KEPT)(optimizers.create_optimizer)
inference_step = functools.lru_cache(KEPT)(steps.make_inference_step)
parallelize_inference = functools.lru_cache(KEPT)(
  parallel.parallelize_inference
)


class TrainingStep:
  """A training step on all devices: is called as `parallelize_training` says.

  Attributes:
    network: that it trains.
  """

  def __init__(self, make, network, optimizer, options):
    self.network = network
    self._make = functools.partial(
      make, axis_name=parallel.DEVICE_AXIS, optimizer=optimizer, **options
    )
    self._on_all = parallel.parallelize_training(
      self.of_device(), num_scalars=2
    )

  def __call__(self, *arguments):
    return self._on_all(*arguments)

  def lower(self, *arguments):
    """Lowers the program on all devices, see `jax.stages`."""
    return self._on_all.lower(*arguments)

  def of_device(self, network=None, **changes):
    """Makes the step of one device, not yet compiled.

    Args:
      network: in place of its own.
      **changes: options that it is made with in place of its own.

    Returns:
      See `steps`.
    """
    return self._make(network or self.network, **changes)


def training_step(make, network, optimizer, **options):
  """Makes a training step on all devices, or finds the one made before.

  Args:
    make: `steps.make_pretrain_step` or `steps.make_finetune_step`.
    network: see there.
    optimizer: of `create_optimizer`, as one made apart is another one.
    **options: as `make` takes them, hashable.

  Returns:
    A `TrainingStep`.
  """
  return _training_step(targets.devices(), make, network, optimizer, **options)


@functools.lru_cache(KEPT)
def _training_step(devices, make, network, optimizer, **options):
  """As above, for some devices, which the wrapper finds by itself."""
  del devices
  return TrainingStep(make, network, optimizer, options)
