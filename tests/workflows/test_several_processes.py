"""Two processes with two devices each compute what one with four would.

As a script this file is one of the processes.
"""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
PLACEMENTS = ('device', 'host', 'streamed')
TRAINED = ('device', 'host')
BATCH_SIZE = 8
NUM_VIDEOS = 11


@pytest.fixture(scope='module')
def outcomes(tmp_path_factory):
  """What one process, and each of two, have seen; by placement."""
  folder = tmp_path_factory.mktemp('processes')
  run(folder, 1)
  run(folder, 2)
  return {
    (count, number): (
      dict(np.load(folder / f'{count}_{number}.npz')),
      json.loads((folder / f'{count}_{number}.json').read_text()),
    )
    for count, number in ((1, 0), (2, 0), (2, 1))
  }


def run(folder, count):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  environment = dict(os.environ, JAX_PLATFORMS='cpu')
  environment['JAX_DISABLE_MOST_OPTIMIZATIONS'] = '1'
  environment['PYTHONPATH'] = str(ROOT)
  logs = [folder / f'{count}_{number}.log' for number in range(count)]
  running = []
  for number, log in enumerate(logs):
    arguments = [str(folder), str(count), str(number), str(port)]
    with log.open('w') as file:
      running.append(
        subprocess.Popen(
          [sys.executable, __file__, *arguments],
          stdout=file,
          stderr=subprocess.STDOUT,
          env=environment,
          cwd=ROOT,
        )
      )
  try:
    codes = [process.wait(timeout=900) for process in running]
  finally:
    for process in running:
      process.kill()
  assert not any(codes), '\n'.join(log.read_text()[-3000:] for log in logs)


@pytest.mark.slow
@pytest.mark.parametrize('where', PLACEMENTS)
def test_processes_draw_the_views_of_one(outcomes, where):
  expected = outcomes[1, 0][0][f'{where}_views']
  assert expected.shape == (2, BATCH_SIZE, 2, 3, 16, 16, 3)
  for number in (0, 1):
    shown = outcomes[2, number][0][f'{where}_views']
    np.testing.assert_array_equal(shown, expected)


@pytest.mark.slow
@pytest.mark.parametrize('where', PLACEMENTS)
def test_processes_look_at_every_video_in_order(outcomes, where):
  expected = outcomes[1, 0][0][f'{where}_seen']
  assert len(expected) == NUM_VIDEOS
  for number in (0, 1):
    seen = outcomes[2, number][0][f'{where}_seen']
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.slow
def test_processes_train_the_parameters_of_one(outcomes):
  expected = outcomes[1, 0][0]
  for where in TRAINED:
    first, second = (outcomes[2, i][0][f'{where}_params'] for i in (0, 1))
    np.testing.assert_array_equal(first, second)
    # A sum over processes adds in another order.
    before, after = expected['params'], expected[f'{where}_params']
    moved = np.abs(after - before).max()
    assert np.abs(first - after).max() < 1e-3 * moved


@pytest.mark.slow
def test_each_process_reads_its_share_only(outcomes):
  alone = outcomes[1, 0][1]['read']
  shares = [outcomes[2, number][1]['read'] for number in (0, 1)]
  assert len(alone) == 4 * BATCH_SIZE  # eleven videos are padded to sixteen
  assert sorted(shares[0] + shares[1]) == sorted(alone)
  assert len(shares[0]) == len(shares[1])


@pytest.mark.slow
def test_processes_agree_where_frames_live(outcomes):
  # The second process's free memory would have had room for them.
  for number in (0, 1):
    assert outcomes[2, number][1]['chosen'] == 'host'


