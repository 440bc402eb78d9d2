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
create_optimizer = functools.lru_cache(KEPT)(optimizers.create_optimizer)
inference_step = functools.lru_cache(KEPT)(steps.make_inference_step)
parallelize_inference = functools.lru_cache(KEPT)(
  parallel.parallelize_inference
)


def training_step(make, network, optimizer, **options):
  """Makes a training step on all devices, or finds the one made before.

  Args:
    make: `steps.make_pretrain_step` or `steps.make_finetune_step`.
    network: see there.
    optimizer: of `create_optimizer`, as one made apart is another one.
    **options: as `make` takes them, hashable.

  Returns:
    See `parallel.parallelize_training`.
  """
  return _training_step(targets.devices(), make, network, optimizer, **options)


@functools.lru_cache(KEPT)
def _training_step(devices, make, network, optimizer, **options):
  """As above, for some devices, which the wrapper finds by itself."""
  del devices
  step = make(network, optimizer, axis_name=parallel.DEVICE_AXIS, **options)
  return parallel.parallelize_training(step, num_scalars=2)
