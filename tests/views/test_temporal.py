import collections
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stclr_jax.views import temporal

NUM_FRAMES = 16
LENGTHS = (1, 9, 15, 16, 17, 21, 72)


@functools.cache
def compile_sampler(sampler, **options):
  # The length is traced: one program serves all videos.
  draw = functools.partial(sampler, **options)
  return jax.jit(jax.vmap(draw, in_axes=(0, None)))


def sample_many(sampler, total, *, count, num_frames=NUM_FRAMES, **options):
  keys = jax.random.split(jax.random.key(0), count)
  draw = compile_sampler(sampler, num_frames=num_frames, **options)
  return np.asarray(draw(keys, total))


@pytest.mark.parametrize('total, num_frames', [(7, 3), (6, 5), (5, 1), (9, 2)])
def test_random_draws_every_subset_equally_often(total, num_frames):
  subsets = list(itertools.combinations(range(total), num_frames))
  drawn = sample_many(
    temporal.sample_random,
    total,
    num_frames=num_frames,
    count=400 * len(subsets),
  )
  counts = collections.Counter(map(tuple, drawn.tolist()))
  assert set(counts) == set(subsets)
  # The key is fixed: this passes always or never.
  assert scipy.stats.chisquare(list(counts.values())).pvalue > 0.01


def test_random_takes_every_frame_when_there_are_as_many():
  drawn = sample_many(temporal.sample_random, NUM_FRAMES, count=20)
  assert (drawn == np.arange(NUM_FRAMES)).all()


@pytest.mark.parametrize('total', [1, 2, 9, 15])
def test_random_of_a_short_video_takes_every_frame(total):
  drawn = sample_many(temporal.sample_random, total, count=200)
  for clip in drawn:
    assert set(clip.tolist()) == set(range(total))


def test_random_of_a_short_video_repeats_all_frames_equally_often():
  drawn = sample_many(temporal.sample_random, 9, count=2000)
  repeats = np.bincount(drawn.ravel(), minlength=9) - 2000
  assert repeats.sum() == 2000 * (NUM_FRAMES - 9)
  assert scipy.stats.chisquare(repeats).pvalue > 0.01


@pytest.mark.parametrize(
  'total, num_frames, expected',
  [
    (31, 16, range(0, 31, 2)),
    (16, 16, range(16)),
    (17, 16, [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16]),
    (21, 4, [0, 7, 13, 20]),
    (21, 1, [20]),
    (3, 9, [0, 0, 0, 1, 1, 1, 2, 2, 2]),
    (1, 4, [0, 0, 0, 0]),
    (5, 8, [0, 0, 1, 2, 2, 3, 4, 4]),
  ],
)
def test_uniform_takes_these_frames(total, num_frames, expected):
  indices = temporal.sample_uniform(total, num_frames=num_frames)
  assert indices.tolist() == list(expected)


def test_uniform_is_linspace_rounded():
  totals = np.arange(NUM_FRAMES, 80)
  sample = functools.partial(temporal.sample_uniform, num_frames=NUM_FRAMES)
  indices = np.asarray(jax.vmap(sample)(totals))
  exact = np.linspace(0, totals - 1, NUM_FRAMES, axis=1)
  # 1e-9: linspace itself is rounded, which matters at the halves.
  assert (np.abs(indices - exact) <= 0.5 + 1e-9).all()
  assert (indices[:, 0] == 0).all() and (indices[:, -1] == totals - 1).all()


@pytest.mark.parametrize('total', range(1, NUM_FRAMES))
def test_uniform_of_a_short_video_repeats_evenly(total):
  indices = temporal.sample_uniform(total, num_frames=NUM_FRAMES)
  counts = np.bincount(np.asarray(indices), minlength=total)
  assert counts.min() >= 1 and np.ptp(counts) <= 1
  # Played backwards it is the same clip, so that neither rest nor apex is
  # preferred.
  assert counts.tolist() == counts[::-1].tolist()


def test_sequential_starts_everywhere_equally_often():
  total = 21
  drawn = sample_many(temporal.sample_sequential, total, count=3000)
  starts = drawn[:, 0]
  assert (drawn == starts[:, None] + np.arange(NUM_FRAMES)).all()
  counts = np.bincount(starts)
  assert len(counts) == total - NUM_FRAMES + 1  # the last window too
  assert scipy.stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize('total', [1, 9, 15, 16])
def test_sequential_of_a_short_video_holds_the_last_frame(total):
  drawn = sample_many(temporal.sample_sequential, total, count=20)
  held = [total - 1] * (NUM_FRAMES - total)
  assert (drawn == [*range(total), *held]).all()


@pytest.mark.parametrize('variant', temporal.VARIANTS)
@pytest.mark.parametrize('total', LENGTHS)
def test_indices_ascend_and_are_in_range(variant, total):
  drawn = sample_many(temporal.sample, total, count=500, variant=variant)
  assert drawn.dtype == np.int32 and drawn.shape == (500, NUM_FRAMES)
  assert drawn.min() >= 0 and drawn.max() < total
  assert (np.diff(drawn, axis=1) >= 0).all()


