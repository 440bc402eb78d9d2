"""Steps as they are traced for accelerators, run here."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from traced_for import traced_for

from stclr_jax.learning import losses
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder


@pytest.mark.parametrize(
  'kind', ['gpu', pytest.param('tpu', marks=pytest.mark.slow)]
)
def test_a_step_computes_what_it_does_on_a_cpu(kind, shallow_encoder, float64):
  encoder = Encoder(width=1 / 16, dtype=jnp.float64)
  network = heads.PretrainNetwork(encoder, heads.ProjectionHead(16, 8))
  optimizer = optimizers.sgd(momentum=0.9, weight_decay=1e-2)
  update = steps.make_contrastive_update(
    network,
    optimizer,
    contrastive_loss=losses.NTXent(0.1),
    axis_name=parallel.DEVICE_AXIS,
  )
  clips = np.random.default_rng(0).standard_normal((6, 4, 16, 16, 3))
  variables = jax.jit(
    lambda: network.init(jax.random.key(0), clips, train=False)
  )()
  variables = jax.tree.map(lambda x: np.asarray(x, np.float64), variables)
  state = states.create_state(variables, optimizer)

  def on_one_device(state, clips, rate):
    return jax.vmap(
      lambda clips: update(state, clips, rate), axis_name=parallel.DEVICE_AXIS
    )(clips[None])

  found, expected = (
    traced_for(one, on_one_device)(state, clips, np.float64(0.1))
    for one in (kind, 'cpu')
  )
  assert expected[1]['gradient_norm'] > 0.1
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('kind', ['cpu', 'gpu'])
def test_gradients_side_by_side_are_means(kind):
  rng = np.random.default_rng(0)
  shapes = {'kernel': (3, 1, 4, 2), 'head': {'bias': (5,), 'one': ()}}
  sums = jax.tree.map(
    lambda shape: np.asarray(rng.standard_normal(shape), np.float32),
    shapes,
    is_leaf=lambda x: isinstance(x, tuple),
  )
  found, as_one = traced_for(
    kind, lambda sums: optimizers.mean_side_by_side(sums, 4)
  )(sums)
  expected = jax.tree.map(lambda one: one / 4, sums)
  jax.tree.map(np.testing.assert_array_equal, found, expected)
  np.testing.assert_allclose(
    optax.tree.norm(as_one), optax.tree.norm(expected), rtol=1e-6
  )
