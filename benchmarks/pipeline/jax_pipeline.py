"""Our whole pretraining step: frames in device memory in, parameters out."""

import time

import numpy as np

from benchmarks import records
from benchmarks.pipeline import synthetic_videos
from benchmarks.step import jax_step


class JaxPipeline:
  """Sampling, gathering, views and the step; served by `processes`.

  Attributes:
    options: of `end_to_end.add_options`.
  """

  def __init__(self, options):
    self.options = options

  def start(self):
    """Puts the videos on the devices, compiles, takes a step."""
    import jax

    from stclr_jax.learning import losses
    from stclr_jax.learning import optimizers
    from stclr_jax.learning import parallel
    from stclr_jax.learning import state as states
    from stclr_jax.learning import steps
    from stclr_jax.views import views

    options = self.options
    jax_step.use_devices(options)
    network = jax_step.make_network(options)
    optimizer = optimizers.sgd(momentum=0.9, weight_decay=1e-4)
    step = steps.make_pretrain_step(
      network,
      optimizer,
      view_options=views.ViewOptions(
        num_frames=options.frames, size=options.size
      ),
      seed=0,
      contrastive_loss=losses.NTXent(jax_step.TEMPERATURE),
      axis_name=parallel.DEVICE_AXIS,
    )
    step = parallel.parallelize_training(step, num_scalars=2)
    variables = jax_step.init_variables(network)
    self._state = parallel.replicate(states.create_state(variables, optimizer))
    frames = views.Frames(*synthetic_videos.make_videos(options))
    unknown = np.full_like(frames.first, -1)
    self._videos = parallel.replicate(
      steps.DeviceVideos(frames, label=unknown, subject=unknown)
    )
    self._generator = np.random.default_rng(1)
    self._step = step
    self._shard = lambda indices: parallel.shard(steps.Batch(indices))
    started = time.perf_counter()
    metrics = self._take(1)
    return {
      'compile_s': time.perf_counter() - started,
      'loss': float(metrics['loss']),
      'device': jax.devices()[0].device_kind,
      'devices': jax.device_count(),
      'versions': records.versions(),
    }

  def block(self, *, steps, group=1):
    """Times steps; see `JaxStep.block`."""
    return records.time_groups(self._take, steps=steps, group=group)

  def _take(self, steps):
    import jax

    for _ in range(steps):
      indices = synthetic_videos.draw_indices(self._generator, self.options)
      self._state, metrics = self._step(
        self._state,
        self._videos,
        self._shard(indices),
        np.int32(0),
        np.float32(jax_step.LEARNING_RATE),
      )
    return jax.block_until_ready(metrics)
