"""Torch's whole pretraining step: a DataLoader, torchvision v2, the step."""

from benchmarks import records
from benchmarks.pipeline import torch_views
from benchmarks.step import torch_step


class TorchPipeline(torch_step.TorchStep):
  """A `TorchStep` on clips of a DataLoader; served by `processes`.

  Attributes:
    options: of `end_to_end.add_options`; `placement` is 'cpu' to augment in the
      loader's workers, 'device' to gather there and augment on the device.
  """

  def start(self, *, weights=None):
    """Builds the step and starts the loader's workers."""
    import torch

    answer = super().start(weights=weights)
    del self._clips
    options = self.options
    on_cpu = options.placement == 'cpu'
    videos = torch_views.Videos(options, augmented=on_cpu)
    self._transform = torch_views.make_transform(options.size)
    loader = torch.utils.data.DataLoader(
      videos,
      batch_size=options.views // 2,
      num_workers=options.workers,
      pin_memory=self._device == 'cuda',
      prefetch_factor=4 if options.workers else None,
      worker_init_fn=use_one_thread,
    )
    self._batches = iter(loader)
    return answer

  def block(self, *, steps, group=1):
    """Times steps; see `TorchStep.block`."""
    return records.time_groups(self._take_all, steps=steps, group=group)

  def _next_clips(self):
    import torch

    pairs = next(self._batches).to(self._device, non_blocking=True)
    clips = pairs.transpose(0, 1).flatten(0, 1)  # first views, second views
    if self.options.placement == 'device':
      clips = torch.stack([self._transform(clip) for clip in clips])
    clips = torch_views.normalize(clips).transpose(1, 2)
    return clips.contiguous(memory_format=torch.channels_last_3d)


def use_one_thread(worker):
  """Keeps the loader's workers from fighting for cores."""
  import torch

  del worker
  torch.set_num_threads(1)
