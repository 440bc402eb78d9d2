"""Bytes and FLOPs of kernels: of programs written by hand, and of XLA's."""

import textwrap

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from benchmarks.step import accelerators
from benchmarks.step import bounds
from benchmarks.step import hlo
from benchmarks.step import roofline
from benchmarks.step import traffic

H200 = accelerators.find('h200')
LAYERS = roofline.layers(frames=4, size=32)


def count(text, name):
  """Traffic of an instruction of a text of computations."""
  program = hlo.Program(textwrap.dedent(text).strip())
  return traffic.count(program, program.find(name))


def count_one(line, *parameters):
  """Traffic of a program of one instruction."""
  lines = [
    f'  %p{n} = {shape} parameter({n})' for n, shape in enumerate(parameters)
  ]
  body = '\n'.join([*lines, f'  ROOT %it = {line}'])
  return count(f'ENTRY %main (p: f32[]) -> f32[] {{\n{body}\n}}', 'it')


def in_fusion(body, *, result, operands=('f32[64,128]{1,0}',)):
  inputs = '\n'.join(
    f'  %x{n} = {shape} parameter({n})' for n, shape in enumerate(operands)
  )
  names = ', '.join(f'%x{n}' for n in range(len(operands)))
  text = f"""%fused (p: f32[]) -> f32[] {{
{body}
}}

ENTRY %main (x: f32[]) -> f32[] {{
{inputs}
  ROOT %it = {result} fusion({names}), kind=kLoop, calls=%fused
}}"""
  return count(text, 'it')


def test_shapes_with_layouts_and_without():
  first, second = traffic.parse_shapes('(bf16[2,3]{0,1:T(8,128)}, pred[])')
  assert (first.dtype, first.dims, first.layout) == ('bf16', (2, 3), (0, 1))
  assert (first.nbytes, second.nbytes) == (12, 1)


def test_elementwise_reads_operands_and_writes_results():
  found = in_fusion(
    """  %a = f32[64,128]{1,0} parameter(0)
  %b = f32[] parameter(1)
  %c = f32[64,128]{1,0} broadcast(%b), dimensions={}
  %m = pred[64,128]{1,0} compare(%a, %c), direction=GT
  ROOT %t = (pred[64,128]{1,0}, f32[64,128]{1,0}) tuple(%m, %a)""",
    result='(pred[64,128]{1,0}, f32[64,128]{1,0})',
    operands=('f32[64,128]{1,0}', 'f32[]'),
  )
  assert found.read == 64 * 128 * 4 + 4
  assert found.written == 64 * 128 * 5
  assert found.masks == 64 * 128
  assert found.flops == 0


def test_a_slice_reads_its_part():
  found = in_fusion(
    """  %a = f32[64,128]{1,0} parameter(0)
  %n = f32[64,128]{1,0} negate(%a)
  ROOT %s = f32[16,128]{1,0} slice(%n), slice={[0:64:4], [0:128]}""",
    result='f32[16,128]{1,0}',
  )
  assert found.read == found.written == 16 * 128 * 4


def test_a_slice_reads_whole_sectors():
  found = in_fusion(
    """  %a = f32[64,128]{1,0} parameter(0)
  ROOT %s = f32[64,32]{1,0} slice(%a), slice={[0:64], [0:128:4]}""",
    result='f32[64,32]{1,0}',
  )
  assert found.read == 64 * 128 * 4  # every fourth number is in every sector


def test_slices_of_different_parts_add_up_and_of_the_same_do_not():
  body = """  %a = f32[64,128]{1,0} parameter(0)
  %s = f32[16,128]{1,0} slice(%a), slice={[0:16], [0:128]}
  %t = f32[16,128]{1,0} slice(%a), slice={[START:END], [0:128]}
  ROOT %u = f32[16,128]{1,0} add(%s, %t)"""
  for start, part in ((0, 16), (32, 32)):
    found = in_fusion(
      body.replace('START', str(start)).replace('END', str(start + 16)),
      result='f32[16,128]{1,0}',
    )
    assert found.read == part * 128 * 4


