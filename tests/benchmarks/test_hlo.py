import functools

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from benchmarks.step import hlo
from benchmarks.step import kernels
from benchmarks.step import roofline
from stclr_jax.models import convolutions

LAYERS = roofline.layers(frames=4, size=32)
STEM, TEMPORAL = LAYERS[:2]

# As XLA writes them, shortened.
PROGRAM = """HloModule jit_step, is_scheduled=true

%fused_pad (p0: bf16[64,16,16,45]) -> bf16[64,16,16,48] {
  %p0 = bf16[64,16,16,45]{3,2,1,0} parameter(0)
  %zero = bf16[] constant(0)
  ROOT %pad.1 = bf16[64,16,16,48]{3,2,1,0} pad(%p0, %zero), padding=0_0x0_0x0_0x0_3
}

%fused_normalize (p0.1: bf16[64,16,16,48]) -> bf16[64,16,16,48] {
  %p0.1 = bf16[64,16,16,48]{3,2,1,0} parameter(0)
  ROOT %maximum.1 = bf16[64,16,16,48]{3,2,1,0} maximum(%p0.1, %p0.1)
}

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %add.1 = f32[] add(%a, %b)
}

%fused_sums (p0.2: bf16[64,16,16,48]) -> (f32[48], f32[48]) {
  %p0.2 = bf16[64,16,16,48]{3,2,1,0} parameter(0)
  %wide = f32[64,16,16,48]{3,2,1,0} convert(%p0.2)
  %zero.1 = f32[] constant(0)
  %reduce.1 = f32[48]{0} reduce(%wide, %zero.1), dimensions={0,1,2}, to_apply=%add
  ROOT %tuple.1 = (f32[48]{0}, f32[48]{0}) tuple(%reduce.1, %reduce.1)
}

ENTRY %main (x: bf16[64,16,16,45]) -> bf16[64,16,16,48] {
  %x = bf16[64,16,16,45]{3,2,1,0} parameter(0)
  %cudnn-conv.1 = (bf16[64,16,16,48]{3,2,1,0}, u8[1024]{0}) custom-call(%x), custom_call_target="__cudnn$convForward", metadata={op_name="jit(step)/jvp(Network)/encoder/stem_spatial/conv_general_dilated"}
  %cudnn-conv-bw-filter.1 = (bf16[48,7,7,3]{3,2,1,0}, u8[99999999]{0}) custom-call(%x), custom_call_target="__cudnn$convBackwardFilter", metadata={op_name="jit(step)/transpose(jvp(Network))/encoder/stem_spatial/conv_general_dilated"}
  %cudnn-conv-bw-input.1 = (bf16[1]{0}, u8[1]{0}) custom-call(%x), custom_call_target="__cudnn$convBackwardInput", metadata={op_name="jit(step)/transpose(jvp(Network))/encoder/stem_temporal/conv_general_dilated"}
  %fusion.1 = bf16[64,16,16,48]{3,2,1,0} fusion(%x), kind=kLoop, calls=%fused_pad, metadata={op_name="jit(step)/jvp(Network)/encoder/stem_spatial/pad"}
  %fusion.2 = bf16[64,16,16,48]{3,2,1,0} fusion(%fusion.1), kind=kLoop, calls=%fused_normalize, metadata={op_name="jit(step)/jvp(Network)/encoder/stem_norm/max"}
  %fusion.3 = (f32[48]{0}, f32[48]{0}) fusion(%fusion.1), kind=kInput, calls=%fused_sums, metadata={op_name="jit(step)/jvp(Network)/encoder/stem_spatial_norm/reduce_sum"}
  %all-reduce.1 = f32[2,48]{1,0} all-reduce(%fusion.3), to_apply=%add
  ROOT %copy.1 = bf16[64,16,16,48]{0,3,2,1} copy(%fusion.2)
}
"""  # noqa: E501


@pytest.mark.parametrize(
  'name, group, layer',
  [
    ('cudnn-conv.1', 'forward', 'stem_spatial'),
    ('cudnn-conv-bw-filter.1', 'weight gradient', 'stem_spatial'),
    ('cudnn-conv-bw-input.1', 'input gradient', 'stem_temporal'),
    ('fusion.1', 'copy', 'stem_spatial'),
    ('fusion.2', 'elementwise', 'stem_temporal'),
    ('fusion.3', 'reduce', 'stem_spatial'),
    ('all-reduce.1', 'collective', None),
    ('copy.1', 'copy', None),
  ],
)
def test_instructions_of_a_gpu_program(name, group, layer):
  program = hlo.Program(PROGRAM)
  found = hlo.classify(program, program.find(name), LAYERS, views=4)
  assert found == (group, layer)


