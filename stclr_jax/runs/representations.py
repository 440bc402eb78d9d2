"""Representations of videos, their frames in any order; and their audit."""

import dataclasses
import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from stclr_jax.data import folds
from stclr_jax.evaluation.audits import audit
from stclr_jax.evaluation.audits import representation_map
from stclr_jax.evaluation.audits import rest
from stclr_jax.learning.running import compiled_steps
from stclr_jax.runs.checks import class_checks
from stclr_jax.views import views

_NUM_LIGHTS = 3  # chosen: dark, middle and bright thirds


def make_encode(network, videos, *, view_options, batch_size):
  """Makes a function from videos to representations.

  Args:
    network: with an encoder.
    videos: `run_videos.PlacedVideos`.
    view_options: a `views.ViewOptions`; videos are looked at as in evaluation.
    batch_size: videos at a time.

  Returns:
    `encode(variables, indices, order) -> float32 [m, d]`: `order` are indices
    into the frames of a clip, see `frame_orders`.
  """
  infer = videos.inference(
    _encode_step(network, view_options),
    options=view_options,
    batch_size=batch_size,
  )
  return lambda variables, indices, order: infer(
    (variables, jnp.asarray(order)), indices
  )


def make_evaluation_views(videos, *, view_options, batch_size):
  """Makes a function from videos to what evaluation sees of them.

  Args:
    videos: `run_videos.PlacedVideos`.
    view_options: a `views.ViewOptions`.
    batch_size: videos at a time.

  Returns:
    `evaluation_views(indices) -> float32 [m, t, size, size, 3]` in [0, 1], RGB.
  """
  infer = videos.inference(
    _view_step(view_options), options=view_options, batch_size=batch_size
  )

  def evaluation_views(indices):
    clips = infer((), indices) * np.float32(view_options.std)
    return np.clip(clips + np.float32(view_options.mean), 0, 1)

  return evaluation_views


def grey(colors):
  """Brightness of RGB, as ITU-R BT.601 weighs it.

  Args:
    colors: uint8 or float [..., 3].

  Returns:
    float32 [...], in the same range.
  """
  # The standard's own weights; `views.color.GREY` are torchvision's, which
  # rounds the first to 0.2989.
  return np.asarray(colors, np.float32) @ np.array(
    [0.299, 0.587, 0.114], np.float32
  )


def measure_brightness(videos, indices, *, view_options, batch_size):
  """Mean brightness of what evaluation sees of each video.

  Args:
    videos: `run_videos.PlacedVideos`.
    indices: which, int [m].
    view_options: a `views.ViewOptions`.
    batch_size: videos at a time.

  Returns:
    float [m] in [0, 1].
  """
  infer = videos.inference(
    _brightness_step(view_options), options=view_options, batch_size=batch_size
  )
  normalized = infer((), indices)
  colors = normalized * np.array(view_options.std) + view_options.mean
  return grey(colors)


def look_for_rest(videos, indices, *, view_options, batch_size):
  """Asks whether videos begin at rest.

  Args:
    videos: `run_videos.PlacedVideos`.
    indices: which, int [m]; those too short for nine frames are left out.
    view_options: a `views.ViewOptions`; few and coarse frames are looked at,
      whatever it says of them.
    batch_size: videos at a time.

  Returns:
    A `rest.Rest`.
  """
  store = videos.store
  indices = indices[store.length[indices] >= rest.NUM_FRAMES]
  if not len(indices):
    return rest.Rest(0, None, None, None)
  coarse = dataclasses.replace(
    view_options, num_frames=rest.NUM_FRAMES, size=rest.SIZE
  )
  evaluation_views = make_evaluation_views(
    videos, view_options=coarse, batch_size=batch_size
  )
  return rest.look(evaluation_views(indices), store.subject[indices])


def light_classes(brightness):
  """Deals videos to thirds by their brightness.

  Args:
    brightness: mean of each video's pixels, float [n].

  Returns:
    int [n] in [0, 3).
  """
  ranks = np.argsort(np.argsort(brightness, kind='stable'), kind='stable')
  return ranks * _NUM_LIGHTS // len(ranks)


