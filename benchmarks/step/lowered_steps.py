"""Any step of any run, lowered for devices that need not be there.

From a config by the same functions that runs call: what is lowered here is
what they run.
"""

import dataclasses
import importlib
import json

import jax
import jax.numpy as jnp

from benchmarks.step import roofline
from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.learning import parallel
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.runs import build
from stclr_jax.runs.checks import config_checks
from stclr_jax.views import views
from stclr_jax.workflows import finetune_stages
from stclr_jax.workflows import pretrain

# The config of each, and what it is.
STEPS = {
  'pretrain': 'pretrain',  # two views of each video drawn, and learned from
  'update': 'pretrain',  # the same, of views that are drawn already
  'finetune_frozen': 'finetune',  # of the classifier alone
  'finetune': 'finetune',  # of everything
  'encode': 'pretrain',  # the evaluation's view of each video; h
  'classify': 'finetune',  # the same; logits
}
PLACEMENTS = ('device', 'host')

# Oulu-CASIA's usual 480 clips, and their frames. Source: configs/common.py.
VIDEOS, FRAMES = 480, 10379
NUM_CLASSES = 6


@dataclasses.dataclass(frozen=True)
class Step:
  """A step and its size.

  Attributes:
    kind: one of `STEPS`.
    config: of the run, a ConfigDict.
    views: of one device.
    placement: of the frames, one of `PLACEMENTS`.
  """

  kind: str
  config: object
  views: int
  placement: str = 'device'

  @property
  def layers(self):
    """Its `roofline.layers`."""
    options = self.config.encoder
    return roofline.layers(
      options.architecture,
      frames=self.config.views.num_frames,
      size=self.config.views.size,
      width=options.width,
    )

  @property
  def flops(self):
    """FLOPs of a view's convolutions, by the roofline's own count."""
    if self.kind in ('pretrain', 'update', 'finetune'):
      return roofline.training_flops(self.layers)
    return roofline.forward_flops(self.layers)


def make_config(kind, preset='paper', settings=()):
  """Makes the config of a step.

  Args:
    kind: one of `STEPS`.
    preset: of the config.
    settings: texts 'KEY=VALUE', such as 'encoder.remat=block'; a value is JSON,
      or a word.

  Returns:
    A ConfigDict.

  Raises:
    UserError: for a key that the config does not have, or a value that it
      refuses.
  """
  check_one_of('step', kind, STEPS)
  config = importlib.import_module(f'configs.{STEPS[kind]}').get_config(preset)
  for setting in settings:
    key, equals, value = setting.partition('=')
    try:
      old = _find(config, key)
    except (AttributeError, KeyError):
      raise UserError(
        f'`set` (={setting!r}) names no setting of configs/{STEPS[kind]}.py.'
      ) from None
    if not equals or hasattr(old, 'keys'):
      raise UserError(f'`set` (={setting!r}) must be of the form KEY=VALUE.')
    try:
      value = json.loads(value)
    except ValueError:
      pass  # a word
    if isinstance(value, list):
      value = tuple(value)
    if isinstance(old, float) and isinstance(value, int):
      value = float(value)
    if type(value) is not type(old):
      raise UserError(f'`set` (={setting!r}) must give a value like {old!r}.')
    with config.unlocked():
      node, _, last = key.rpartition('.')
      setattr(_find(config, node) if node else config, last, value)
  config_checks.check(config)
  if config.batch_norm.groups != 1:
    raise UserError(
      f'`batch_norm.groups` (={config.batch_norm.groups}) must be 1 here: a '
      'program of groups asks for the devices of this machine.'
    )
  return config


def _find(config, key):
  for part in key.split('.'):
    config = config[part]
  return config


