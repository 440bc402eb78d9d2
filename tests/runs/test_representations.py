import dataclasses
import types

import numpy as np
import pytest

from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.data.videos import VideoStore
from stclr_jax.evaluation.audits import audit
from stclr_jax.evaluation.audits import rest
from stclr_jax.oulu_casia import EXPRESSIONS
from stclr_jax.runs import build
from stclr_jax.runs import representations
from stclr_jax.runs import run_videos
from stclr_jax.views import views
from stclr_jax.workflows import pretrain

CONTROLS = ('shuffled', 'reversed', 'first_frame', 'last_frame')
STILL = {'first_frame': {0}, 'last_frame': {15}}


def test_frames_are_shown_in_order(tiny_store, tiny_config, tmp_path):
  config = tiny_config('pretrain')
  options = build.make_view_options(config.views)
  network = pretrain.make_network(config)
  variables = build.init_network(network, options, seed=0)
  placed = run_videos.place(tiny_store, config.data)
  common = dict(view_options=options, batch_size=8)
  encode = representations.make_encode(network, placed, **common)
  orders = representations.frame_orders(options.num_frames)
  shown = np.arange(12)
  h = {name: encode(variables, shown, one) for name, one in orders.items()}
  plain = placed.inference(
    pretrain.steps.make_inference_step(
      network, view_options=options, method='encode'
    ),
    options=options,
    batch_size=8,
  )(variables, shown)
  np.testing.assert_allclose(h[audit.FORWARD], plain, rtol=1e-5, atol=1e-6)
  for name in CONTROLS:
    assert np.abs(h[name] - plain).max() > 1e-4, name
  # Of a video with one frame, no order is another.
  single = tiny_store.length.copy()
  single[:] = 1
  still = run_videos.place(
    dataclasses.replace(tiny_store, length=single), config.data
  )
  encode = representations.make_encode(network, still, **common)
  forward = encode(variables, shown, orders[audit.FORWARD])
  for name in CONTROLS:
    np.testing.assert_array_equal(
      encode(variables, shown, orders[name]), forward
    )
  brightness = representations.measure_brightness(still, shown, **common)
  first = tiny_store.frames[tiny_store.first[shown]][:, :, 2:18]  # the square
  expected = first.mean((1, 2)) @ [0.299, 0.587, 0.114] / 255
  np.testing.assert_allclose(brightness, expected, atol=1e-3)


def test_without_labels_there_is_nothing_to_audit(tiny_store, tiny_config):
  config = tiny_config('pretrain')
  options = build.make_view_options(config.views)
  found = representations.audit_encoder(
    pretrain.make_network(config),
    {},
    types.SimpleNamespace(store=tiny_store),
    np.arange(6),  # one person's
    view_options=options,
    batch_size=8,
    seed=0,
  )
  assert found is None


def test_encoding_is_compiled_once(tiny_store, tiny_config, monkeypatch):
  # No other test's number of frames, whose step would be kept.
  config = tiny_config('pretrain', **{'views.num_frames': 3})
  options = build.make_view_options(config.views)
  traced, look = [], views.evaluation_views

  def evaluation_views(*args, **kwargs):
    traced.append(1)
    return look(*args, **kwargs)

  monkeypatch.setattr(views, 'evaluation_views', evaluation_views)
  for seed in (0, 1):
    network = pretrain.make_network(config)
    variables = build.init_network(network, options, seed=seed)
    placed = run_videos.place(tiny_store, config.data)
    encode = representations.make_encode(
      network, placed, view_options=options, batch_size=8
    )
    encode(variables, np.arange(8), np.arange(options.num_frames))
  assert len(traced) == 1


def test_orders():
  orders = representations.frame_orders(16)
  assert set(orders) == {audit.FORWARD, *CONTROLS}
  for name, order in orders.items():
    kept = set(order.tolist())
    assert kept == STILL.get(name, set(range(16)))
  assert orders['reversed'].tolist() == list(range(15, -1, -1))
  for num_frames in (1, 2, 3, 4):
    for order in representations.frame_orders(num_frames).values():
      assert len(order) == num_frames
  named = [
    representations.frame_orders(3)[n].tolist()
    for n in (audit.FORWARD, 'reversed')
  ]
  assert representations.frame_orders(3)['shuffled'].tolist() not in named