def frame_orders(num_frames, *, seed=0):
  """Makes the controls: what of a clip is shown, and when.

  Args:
    num_frames: of a clip.
    seed: int, of the shuffle, which is the same for all clips.

  Returns:
    By name, indices into the clip's frames, int [num_frames].
  """
  forward = np.arange(num_frames)
  shuffled = forward
  random = np.random.RandomState(seed)
  # Neither of the orders that have a name, where there is another one.
  while num_frames > 2 and (
    np.array_equal(shuffled, forward) or np.array_equal(shuffled, forward[::-1])
  ):
    shuffled = random.permutation(num_frames)
  return {
    audit.FORWARD: forward,
    'shuffled': shuffled,
    'reversed': forward[::-1].copy(),
    audit.FIRST_FRAME: np.zeros(num_frames, int),
    audit.LAST_FRAME: np.full(num_frames, num_frames - 1),
  }


def audit_encoder(
  network, variables, videos, seen, *, view_options, batch_size, seed
):
  """Audits an encoder on labelled videos that it has seen.

  Args:
    network: a `PretrainNetwork`.
    variables: {'params': ..., 'batch_stats': ...}.
    videos: `run_videos.PlacedVideos`.
    seen: videos of pretraining, int [n].
    view_options: a `views.ViewOptions`.
    batch_size: videos at a time.
    seed: int, of the shuffled order.

  Returns:
    See `audit.audit`; None unless two people and two classes seen are
    labelled. Illumination is the third of the videos by brightness that a
    video belongs to: one split of a data set is one condition, which leaves
    nothing else to tell.
  """
  store, seen = videos.store, np.asarray(seen)
  labelled = seen[store.label[seen] != folds.UNLABELLED]
  if not class_checks.can_tell_apart(store, labelled):
    return None
  encode = make_encode(
    network, videos, view_options=view_options, batch_size=batch_size
  )
  orders = frame_orders(view_options.num_frames, seed=seed)
  look = {'view_options': view_options, 'batch_size': batch_size}
  brightness = measure_brightness(videos, labelled, **look)
  return audit.audit(
    {name: encode(variables, labelled, one) for name, one in orders.items()},
    store.label[labelled],
    store.subject[labelled],
    light_classes(brightness),
    look_for_rest(videos, labelled, **look),
  )


class Map(NamedTuple):
  """Videos on a plane, where those of like representation are near.

  Attributes:
    video: which, int [m].
    places: float [m, 2], without a unit.
    light: third of the videos by brightness, int [m].
  """

  video: np.ndarray
  places: np.ndarray
  light: np.ndarray


def make_map(
  network, variables, videos, indices, *, most, view_options, batch_size
):
  """Lays videos out on a plane by their representations.

  Args:
    network: with an encoder.
    variables: {'params': ..., 'batch_stats': ...}.
    videos: `run_videos.PlacedVideos`.
    indices: which, int [n].
    most: how many of them to show, spread evenly.
    view_options: a `views.ViewOptions`.
    batch_size: videos at a time.

  Returns:
    A `Map`; None of videos too few to be laid out.
  """
  shown = indices[:: -(-len(indices) // most)] if most else indices[:0]
  if len(shown) < representation_map.MIN_VIDEOS:
    return None
  look = {'view_options': view_options, 'batch_size': batch_size}
  encode = make_encode(network, videos, **look)
  h = encode(variables, shown, np.arange(view_options.num_frames))
  light = light_classes(measure_brightness(videos, shown, **look))
  return Map(shown, representation_map.lay_out(h), light)


# A step that is the same function is compiled once, see `compiled_steps`.
@functools.lru_cache(compiled_steps.KEPT)
def _encode_step(network, view_options):
  def step(variables_and_order, videos, batch):
    variables, order = variables_and_order
    clips = _evaluation_views(videos, batch, view_options)[:, order]
    return network.apply(variables, clips, method=network.encode)

  return step


@functools.lru_cache(compiled_steps.KEPT)
def _view_step(view_options):
  return lambda _, videos, batch: _evaluation_views(videos, batch, view_options)


@functools.lru_cache(compiled_steps.KEPT)
def _brightness_step(view_options):
  def step(_, videos, batch):
    return _evaluation_views(videos, batch, view_options).mean((1, 2, 3))

  return step


def _evaluation_views(videos, batch, view_options):
  return views.evaluation_views(
    videos.frames,
    batch.video,
    batch.clips_of(0),
    options=view_options,
  )
