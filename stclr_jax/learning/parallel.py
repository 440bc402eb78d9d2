"""The only place that knows how a step is spread over devices.

A step is a per-device function `step(state, videos, batch, *scalars)`. It
sees the whole train state and all videos, and its own share of the batch; it
agrees with the other devices through collectives over `DEVICE_AXIS`. State and
videos carry no device axis: they are put on every device once, before the
first step. A batch is indices (a few bytes), and clips where the frames do not
lie on the devices. Of several processes each reads and sends only what its own
devices take.
"""

import functools
import os

import jax
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec

from stclr_jax import targets
from stclr_jax.errors import UserError

DEVICE_AXIS = 'devices'

_HAS_AFFINITY = hasattr(os, 'sched_getaffinity')  # not on a Mac


# chosen: beyond it a device's share of a small batch is too small to pay.
MAX_CPU_DEVICES = 8


def use_cpu_cores(batch_size):
  """Makes JAX see a CPU as one device a core; call before anything else.

  XLA computes most of such a network's operations on one core at a time. Two
  devices on two cores took 1.4 s for a step that takes one 2.7 s. GPUs and
  TPUs are not touched, nor is a number that the user has set already. A process
  among several is one device.

  Args:
    batch_size: videos over all devices, which they must share evenly.
  """
  if jax.distributed.is_initialized():
    return  # processes are started one a device, or say otherwise
  flags = os.environ.get('XLA_FLAGS', '')
  if 'xla_force_host_platform_device_count' in flags:
    return
  # JAX gives its config this attribute as it starts, unseen by pyright.
  if jax.config.jax_num_cpu_devices > 0:  # pyright: ignore[reportAttributeAccessIssue]
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
    step: `step(state, videos, batch, *scalars) -> (state, metrics)`; all
      that it returns must be equal on every device (pmean'd or psum'd),
      because one device's value is kept without looking at the others'.
    num_scalars: how many arguments follow the batch.

  Returns:
    The step for a batch of arrays [devices, n, ...], see `shard`. The state
    passed in is donated: its memory is used for the state returned.
  """
  return jax.pmap(
    step,
    axis_name=DEVICE_AXIS,
    in_axes=(None, None, 0) + (None,) * num_scalars,
    out_axes=None,
    donate_argnums=(0,),
    devices=targets.devices(),
  )


def parallelize_inference(step):
  """Runs `step(variables, videos, batch) -> [n, ...]` on all devices.

  Args:
    step: a per-device function that needs no other device.

  Returns:
    A function `run(variables, videos, batch) -> [batch_size, ...]` of a batch
    of arrays [devices, n, ...], see `shard`; a NumPy array of the whole batch
    in its order, in every process.
  """
  on_all = gather_inference(step)
  return lambda *args: np.asarray(on_all(*args))


def gather_inference(step):
  """Makes the program of `parallelize_inference`.

  Args:
    step: see there.

  Returns:
    `run(variables, videos, batch) -> [batch_size, ...]`, an array of JAX.
  """

  def step_and_gather(variables, videos, batch):
    output = step(variables, videos, batch)
    return lax.all_gather(output, DEVICE_AXIS, tiled=True)

  return jax.pmap(
    step_and_gather,
    axis_name=DEVICE_AXIS,
    in_axes=(None, None, 0),
    out_axes=None,
    devices=targets.devices(),
  )


def replicate(tree):
  """Puts a tree on every device, whole.

  Args:
    tree: a pytree of arrays.

  Returns:
    The tree as arrays that are replicated over `DEVICE_AXIS`.
  """
  if jax.process_count() > 1:
    # Not from one process to another: each has all of it.
    tree = jax.tree.map(own_copy, tree)
  return jax.device_put(tree, _replicated())


def own_copy(array):
  """Copies one device's part of an array that is the same on all.

  Args:
    array: replicated, or of NumPy.

  Returns:
    An array of NumPy.
  """
  return np.array(
    array.addressable_data(0) if isinstance(array, jax.Array) else array
  )


def shard(batch):
  """Splits a batch over the devices.

  Args:
    batch: a pytree of NumPy arrays [batch_size, ...], the same in every
      process.

  Returns:
    The same values as arrays [devices, batch_size / devices, ...], a device's
    part on each.
  """
  return send(own_share(batch))


def own_share(batch):
  """Takes the part of a batch that this process's devices work on.

  Args:
    batch: a pytree of NumPy arrays [batch_size, ...].

  Returns:
    The same tree of [own, ...]; all of it for a single process.
  """

  def take(array):
    check_batch_size(len(array))
    return array[own_places(len(array), _processes(), jax.process_index())]

  return jax.tree.map(take, batch)


def min_over_processes(number):
  """Takes the smallest of what all processes say; all must ask at once.

  Args:
    number: this process's, of 24 bits' precision where there are others.

  Returns:
    A number, the same in every process.
  """
  if jax.process_count() == 1:
    return number
  return float(multihost_utils.process_allgather(np.float32(number)).min())


def meet():
  """Connects the devices of all processes, which must call it together.

  Done by the first step, it would fail where another process compiles half a
  minute longer.
  """
  if jax.distributed.is_initialized():
    jax.block_until_ready(start_max_over_processes(0))


def start_max_over_processes(number):
  """Asks all processes for a number each; does not wait for their answers.

  Args:
    number: int32, this process's.

  Returns:
    An array of JAX, [], the largest of all; to look at it waits.
  """
  by_device = np.full(jax.local_device_count(), number, np.int32)
  return _largest()(
    jax.make_array_from_process_local_data(
      _over_devices(), by_device, (jax.device_count(),)
    )
  )


def own_places(batch_size, processes, process):
  """Says which places of a batch a process's devices work on.

  Args:
    batch_size: over all devices, a multiple of their number.
    processes: the process of each device, in their order.
    process: which process.

  Returns:
    Places, int [own], device after device.
  """
  by_device = np.arange(batch_size).reshape(len(processes), -1)
  return by_device[np.asarray(processes) == process].reshape(-1)


def send(share):
  """Puts a process's share of a batch on its devices; does not wait.

  Args:
    share: a pytree of NumPy arrays [own, ...], see `own_share`.

  Returns:
    Arrays [devices, n, ...] over all processes' devices.
  """
  local, total = jax.local_device_count(), jax.device_count()

  def put(array):
    array = np.asarray(array)
    by_device = array.reshape(local, -1, *array.shape[1:])
    return jax.make_array_from_process_local_data(
      _over_devices(), by_device, (total, *by_device.shape[1:])
    )

  return jax.tree.map(put, share)


@functools.cache
def _largest():
  return jax.jit(lambda numbers: numbers.max(), out_shardings=_replicated())


@functools.cache
def _mesh():
  return Mesh(np.asarray(jax.devices()), (DEVICE_AXIS,))


def _replicated():
  return NamedSharding(_mesh(), PartitionSpec())


def _over_devices():
  return NamedSharding(_mesh(), PartitionSpec(DEVICE_AXIS))


def _processes():
  return [device.process_index for device in jax.devices()]


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
    raise UserError(
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
    raise UserError(
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