def test_what_nothing_needs_is_not_read():
  found = in_fusion(
    """  %a = f32[64,128]{1,0} parameter(0)
  %b = f32[64,128]{1,0} parameter(1)
  ROOT %n = f32[64,128]{1,0} negate(%b)""",
    result='f32[64,128]{1,0}',
    operands=('f32[64,128]{1,0}', 'f32[64,128]{1,0}'),
  )
  assert found.read == 64 * 128 * 4


def test_a_gather_reads_its_rows():
  found = in_fusion(
    """  %a = u8[1000,240,320]{2,1,0} parameter(0)
  %i = s32[8,1]{1,0} parameter(1)
  ROOT %g = u8[8,240,320]{2,1,0} gather(%a, %i), offset_dims={1,2}, """
    """collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, """
    """slice_sizes={1,240,320}""",
    result='u8[8,240,320]{2,1,0}',
    operands=('u8[1000,240,320]{2,1,0}', 's32[8,1]{1,0}'),
  )
  assert found.read == 8 * 240 * 320 + 8 * 4


def test_an_update_in_place_moves_the_update_only():
  found = in_fusion(
    """  %a = f32[64,128]{1,0} parameter(0)
  %u = f32[1,128]{1,0} parameter(1)
  %i = s32[] parameter(2)
  %z = s32[] constant(0)
  ROOT %d = f32[64,128]{1,0} dynamic-update-slice(%a, %u, %i, %z)""",
    result='f32[64,128]{1,0}',
    operands=('f32[64,128]{1,0}', 'f32[1,128]{1,0}', 's32[]'),
  )
  assert found.read == 128 * 4 + 4
  assert found.written == 128 * 4


LABELS = 'window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f'
X, K, Y = 'bf16[8,14,14,64]', 'bf16[32,3,3,64]', 'bf16[8,14,14,32]'


@pytest.mark.parametrize(
  ('target', 'left', 'right', 'result'),
  [
    ('Forward', X, K, Y),
    ('BackwardInput', Y, K, X),
    ('BackwardFilter', X, Y, K),
  ],
)
def test_flops_of_cudnn_are_those_of_the_convolution(
  target, left, right, result
):
  found = count_one(
    f'({result}{{3,2,1,0}}, u8[4096]{{0}}) custom-call(%p0, %p1), {LABELS}, '
    f'custom_call_target="__cudnn$conv{target}"',
    left,
    right,
  )
  assert found.flops == 2 * (8 * 14 * 14 * 32) * (3 * 3 * 64)
  shapes = traffic.parse_shapes(f'{left} {right} {result}')
  # The workspace is not counted.
  assert found.read + found.written == sum(s.nbytes for s in shapes)


def test_flops_of_a_strided_input_gradient_are_the_forward_passes():
  line = (
    '(bf16[8,14,14,64]{3,2,1,0}, u8[0]{0}) custom-call(%p0, %p1), '
    'window={size=3x3 stride=2x2 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f, '
    'custom_call_target="__cudnn$convBackwardInput"'
  )
  found = count_one(line, 'bf16[8,7,7,32]', K)
  assert found.flops == 2 * (8 * 7 * 7 * 32) * (3 * 3 * 64)


def test_flops_of_a_batched_product():
  found = count_one(
    '(f32[4,10,30]{2,1,0}, s8[4194304]{0}) custom-call(%p0, %p1), '
    'custom_call_target="__cublas$lt$matmul", backend_config={'
    '"gemm_backend_config":{"dot_dimension_numbers":{'
    '"lhs_contracting_dimensions":["2"],"rhs_contracting_dimensions":["1"],'
    '"lhs_batch_dimensions":["0"],"rhs_batch_dimensions":["0"]},'
    '"precision_config":{"operand_precision":["HIGHEST","HIGHEST"]}}}',
    'f32[4,10,20]',
    'f32[4,20,30]',
  )
  assert found.flops == 2 * 4 * 10 * 20 * 30
  assert (found.dtype, found.highest) == ('f32', True)


def test_a_kernel_of_our_own_states_its_flops():
  line = (
    'f32[64,64]{1,0} custom-call(%p0, %p1), '
    'custom_call_target="__gpu$xla.gpu.triton", backend_config={ir = "..", '
    r'name = "it", serialized_metadata = "{\22flops\22: \22524288\22}"}'
  )
  found = count_one(line, 'bf16[64,64]', 'bf16[64,64]')
  assert found.flops == 524288
  assert found.read + found.written == 64 * 64 * (2 + 2 + 4)


