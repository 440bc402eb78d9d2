from stclr_jax.learning import losses
from stclr_jax.learning import steps
from stclr_jax.learning.running import compiled_steps
from stclr_jax.runs import build
from stclr_jax.workflows import pretrain


def step_of(config):
  return compiled_steps.training_step(
    steps.make_pretrain_step,
    pretrain.make_network(config),
    build.make_optimizer(config.optimizer),
    view_options=build.make_view_options(config.views),
    seed=config.seed,
    contrastive_loss=losses.NTXent(config.temperature),
  )


def test_runs_that_differ_only_in_data_share_a_step(tiny_config):
  step = step_of(tiny_config('pretrain'))
  assert step_of(tiny_config('pretrain', **{'data.fold': 3})) is step
  assert step_of(tiny_config('pretrain', num_epochs=7)) is step


def test_whatever_a_step_computes_with_makes_it_another(tiny_config):
  step = step_of(tiny_config('pretrain'))
  for changes in (
    {'seed': 1},
    {'temperature': 0.5},
    {'encoder.architecture': 'r3d_18'},
    {'encoder.width': 0.5},
    {'batch_norm.momentum': 0.5},
    {'views.flip.enabled': False},
    {'optimizer.weight_decay': 0.5},
  ):
    assert step_of(tiny_config('pretrain', **changes)) is not step, changes


def test_another_network_under_the_same_name_makes_another_step(
  tiny_config, request
):
  step = step_of(tiny_config('pretrain'))
  request.getfixturevalue('shallow_encoder')
  assert step_of(tiny_config('pretrain')) is not step
