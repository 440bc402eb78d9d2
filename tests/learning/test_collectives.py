"""What several GPUs would say to each other, read in the compiled step."""

import re

import jax
import jax.numpy as jnp
import pytest

from benchmarks.step import hlo
from stclr_jax.learning import losses
from stclr_jax.learning import optimizers
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.models.encoders import Encoder

MOMENTS = re.compile(r'f32\[2,\d+\]$')  # what a batch norm sums: two a channel


def compile_step(encoder):
  """Compiles the contrastive step for 8 devices; its program and state."""
  network = heads.PretrainNetwork(encoder, heads.ProjectionHead(16, 8))
  optimizer = optimizers.sgd(momentum=0.9, weight_decay=1e-4)
  update = steps.make_contrastive_update(
    network,
    optimizer,
    contrastive_loss=losses.NTXent(0.1),
    axis_name=parallel.DEVICE_AXIS,
  )
  clips = jax.ShapeDtypeStruct((8, 2, 4, 16, 16, 3), jnp.float32)
  state = jax.eval_shape(
    lambda: states.create_state(
      network.init(jax.random.key(0), jnp.zeros(clips.shape[1:]), train=False),
      optimizer,
    )
  )
  step = parallel.parallelize_training(
    lambda state, _, clips, rate: update(state, clips, rate), num_scalars=1
  )
  rate = jax.ShapeDtypeStruct((), jnp.float32)
  text = step.lower(state, None, clips, rate).compile().as_text()
  return text, state


def check(encoder, *, num_norms):
  text, state = compile_step(encoder)
  is_mean = [
    path[-1].key == 'mean'
    for path, _ in jax.tree_util.tree_leaves_with_path(state.batch_stats)
  ]
  assert sum(is_mean) == num_norms
  program = hlo.Program(text)
  sent = {opcode: [] for opcode in hlo.COLLECTIVES}
  for line in text.splitlines():
    match = re.match(r'\s*(?:ROOT )?%?[\w.\-]+ = (.*?) ([a-z\-]+)\(', line)
    if match and match[2].removesuffix('-start') in sent:
      shapes = re.findall(r'\w+\[[\d,]*\]', match[1])
      sent[match[2].removesuffix('-start')].append(shapes)

  # One all-reduce each way for a batch norm; XLA even joins some.
  of_norms = [s for s in sent['all-reduce'] if all(map(MOMENTS.match, s))]
  assert num_norms < len(of_norms) <= 2 * num_norms
  # The rest are gradients, with the metrics.
  assert 1 <= len(sent['all-reduce']) - len(of_norms) <= 4
  # Embeddings: one gather a side, and back.
  assert sent['all-gather'] == [['f32[16,8]']] or (
    sent['all-gather'] == [['f32[8,8]']] * 2
  )
  assert len(sent['reduce-scatter']) <= 2
  assert not sent['all-to-all']

  inside_loops = {
    inner.opcode
    for instruction in program.instructions.values()
    if instruction.opcode == 'while'
    for inner in program.inside(instruction)
  }
  assert not inside_loops & set(sent)


def test_a_step_talks_once_each_way_for_a_batch_norm(shallow_encoder):
  check(Encoder(width=1 / 16, axis_name=parallel.DEVICE_AXIS), num_norms=11)


@pytest.mark.slow
@pytest.mark.parametrize('remat', ['none', 'batch_norm', 'block'])
def test_the_whole_encoder_talks_no_more(remat):
  encoder = Encoder(width=1 / 16, axis_name=parallel.DEVICE_AXIS, remat=remat)
  check(encoder, num_norms=37)


@pytest.mark.slow
def test_without_synchronisation_only_gradients_are_sent(shallow_encoder):
  text, _ = compile_step(Encoder(width=1 / 16, axis_name=None))
  assert 1 <= len(re.findall(r' all-reduce(?:-start)?\(', text)) <= 4
