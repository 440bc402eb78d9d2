import math

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from stclr_jax.learning import optimizers


def test_sgd_adds_decay_before_momentum():
  # torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.5) written out.
  optimizer = optimizers.sgd(momentum=0.9, weight_decay=0.5)
  p, buffer = 2.0, 0.0
  params = jnp.float32(p)
  state = optimizer.init(params)
  for gradient in (1.0, -2.0, 0.5):
    buffer = 0.9 * buffer + (gradient + 0.5 * p)
    p -= 0.1 * buffer
    direction, state = optimizer.update(jnp.float32(gradient), state, params)
    params = params - 0.1 * direction
    np.testing.assert_allclose(params, p, rtol=1e-6)


def test_adam_follows_its_paper():
  optimizer = optimizers.adam()
  params = jnp.float32(1.0)
  state = optimizer.init(params)
  p, m, v = 1.0, 0.0, 0.0
  for t, gradient in enumerate((0.3, -1.0, 0.2), start=1):
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    p -= 0.01 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    direction, state = optimizer.update(jnp.float32(gradient), state, params)
    params = optax.apply_updates(params, -0.01 * direction)
    np.testing.assert_allclose(params, p, rtol=1e-5)


def test_a_part_goes_on_where_another_begins():
  """By parts, Adam does with each what it would do with it alone."""
  adam = optimizers.adam()
  both = optimizers.by_part(adam)
  gradients = {'head': jnp.float32([0.3, -2, 0.1]), 'body': jnp.float32([1, 5])}
  kept, alone = both.init({'head': 0.0}), adam.init(0.0)
  for gradient in gradients['head']:
    _, kept = both.update({'head': gradient}, kept, {'head': 0.0})
    _, alone = adam.update(gradient, alone, 0.0)
  params = {'head': 0.0, 'body': 0.0}
  state, begun = both.init(params) | kept, adam.init(0.0)
  for gradient in gradients['body']:
    update = dict.fromkeys(params, gradient)
    direction, state = both.update(update, state, params)
    head, alone = adam.update(gradient, alone, 0.0)
    body, begun = adam.update(gradient, begun, 0.0)
    assert direction == {'head': head, 'body': body}
    assert head != body


# Learning rates after each epoch that torch 2.13.0 gives:
#   p = torch.nn.Parameter(torch.zeros(1))
#   o = torch.optim.Adam([p], lr=1.0)
#   s = torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=3)
#   for x in LOSSES: s.step(x); print(o.param_groups[0]['lr'])
LOSSES = (
  [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.89995, 0.9, 0.5]
  + [0.6, 0.6, 0.6, 0.4999, 0.49994, 0.6, 0.6, 0.6, 0.6]
)  # fmt: skip
TORCH_RATES = (
  [1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]
  + [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001]
)  # fmt: skip


def test_plateau_decides_as_torch():
  rate = optimizers.Plateau(1.0, patience=3)
  rates = []
  for loss in LOSSES:
    rate.end_epoch(loss)
    rates.append(rate.at(0))
  np.testing.assert_allclose(rates, TORCH_RATES, rtol=1e-12)


def test_plateau_ignores_falls_that_torch_ignores():
  # torch's rule: `if old_lr - new_lr > self.eps`, of which eps is 1e-8.
  rate = optimizers.Plateau(2e-7, patience=0)
  rates = []
  for _ in range(5):
    rate.end_epoch(1.0)
    rates.append(rate.at(0))
  # From 2e-8 by 1.8e-8, more than eps; from 2e-9 by less.
  expected = [2e-7, 2e-8, 2e-9, 2e-9, 2e-9]
  np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_plateau_goes_on_from_notes_of_before_it_had_eps():
  notes = optimizers.Plateau(1.0).notes()
  del notes['eps']
  rate = optimizers.Plateau(0.5)
  rate.restore(notes)
  assert rate == optimizers.Plateau(1.0)


def test_plateau_goes_on_from_its_notes():
  whole = optimizers.Plateau(1.0)
  for loss in LOSSES[:8]:
    whole.end_epoch(loss)
  resumed = optimizers.Plateau(1.0)
  resumed.restore(whole.notes())
  for loss in LOSSES[8:]:
    whole.end_epoch(loss)
    resumed.end_epoch(loss)
    assert resumed == whole


def test_cosine_rises_then_falls_to_zero():
  rate = optimizers.create_learning_rate(
    'cosine', peak=2.0, num_steps=100, warmup_steps=10
  )
  rates = [rate.at(step) for step in range(101)]
  assert rates[0] == pytest.approx(0.2) and rates[9] == pytest.approx(2.0)
  assert max(rates) == rates[9] or max(rates) == rates[10]
  assert rates[55] == pytest.approx(1.0) and rates[100] == pytest.approx(0.0)


def test_constant_is_constant():
  rate = optimizers.create_learning_rate('constant', peak=1e-3, num_steps=10)
  rate.end_epoch(math.inf)
  assert {rate.at(step) for step in range(10)} == {1e-3}


def test_unknown_names_are_refused():
  with pytest.raises(ValueError, match="optimizer.name.*'lars'.*sgd, adam"):
    optimizers.create_optimizer('lars', momentum=0.9, weight_decay=0)
  with pytest.raises(ValueError, match="schedule.*'step'.*plateau"):
    optimizers.create_learning_rate('step', peak=1, num_steps=1)
