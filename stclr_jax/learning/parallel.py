"""The only place that knows how a step is spread over devices.

A step is a per-device function `step(state, videos, indices, *scalars)`. It
sees the whole train state and all videos, and its own share of the video
indices; it agrees with the other devices through collectives over
`DEVICE_AXIS`. State and videos carry no device axis: they are put on every
device once, before the first step, and only indices (a few bytes) are sent
at each step.
"""

import functools
import os

import jax
import numpy as np
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec

DEVICE_AXIS = 'devices'

_HAS_AFFINITY = hasattr(os, 'sched_getaffinity')  # not on a Mac


# chosen: beyond it a device's share of a small batch is too small to pay.
MAX_CPU_DEVICES = 8


def use_cpu_cores(batch_size):
  """Makes JAX see a CPU as one device a core; call before anything else.

  XLA computes most of such a network's operations on one core at a time. Two
  devices on two cores took 1.4 s for a step that takes one 2.7 s. GPUs and
  TPUs are not touched, nor is a number that the user has set already.

  Args:
    batch_size: videos over all devices, which they must share evenly.
  """
  flags = os.environ.get('XLA_FLAGS', '')
  if 'xla_force_host_platform_device_count' in flags:
    return
  if jax.config.jax_num_cpu_devices > 0:
    return
  cores = len(os.sched_getaffinity(0)) if _HAS_AFFINITY else os.cpu_count()
  jax.config.update('jax_num_cpu_devices', _cpu_devices(batch_size, cores))


def _cpu_devices(batch_size, cores):
  """The most devices that can share a batch evenly, one a core."""
  most = max(1, min(cores, MAX_CPU_DEVICES))
  return max(n for n in range(1, most + 1) if n == 1 or batch_size % n == 0)


def parallelize_training(step, *, num_scalars):
  """Runs a training step on all devices, on a share of the batch each.

  Args:
    step: `step(state, videos, indices, *scalars) -> (state, metrics)`; all
      that it returns must be equal on every device (pmean'd or psum'd),
      because one device's value is kept without looking at the others'.
    num_scalars: how many arguments follow the indices.

  Returns:
    The step for `indices` of shape [devices, n]. The state passed in is
    donated: its memory is used for the state returned.
  """
  return jax.pmap(
    step,
    axis_name=DEVICE_AXIS,
    in_axes=(None, None, 0) + (None,) * num_scalars,
    out_axes=None,
    donate_argnums=(0,),
  )


def parallelize_inference(step):
  """Runs `step(variables, videos, indices) -> [n, ...]` on all devices.

  Args:
    step: a per-device function that needs no other device.

  Returns:
    A function `run(variables, videos, indices, *, batch_size) -> [m, ...]` of
    any number m of indices, which it pads to whole batches, as a NumPy array.
  """
  run_batch = jax.pmap(step, axis_name=DEVICE_AXIS, in_axes=(None, None, 0))

  def run(variables, videos, indices, *, batch_size):
    indices = np.asarray(indices, np.int32)
    batch_size = divisible_batch_size(batch_size)
    outputs = []
    for start in range(0, len(indices), batch_size):
      batch = indices[start : start + batch_size]
      padded = np.resize(batch, batch_size)
      output = run_batch(variables, videos, shard(padded))
      flat = np.asarray(output).reshape(batch_size, *output.shape[2:])
      outputs.append(flat[: len(batch)])
    return np.concatenate(outputs)

  return run


def replicate(tree):
  """Puts a tree on every device, whole.

  Args:
    tree: a pytree of arrays.

  Returns:
    The tree as arrays that are replicated over `DEVICE_AXIS`.
  """
  return jax.device_put(tree, _replicated())


@functools.cache
def _replicated():
  mesh = Mesh(np.asarray(jax.devices()), (DEVICE_AXIS,))
  return NamedSharding(mesh, PartitionSpec())


def shard(array):
  """Splits an array's first axis over the devices.

  Args:
    array: NumPy array [batch_size, ...].

  Returns:
    The same values as [devices, batch_size / devices, ...].
  """
  check_batch_size(len(array))
  return array.reshape(jax.device_count(), -1, *array.shape[1:])


def check_batch_size(batch_size, *, name='batch_size'):
  """Refuses a batch that the devices cannot share evenly.

  Args:
    batch_size: videos over all devices.
    name: what the user calls it.

  Raises:
    ValueError: unless it is a positive multiple of the number of devices.
  """
  devices = jax.device_count()
  if batch_size < 1 or batch_size % devices:
    below = batch_size // devices * devices
    remedy = f'{below + devices} would do'
    if below > 0:
      remedy = f'{below} or {remedy}'
    raise ValueError(
      f'`{name}` (={batch_size}) must be divisible by the {devices} '
      f'devices; {remedy}.'
    )


def check_groups(groups, batch_size, *, name):
  """Refuses parts of a batch that the devices cannot share evenly.

  Args:
    groups: parts of the batch that are computed each by itself.
    batch_size: videos over all devices.
    name: what the user calls the number of groups.

  Raises:
    ValueError: unless it is 1, or a multiple of the number of devices that
      divides the batch.
  """
  devices = jax.device_count()
  if groups == 1:
    return
  if groups < 1 or groups % devices or batch_size % groups:
    raise ValueError(
      f'`{name}` (={groups}) must be 1, or a multiple of the {devices} devices '
      f'that divides the `batch_size` (={batch_size}); on a CPU, '
      'JAX_NUM_CPU_DEVICES=1 makes it one device.'
    )


def groups_per_device(groups):
  """Says how many parts of a batch a device computes, see `check_groups`."""
  return max(1, groups // jax.device_count())


def divisible_batch_size(batch_size):
  """Rounds a batch size up to a multiple of the number of devices."""
  devices = jax.device_count()
  return -(-batch_size // devices) * devices
