"""N devices compute what one device computes on the whole batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from stclr_jax.learning import losses
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder

NUM_VIDEOS = 16
AXIS = parallel.DEVICE_AXIS


class Videos(dict):
  """Clips in place of videos: what is tested here begins after the views."""

  frames = property(lambda self: self['clips'])
  label = property(lambda self: self['label'])


jax.tree_util.register_pytree_node(
  Videos,
  lambda v: (list(v.values()), tuple(v)),
  lambda keys, values: Videos(zip(keys, values, strict=True)),
)


@pytest.fixture
def clips_as_views(monkeypatch, shallow_encoder):
  monkeypatch.setattr(
    steps.views,
    'draw_views',
    lambda frames, videos, clips, *, view, **_: frames[videos, view],
  )


def make_videos(dtype):
  rng = np.random.default_rng(0)
  clips = rng.standard_normal((NUM_VIDEOS, 3, 4, 16, 16, 3)).astype(dtype)
  return Videos(clips=clips, label=np.arange(NUM_VIDEOS, dtype=np.int32) % 6)


def make_step(kind, dtype, *, sync=True):
  encoder = Encoder(width=1 / 16, dtype=dtype, axis_name=AXIS if sync else None)
  # Minus the learning rate times this direction is the gradient itself.
  optimizer = optax.identity()
  common = dict(view_options=None, seed=0, axis_name=AXIS)
  if kind == 'pretrain':
    network = heads.PretrainNetwork(encoder, heads.ProjectionHead(16, 8))
    step = steps.make_pretrain_step(
      network, optimizer, contrastive_loss=losses.NTXent(0.1), **common
    )
  else:
    network = heads.ClassifierNetwork(encoder, 6)
    step = steps.make_finetune_step(network, optimizer, trained='all', **common)
  clip = jnp.zeros((1, 4, 16, 16, 3))
  init = jax.jit(lambda: network.init(jax.random.key(0), clip, train=False))
  variables = init()
  params = jax.tree.map(lambda x: np.asarray(x, dtype), variables['params'])
  variables = variables | {'params': params}
  return step, states.create_state(variables, optimizer)


def make_batch(kind):
  video = np.random.default_rng(1).permutation(NUM_VIDEOS).astype(np.int32)
  if kind == 'pretrain':
    return steps.Batch(video)
  # Padding falls on the last device only: its share of the mean is smaller.
  weight = (np.arange(NUM_VIDEOS) < NUM_VIDEOS - 1).astype(np.float32)
  return steps.Batch(video, weight)


def run(kind, dtype, devices, *, sync=True):
  """One step on some devices; returns loss, gradients, running statistics."""
  step, state = make_step(kind, dtype, sync=sync)
  on_devices = jax.pmap(
    step,
    axis_name=AXIS,
    in_axes=(None, None, 0, None, None),
    out_axes=None,
    devices=jax.devices()[:devices],
  )
  batch = jax.tree.map(
    lambda x: x.reshape(devices, -1, *x.shape[1:]), make_batch(kind)
  )
  after, metrics = on_devices(
    state, make_videos(dtype), batch, np.int32(0), np.float32(1)
  )
  gradients = jax.tree.map(
    lambda a, b: np.asarray(a) - np.asarray(b), state.params, after.params
  )
  return float(metrics['loss']), gradients, jax.device_get(after.batch_stats)


def devices_quick(quick):
  """Numbers of devices to try, all but one of them in the slow suite."""
  return [
    n if n == quick else pytest.param(n, marks=pytest.mark.slow)
    for n in (2, 4, 8)
  ]


@functools.cache
def run_on_one(kind, dtype):
  return run(kind, dtype, 1)


def largest_difference(a, b):
  differences = jax.tree.map(lambda a, b: np.abs(a - b).max(), a, b)
  return max(jax.tree.leaves(differences))


@pytest.mark.parametrize('devices', devices_quick(2))
@pytest.mark.parametrize('kind', ['pretrain', 'finetune'])
def test_loss_and_statistics_equal_one_devices(kind, devices, clips_as_views):
  loss, _, statistics = run(kind, np.float32, devices)
  expected_loss, _, expected_statistics = run_on_one(kind, np.float32)
  difference = largest_difference(statistics, expected_statistics)
  print(
    f'{kind}, {devices} devices, float32: loss differs by '
    f'{abs(loss - expected_loss):.1e}, statistics by {difference:.1e}'
  )
  assert abs(loss / expected_loss - 1) < 1e-5
  assert difference < 1e-5


@pytest.mark.parametrize('devices', devices_quick(8))
@pytest.mark.parametrize('kind', ['pretrain', 'finetune'])
def test_gradients_equal_one_devices(kind, devices, clips_as_views, float64):
  loss, gradients, _ = run(kind, np.float64, devices)
  expected_loss, expected, _ = run_on_one(kind, np.float64)
  assert min(np.abs(g).max() for g in jax.tree.leaves(expected)) > 1e-9
  difference = largest_difference(gradients, expected)
  print(
    f'{kind}, {devices} devices, float64: loss differs by '
    f'{abs(loss - expected_loss):.1e}, gradients by {difference:.1e}'
  )
  assert abs(loss - expected_loss) < 1e-9
  assert difference < 1e-9


def test_unsynchronised_statistics_differ(clips_as_views):
  # Otherwise the test above would prove nothing about batch norm.
  loss, _, statistics = run('pretrain', np.float32, 8, sync=False)
  expected_loss, _, expected = run_on_one('pretrain', np.float32)
  assert abs(loss - expected_loss) > 1e-4
  assert largest_difference(statistics, expected) > 1e-4


def test_parallelized_step_runs_on_all_devices_and_donates(clips_as_views):
  step, state = make_step('pretrain', np.float32)
  on_all = parallel.parallelize_training(step, num_scalars=2)
  state = parallel.replicate(state)
  videos = parallel.replicate(make_videos(np.float32))
  batch = parallel.shard(make_batch('pretrain'))
  assert batch.video.shape == (8, 2)
  after, metrics = on_all(state, videos, batch, np.int32(0), np.float32(1))
  expected_loss, _, _ = run_on_one('pretrain', np.float32)
  assert abs(float(metrics['loss']) / expected_loss - 1) < 1e-5
  kernel = jax.tree.leaves(after.params)[0]
  assert kernel.sharding.is_fully_replicated
  assert len(kernel.sharding.device_set) == 8
  assert jax.tree.leaves(state.params)[0].is_deleted()


def test_inference_keeps_the_order():
  double = parallel.parallelize_inference(
    lambda factor, videos, batch: factor * videos[batch.video][:, None]
  )
  indices = np.random.default_rng(0).permutation(24)
  batch = parallel.shard(steps.Batch(indices))
  output = double(np.float32(2), np.arange(100.0), batch)
  assert isinstance(output, np.ndarray)
  np.testing.assert_array_equal(output, 2 * indices[:, None])


def test_every_place_of_a_batch_has_one_process():
  # Devices of two processes, not all of one before all of the other's.
  processes = [0, 1, 1, 0, 1, 0, 0, 1]
  own = [parallel.own_places(24, processes, process) for process in (0, 1)]
  assert sorted(np.concatenate(own)) == list(range(24))
  assert own[0].tolist() == [0, 1, 2, 9, 10, 11, 15, 16, 17, 18, 19, 20]
  sharded = np.arange(24).reshape(8, 3)
  for process, places in enumerate(own):
    its_devices = np.flatnonzero(np.array(processes) == process)
    np.testing.assert_array_equal(places.reshape(-1, 3), sharded[its_devices])


def test_a_batch_is_sent_to_its_devices():
  batch = steps.Batch(np.arange(16), clips=np.arange(32.0).reshape(16, 2))
  sent = parallel.shard(batch)
  assert sent.weight is None and sent.clips.shape == (8, 2, 2)
  for place, part in enumerate(sent.clips.addressable_shards):
    assert part.device == jax.devices()[place]
    np.testing.assert_array_equal(
      part.data[0], batch.clips[2 * place : 2 * place + 2]
    )


@pytest.mark.parametrize(
  'batch_size,remedy', [(30, '24 or 32'), (3, '; 8 would'), (0, '; 8 would')]
)
def test_indivisible_batches_are_refused(batch_size, remedy):
  with pytest.raises(ValueError, match=f'={batch_size}.*8 devices') as e:
    parallel.check_batch_size(batch_size)
  assert remedy in str(e.value)


@pytest.mark.parametrize(
  'batch_size,cores,devices',
  [(36, 2, 2), (36, 16, 6), (36, 5, 4), (35, 2, 1), (1, 8, 1), (24, 0, 1)],
)
def test_cpu_devices_share_the_batch(batch_size, cores, devices):
  assert parallel._cpu_devices(batch_size, cores) == devices
