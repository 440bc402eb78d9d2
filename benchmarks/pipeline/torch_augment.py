"""torchvision's views of uint8 frames on a device; imports no JAX."""

import time

import numpy as np

from benchmarks import records
from benchmarks.pipeline import synthetic_videos
from benchmarks.pipeline import torch_views


class TorchAugment:
  """torchvision's; served by `processes`.

  Attributes:
    options: of the command line; `implementation` is 'torch_uint8' or
      'torch_float32'.
  """

  def __init__(self, options):
    self.options = options

  def start(self):
    """Puts the videos on the device."""
    import torch

    self._device = 'cuda' if torch.cuda.is_available() else 'cpu'
    frames, self._first, self._length = synthetic_videos.make_videos(
      self.options
    )
    self._frames = torch.tensor(frames, device=self._device)
    self._transform = torch_views.make_transform(self.options.size)
    self.block(steps=2)
    on_cuda = self._device == 'cuda'
    return {
      'device': torch.cuda.get_device_name() if on_cuda else 'cpu',
      'versions': records.versions(),
    }

  def block(self, *, steps):
    """Times draws of all views; seconds of each."""
    import torch

    seconds = []
    for epoch in range(steps):
      started = time.perf_counter()
      self._draw(np.random.default_rng(epoch))
      if self._device == 'cuda':
        torch.cuda.synchronize()
      seconds.append(time.perf_counter() - started)
    return seconds

  def _draw(self, generator):
    import torch

    options = self.options
    clips = []
    for view in range(options.views):
      video = view % options.videos
      indices = torch_views.sample_frames(
        generator, self._length[video], options.frames
      )
      indices = torch.from_numpy(self._first[video] + indices)
      clip = self._frames[indices.to(self._device)].permute(0, 3, 1, 2)
      if options.implementation == 'torch_float32':
        clip = clip.float() / 255
      clips.append(self._transform(clip))
    return torch_views.normalize(torch.stack(clips))
