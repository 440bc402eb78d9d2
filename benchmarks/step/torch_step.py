"""torchvision's network in the same contrastive step, as fast as it gets.

Channels last, bfloat16 autocast, cudnn.benchmark, fused SGD; eager, compiled,
or rewritten in 2D and compiled. Nothing here imports JAX.
"""

import time

import numpy as np

from benchmarks import records
from benchmarks.step import torch_networks

TEMPERATURE = 0.1
# Kernels that torch falls to where cuDNN or oneDNN refuses a convolution:
# ten times slower, and no peer. github.com/pytorch/pytorch/issues/163539
SLOW_KERNELS = ('vol2col', 'slow_conv', 'im2col', 'col2vol')


class TorchStep:
  """The step of one process; see `processes.serve` for who calls it.

  Attributes:
    options: of `speed.add_options`; `implementation` is 'torch_eager',
      'torch_compiled' or 'torch_2d'.
  """

  def __init__(self, options):
    self.options = options

  def start(self, *, weights=None):
    """Builds and compiles the step and takes it once.

    Args:
      weights: path of a .npz with our parameters to start from, or None.

    Returns:
      A dict: seconds of the first step, compiling and cuDNN's trials
      included, its 'loss' and 'gradient_norm', device and versions.
    """
    import torch

    options = self.options
    self._device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision('high')
    torch.backends.cudnn.allow_tf32 = True
    self._network = torch_networks.make_network(
      options.architecture, in_2d=options.implementation == 'torch_2d'
    )
    if weights:
      torch_networks.load_variables(
        self._network, weights, options.architecture
      )
    last = torch.channels_last_3d
    self._network.to(self._device).to(memory_format=last).train()
    self._forward = self._network
    if options.implementation != 'torch_eager':
      self._forward = torch.compile(
        self._network, dynamic=False, mode=options.compile_mode
      )
    shape = (options.views, options.frames, options.size, options.size, 3)
    clips = np.random.default_rng(0).standard_normal(shape, np.float32)
    clips = torch.tensor(clips, device=self._device)
    self._clips = clips.permute(0, 4, 1, 2, 3)  # channels_last_3d already
    self._optimizer = torch.optim.SGD(
      self._network.parameters(),
      lr=1e-3,
      momentum=0.9,
      weight_decay=1e-4,
      fused=True,
    )
    n = options.views // 2
    self._positive = torch.arange(2 * n, device=self._device).roll(n)
    self._itself = torch.eye(2 * n, dtype=torch.bool, device=self._device)

    started = time.perf_counter()
    loss = self._backward(self._clips)
    gradients = [p.grad for p in self._network.parameters()]
    norm = torch.nn.utils.get_total_norm(gradients)
    self._optimizer.step()
    self._wait()
    cuda = self._device == 'cuda'
    return {
      'compile_s': time.perf_counter() - started,
      'loss': float(loss),
      'gradient_norm': float(norm),
      'device': torch.cuda.get_device_name() if cuda else 'cpu',
      'devices': 1,
      'versions': records.versions()
      | {'cudnn': torch.backends.cudnn.version()},
    }

  def block(self, *, steps, group=1):
    """Times steps; the host waits for the device after each group only.

    Args:
      steps: how many.
      group: steps between two waits.

    Returns:
      Seconds per step, of each group.
    """
    return records.time_groups(self._take_all, steps=steps, group=group)

  def _take_all(self, steps):
    for _ in range(steps):
      self.take(self._next_clips())
    self._wait()

  def _next_clips(self):
    return self._clips

  def take(self, clips):
    """Takes a step, on clips [2n, 3, t, h, w] in channels-last memory."""
    self._backward(clips)
    self._optimizer.step()

  def memory(self):
    """Reports peak memory, in bytes.

    Returns:
      'peak_bytes' of torch's allocator; on a CPU, which has none, the peak of
      the whole process as 'process_bytes'.
    """
    import torch

    if self._device == 'cuda':
      return {'peak_bytes': torch.cuda.max_memory_allocated()}
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {'peak_bytes': None, 'process_bytes': peak}

  def release(self):
    """Gives memory that nothing holds back to the device."""
    import torch

    if self._device == 'cuda':
      torch.cuda.empty_cache()

  def profile(self, *, steps):
    """Traces steps.

    Args:
      steps: how many.

    Returns:
      'kernels': a list of [name, microseconds per step], longest first; and
      'slow': those of them that no fast peer would run.
    """
    import torch
    from torch.profiler import ProfilerActivity

    activities = [ProfilerActivity.CPU]
    if self._device == 'cuda':
      activities.append(ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
      for _ in range(steps):
        self.take(self._clips)
      self._wait()
    kernels = []
    for event in profile.key_averages():
      on_device = getattr(event, 'self_device_time_total', 0)
      spent = on_device or event.self_cpu_time_total
      # On a GPU, only what ran there: an operator repeats its kernels' time.
      is_kernel = 'CUDA' in str(getattr(event, 'device_type', ''))
      if self._device == 'cpu' or is_kernel:
        kernels.append([event.key, spent / steps])
    kernels.sort(key=lambda kernel: -kernel[1])
    names = [event.key for event in profile.key_averages()]
    return {'kernels': kernels, 'slow': slow_kernels(names)}

  def _backward(self, clips):
    import torch

    self._optimizer.zero_grad(set_to_none=True)
    half = self.options.dtype == 'bfloat16'
    with torch.autocast(self._device, torch.bfloat16, enabled=half):
      z = self._forward(clips)
    z = torch.nn.functional.normalize(z.float())
    similarity = (z @ z.T / TEMPERATURE).masked_fill(self._itself, -torch.inf)
    loss = torch.nn.functional.cross_entropy(similarity, self._positive)
    loss.backward()
    return loss.detach()

  def _wait(self):
    import torch

    if self._device == 'cuda':
      torch.cuda.synchronize()


def slow_kernels(names):
  """Picks the kernels of torch's fallback convolutions.

  Args:
    names: of operators and kernels.

  Returns:
    Those of them, in order.
  """
  return [n for n in names if any(slow in n.lower() for slow in SLOW_KERNELS)]
