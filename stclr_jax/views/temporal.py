"""Which frames of a video make a clip (Sec. III.A.1, temporal augmentation).

Everything is integer arithmetic, traced in the video's length: under `jit` and
`vmap`, on any device, a key and a length give the same frames. A video that is
shorter than the clip repeats frames; each strategy says how.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array
from jaxtyping import Int32
from jaxtyping import Key

from stclr_jax.errors import UserError

STRATEGIES = ('random', 'uniform', 'sequential')
# chosen: 24 % of the pairs of 16 frames then have the same frames at a distance
# of 0.1, and 12 % wherever they are (400 videos of 9 to 72 frames).
NEAR_DRAWS = 8
ONLY_UNIFORM = (0.0, 1.0, 0.0)  # probabilities: temporal sampling switched off


def sample(
  key: Key[Array, ''],
  num_video_frames: Int32[Array, ''] | int,
  *,
  num_frames: int,
  probabilities: tuple[float, float, float] | None = None,
  variant: str = 'paper',
) -> Int32[Array, ' num_frames']:
  """Picks one of the three strategies at random and samples with it.

  Args:
    key: typed key.
    num_video_frames: frames in the video, int32 [] of at least 1; may be
      traced.
    num_frames: frames in the clip.
    probabilities: of random, uniform and sequential sampling; sum to 1. None
      for the variant's own. (0, 1, 0) is temporal sampling switched off: the
      key has no effect.
    variant: 'paper', or 'author_code' for the sampler that the first author
      published six months before the paper.

  Returns:
    Frame indices, int32 [num_frames], ascending, each in
    [0, num_video_frames).

  Raises:
    ValueError: for an unknown variant, probabilities that are not three, are
      negative or do not sum to 1, or a clip of no frames.

  Source: Sec. III.A.1, "randomly choose between the above strategies"; a third
    each is chosen: the paper gives no other. `author_code`: transforms.py of
    github.com/ShuvenduRoy/pytorch-VideoDataloader, commit 1306920 of February
    2021; below `num_frames` frames it is ours, as that code shows one frame
    throughout (uniform), misses some (random) or fails (sequential).
  """
  check_options(probabilities, variant)
  samplers = VARIANTS[variant]
  if probabilities is None:
    probabilities = DEFAULT_PROBABILITIES[variant]
  key_strategy, key_frames = jax.random.split(key)
  # A strategy of probability zero is not even computed, let alone drawn.
  possible = [i for i, p in enumerate(probabilities) if p > 0]
  candidates = [
    samplers[i](key_frames, num_video_frames, num_frames=num_frames)
    for i in possible
  ]
  thresholds = np.cumsum([probabilities[i] for i in possible[:-1]]).tolist()
  drawn = jax.random.uniform(key_strategy, dtype=jnp.float32)
  indices = candidates[0]
  for threshold, candidate in zip(thresholds, candidates[1:], strict=True):
    indices = jnp.where(drawn >= threshold, candidate, indices)
  return indices


def sample_random(
  key: Key[Array, ''],
  num_video_frames: Int32[Array, ''] | int,
  *,
  num_frames: int,
) -> Int32[Array, ' num_frames']:
  """Draws frames without replacement; every subset is equally likely.

  A shorter video gives every frame once, and the places left over to frames
  drawn with replacement.

  Args:
    key: typed key.
    num_video_frames: see `sample`.
    num_frames: see `sample`.

  Returns:
    See `sample`.

  Source: Sec. III.A.1 (1); subsets by Floyd's algorithm (Bentley & Floyd,
    Communications of the ACM 30(9), 1987), which needs no list of the video's
    frames and so works with a traced length.
  """
  _check_num_frames(num_frames)
  total = jnp.asarray(num_video_frames, jnp.int32)
  place = jnp.arange(num_frames, dtype=jnp.int32)
  # Floyd: for each of the last `num_frames` frames, draw one not after it; if
  # that one is taken, take the frame itself, which no earlier step could have.
  last = total - num_frames + place
  bound = jnp.where(total >= num_frames, last + 1, total)
  drawn = jax.random.randint(key, (num_frames,), 0, bound, jnp.int32)

  def choose(i, chosen):
    frame = jnp.where(jnp.any(chosen == drawn[i]), last[i], drawn[i])
    return chosen.at[i].set(frame)

  # A loop: unrolled, it would take longer to compile.
  none = jnp.full(num_frames, -1, jnp.int32)
  chosen = lax.fori_loop(0, num_frames, choose, none)
  repeated = jnp.where(place < total, place, drawn)
  return jnp.sort(jnp.where(total >= num_frames, chosen, repeated))


def sample_uniform(
  num_video_frames: Int32[Array, ''] | int, *, num_frames: int
) -> Int32[Array, ' num_frames']:
  """Takes frames at equal distances, from the first to the last.

  Rounded to the nearest frame, halves up. A shorter video is cut into
  `num_frames` equal parts, and each shows the frame at its middle: how often
  any two frames are taken differs by one at most, and the frames that are
  taken more often lie alike from both ends (chosen: the parts' beginnings would
  repeat the first frames, at rest, rather than the last ones). A clip of one
  frame is the last one, the apex (chosen: it cannot be first and last).

  Args:
    num_video_frames: see `sample`.
    num_frames: see `sample`.

  Returns:
    See `sample`.

  Source: Sec. III.A.1 (2).
  """
  _check_num_frames(num_frames)
  total = jnp.asarray(num_video_frames, jnp.int32)
  if num_frames == 1:
    return (total - 1).reshape(1)
  place = jnp.arange(num_frames, dtype=jnp.int32)
  gaps = num_frames - 1
  spaced = (2 * place * (total - 1) + gaps) // (2 * gaps)
  middles = (2 * place + 1) * total // (2 * num_frames)
  return jnp.where(total >= num_frames, spaced, middles)


def sample_sequential(
  key: Key[Array, ''],
  num_video_frames: Int32[Array, ''] | int,
  *,
  num_frames: int,
) -> Int32[Array, ' num_frames']:
  """Takes consecutive frames; every start that fits is equally likely.

  A shorter video is played from its start and holds its last frame, the apex.

  Args:
    key: typed key.
    num_video_frames: see `sample`.
    num_frames: see `sample`.

  Returns:
    See `sample`.

  Source: Sec. III.A.1 (3).
  """
  _check_num_frames(num_frames)
  total = jnp.asarray(num_video_frames, jnp.int32)
  num_starts = jnp.maximum(total - num_frames, 0) + 1
  return _consecutive(key, total, num_starts, num_frames)


def sample_near(
  key: Key[Array, ''],
  partner: Int32[Array, ' num_frames'],
  sample: Callable,
  num_video_frames: Int32[Array, ''] | int,
  *,
  distance: float,
) -> Int32[Array, ' num_frames']:
  """Samples until a clip is near another one of the same video.

  Args:
    key: typed key.
    partner: frames of the other clip, int32 [num_frames].
    sample: `sample(key)` draws a clip, int32 [num_frames].
    num_video_frames: see `sample`.
    distance: how far apart the means of the frames' numbers may be, as a share
      of `num_video_frames`.

  Returns:
    The first near one of `NEAR_DRAWS` draws, the first of which is of the key
    itself; if none is, the other clip's frames. int32 [num_frames].
  """
  further = [jax.random.fold_in(key, 2 + i) for i in range(NEAR_DRAWS - 1)]
  drawn = jax.vmap(sample)(jnp.stack([key, *further]))
  # Sums of integers, and one product: the same on every device.
  apart = jnp.abs(drawn.sum(-1) - partner.sum())
  length = jnp.asarray(num_video_frames, jnp.float32)
  near = apart.astype(jnp.float32) <= distance * len(partner) * length
  return jnp.where(near.any(), drawn[near.argmax()], partner)


def check_options(probabilities, variant):
  """Raises ValueError unless `sample` can take them."""
  if variant not in VARIANTS:
    raise UserError(
      f'`variant` (={variant!r}) must be one of {", ".join(VARIANTS)}.'
    )
  if probabilities is None:
    return
  if len(probabilities) != len(STRATEGIES):
    raise UserError(
      f'`probabilities` (={tuple(probabilities)}) must be '
      f'{len(STRATEGIES)} numbers, one each for {", ".join(STRATEGIES)}.'
    )
  if min(probabilities) < 0 or abs(sum(probabilities) - 1) > 1e-6:
    raise UserError(
      f'`probabilities` (={tuple(probabilities)}) of '
      f'{", ".join(STRATEGIES)} must be non-negative and sum to 1; their sum '
      f'is {sum(probabilities):g}.'
    )


def _check_num_frames(num_frames):
  if num_frames < 1:
    raise UserError(f'`num_frames` (={num_frames}) must be at least 1.')


def _consecutive(key, total, num_starts, num_frames):
  start = jax.random.randint(key, (), 0, num_starts, jnp.int32)
  place = jnp.arange(num_frames, dtype=jnp.int32)
  return jnp.minimum(start + place, total - 1)


def _author_random(key, num_video_frames, *, num_frames):
  """With replacement; a shorter video as in `sample_random`."""
  total = jnp.asarray(num_video_frames, jnp.int32)
  drawn = jnp.sort(jax.random.randint(key, (num_frames,), 0, total, jnp.int32))
  short = sample_random(key, total, num_frames=num_frames)
  return jnp.where(total >= num_frames, drawn, short)


def _author_uniform(key, num_video_frames, *, num_frames):
  """A whole stride from a small random start; seldom meets the last frame."""
  total = jnp.asarray(num_video_frames, jnp.int32)
  stride = total // num_frames
  start = jax.random.randint(
    key, (), 0, total - stride * num_frames + 1, jnp.int32
  )
  start = jnp.where(start > 1, start - 1, start)  # as published
  strided = start + stride * jnp.arange(num_frames, dtype=jnp.int32)
  short = sample_uniform(total, num_frames=num_frames)
  return jnp.where(total >= num_frames, strided, short)


def _author_sequential(key, num_video_frames, *, num_frames):
  """The last window is never drawn, unless it is the only one."""
  total = jnp.asarray(num_video_frames, jnp.int32)
  num_starts = jnp.maximum(total - num_frames, 1)
  return _consecutive(key, total, num_starts, num_frames)


def _uniform(key, num_video_frames, *, num_frames):
  del key  # nothing is random
  return sample_uniform(num_video_frames, num_frames=num_frames)


VARIANTS = {
  'paper': (sample_random, _uniform, sample_sequential),
  'author_code': (_author_random, _author_uniform, _author_sequential),
}

DEFAULT_PROBABILITIES = {
  'paper': (1 / 3, 1 / 3, 1 / 3),  # chosen: "randomly choose", Sec. III.A.1
  'author_code': (0.5, 0.1, 0.4),  # as published
}