def test_a_kernel_is_found_by_the_name_xla_gives_it():
  program = hlo.Program(PROGRAM)
  assert program.find('fusion_3') is program.find('fusion.3')
  assert program.find('sm90_xmma_fprop_implicit_gemm') is None


@pytest.mark.parametrize(
  'kernel, group',
  [
    ('sm90_xmma_fprop_implicit_gemm_bf16_nhwc', 'forward'),
    ('sm80_xmma_dgrad_implicit_gemm_indexed_bf16', 'input gradient'),
    ('cutlass__5x_cudnn::wgrad2d_grouped_direct', 'weight gradient'),
    ('void cudnn::ops::nchwToNhwcKernel', 'copy'),
    ('ncclDevKernel_AllReduce_Sum_f32_RING_LL', 'collective'),
    ('something_else', 'other'),
  ],
)
def test_kernels_known_by_name_only(kernel, group):
  assert hlo.classify_kernel(kernel) == group


class Encoder(nn.Module):
  """Two convolutions under the encoder's names."""

  lowering: str

  @nn.compact
  def __call__(self, x):
    conv = functools.partial(convolutions.Conv, lowering=self.lowering)
    x = conv(45, (1, 7, 7), (1, 2, 2), name='stem_spatial')(x)
    return conv(64, (3, 1, 1), name='stem_temporal')(nn.relu(x))


class Network(nn.Module):
  """What puts 'encoder' into the names."""

  lowering: str

  def setup(self):
    self.encoder = Encoder(self.lowering)

  def __call__(self, x):
    return self.encoder(x)


@pytest.mark.parametrize('lowering', ['im2col', 'convolution'])
def test_gradients_of_a_real_program_are_told_apart(lowering):
  network = Network(lowering)
  x = jax.random.normal(jax.random.key(0), (2, 4, 32, 32, 3))
  params = network.init(jax.random.key(1), x)
  step = jax.jit(jax.grad(lambda p, x: jnp.square(network.apply(p, x)).sum()))
  program = hlo.Program(step.lower(params, x).compile().as_text())
  found = {
    hlo.classify(program, instruction, LAYERS, views=2)
    for instruction in program.instructions.values()
    if {i.opcode for i in program.inside(instruction)} & {'convolution', 'dot'}
  }
  assert found >= {
    ('forward', 'stem_spatial'),
    ('forward', 'stem_temporal'),
    ('weight gradient', 'stem_spatial'),
    ('weight gradient', 'stem_temporal'),
    ('input gradient', 'stem_temporal'),
  }
  assert ('input gradient', 'stem_spatial') not in found


def test_norms_belong_to_their_convolutions():
  names = [layer.name for layer in LAYERS]
  norms = [hlo.norm_name(name) for name in names]
  assert len(set(norms)) == len(names)
  assert hlo.norm_name('layer1_0/conv2/temporal') == 'layer1_0/norm2'
  assert hlo.norm_name('layer2_0/downsample') == 'layer2_0/downsample_norm'
  assert hlo.norm_name('layer2_0/conv1/conv') == 'layer2_0/norm1'


def test_inner_events_are_not_counted_twice():
  events = [
    (0, 100, 'while'), (10, 20, 'a'), (30, 40, 'b'), (35, 5, 'c'),
    (200, 7, 'd'),
  ]  # fmt: skip
  assert sorted(kernels.without_inner(events)) == [
    ('a', 20), ('b', 35), ('c', 5), ('d', 7), ('while', 40),
  ]  # fmt: skip


@pytest.mark.parametrize(
  ('op_name', 'layer'),
  [
    ('jit(f)/jvp(Net)/encoder/stem_spatial/conv', 'stem_spatial'),
    (
      'jit(f)/transpose(jvp(Net))/encoder/jvp(Net)/encoder/checkpoint/'
      'rematted_computation/encoder.residual/layer1_0/conv1/norm/mul',
      'layer1_0/conv1/spatial',
    ),
    ('jit(f)/jvp(Net)/projection_head/stem_spatial/dot', None),
    ('stem_spatial/conv', None),
    ('jit(f)/jvp(Net)/encoder/layer1_00/conv1/norm', None),
  ],
)
def test_layers_are_found_also_where_they_are_computed_again(op_name, layer):
  found = hlo.find_layer(op_name, roofline.layers(frames=4, size=32))
  assert (found and found.name) == layer
