import contextlib
import dataclasses
import itertools
import json
import threading
import time

import cv2
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from tiny_runs import EXPRESSIONS
from tiny_runs import make_tiny_store

from configs import pretrain as pretrain_config
from stclr_jax.data import sources
from stclr_jax.data import streaming
from stclr_jax.data import videos
from stclr_jax.learning import parallel
from stclr_jax.learning import steps
from stclr_jax.runs import run_videos
from stclr_jax.runs import workdirs
from stclr_jax.views import views
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain

OPTIONS = views.ViewOptions(num_frames=4, size=16)
PLACEMENTS = ('device', 'host', 'streamed')
WHERE = {'seed': 3, 'view_numbers': steps.PRETRAIN_VIEWS, 'options': OPTIONS}


def encode(frame):
  ok, encoded = cv2.imencode('.png', frame[..., ::-1])
  assert ok
  return encoded.tobytes()


def as_records(store):
  """The same videos, their frames in records."""
  return streaming.open_store(
    [
      videos.Record(
        store.video_id[i],
        int(store.subject[i]),
        int(store.label[i]),
        [encode(f) for f in store.frames[store.first[i] :][: store.length[i]]],
      )
      for i in range(store.num_videos)
    ],
    frame_size=store.frame_size,
    label_names=store.label_names,
    name=store.name,
    synthetic=store.synthetic,
  )


@pytest.fixture
def place(tiny_store):
  stores = {where: tiny_store for where in PLACEMENTS}
  stores['streamed'] = as_records(tiny_store)
  return lambda where: run_videos.PlacedVideos(stores[where], where)


@pytest.mark.parametrize('drawn', [True, False])
def test_runs_of_one_process_share_their_videos(monkeypatch, drawn):
  kept, lights, tiny_store = run_videos.Kept(), [], make_tiny_store()

  def load_videos(name, *, split, frame_size):
    assert kept.store is None, 'Two data sets were held at once.'
    lights.append(split)
    return object()

  records = as_records(tiny_store)

  def open_source(name, *, split, data_dir):
    assert kept.store is None, 'Two data sets were held at once.'
    lights.append(split)
    return sources.Source((), EXPRESSIONS, f'{name}:{split}', True, '')

  monkeypatch.setattr(sources, 'must_draw', lambda name, split: drawn)
  monkeypatch.setattr(sources, 'load_videos', load_videos)
  monkeypatch.setattr(sources, 'open_source', open_source)
  monkeypatch.setattr(streaming, 'open_store', lambda *_, **__: records)
  monkeypatch.setattr(
    sources, 'read_records', lambda source: iter(records.records.records)
  )
  data = pretrain_config.get_config('demo').data
  first = run_videos.load_videos(data, kept)
  if not drawn:
    np.testing.assert_array_equal(first.length, tiny_store.length)
    assert first.frames.shape[1:3] == tuple(data.frame_size)
  data.fold = 3  # whom they are for changes nothing about the videos
  assert run_videos.load_videos(data, kept) is first
  data.split = 'vl_dark'
  assert run_videos.load_videos(data, kept) is not first
  data.split = 'vl_strong'
  run_videos.load_videos(data, kept)
  assert lights == ['vl_strong', 'vl_dark', 'vl_strong']  # each opened once
  data.frame_size = (20, 20)
  run_videos.load_videos(data, kept)
  assert len(lights) == 4


def batches(epoch):
  order = np.random.default_rng(epoch).permutation(60).astype(np.int32)
  return [steps.Batch(order[i : i + 16]) for i in (0, 16, 32)]


def take_views(epoch, arrays, batch):
  pair = [
    views.draw_views(
      arrays.frames,
      batch.video,
      batch.clips_of(place),
      seed=3,
      epoch=epoch,
      view=view,
      options=OPTIONS,
    )
    for place, view in enumerate(steps.PRETRAIN_VIEWS)
  ]
  return jnp.stack(pair, 1)


