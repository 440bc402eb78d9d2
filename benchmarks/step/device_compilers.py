"""Finds XLA's compilers for devices that are not there.

    python -m benchmarks.step.device_compilers               # prints how
    python -m benchmarks.step.device_compilers --install     # and does it

For GPUs three wheels are enough, for TPUs one: no driver, no cuDNN. They lie in
a folder of their own, not among the environment's packages: there, every
process that uses JAX would load the GPU's plugin and print a traceback, as it
finds no driver (with JAX_PLATFORMS=cpu, a few lines). Only a process that calls
`use` sees that folder.
"""

import argparse
import importlib.metadata
import os
import pathlib
import shlex
import subprocess
import sys

import jax

from stclr_jax.errors import UserError

FOLDER_VARIABLE = 'STCLR_JAX_GPU_COMPILER'
# Those of jax's own version, and what turns PTX into machine code.
GPU_WHEELS = ('jax-cuda12-plugin', 'jax-cuda12-pjrt')
ASSEMBLER = 'nvidia-cuda-nvcc-cu12'
TPU_WHEEL = 'libtpu'

# Nobody can time Triton's products where there is no GPU, and XLA refuses to
# guess: cuBLAS computes them.
GPU_OPTIONS = {'xla_gpu_enable_triton_gemm': False}

# A description of eight chips, which libtpu would else ask of a machine.
_TPU_VARIABLES = {
  'TPU_SKIP_MDS_QUERY': '1',
  'TPU_ACCELERATOR_TYPE': 'v5litepod-8',
  'TPU_WORKER_HOSTNAMES': 'localhost',
}


def folder():
  """Says where the wheels are looked for, and installed.

  Returns:
    Path of `$STCLR_JAX_GPU_COMPILER`, or a folder of this environment.
  """
  given = os.environ.get(FOLDER_VARIABLE)
  if given:
    return pathlib.Path(given)
  return pathlib.Path(sys.prefix) / 'share' / 'stclr_jax' / 'gpu_compiler'


def install_command(platform='gpu'):
  """Says how the wheels are installed, at the version of this jax.

  Args:
    platform: 'gpu' or 'tpu'.

  Returns:
    One command of a shell.
  """
  version = jax.__version__
  wheels = [f'{name}=={version}' for name in GPU_WHEELS]
  wheels = [*wheels, ASSEMBLER] if platform == 'gpu' else [TPU_WHEEL]
  command = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--upgrade']
  return shlex.join([*command, f'--target={folder()}', *wheels])


def check(platform='gpu'):
  """Refuses wheels that are missing or of another version than jax.

  Args:
    platform: 'gpu' or 'tpu'.

  Returns:
    {wheel: version} of those found.

  Raises:
    UserError: with the command that installs the right ones.
  """
  names = (*GPU_WHEELS, ASSEMBLER) if platform == 'gpu' else (TPU_WHEEL,)
  found = {name: _version(name) for name in names}
  missing = [name for name, version in found.items() if version is None]
  command = install_command(platform)
  if missing:
    named = ', '.join(missing)
    raise UserError(
      f'Programs for a {platform.upper()} are compiled by {named}, '
      f'not found in {folder()} (another place: {FOLDER_VARIABLE}); install '
      f'with: {command}'
    )
  ours = jax.__version__
  others = [n for n in GPU_WHEELS if n in found and found[n] != ours]
  if others:
    named = ', '.join(f'{name} {found[name]}' for name in others)
    raise UserError(
      f'{named} must be of the version of jax, {ours}; install with: {command}'
    )
  return found


def use(platform='gpu'):
  """Makes this process able to compile for a platform; before it uses JAX.

  JAX's own device becomes the CPU, as nothing can be run on the others.

  Args:
    platform: 'gpu' or 'tpu'.

  Returns:
    See `check`.

  Raises:
    UserError: see `check`.
  """
  found = check(platform)
  jax.config.update('jax_platforms', 'cpu')
  if str(folder()) not in sys.path:
    sys.path.insert(0, str(folder()))
  if platform == 'gpu':
    os.environ['JAX_SKIP_CUDA_CONSTRAINTS_CHECK'] = '1'
  else:
    for name, value in _TPU_VARIABLES.items():
      os.environ.setdefault(name, value)
  return found


def devices(accelerator, *, hosts=1, per_host=1):
  """Lists devices that a program can be compiled for; call `use` before.

  Args:
    accelerator: an `accelerators.Accelerator`.
    hosts: machines.
    per_host: devices of each.

  Returns:
    Devices, host after host.

  Raises:
    UserError: for numbers that the accelerator does not come in.
  """
  from jax.experimental import topologies

  if hosts < 1 or not 1 <= per_host <= 8:
    raise UserError(
      f'`hosts` (={hosts}) must be at least 1, and `devices` (={per_host}) '
      'from 1 to 8 a host.'
    )
  if accelerator.platform == 'gpu':
    return topologies.get_topology_desc(
      '',
      platform='cuda',
      target_config=accelerator.target_config,
      topology=f'1x{hosts}x{per_host}',
    ).devices
  known = accelerator.compiler['topologies']
  if str(hosts * per_host) not in known:
    raise UserError(
      f'`devices` (={hosts * per_host}) of {accelerator.device.name} must be '
      f'one of {", ".join(known)}.'
    )
  found = topologies.get_topology_desc(
    known[str(hosts * per_host)], platform='tpu'
  )
  return found.devices


def _version(name):
  """The version of a wheel in the folder or in this environment, or None."""
  for place in ([str(folder())], sys.path):
    for found in importlib.metadata.distributions(name=name, path=place):
      return found.version
  return None


def main():
  """Prints the command that installs the wheels; runs it if asked to."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--platform', default='gpu', choices=('gpu', 'tpu'))
  parser.add_argument('--install', action='store_true')
  options = parser.parse_args()
  command = install_command(options.platform)
  print(command, flush=True)
  if options.install:
    sys.exit(subprocess.run(shlex.split(command)).returncode)


if __name__ == '__main__':
  main()
