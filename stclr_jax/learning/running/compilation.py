"""Settings of XLA for a process: cache, GPU flags; programs that run once."""

import os
import pathlib
import sys
from typing import Any

import jax

from stclr_jax import targets
from stclr_jax.files import disk

# chosen: what compiles faster is not worth a file.
MIN_COMPILE_SECONDS = 1.0

# NVIDIA's own JAX images set the first. The second sends the gradients' 125 MB
# in four buckets: three are layer4's, which the backward pass reaches first, so
# that three quarters can be under way during the rest of it. predicted,
# benchmarks/README.md. On one GPU both do nothing.
SEVERAL_GPU_FLAGS = {
  '--xla_gpu_enable_latency_hiding_scheduler': 'true',
  '--xla_gpu_all_reduce_combine_threshold_bytes': str(40 * 2**20),
}

# A program that runs once takes longer to compile than to run. Unoptimised, a
# network's initialisation compiles in 2 s where optimised it takes 14; on a
# CPU, XLA's older emitters take a third of the newer ones' time for that.
_UNOPTIMISED = {'xla_backend_optimization_level': 0}
_UNOPTIMISED_CPU = {**_UNOPTIMISED, 'xla_cpu_use_fusion_emitters': False}


def use_cache():
  """Keeps compiled programs in the user's cache folder between processes.

  A folder that the user gave JAX (`JAX_COMPILATION_CACHE_DIR`) is left as it
  is, and `JAX_ENABLE_COMPILATION_CACHE=false` switches caching off. A folder
  that cannot be made costs time, not the run.

  Returns:
    Path of the folder, or None if nothing is kept.

  Source: docs.jax.dev, "Persistent compilation cache". It runs what it finds,
    so that the folder is the user's alone.
  """
  # JAX gives its config these attributes as it starts, unseen by pyright.
  options = jax.config
  if not options.jax_enable_compilation_cache:  # pyright: ignore[reportAttributeAccessIssue]
    return None
  given = options.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
  if given:
    return pathlib.Path(given)
  try:
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
  except (OSError, RuntimeError) as error:  # RuntimeError: no home
    print(
      f'Note: compiled programs are not kept for the next run ({error}); '
      'XDG_CACHE_HOME=DIR says where they could be.',
      file=sys.stderr,
      flush=True,
    )
    return None
  jax.config.update('jax_compilation_cache_dir', str(folder))
  jax.config.update(
    'jax_persistent_cache_min_compile_time_secs', MIN_COMPILE_SECONDS
  )
  return folder


def cache_folder():
  """Says where programs are kept: in the user's cache folder.

  Raises:
    RuntimeError: if the user has no home.
  """
  return disk.cache_folder('compiled')


def run_once(function, *args):
  """Runs a function as one program that is compiled fast and runs slowly.

  Args:
    function: as `jax.jit` takes it. Its results may differ in the last bit
      from those of an optimised program.
    *args: of the function, pytrees of arrays; what is static is bound before.

  Returns:
    What the function returns.
  """
  on_cpu = targets.platform() == 'cpu'
  # JAX's own type of it leaves out the numbers that XLA takes.
  options: Any = _UNOPTIMISED_CPU if on_cpu else _UNOPTIMISED
  program = jax.jit(function).lower(*args).compile(compiler_options=options)
  return program(*args)


def use_several_gpus():
  """Sets XLA's flags for several GPUs, where this machine has several.

  Call it before JAX looks for devices. Flags that the user has set stay.
  """
  if count_gpus() < 2:
    return
  given = os.environ.get('XLA_FLAGS', '')
  added = [
    f'{name}={value}'
    for name, value in SEVERAL_GPU_FLAGS.items()
    if name not in given
  ]
  os.environ['XLA_FLAGS'] = ' '.join([given, *added]).strip()


def count_gpus(devices='/dev'):
  """Counts the NVIDIA GPUs that this process may use, without asking JAX.

  Args:
    devices: folder of the device files.

  Returns:
    How many.
  """
  present = pathlib.Path(devices).glob('nvidia[0-9]*')
  visible = os.environ.get('CUDA_VISIBLE_DEVICES')
  if visible is None:
    return len(list(present))
  # Numbers or names of GPUs; what follows a -1 is not seen.
  names = [name.strip() for name in visible.split(',')]
  names = names[: names.index('-1')] if '-1' in names else names
  return min(len(list(present)), len([name for name in names if name]))