@pytest.mark.slow
def test_views_are_the_same_bit_for_bit_wherever_frames_live(place):
  seen = {}
  for where in PLACEMENTS:
    placed = place(where)
    assert (placed.arrays.frames.frames is None) == (where != 'device')
    run = parallel.parallelize_inference(take_views)
    with contextlib.closing(placed.epochs(batches, **WHERE)(2, 4)) as stream:
      shown = [
        run(np.int32(2 + i // 3), placed.arrays, batch)
        for i, batch in enumerate(stream)
      ]
    assert len(shown) == 6
    seen[where] = np.stack(shown)
  assert seen['device'].shape == (6, 16, 2, 4, 16, 16, 3)
  np.testing.assert_array_equal(seen['device'], seen['host'])
  np.testing.assert_array_equal(seen['device'], seen['streamed'])


@pytest.mark.parametrize('where', PLACEMENTS)
@pytest.mark.parametrize('count', [1, 8, 19])
def test_inference_looks_at_each_video_once(place, tiny_store, where, count):
  placed = place(where)
  infer = placed.inference(
    lambda variables, arrays, batch: views.evaluation_views(
      arrays.frames,
      batch.video,
      batch.clips_of(0),
      options=OPTIONS,
    ),
    options=OPTIONS,
    batch_size=6,
  )
  indices = np.arange(60)[::-1][:count]
  expected = jax.jit(views.evaluation_views, static_argnames='options')(
    views.Frames(tiny_store.frames, tiny_store.first, tiny_store.length),
    np.resize(indices, 24),
    options=OPTIONS,
  )[:count]
  np.testing.assert_array_equal(infer((), indices), expected)


@pytest.mark.parametrize('where', PLACEMENTS)
def test_beginnings_are_videos_that_end_early(place, tiny_store, where):
  short = place(where).beginnings(0.4)
  # Of 3 to 7 frames: two fifths, rounded up.
  length = np.array([0, 1, 1, 2, 2, 2, 3, 3])[tiny_store.length]
  np.testing.assert_array_equal(short.store.length, length)
  infer = short.inference(
    lambda variables, arrays, batch: views.evaluation_views(
      arrays.frames, batch.video, batch.clips_of(0), options=OPTIONS
    ),
    options=OPTIONS,
    batch_size=8,
  )
  indices = np.arange(12)
  # An oracle without the frames that come later.
  frames = [
    tiny_store.frames[first : first + count]
    for first, count in zip(tiny_store.first, length, strict=True)
  ]
  first = (np.cumsum(length) - length).astype(np.int32)
  expected = jax.jit(views.evaluation_views, static_argnames='options')(
    views.Frames(np.concatenate(frames), first, length.astype(np.int32)),
    indices,
    options=OPTIONS,
  )
  np.testing.assert_array_equal(infer((), indices), expected)
  whole = place(where).beginnings(1.0)
  np.testing.assert_array_equal(whole.store.length, tiny_store.length)


@pytest.mark.parametrize('where', ['host', 'streamed'])
def test_reading_goes_on_ahead_across_epochs_and_ends(place, where):
  asked = []

  def listed(epoch):
    asked.append(epoch)
    return batches(epoch)

  before = threading.active_count()
  stream = place(where).epochs(listed, **WHERE)(0, 50)
  for _ in range(3):
    next(stream)
  deadline = time.monotonic() + 20
  while 1 not in asked and time.monotonic() < deadline:
    time.sleep(0.01)
  assert 1 in asked  # the second epoch's, before anybody asks
  assert max(asked) <= 2  # but not the whole run's
  stream.close()
  while threading.active_count() > before and time.monotonic() < deadline:
    time.sleep(0.01)
  assert threading.active_count() <= before


def test_what_fails_in_the_background_is_raised_in_the_loop(place, monkeypatch):
  placed = place('streamed')
  decode = videos.decode_frame
  calls = itertools.count()

  def failing(record, index, size):
    if next(calls) == 100:
      raise ValueError(f'Frame {index} of the video {record.video_id} is lost')
    return decode(record, index, size)

  monkeypatch.setattr(videos, 'decode_frame', failing)
  with pytest.raises(ValueError, match='Frame . of the video P0.* is lost'):
    list(placed.epochs(batches, **WHERE)(0, 2))


@pytest.mark.slow
def test_pretraining_is_the_same_wherever_frames_live(
  tiny_store, tiny_config, tmp_path
):
  kept = []
  records = as_records(tiny_store)
  for where in PLACEMENTS:
    config = tiny_config(
      'pretrain',
      **{'data.placement': where, 'projection.input': 'change'},
    )
    store = records if where == 'streamed' else tiny_store
    pretrain.run(config, tmp_path / where, store=store)
    lines = (tmp_path / where / 'metrics.jsonl').read_text().splitlines()
    kept.append([json.loads(line) for line in lines])
  assert len(kept[0]) > 12
  assert kept[0] == kept[1] == kept[2]


@pytest.mark.slow
def test_finetuning_is_the_same_wherever_frames_live(
  tiny_store, tiny_config, tmp_path
):
  kept = []
  records = as_records(tiny_store)
  for where in PLACEMENTS:
    config = tiny_config('finetune', init='scratch', num_epochs=1)
    config.data.placement = where
    config.classifier.input = 'both'
    store = records if where == 'streamed' else tiny_store
    finetune.run(config, tmp_path / where, store=store)
    kept.append((tmp_path / where / 'predictions.csv').read_text())
  assert kept[0] == kept[1] == kept[2]


def test_the_config_places(tiny_store, capsys):
  data = ml_collections.ConfigDict({'placement': 'auto', 'memory_share': 0.5})
  assert run_videos.place(tiny_store, data).placement == 'device'
  assert 'of frames on each device' in capsys.readouterr().out
  data.placement = 'host'
  assert run_videos.place(tiny_store, data).placement == 'host'
  streamed = dataclasses.replace(as_records(tiny_store))
  data.placement = 'auto'
  assert run_videos.place(streamed, data).placement == 'streamed'


def test_a_run_may_go_on_with_its_frames_elsewhere(tiny_config, tmp_path):
  config = tiny_config('pretrain')
  workdirs.open_workdir(tmp_path / 'run', config)
  config.data.placement, config.data.memory_share = 'streamed', 0.1
  workdirs.open_workdir(tmp_path / 'run', config)
  config.data.fold = 1
  with pytest.raises(ValueError, match='data.fold: there 0, here 1'):
    workdirs.open_workdir(tmp_path / 'run', config)
