"""A small clip of uint8, and many draws of one random function."""

import jax
import numpy as np


def make_clip(frames, height, width):
  """Levels that differ in each frame, row, column and channel."""
  f, i, j, c = np.indices((frames, height, width, 3))
  values = 7 * i * i + 13 * j * (c + 1) + 5 * i * j + 31 * c + 97 * f
  return (values % 256).astype(np.uint8)


def draw_many(draw, count, **options):
  """`count` draws, one array each for what `draw` returns."""
  keys = jax.random.split(jax.random.key(1), count)
  draws = jax.jit(jax.vmap(lambda key: draw(key, **options)))(keys)
  return jax.tree.map(np.asarray, draws)
