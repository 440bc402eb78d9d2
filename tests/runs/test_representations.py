import dataclasses
import types

import numpy as np

from stclr_jax.evaluation import audit
from stclr_jax.runs import build
from stclr_jax.runs import representations
from stclr_jax.runs import run_videos
from stclr_jax.views import views
from stclr_jax.workflows import pretrain

CONTROLS = ('shuffled', 'reversed', 'last_frame')


def test_frames_are_shown_in_order(tiny_store, tiny_config, tmp_path):
  config = tiny_config('pretrain')
  options = build.make_view_options(config.views)
  network = pretrain.make_network(config)
  variables = build.init_network(network, options, seed=0)
  videos = run_videos.place(tiny_store, config.data)
  common = dict(view_options=options, batch_size=8)
  encode = representations.make_encode(network, videos, **common)
  orders = representations.frame_orders(options.num_frames)
  shown = np.arange(12)
  h = {name: encode(variables, shown, one) for name, one in orders.items()}
  plain = videos.inference(
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
    videos = run_videos.place(tiny_store, config.data)
    encode = representations.make_encode(
      network, videos, view_options=options, batch_size=8
    )
    encode(variables, np.arange(8), np.arange(options.num_frames))
  assert len(traced) == 1


def test_orders():
  orders = representations.frame_orders(16)
  assert set(orders) == {audit.FORWARD, *CONTROLS}
  for name, order in orders.items():
    kept = set(order.tolist())
    assert kept == ({15} if name == 'last_frame' else set(range(16)))
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