class Process:
  """One of several processes, and what it keeps for the tests."""

  def __init__(self, folder, count, number):
    from stclr_jax.views import views

    self.folder = pathlib.Path(folder) / f'{count}_{number}'
    self.options = views.ViewOptions(num_frames=3, size=16)
    self.arrays = {}
    self.facts = {}

  def __call__(self):
    for where in PLACEMENTS:
      read = self.look(where)
      if where == 'streamed':
        self.facts['read'] = read
    for where in TRAINED:
      self.train(where)
    self.agree()
    np.savez(self.folder.with_suffix('.npz'), **self.arrays)
    self.folder.with_suffix('.json').write_text(json.dumps(self.facts))

  def look(self, where):
    """Views of two batches, then each video; returns which were read."""
    import contextlib

    import jax.numpy as jnp

    from stclr_jax.learning import parallel
    from stclr_jax.learning import steps
    from stclr_jax.runs import run_videos
    from stclr_jax.views import views

    store, read = make_store(where)
    placed = run_videos.PlacedVideos(store, where)

    def draw(epoch, videos, batch):
      return jnp.stack(
        [
          views.draw_views(
            videos.frames,
            batch.video,
            batch.clips_of(place),
            seed=0,
            epoch=epoch,
            view=view,
            options=self.options,
          )
          for place, view in enumerate(steps.PRETRAIN_VIEWS)
        ],
        1,
      )

    draw = parallel.parallelize_inference(draw)
    stream = placed.epochs(
      batches,
      seed=0,
      view_numbers=steps.PRETRAIN_VIEWS,
      options=self.options,
    )(0, 2)
    with contextlib.closing(stream):
      self.arrays[f'{where}_views'] = np.stack(
        [
          draw(np.int32(epoch), placed.arrays, batch)
          for epoch, batch in enumerate(stream)
        ]
      )

    def see(variables, videos, batch):
      del variables
      return views.evaluation_views(
        videos.frames,
        batch.video,
        batch.clips_of(0),
        options=self.options,
      )

    infer = placed.inference(see, options=self.options, batch_size=BATCH_SIZE)
    self.arrays[f'{where}_seen'] = infer((), np.arange(NUM_VIDEOS))
    return list(read)

  def train(self, where):
    """Two steps."""
    from stclr_jax.learning import losses
    from stclr_jax.learning import optimizers
    from stclr_jax.learning import parallel
    from stclr_jax.learning import state as states
    from stclr_jax.learning import steps
    from stclr_jax.models import architectures
    from stclr_jax.models import encoders
    from stclr_jax.models import heads
    from stclr_jax.runs import build
    from stclr_jax.runs import run_videos

    whole = architectures.ARCHITECTURES['r2plus1d_18']
    stage = whole.stages[0]._replace(num_blocks=1)
    encoder = encoders.Encoder(
      architecture=dataclasses.replace(whole, stages=(stage,)),
      width=1 / 16,
      axis_name=parallel.DEVICE_AXIS,
    )
    network = heads.PretrainNetwork(encoder, heads.ProjectionHead(16, 8))
    optimizer = optimizers.sgd(momentum=0.9, weight_decay=1e-4)
    step = parallel.parallelize_training(
      steps.make_pretrain_step(
        network,
        optimizer,
        view_options=self.options,
        seed=0,
        contrastive_loss=losses.NTXent(0.1),
        axis_name=parallel.DEVICE_AXIS,
      ),
      num_scalars=2,
    )
    variables = build.init_network(network, self.options, seed=0)
    self.arrays['params'] = flat(variables['params'])
    state = parallel.replicate(states.create_state(variables, optimizer))
    store, _ = make_store(where)
    placed = run_videos.PlacedVideos(store, where)
    stream = placed.epochs(
      batches,
      seed=0,
      view_numbers=steps.PRETRAIN_VIEWS,
      options=self.options,
    )(0, 2)
    for epoch, batch in enumerate(stream):
      state, _ = step(
        state, placed.arrays, batch, np.int32(epoch), np.float32(0.1)
      )
    self.arrays[f'{where}_params'] = flat(state.params)

  def agree(self):
    """Lets the memory decide, of which the first process has less."""
    import ml_collections

    from stclr_jax.data import placement
    from stclr_jax.runs import run_videos

    free = 10**4 if jax.process_index() == 0 else 10**9
    placement.free_device_bytes = lambda: free
    data = ml_collections.ConfigDict({'placement': 'auto', 'memory_share': 0.5})
    self.facts['chosen'] = run_videos.place(
      make_store('host')[0], data
    ).placement


def make_store(where):
  """Videos of noise, in memory or in records that tell which are read."""
  import cv2

  from stclr_jax.data import streaming
  from stclr_jax.data import videos

  rng = np.random.default_rng(0)
  records = []
  for i in range(NUM_VIDEOS):
    frames = rng.integers(0, 256, (2 + i % 4, 18, 20, 3), np.uint8)
    encoded = [cv2.imencode('.png', frame)[1].tobytes() for frame in frames]
    records.append(videos.Record(f'v{i:02d}', i, i % 2, encoded))
  read = []

  class Told(list):
    def __getitem__(self, index):
      read.append(int(index))
      return super().__getitem__(index)

  make = streaming.open_store if where == 'streamed' else videos.make_store
  store = make(
    Told(records),
    frame_size=(18, 20),
    label_names=('a', 'b'),
    name='noise',
    synthetic=True,
  )
  read.clear()
  return store, read


def batches(epoch):
  from stclr_jax.learning import steps

  order = np.random.default_rng(epoch).permutation(NUM_VIDEOS)
  return [steps.Batch(order[:BATCH_SIZE].astype(np.int32))]


def flat(params):
  return np.concatenate([np.ravel(x) for x in jax.tree.leaves(params)])


if __name__ == '__main__':
  folder, count, number, port = sys.argv[1:]
  jax.config.update('jax_num_cpu_devices', 4 // int(count))
  if int(count) > 1:
    jax.distributed.initialize(f'localhost:{port}', int(count), int(number))
  assert jax.device_count() == 4
  Process(folder, count, number)()