def classify(clip, total):
  clip = clip.tolist()
  if clip == temporal.sample_uniform(total, num_frames=len(clip)).tolist():
    return 'uniform'
  if clip == list(range(clip[0], clip[0] + len(clip))):
    return 'sequential'
  return 'random'


@pytest.mark.parametrize(
  'probabilities', [(1 / 3, 1 / 3, 1 / 3), (0.5, 0.1, 0.4), (0, 0.3, 0.7)]
)
def test_strategies_are_as_probable_as_asked(probabilities):
  total, count = 60, 600
  drawn = sample_many(
    temporal.sample, total, count=count, probabilities=probabilities
  )
  seen = collections.Counter(classify(clip, total) for clip in drawn)
  counts = [seen[name] for name in temporal.STRATEGIES]
  possible = np.asarray(probabilities) > 0
  assert not np.any(np.asarray(counts)[~possible])
  expected = count * np.asarray(probabilities)[possible]
  test = scipy.stats.chisquare(np.asarray(counts)[possible], expected)
  assert test.pvalue > 0.01


@pytest.mark.parametrize('total', LENGTHS)
def test_switched_off_is_uniform_whatever_the_key(total):
  expected = temporal.sample_uniform(total, num_frames=NUM_FRAMES).tolist()
  drawn = sample_many(temporal.sample, total, count=20, probabilities=(0, 1, 0))
  assert (drawn == expected).all()


@pytest.mark.parametrize('variant', temporal.VARIANTS)
def test_vmap_and_traced_lengths_change_no_index(variant):
  def sample(key, length):
    return temporal.sample(key, length, num_frames=NUM_FRAMES, variant=variant)

  count = 2 * len(LENGTHS)
  keys = jax.random.split(jax.random.key(3), count)
  lengths = jnp.resize(jnp.array(LENGTHS, jnp.int32), count)
  together = jax.jit(jax.vmap(sample))(keys, lengths)
  alone = jax.jit(sample)
  one_by_one = [
    alone(key, length) for key, length in zip(keys, lengths, strict=True)
  ]
  np.testing.assert_array_equal(together, one_by_one)


def sample_author(total, strategy, *, count=3000):
  return sample_many(
    temporal.sample,
    total,
    count=count,
    probabilities=tuple(float(s == strategy) for s in temporal.STRATEGIES),
    variant='author_code',
  )


def test_author_random_draws_with_replacement():
  drawn = sample_author(40, 'random')
  assert (np.diff(drawn, axis=1) == 0).any()
  counts = np.bincount(drawn.ravel(), minlength=40)
  assert scipy.stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(
  'total, stride, starts',
  [(32, 2, {0}), (33, 2, {0, 1}), (36, 2, {0, 1, 2, 3}), (16, 1, {0})],
)
def test_author_uniform_strides_from_a_small_start(total, stride, starts):
  drawn = sample_author(total, 'uniform', count=300)
  assert (np.diff(drawn, axis=1) == stride).all()
  # Drawn from 0 to the remainder; one less where above 1.
  assert set(drawn[:, 0].tolist()) == starts


def test_author_sequential_never_draws_the_last_window():
  drawn = sample_author(21, 'sequential')
  assert (np.diff(drawn, axis=1) == 1).all()
  assert set(drawn[:, 0].tolist()) == set(range(5))
  only = sample_author(16, 'sequential', count=10)
  assert (only == np.arange(16)).all()


@pytest.mark.parametrize('total', [1, 9, 15])
def test_author_code_follows_our_rule_for_short_videos(total):
  # The published code has stride total // 16 = 0, one frame throughout.
  assert len(set(sample_author(total, 'uniform', count=1)[0])) == total
  for clip in sample_author(total, 'random', count=50):
    assert set(clip.tolist()) == set(range(total))
  uniform = temporal.sample_uniform(total, num_frames=NUM_FRAMES).tolist()
  assert (sample_author(total, 'uniform', count=5) == uniform).all()
  held = [*range(total), *[total - 1] * (NUM_FRAMES - total)]
  assert (sample_author(total, 'sequential', count=5) == held).all()


@pytest.mark.parametrize(
  'options, message',
  [
    ({'variant': 'papre'}, "'papre'.*paper, author_code"),
    ({'probabilities': (0.5, 0.5)}, 'must be 3 numbers'),
    ({'probabilities': (0.5, 0.5, 0.5)}, 'their sum is 1.5'),
    ({'probabilities': (1.5, -0.5, 0)}, 'non-negative'),
    ({'num_frames': 0}, r'`num_frames` \(=0\) must be at least 1'),
  ],
)
def test_errors_name_the_rule(options, message):
  with pytest.raises(ValueError, match=message):
    temporal.sample(jax.random.key(0), 20, **{'num_frames': 4} | options)
