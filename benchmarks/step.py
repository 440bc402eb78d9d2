"""Times one contrastive training step: ours, and torchvision's with torch.

    python benchmarks/step.py --views 4 --frames 8 --size 56
    python benchmarks/step.py --views 64 --dtype bfloat16 --steps 50   # a GPU

A step is forward, NT-Xent, backward and SGD, on random clips that are on the
device already. Each implementation runs in a process of its own, one after
the other, and prints one JSON line. Torch is no requirement of the project:
without it, its lines say so.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time

IMPLEMENTATIONS = ('ours', 'torch')
TEMPERATURE = 0.1


def main():
  """Runs each implementation in its own process, or this one's."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--implementation', choices=IMPLEMENTATIONS)
  parser.add_argument('--architecture', default='r2plus1d_18')
  parser.add_argument('--views', type=int, default=4, help='clips in a step')
  parser.add_argument('--frames', type=int, default=16)
  parser.add_argument('--size', type=int, default=224)
  parser.add_argument('--dtype', default='float32')
  parser.add_argument('--lowering', default='auto', help='ours only')
  parser.add_argument('--steps', type=int, default=10)
  parser.add_argument('--warmup', type=int, default=3)
  options = parser.parse_args()
  if options.implementation is None:
    for implementation in IMPLEMENTATIONS:
      command = [sys.executable, *sys.argv, '--implementation', implementation]
      subprocess.run(command, check=True)
    return
  measure = measure_ours if options.implementation == 'ours' else measure_torch
  print(json.dumps(vars(options) | measure(options)), flush=True)


def time_steps(step, options):
  """Times a blocking function.

  Args:
    step: takes nothing, returns when the device is done.
    options: with `steps` and `warmup`.

  Returns:
    Seconds of the first call and of the median, fastest and slowest timed
    one, and views per second at the median.
  """
  started = time.perf_counter()
  step()
  first = time.perf_counter() - started
  for _ in range(options.warmup):
    step()
  seconds = []
  for _ in range(options.steps):
    started = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - started)
  median = statistics.median(seconds)
  return {
    'first_s': first,
    'median_s': median,
    'min_s': min(seconds),
    'max_s': max(seconds),
    'views_per_s': options.views / median,
    'cpu': platform.processor() or platform.machine(),
  }


def measure_ours(options):
  """Times this project's step on one device."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from stclr_jax.learning import optimizers
  from stclr_jax.learning import state as states
  from stclr_jax.learning import steps
  from stclr_jax.models import heads
  from stclr_jax.models.encoders import Encoder

  network = heads.PretrainNetwork(
    Encoder(
      architecture=options.architecture,
      dtype=jnp.dtype(options.dtype),
      lowering=options.lowering,
    ),
    heads.ProjectionHead(),
  )
  shape = (options.frames, options.size, options.size, 3)
  clips = jax.random.normal(jax.random.key(0), (options.views, *shape))
  init = jax.jit(lambda: network.init(jax.random.key(0), clips, train=False))
  variables = init.lower().compile(
    compiler_options={'xla_backend_optimization_level': 0}
  )()
  optimizer = optimizers.sgd(momentum=0.9, weight_decay=1e-4)
  update = steps.make_contrastive_update(
    network, optimizer, temperature=TEMPERATURE, axis_name='devices'
  )
  # The axis of one device, so that the collectives are there and cost nothing.
  update = jax.vmap(
    update, in_axes=(None, 0, None), out_axes=None, axis_name='devices'
  )
  update = jax.jit(update, donate_argnums=0)
  state = states.create_state(variables, optimizer)

  def step():
    nonlocal state
    state, metrics = update(state, clips[None], np.float32(1e-3))
    jax.block_until_ready((state, metrics))

  return time_steps(step, options) | {
    'device': jax.devices()[0].device_kind,
    'versions': {'jax': jax.__version__, 'python': platform.python_version()},
  }


def measure_torch(options):
  """Times torchvision's network in the same step, eager, channels last."""
  try:
    torch, video = import_torchvision()
  except ImportError as error:
    return {'skipped': f'torch is not installed here: {error}'}

  device = 'cuda' if torch.cuda.is_available() else 'cpu'
  torch.backends.cudnn.benchmark = True
  torch.set_float32_matmul_precision('high')
  network = getattr(video, options.architecture)(weights=None)
  network.fc = torch.nn.Sequential(
    torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 128)
  )
  channels_last = torch.channels_last_3d
  network = network.to(device).to(memory_format=channels_last).train()
  shape = (options.views, 3, options.frames, options.size, options.size)
  clips = torch.randn(shape, device=device).to(memory_format=channels_last)
  optimizer = torch.optim.SGD(
    network.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, fused=True
  )
  half = options.dtype == 'bfloat16'
  n = options.views // 2
  positive = torch.arange(2 * n, device=device).roll(n)
  itself = torch.eye(2 * n, dtype=torch.bool, device=device)

  def step():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device, torch.bfloat16, enabled=half):
      z = network(clips)
    z = torch.nn.functional.normalize(z.float())
    similarity = (z @ z.T / TEMPERATURE).masked_fill(itself, -torch.inf)
    torch.nn.functional.cross_entropy(similarity, positive).backward()
    optimizer.step()
    if device == 'cuda':
      torch.cuda.synchronize()

  return time_steps(step, options) | {
    'device': torch.cuda.get_device_name() if device == 'cuda' else 'cpu',
    'versions': {
      'torch': torch.__version__,
      'cudnn': torch.backends.cudnn.version(),
      'python': platform.python_version(),
    },
  }


def import_torchvision():
  """Imports torchvision.models.video, also beside a torch it was not built for.

  Without torchvision's compiled operators, registering their fake versions
  fails; the video networks need none of them.

  Returns:
    The modules torch and torchvision.models.video.
  """
  import torch

  register = torch.library.register_fake

  def register_others(name, *args, **kwargs):
    if isinstance(name, str) and name.startswith('torchvision::'):
      return lambda function: function
    return register(name, *args, **kwargs)

  torch.library.register_fake = register_others
  try:
    from torchvision.models import video
  finally:
    torch.library.register_fake = register
  return torch, video


if __name__ == '__main__':
  main()