def lower(step, devices):
  """Traces and lowers a step.

  Args:
    step: a `Step`.
    devices: that it is spread over, of one platform.

  Returns:
    `jax.stages.Lowered`.

  Raises:
    UserError: for a size that no step has.
  """
  check_one_of('step', step.kind, STEPS)
  check_one_of('placement', step.placement, PLACEMENTS)
  pairs = step.kind in ('pretrain', 'update')
  if step.views < 1 or (pairs and step.views % 2):
    raise UserError(
      f'`views` (={step.views}) of a device must be '
      f'{"an even number of " if pairs else ""}at least {2 if pairs else 1}.'
    )
  with targets.compiling_for(devices[0].platform, devices):
    function, arguments = _call(step, len(devices))
    return function.lower(*arguments)


def _call(step, num_devices):
  """The function that a run calls, and the shapes of its arguments."""
  config = step.config
  options = build.make_view_options(config.views)
  n = step.views
  if STEPS[step.kind] == 'finetune':
    encoder = build.make_encoder(config)
    network = heads.ClassifierNetwork(encoder, NUM_CLASSES)
  else:
    network = pretrain.make_network(config)
  variables = jax.eval_shape(
    lambda key: network.init(key, jnp.zeros(_clips(step, 1)), train=False),
    jax.eval_shape(lambda: jax.random.key(0)),
  )
  rate, epoch = _array((), 'float32'), _array((), 'int32')
  if step.kind in ('encode', 'classify'):
    infer = steps.make_inference_step(
      network, view_options=options, method=step.kind
    )
    batch = _batch(step, num_devices, n, 1)
    return parallel.gather_inference(infer), (variables, _videos(step), batch)
  if step.kind == 'update':
    function, stage = _update(config, network, options)
    clips = _array((num_devices, *_clips(step, n)), 'float32')
    arguments = (None, clips, rate)
  else:
    stage = _stage(step, network, options)
    function = stage.step
    per_video = 2 if step.kind == 'pretrain' else 1
    batch = _batch(step, num_devices, n // per_video, per_video)
    arguments = (_videos(step), batch, epoch, rate)
  state = jax.eval_shape(lambda v: stage.create_state(v, None), variables)
  return function, (state, *arguments)


def _stage(step, network, options):
  """The stage of a run whose step this is."""
  if step.kind == 'pretrain':
    return pretrain.make_stage(step.config, network, options, 1)
  planned = finetune_stages.plan(step.config, network, options, 1)
  return planned[0 if step.kind == 'finetune_frozen' else -1]


def _update(config, network, options):
  """The contrastive step without its views, spread as `parallel` does."""
  stage = pretrain.make_stage(config, network, options, 1)
  update = steps.make_contrastive_update(
    network,
    build.make_optimizer(config.optimizer),
    contrastive_loss=pretrain.make_loss(config),
    axis_name=parallel.DEVICE_AXIS,
    views_apart=config.batch_norm.views == 'apart',
  )
  function = parallel.parallelize_training(
    lambda state, _, clips, rate: update(state, clips, rate), num_scalars=1
  )
  return function, stage


def _array(shape, dtype):
  return jax.ShapeDtypeStruct(shape, jnp.dtype(dtype))


def _clips(step, n, *more):
  options = step.config.views
  return (n, *more, options.num_frames, options.size, options.size, 3)


def _videos(step):
  """Shapes of the videos that lie on each device."""
  height, width = step.config.data.frame_size
  frames = None
  if step.placement == 'device':
    frames = _array((FRAMES, height, width, 3), 'uint8')
  number = _array((VIDEOS,), 'int32')
  stored = views.Frames(frames, number, number)
  return steps.DeviceVideos(stored, label=number, subject=number)


def _batch(step, num_devices, videos, per_video):
  """Shapes of a batch as `parallel.shard` gives it."""
  clips = weight = None
  if step.placement == 'host':
    options, frame = step.config.views, step.config.data.frame_size
    shape = (videos, per_video, options.num_frames, *frame, 3)
    clips = _array((num_devices, *shape), 'uint8')
  if step.kind.startswith('finetune'):
    weight = _array((num_devices, videos), 'float32')
  return steps.Batch(_array((num_devices, videos), 'int32'), weight, clips)