def test_light_classes_are_thirds():
  light = representations.light_classes(
    np.array([5.0, 1.0, 9.0, 2.0, 7.0, 3.0])
  )
  assert light.tolist() == [1, 0, 2, 0, 2, 1]


@pytest.fixture(scope='module')
def drawn():
  """Twelve drawn people, each with six videos from rest to apex."""
  shown = list(
    synthetic_faces.draw_videos(
      height=32, width=32, framing='face', num_subjects=12
    )
  )
  length = np.array([len(video.frames) for video in shown], np.int32)
  return VideoStore(
    frames=np.concatenate([video.frames for video in shown]),
    first=np.cumsum(length, dtype=np.int32) - length,
    length=length,
    label=np.array([video.label for video in shown], np.int32),
    subject=np.array([video.subject for video in shown], np.int32),
    video_id=tuple(video.video_id for video in shown),
    label_names=EXPRESSIONS,
    name='drawn',
    synthetic=True,
  )


def look_for_rest(store, tiny_config, indices=None):
  config = tiny_config('pretrain')
  return representations.look_for_rest(
    run_videos.place(store, config.data),
    np.arange(store.num_videos) if indices is None else indices,
    view_options=build.make_view_options(config.views),
    batch_size=32,
  )


def test_drawn_faces_begin_at_rest_and_their_second_halves_do_not(
  drawn, tiny_config
):
  found = look_for_rest(drawn, tiny_config)
  assert found.holds and found.videos == drawn.num_videos
  half = drawn.length // 2
  played_from_the_middle = dataclasses.replace(
    drawn, first=drawn.first + half, length=drawn.length - half
  )
  found = look_for_rest(played_from_the_middle, tiny_config)
  assert found.holds is False and 0 < found.videos < drawn.num_videos
  assert 'mid-expression' in rest.describe(found)


def test_short_videos_cannot_be_asked_for_rest(drawn, tiny_config):
  short = dataclasses.replace(drawn, length=np.full_like(drawn.length, 8))
  assert look_for_rest(short, tiny_config).videos == 0
  length = drawn.length.copy()
  length[5:] = 8
  found = look_for_rest(
    dataclasses.replace(drawn, length=length), tiny_config, np.arange(3, 9)
  )
  assert found.videos == 2


def audit_tiny(store, config, **changes):
  """Audits an untrained encoder on a store."""
  options = dataclasses.replace(
    build.make_view_options(config.views), **changes
  )
  network = pretrain.make_network(config)
  return representations.audit_encoder(
    network,
    build.init_network(network, options, seed=0),
    run_videos.place(store, config.data),
    np.arange(store.num_videos),
    view_options=options,
    batch_size=8,
    seed=0,
  )


def test_one_frame_a_video_is_audited_without_a_change(tiny_store, tiny_config):
  config = tiny_config('pretrain')
  single = np.ones_like(tiny_store.length)
  for store, changes in (
    (dataclasses.replace(tiny_store, length=single), {}),
    (tiny_store, {'num_frames': 1}),
  ):
    found = audit_tiny(store, config, **changes)
    assert found.expression.change is None
    assert found.expression.change_of_clip is None
    assert 0 <= found.expression.clip <= 1
    assert 'cannot be asked' in audit.describe(found)


def test_one_video_a_person_is_audited_without_the_person(
  tiny_store, tiny_config
):
  alone = dataclasses.replace(
    tiny_store, subject=np.arange(60, dtype=np.int32) + 1
  )
  found = audit_tiny(alone, tiny_config('pretrain'))
  assert found.expression.person_removed is None
  assert found.spread.between_people is None
  assert found.readings['clip'].probes.subject is None
  assert 0 <= found.expression.change <= 1
  assert 'unknown' in audit.describe(found)
