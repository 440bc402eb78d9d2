import jax
import numpy as np
import pytest
from flax import linen as nn

from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder

CLIPS = np.random.default_rng(0).normal(size=(4, 5, 16, 16, 3))


@pytest.fixture
def encoder(shallow_encoder):
  return Encoder(width=1 / 16)


@pytest.fixture
def variables(encoder):
  made = jax.jit(lambda: encoder.init(jax.random.key(0), CLIPS, train=False))()
  return jax.tree.map(lambda x: x + 0.1, made)


class Reader(nn.Module):
  encoder: nn.Module
  what: str

  def __call__(self, clips, train):
    return heads.read(self.encoder, clips, self.what, train=train)


def read(encoder, variables, clips, what, *, train=False):
  nested = {name: {'encoder': tree} for name, tree in variables.items()}
  return Reader(encoder, what).apply(
    nested, clips, train, mutable=['batch_stats']
  )


def test_a_change_is_what_a_frame_at_rest_leaves(encoder, variables):
  clip, rest = CLIPS[:, 1:], np.repeat(CLIPS[:, :1], 4, axis=1)
  last = np.repeat(CLIPS[:, -1:], 4, axis=1)
  h_clip, h_rest, h_last = (
    encoder.apply(variables, one, train=False) for one in (clip, rest, last)
  )
  assert np.abs(h_clip - h_rest).max() > 1e-3
  close = {'rtol': 1e-4, 'atol': 1e-6}
  change, _ = read(encoder, variables, CLIPS, 'change')
  np.testing.assert_allclose(change, h_last - h_rest, **close)
  change, _ = read(encoder, variables, CLIPS, 'change_of_clip')
  np.testing.assert_allclose(change, h_clip - h_rest, **close)
  both, _ = read(encoder, variables, CLIPS, 'both')
  np.testing.assert_allclose(
    both, np.concatenate([h_clip, h_clip - h_rest], axis=1), **close
  )
  plain, _ = read(encoder, variables, clip, 'clip')
  np.testing.assert_array_equal(plain, h_clip)


def test_a_video_that_stands_still_does_not_change(encoder, variables):
  still = np.repeat(CLIPS[:, :1], 5, axis=1)
  change, _ = read(encoder, variables, still, 'change_of_clip', train=True)
  np.testing.assert_allclose(change, 0, atol=1e-5)


def test_groups_of_statistics_hold_clips_and_their_rest(encoder, variables):
  in_groups, statistics = read(
    encoder.clone(groups=2), variables, CLIPS, 'change', train=True
  )
  alone = [
    read(encoder, variables, half, 'change', train=True)
    for half in (CLIPS[:2], CLIPS[2:])
  ]
  expected = np.concatenate([change for change, _ in alone])
  np.testing.assert_allclose(in_groups, expected, rtol=1e-3, atol=1e-5)
  jax.tree.map(
    lambda of_both, *of_one: np.testing.assert_allclose(
      of_both, np.mean(of_one, axis=0), rtol=1e-3, atol=1e-5
    ),
    statistics,
    *(one for _, one in alone),
  )


def test_a_mean_is_read_where_the_network_takes_it(encoder):
  clips = CLIPS[:, 1:]
  network = heads.ClassifierNetwork(encoder, 3, 'both', 'person_mean')
  init = jax.jit(lambda: network.init(jax.random.key(0), clips, train=False))
  variables = jax.tree.map(lambda x: x + 0.1, init())
  h = network.apply(variables, clips, method=network.encode)
  rest = np.random.default_rng(1).normal(size=h.shape)
  layer = jax.device_get(variables['params']['classifier'])
  read = np.concatenate([h, h - rest], axis=1)
  expected = read @ layer['kernel'] + layer['bias']
  found = network.apply(variables, clips, train=False, rest_of=lambda _: rest)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
  apart = network.apply(variables, h, rest, method=network.classify)
  np.testing.assert_allclose(apart, expected, rtol=1e-4, atol=1e-5)
  with pytest.raises(ValueError, match='`rest_of` must be given'):
    network.apply(variables, clips, train=False)
  plain = heads.ClassifierNetwork(encoder, 3, 'both')
  with pytest.raises(ValueError, match="'first_frame'.*only there"):
    plain.apply(variables, CLIPS, train=False, rest_of=lambda _: rest)


def test_the_first_frame_is_shown_where_it_is_read():
  assert [w for w in heads.INPUTS if heads.shows_first_frame(w)] == [
    'change', 'change_of_clip', 'both'
  ]  # fmt: skip
  for what in ('change_of_clip', 'both'):
    assert not heads.shows_first_frame(what, 'person_mean')
  for what in ('clip', 'change'):
    with pytest.raises(ValueError, match=f'person_mean.*{what!r}.*first_frame'):
      heads.shows_first_frame(what, 'person_mean')
  with pytest.raises(ValueError, match="'mean'.*first_frame, person_mean"):
    heads.shows_first_frame('both', 'mean')


def test_other_inputs_are_refused(encoder, variables):
  with pytest.raises(
    ValueError, match="'rest'.* clip, change, change_of_clip, both"
  ):
    read(encoder, variables, CLIPS, 'rest')
