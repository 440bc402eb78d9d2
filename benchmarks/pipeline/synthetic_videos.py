"""Videos of random pixels, the shape of a data set, for the pipelines.

Nothing here imports JAX or torch: both sides read the same frames.
"""

import numpy as np


def add_options(parser):
  """Adds what describes the videos to a parser."""
  add = parser.add_argument
  add('--videos', type=int, default=480, help='of the store')
  # Strong expressions in visible light: 10,379 frames of 480 videos.
  add('--video_frames', type=int, default=22, help='of each video, on average')
  add('--height', type=int, default=240, help='of a stored frame')
  add('--width_pixels', type=int, default=320, help='of a stored frame')


def make_videos(options):
  """Draws the videos.

  Args:
    options: of `add_options`.

  Returns:
    frames uint8 [F, h, w, 3], first int32 [videos], length int32 [videos].
  """
  generator = np.random.default_rng(0)
  mean = options.video_frames
  length = generator.integers(
    max(1, mean // 2), mean + mean // 2 + 1, options.videos, np.int32
  )
  first = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int32)
  shape = (int(length.sum()), options.height, options.width_pixels, 3)
  frames = np.frombuffer(generator.bytes(int(np.prod(shape))), np.uint8)
  return frames.reshape(shape), first, length


def draw_indices(generator, options):
  """Draws the videos of a step: int32 [views / 2], distinct if they can be."""
  n = options.views // 2
  drawn = generator.permutation(max(n, options.videos)) % options.videos
  return drawn[:n].astype(np.int32)
