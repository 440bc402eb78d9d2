"""Choice of the frames that a step needs, and their reading on the host.

The same functions of the same keys as on the device choose the frames, so that
a view does not depend on where the videos are.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax.views import view_parameters


class Request(NamedTuple):
  """Clips wanted.

  Attributes:
    videos: indices of videos, int [n].
    frames: numbers of frames within each, int [n, v, t].
  """

  videos: np.ndarray
  frames: np.ndarray


def draw_frame_indices(length, videos, *, seed, epoch, view_numbers, options):
  """Draws the frames of some views of some videos, on the host.

  Args:
    length: number of frames of every video in the store, int32 [num_videos].
    videos: which videos, int32 [n].
    seed: see `view_parameters.view_key`.
    epoch: see `view_parameters.view_key`.
    view_numbers: see `view_parameters.view_key`; v of them.
    options: a `views.ViewOptions`.

  Returns:
    Frame numbers within each video, int32 [n, v, frames_taken]: those that
    `views.draw_views` takes.
  """
  videos = np.asarray(videos, np.int32)
  with jax.default_device(_host()):
    return np.asarray(
      _draw(
        videos,
        np.asarray(length, np.int32)[videos],
        np.int32(epoch),
        np.asarray(view_numbers, np.int32),
        seed=seed,
        options=options,
      )
    )


def evaluation_frame_indices(length, videos, *, options):
  """Lists the frames of the view that a video is judged by.

  Args:
    length: see `draw_frame_indices`.
    videos: see `draw_frame_indices`.
    options: a `views.ViewOptions`.

  Returns:
    int32 [n, 1, frames_taken]: those that `views.evaluation_views` takes.
  """
  lengths = np.asarray(length, np.int32)[np.asarray(videos)]
  with jax.default_device(_host()):
    indices = _list_evaluated(lengths, options=options)
    return np.asarray(indices)[:, None]


def read_clips(store, requests):
  """Reads the frames of clips from a store, on the host.

  Args:
    store: a `VideoStore`, of frames or of records.
    requests: iterable of `Request`; read ahead where frames are in records.

  Yields:
    Frames, uint8 [n, v, t, h, w, 3], for each request in order.

  Raises:
    ValueError: if a record cannot be read or decoded, naming the video.
  """
  if store.frames is None:
    yield from store.records.read_clips(requests)
    return
  for videos, frames in requests:
    # Unlike indexing, `take` lets other threads run.
    yield store.frames.take(store.first[videos, None, None] + frames, axis=0)


@functools.partial(jax.jit, static_argnames=('seed', 'options'))
def _draw(videos, lengths, epoch, view_numbers, *, seed, options):
  def draw(video, length, view):
    where = seed, epoch, video, view
    # The size of a frame has no influence on which ones are taken.
    drawn = view_parameters.draw_parameters(
      view_parameters.view_key(*where),
      length,
      (1, 1),
      options=options,
      partner=view_parameters.partner_key(*where, options=options),
    )
    return drawn.indices

  of_views = jax.vmap(draw, in_axes=(None, None, 0))
  return jax.vmap(of_views, in_axes=(0, 0, None))(videos, lengths, view_numbers)


@functools.partial(jax.jit, static_argnames='options')
def _list_evaluated(lengths, *, options):
  list_indices = functools.partial(
    view_parameters.evaluation_indices, options=options
  )
  return jax.vmap(list_indices)(jnp.asarray(lengths))


def _host():
  """The host as a JAX device; None, the default device, where it is not one."""
  try:
    return jax.local_devices(backend='cpu')[0]
  except RuntimeError:  # JAX_PLATFORMS names accelerators only
    return None
