"""Our contrastive step, as the workflows run it, on clips already drawn."""

import importlib
import json
import pathlib
import time

import numpy as np

from benchmarks import records
from benchmarks.step import plain

LEARNING_RATE = 1e-3
TEMPERATURE = 0.1


class JaxStep:
  """The step of one process; see `processes.serve` for who calls it.

  Attributes:
    options: of `speed.add_options`.
  """

  def __init__(self, options):
    self.options = options
    self._compiled = self._state = self._clips = None

  def start(self, *, weights=None):
    """Builds and compiles the step and takes it once.

    Args:
      weights: path of the .npz to write the first parameters to, or None.

    Returns:
      A dict: seconds to trace and to compile, 'loss' and 'gradient_norm' of
      the first step, device and versions.
    """
    import jax

    from stclr_jax.learning import losses
    from stclr_jax.learning import optimizers
    from stclr_jax.learning import parallel
    from stclr_jax.learning import state as states
    from stclr_jax.learning import steps

    options = self.options
    use_devices(options)
    network = make_network(options)
    variables = init_variables(network)
    if weights:
      save_variables(weights, variables)
    optimizer = optimizers.sgd(momentum=0.9, weight_decay=1e-4)
    update = steps.make_contrastive_update(
      network,
      optimizer,
      contrastive_loss=losses.NTXent(TEMPERATURE),
      axis_name=parallel.DEVICE_AXIS,
    )
    step = parallel.parallelize_training(
      lambda state, _, clips, rate: update(state, clips, rate), num_scalars=1
    )
    self._state = parallel.replicate(states.create_state(variables, optimizer))
    self._clips = on_devices(make_clips(options))
    self._rate = np.float32(LEARNING_RATE)
    started = time.perf_counter()
    lowered = step.lower(self._state, None, self._clips, self._rate)
    traced = time.perf_counter()
    self._compiled = lowered.compile()
    compiled = time.perf_counter()
    metrics = self._take(1)
    return {
      'trace_s': traced - started,
      'compile_s': compiled - traced,
      'first_step_s': time.perf_counter() - compiled,
      'loss': float(metrics['loss']),
      'gradient_norm': float(metrics['gradient_norm']),
      'device': jax.devices()[0].device_kind,
      'devices': jax.device_count(),
      'versions': records.versions() | {'cudnn': loaded_cudnn()},
    }

  def block(self, *, steps, group=1):
    """Times steps; the host waits for the device after each group only.

    Args:
      steps: how many.
      group: steps between two waits.

    Returns:
      Seconds per step, of each group.
    """
    return records.time_groups(self._take, steps=steps, group=group)

  def memory(self):
    """Reports peak memory of the device, in bytes.

    Returns:
      'peak_bytes' as the allocator saw it (None on a CPU), which includes what
      the compiler tried out, and 'program_bytes' as the compiler planned the
      step: arguments, results and everything between, on one device.
    """
    import jax

    stats = jax.local_devices()[0].memory_stats() or {}
    plan = self._compiled.memory_analysis()
    planned = (
      plan.argument_size_in_bytes
      + plan.output_size_in_bytes
      + plan.temp_size_in_bytes
      - plan.alias_size_in_bytes
    )
    return {
      'peak_bytes': stats.get('peak_bytes_in_use'),
      'program_bytes': planned,
    }

  def profile(self, *, folder, steps):
    """Traces steps into a folder, with the program's text as hlo.txt."""
    import jax

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'hlo.txt').write_text(self._compiled.as_text())
    with jax.profiler.trace(folder):
      self._take(steps)

  def _take(self, steps):
    import jax

    for _ in range(steps):
      self._state, metrics = self._compiled(
        self._state, None, self._clips, self._rate
      )
    return jax.block_until_ready(metrics)


def use_devices(options):
  """Applies what must be said before JAX looks for devices."""
  import jax

  from stclr_jax.learning import parallel

  if options.devices:
    jax.config.update('jax_num_cpu_devices', options.devices)
  else:
    parallel.use_cpu_cores(options.views // 2)


def make_network(options):
  """Makes the network of the options, changed as `set` and `off` say.

  Args:
    options: of `speed.add_options`.

  Returns:
    A `PretrainNetwork`.
  """
  import jax.numpy as jnp

  from stclr_jax.learning import parallel
  from stclr_jax.models import heads
  from stclr_jax.models.encoders import Encoder

  for change in options.set:
    change_constant(change)
  for name in options.off:
    plain.switch_off(name)
  return heads.PretrainNetwork(
    Encoder(
      architecture=options.architecture,
      width=options.width,
      dtype=jnp.dtype(options.dtype),
      lowering=options.lowering,
      remat=options.remat,
      channel_multiple=options.channel_multiple,
      kernels=options.kernels,
      axis_name=parallel.DEVICE_AXIS,
    ),
    heads.ProjectionHead(),
  )


def change_constant(change):
  """Changes a constant of the project, for this process.

  Args:
    change: such as 'models.convolutions.SHORT_FRAMES=0'; the value is JSON.
  """
  path, _, value = change.partition('=')
  find_constant(path)
  module, _, name = path.rpartition('.')
  module = importlib.import_module(f'stclr_jax.{module}')
  setattr(module, name, json.loads(value))


def find_constant(path):
  """Returns the value of a constant of the project.

  Args:
    path: such as 'models.convolutions.SHORT_FRAMES'.

  Returns:
    Its value.

  Raises:
    ValueError: for a constant that does not exist.
  """
  module, _, name = path.rpartition('.')
  module = importlib.import_module(f'stclr_jax.{module}')
  if not hasattr(module, name):
    raise ValueError(f'`set` (={path!r}): {module.__name__} has no {name}.')
  return getattr(module, name)


def init_variables(network):
  """Draws a network's variables; no clip's size matters for them."""
  import jax
  import jax.numpy as jnp

  init = jax.jit(
    lambda: network.init(
      jax.random.key(0), jnp.zeros((1, 2, 16, 16, 3)), train=False
    )
  )
  return init()


def make_clips(options):
  """Draws the clips that every implementation trains on.

  Args:
    options: of `speed.add_options`.

  Returns:
    float32 [views, t, h, w, 3]: first views, then second ones.
  """
  generator = np.random.default_rng(0)
  shape = (options.views, options.frames, options.size, options.size, 3)
  return generator.standard_normal(shape, np.float32)


def on_devices(clips):
  """Puts each device's first and second views on it: [devices, 2n, ...]."""
  import jax
  from jax.sharding import Mesh
  from jax.sharding import NamedSharding
  from jax.sharding import PartitionSpec

  pair = clips.reshape(2, jax.device_count(), -1, *clips.shape[1:])
  shares = np.concatenate(list(pair), axis=1)
  mesh = Mesh(np.asarray(jax.devices()), ('devices',))
  return jax.device_put(shares, NamedSharding(mesh, PartitionSpec('devices')))


def save_variables(path, variables):
  """Writes parameters and statistics under 'params/encoder/...' names."""
  from flax import traverse_util

  flat = traverse_util.flatten_dict(dict(variables), sep='/')
  np.savez(path, **{name: np.asarray(value) for name, value in flat.items()})


def loaded_cudnn():
  """Finds the version of the cuDNN that this process uses, as an int.

  Returns:
    Such as 91501; None where there is none.
  """
  import ctypes

  try:
    return ctypes.CDLL('libcudnn.so.9').cudnnGetVersion()
  except OSError:
    return None
