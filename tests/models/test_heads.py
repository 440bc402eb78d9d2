import jax
import numpy as np
import pytest
import scipy.stats
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


def begin(head, *, seed=0, inputs=512):
  h = jax.numpy.zeros((1, inputs))
  return head.init(jax.random.key(seed), h)['params']


def test_default_heads_begin_as_they_always_did():
  class Plain(nn.Module):
    @nn.compact
    def __call__(self, h):
      x = nn.relu(nn.Dense(24, name='hidden')(h))
      return nn.Dense(8, name='output')(x)

  found, expected = begin(heads.ProjectionHead(24, 8)), begin(Plain())
  jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_heads_can_begin_as_torchs_linear_layers():
  head = heads.ProjectionHead(256, 128, 'torch_linear')
  begun = begin(head)
  plain = begin(heads.ProjectionHead(256, 128))
  for name, inputs in (('hidden', 512), ('output', 256)):
    bound = inputs**-0.5
    assert set(begun[name]) == set(plain[name])
    for part, values in begun[name].items():
      assert values.shape == plain[name][part].shape
      values = np.asarray(values).ravel() / bound
      uniform = scipy.stats.uniform(-1, 2)
      assert scipy.stats.kstest(values, uniform.cdf).pvalue > 0.01, part
    # Flax's own: zero biases, and three times the variance.
    assert not plain[name]['bias'].any()
    ratio = np.var(plain[name]['kernel']) / np.var(begun[name]['kernel'])
    assert ratio == pytest.approx(3, rel=0.05)


class Flat(nn.Module):
  @nn.compact
  def __call__(self, clips, *, train):
    return clips.reshape(len(clips), -1)


def test_the_classifier_begins_as_its_setting_says():
  clips = jax.numpy.zeros((1, 1, 20, 20, 3))
  found = {}
  for name in heads.CLASSIFIER_INITIALIZERS:
    network = heads.ClassifierNetwork(Flat(), 6, initializer=name)
    made = network.init(jax.random.key(0), clips, train=False)
    found[name] = made['params']['classifier']
  plain, torchs = found['normal'], found['torch_linear']
  assert not plain['bias'].any() and torchs['bias'].any()
  assert np.std(plain['kernel']) == pytest.approx(0.01, rel=0.05)
  bound = 1200**-0.5
  assert 0.98 * bound < np.abs(torchs['kernel']).max() <= bound
  x = np.random.default_rng(0).normal(size=(2, 1, 20, 20, 3))
  logits = network.apply({'params': {'classifier': torchs}}, x, train=False)
  torchs = jax.device_get(torchs)
  expected = x.reshape(2, -1) @ torchs['kernel'] + torchs['bias']
  np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_other_inputs_are_refused(encoder, variables):
  with pytest.raises(
    ValueError, match="'rest'.* clip, change, change_of_clip, both"
  ):
    read(encoder, variables, CLIPS, 'rest')
