"""Steps looked at from within, of small networks whose numbers are known."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from stclr_jax.learning import descent
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import watched_steps

DEVICES = 8  # tests/conftest.py


class Scale(nn.Module):
  """Multiplies by its parameter."""

  start: float

  @nn.compact
  def __call__(self, x):
    factor = self.param('factor', nn.initializers.constant(self.start), ())
    return x * factor.astype(x.dtype)


class Apply(nn.Module):
  """A function without parameters, such as one that breaks."""

  run: str = 'identity'

  def __call__(self, x):
    return {
      'identity': lambda x: x,
      'half': lambda x: x.astype(jnp.float16),
      'root_of_zero': lambda x: jnp.sqrt(x * 0),
      'grow': lambda x: x * 1e4,
    }[self.run](x)


class Network(nn.Module):
  """Scales, breaks, scales again."""

  middle: str
  first: float = 2.0
  last: float = 3.0

  def setup(self):
    self.below = Scale(self.first)
    self.between = Apply(self.middle)
    self.above = Scale(self.last)

  def __call__(self, x):
    return self.above(self.between(self.below(x)))


def make_clips():
  """Numbers a device, in [1, 2), float32 [devices, 5]."""
  random = np.random.default_rng(0)
  return random.uniform(1, 2, (DEVICES, 5)).astype(np.float32)


def watch(network, clips, *, scale=1.0, learning_rate=0.1):
  optimizer = optimizers.create_optimizer('sgd', momentum=0, weight_decay=0)
  variables = network.init(jax.random.key(0), jnp.asarray(clips[0]))
  state = states.create_state(
    {'params': variables['params'], 'batch_stats': {}}, optimizer
  )

  def step(state, videos, batch, epoch, rate):
    del videos, epoch

    def loss_fn(params):
      out = network.apply({'params': params}, batch)
      return (out.astype(jnp.float32) * scale).sum()

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    gradients = lax.psum(gradients, parallel.DEVICE_AXIS)
    after = descent.descend(state, optimizer, gradients, rate, None)
    return after, {
      'loss': lax.psum(loss, parallel.DEVICE_AXIS),
      'gradient_norm': optax.tree.norm(gradients),
    }

  return watched_steps.watch(
    step, parallel.replicate(state), (), clips, 0, np.float32(learning_rate)
  )


def test_layers_are_told_in_order_with_their_numbers_over_all_devices():
  clips = make_clips()
  watched = watch(Network('identity'), clips)
  found = {layer.name: layer for layer in watched.layers}
  assert list(found) == ['clips', 'below', 'between', 'above', 'Network']
  for name, factor in (
    ('clips', 1),
    ('below', 2),
    ('between', 2),
    ('above', 6),
  ):
    assert found[name].output.largest == np.float32(factor * clips.max()), name
  # The loss is the sum of 6 x.
  for name, gradient in (('above', 1), ('between', 3), ('below', 3)):
    assert found[name].gradient == (gradient, 0), name
  assert found['clips'].gradient is None  # nobody asks how clips should change
  assert watched.metrics['loss'] == pytest.approx(6 * clips.sum(dtype=float))
  assert watched.first_wrong is None


def test_the_first_output_that_overflows_is_named_on_whatever_device():
  clips = make_clips()
  clips[6, 2] = 1e38  # doubled it is above float32's 3.4e38 after the second
  watched = watch(Network('grow'), clips)
  assert watched.first_wrong == ('output', 'between')
  wrong = {layer.name: layer.output.not_finite for layer in watched.layers}
  assert wrong['below'] == 0
  assert wrong['between'] == pytest.approx(1 / 5)
  finite = np.delete(clips.ravel(), 6 * 5 + 2)
  between = watched.layers[2].output
  assert between.largest == np.float32(np.float32(2) * finite.max() * 1e4)


def test_of_very_many_finite_numbers_none_is_said_to_be_lost():
  clips = np.ones((DEVICES, 999_983), np.float32)  # a prime number of them
  watched = watch(Network('identity'), clips)
  assert watched.first_wrong is None
  assert all(layer.output.not_finite == 0 for layer in watched.layers)


def test_half_precision_ends_at_its_own_largest_number():
  watched = watch(Network('half', first=2.0**15, last=4.0), make_clips())
  assert watched.first_wrong == ('output', 'above')
  assert {layer.name: layer.dtype for layer in watched.layers} == {
    'clips': 'float32',
    'below': 'float32',
    'between': 'float16',
    'above': 'float16',
    'Network': 'float16',
  }


def test_a_gradient_that_breaks_on_the_way_back_is_named():
  watched = watch(Network('root_of_zero'), make_clips())
  assert watched.metrics['loss'] == 0
  # The root's slope at 0 is infinite: what comes out of it has a gradient.
  assert watched.first_wrong == ('gradient', 'below')
  gradients = {layer.name: layer.gradient for layer in watched.layers}
  assert gradients['between'].not_finite == 0
  assert gradients['below'].not_finite == 1


def test_a_loss_that_no_layer_explains():
  watched = watch(Network('identity'), make_clips(), scale=np.inf)
  assert watched.first_wrong == ('metric', 'loss')


def test_an_update_that_layers_do_not_explain():
  watched = watch(Network('identity'), make_clips(), learning_rate=np.inf)
  assert watched.first_wrong == ('update', 'params/above/factor')
  assert watched.wrong_after == ('params/above/factor', 'params/below/factor')


def test_a_state_that_was_lost_before():
  watched = watch(Network('identity', last=np.nan), make_clips())
  assert watched.first_wrong == ('state', 'params/above/factor')


def test_a_module_that_is_called_twice_is_told_of_twice():
  class Twice(Network):
    def __call__(self, x):
      return self.below(self.below(x))

  watched = watch(Twice('identity'), make_clips())
  names = [layer.name for layer in watched.layers]
  assert names == ['clips', 'below', "below'", 'Twice']