def test_bound_is_the_larger_of_both_and_adds_up_over_a_loop():
  text = """%body (p: f32[]) -> f32[] {
  %q = f32[1024,1024]{1,0} parameter(0)
  ROOT %n = f32[1024,1024]{1,0} negate(%q)
}

%condition (p: f32[]) -> pred[] {
  %c = f32[1024,1024]{1,0} parameter(0)
  ROOT %l = pred[] constant(true)
}

ENTRY %main (x: f32[]) -> f32[] {
  %x = f32[1024,1024]{1,0} parameter(0)
  %w = f32[1024,1024]{1,0} while(%x), condition=%condition, body=%body, BACK
  %y = bf16[4096,4096]{1,0} parameter(1)
  %d = f32[4096,4096]{1,0} dot(%y, %y), lhs_contracting_dims={1}, DIMS
  ROOT %c.1 = f32[4096,4096]{1,0} copy(%d)
}"""
  text = text.replace('BACK', 'backend_config={"known_trip_count":{"n":"16"}}')
  text = text.replace('DIMS', 'rhs_contracting_dims={0}')
  negate, dot, copy = bounds.read(text, H200, LAYERS, views=2)
  assert negate.times == 16
  moved = 16 * 2 * 4 * 1024**2
  assert negate.bytes == moved
  assert negate.seconds == pytest.approx(moved / 4.3e12)
  assert dot.seconds == pytest.approx(2 * 4096**3 / 790e12)
  assert [negate.moves, dot.moves, copy.moves] == [False, False, True]


def test_collectives_are_counted_once_though_they_start_and_end():
  text = """ENTRY %main (x: f32[]) -> f32[] {
  %x = f32[100]{0} parameter(0)
  %s = f32[100]{0} all-reduce-start(%x), to_apply=%add
  %e = f32[100]{0} all-reduce-done(%s)
  %g = (f32[100]{0}, f32[800]{0}) all-gather-start(%e), dimensions={0}
  ROOT %h = f32[800]{0} all-gather-done(%g)
}"""
  kernels = bounds.read(text, H200, LAYERS, views=2)
  found = bounds.collectives(kernels)
  assert {name: row['count'] for name, row in found.items()} == {
    'all-reduce': 1,
    'all-gather': 1,
  }
  assert found['all-reduce']['bytes'] == 400
  assert [one.group for one in kernels] == ['collective'] * 2
  assert found['all-gather']['bytes'] == 3200
  assert kernels[1].bytes == 400 + 3200


def test_programs_of_xla_have_the_flops_of_their_formula():
  x = jnp.ones((2, 8, 8, 4))
  kernel = jnp.ones((3, 3, 4, 6))

  def convolve(x, kernel):
    return lax.conv_general_dilated(
      x, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    )

  compiled = jax.jit(convolve).lower(x, kernel).compile()
  kernels = bounds.read(compiled.as_text(), H200, LAYERS, views=2)
  flops = sum(one.flops for one in kernels)
  assert flops == 2 * (2 * 8 * 8 * 6) * (3 * 3 * 4)


def test_comparison_finds_what_changed_and_nothing_else():
  def kernels(op, size):
    text = f"""ENTRY %main (x: f32[]) -> f32[] {{
  %x = f32[{size}]{{0}} parameter(0)
  %a = f32[{size}]{{0}} {op}(%x), metadata={{op_name="jit(f)/{op}"}}
  ROOT %b = f32[{size}]{{0}} cosine(%a), metadata={{op_name="jit(f)/cos"}}
}}"""
    return bounds.read(text, H200, LAYERS, views=2)

  before, after = kernels('negate', 1000), kernels('sine', 1000)
  assert bounds.compare(before, before) == []
  changes = bounds.compare(before, after)
  assert sorted(row[2] for row in changes) == [-1, 1]
  assert {row[3].split(' | ')[2] for row in changes} == {
    'jit(f)/negate',
    'jit(f)/sine',
  }
  assert sum(row[1] for row in changes) == 0
