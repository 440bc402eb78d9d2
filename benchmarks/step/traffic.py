"""Counts what one instruction of a program reads, writes and multiplies.

Bytes are those that must cross the device's memory: of an operand that is only
sliced or gathered from, the part that is used, in whole sectors; of a loop over
part of an array, that part. Three things cannot be read off a program, and are
counted whole: operands of library and Pallas kernels, what is read again as it
has left the cache, and workspaces of libraries, which are left out.
"""

import math
import re
from typing import NamedTuple

ITEM_BYTES = {
  'c128': 16, 'c64': 8, 'f64': 8, 's64': 8, 'u64': 8, 'f32': 4, 's32': 4,
  'u32': 4, 'bf16': 2, 'f16': 2, 's16': 2, 'u16': 2, 'pred': 1, 's8': 1,
  'u8': 1, 'f8e4m3fn': 1, 'f8e5m2': 1, 's4': 0.5, 'u4': 0.5,
}  # fmt: skip

# Of a GPU's memory, the least that is read at once. Source: CUDA C++ Best
# Practices Guide, "Coalesced Access to Global Memory".
SECTOR = 32

# Their results hold their operands as well.
_WITH_OPERANDS = ('copy-start', 'all-gather-start', 'collective-permute-start')

LIBRARIES = ('__cudnn', '__cublas')

_SHAPE = re.compile(
  r'\b(' + '|'.join(ITEM_BYTES) + r')\[([\d,]*)\](?:\{([\d,]*))?'
)
_SLICE = re.compile(r'\[(\d+):(\d+)(?::(\d+))?\]')
_STATED = re.compile(r'flops(?:\\22|\\?")?\s*[:=]\s*(?:\\22|\\?")?(\d+)')


class Shape(NamedTuple):
  """An array's type.

  Attributes:
    dtype: as the program spells it, such as 'bf16'.
    dims: extents.
    layout: axes, the one whose numbers lie side by side first.
  """

  dtype: str
  dims: tuple[int, ...]
  layout: tuple[int, ...]

  @property
  def size(self):
    """Numbers in it."""
    return math.prod(self.dims)

  @property
  def nbytes(self):
    """Bytes that it takes."""
    return self.size * ITEM_BYTES[self.dtype]


class Traffic(NamedTuple):
  """Bytes and FLOPs of one instruction, run once.

  Attributes:
    read: bytes.
    written: bytes.
    masks: of those written, bytes of truth values.
    flops: of products; of elementwise work none are counted.
    dtype: of the products' operands; '' without products.
    highest: whether float32 products must not be rounded.
  """

  read: float
  written: float
  masks: float
  flops: float
  dtype: str
  highest: bool


def parse_shapes(text):
  """Reads the arrays of a type, such as '(f32[2,3]{1,0}, pred[])'.

  Args:
    text: as a program spells a result.

  Returns:
    A list of `Shape`.
  """
  found = []
  for dtype, dims, layout in _SHAPE.findall(text):
    dims = tuple(int(n) for n in dims.split(',') if n)
    order = tuple(int(n) for n in layout.split(',') if n)
    if len(order) != len(dims):
      order = tuple(reversed(range(len(dims))))
    found.append(Shape(dtype, dims, order))
  return found


def count(program, instruction):
  """Counts the traffic of an instruction of a program's top level.

  Args:
    program: a `hlo.Program`.
    instruction: one of its instructions, which is a kernel.

  Returns:
    `Traffic`.
  """
  body = [instruction]
  if instruction.opcode == 'fusion':
    body = program.computations[instruction.calls[0]]
  updates = list(_updates(program, body))
  results = _results(instruction)
  masks = sum(shape.nbytes for shape in results if shape.dtype == 'pred')
  written = sum(shape.nbytes for shape in results)
  for one in updates:
    written -= _shape(program, one.name).nbytes
    written += _shape(program, one.operands[1]).nbytes
  if instruction.opcode in _WITH_OPERANDS:
    written -= sum(_nbytes(program, name) for name in instruction.operands)
  in_place = {one.name for one in updates}
  read = _bytes_read(program, instruction, body, in_place)
  products = [_product(program, one) for one in program.inside(instruction)]
  products = [one for one in products if one]
  dtype = products[0][1] if products else ''
  return Traffic(
    read, written, masks, sum(p[0] for p in products), dtype,
    any(p[2] for p in products),
  )  # fmt: skip


def _results(instruction):
  """Shapes of a result without a library's workspace."""
  shapes = parse_shapes(instruction.shape)
  if instruction.target.startswith(LIBRARIES) and len(shapes) > 1:
    if shapes[-1].dtype in ('u8', 's8') and len(shapes[-1].dims) == 1:
      shapes.pop()
  return shapes


def _shape(program, name):
  found = program.instructions.get(name)
  shapes = parse_shapes(found.shape) if found else []
  return shapes[0] if shapes else Shape('pred', (), ())


def _nbytes(program, name):
  """Bytes of all that an instruction returns."""
  found = program.instructions.get(name)
  return sum(s.nbytes for s in parse_shapes(found.shape)) if found else 0


def _bytes_read(program, instruction, body, in_place):
  """Bytes of the operands that the body needs, found from its end."""
  if body == [instruction]:
    needed = _add({}, _needs(program, instruction, 1.0, in_place))
    return sum(
      _nbytes(program, name) * min(1.0, sum(shares.values()))
      for name, shares in needed.items()
    )
  needed, read = {body[-1].name: {'': 1.0}}, {}
  for one in reversed(body):
    share = min(1.0, sum(needed.get(one.name, {}).values()))
    if share and one.opcode == 'parameter':
      operand = instruction.operands[int(one.arguments)]
      part = share * _nbytes(program, one.name)
      read[operand] = max(read.get(operand, 0.0), part)
    elif share:
      _add(needed, _needs(program, one, share, in_place))
  return sum(read.values())


def _add(needed, needs):
  """Adds what `_needs` says: of one key the most, of several their sum."""
  for name, key, part in needs:
    shares = needed.setdefault(name, {})
    shares[key] = max(shares.get(key, 0.0), part)
  return needed


def _needs(program, one, share, in_place):
  """Says what an instruction needs of its operands.

  Args:
    program: a `hlo.Program`.
    one: the instruction.
    share: of its own result, what is needed.
    in_place: names of updates of arrays where they lie.

  Yields:
    (name of an operand, key, share of it): parts of one key are the same
    numbers, those of different keys are not.
  """
  operands = one.operands
  if not operands:
    return
  first = _shape(program, operands[0])
  result = _shape(program, one.name)
  if one.opcode in ('slice', 'dynamic-slice', 'gather'):
    part = min(1.0, share * _sliced(one, first, result) / max(first.nbytes, 1))
    yield operands[0], f'{one.opcode} {_taken(one)}', part
    for name in operands[1:]:
      yield name, '', 1.0
  elif one.opcode == 'dynamic-update-slice':
    if one.name not in in_place:
      yield operands[0], '', share
    for name in operands[1:]:
      yield name, '', 1.0
  elif one.opcode in ('broadcast', 'pad', 'tuple', 'iota'):
    for name in operands:
      yield name, '', 1.0
  elif one.opcode == 'reduce':
    for name in operands:
      yield name, '', share
  else:
    for name in operands:
      of_same_size = _shape(program, name).size == result.size
      loses = one.opcode in ('concatenate', 'get-tuple-element')
      yield name, '', share if of_same_size or loses else 1.0


def _taken(one):
  """Text that two slices of the same numbers share."""
  found = _SLICE.findall(one.attributes)
  return str(found) if one.opcode == 'slice' else ' '.join(one.operands[1:])


def _sliced(one, source, result):
  """Bytes that a slice or a gather takes, in whole sectors."""
  steps = [1] * len(source.dims)
  extents = list(source.dims)
  if one.opcode == 'slice':
    found = _SLICE.findall(one.attributes)
    extents = [-(-(int(b) - int(a)) // int(s or 1)) for a, b, s in found]
    steps = [int(s or 1) for _, _, s in found]
  elif match := re.search(
    r'(?:dynamic_slice_sizes|slice_sizes)=\{([\d,]*)\}', one.attributes
  ):
    extents = [int(n) for n in match[1].split(',') if n]
  run = ITEM_BYTES[source.dtype]
  for axis in source.layout:
    if axis >= len(extents) or steps[axis] != 1:
      break
    run *= extents[axis]
    if extents[axis] != source.dims[axis]:
      break
  return result.nbytes * max(1.0, SECTOR / run)


def _updates(program, body):
  """Yields a kernel's updates of arrays of its caller, where they lie."""
  root = body[-1]
  names = set(root.operands if root.opcode == 'tuple' else [root.name])
  for one in reversed(body):
    if one.name in names and one.opcode == 'bitcast':
      names.update(one.operands)
    if one.name in names and one.opcode == 'dynamic-update-slice':
      source = program.instructions.get(one.operands[0])
      while source and source.opcode == 'bitcast':
        source = program.instructions.get(source.operands[0])
      if len(body) == 1 or (source and source.opcode == 'parameter'):
        yield one


def _product(program, one):
  """FLOPs of a product, the type of its operands and if float32 is kept.

  Returns:
    (FLOPs, dtype, highest); None for all that is no product.
  """
  target = one.target
  is_library = target.startswith(LIBRARIES)
  if one.opcode == 'custom-call' and not is_library:
    stated = _STATED.search(one.attributes)
    if not stated:
      return None
    return int(stated[1]), _shape(program, one.operands[0]).dtype, False
  if not (is_library or one.opcode in ('dot', 'convolution')):
    return None
  if len(one.operands) < 2:
    return None
  left, right = (_shape(program, name) for name in one.operands[:2])
  results = parse_shapes(one.shape)
  if not results:
    return None
  result = results[0]
  highest = 'HIGHEST' in one.attributes or 'highest' in one.attributes
  if 'conv' in target or one.opcode == 'convolution':
    flops = _convolution_flops(one, left, right, result)
  else:
    flops = 2 * result.size * _contracted(one, left)
  return flops, left.dtype, highest


def _contracted(one, left):
  """The extent that a matrix product sums over."""
  match = re.search(
    r'lhs_contracting_(?:dims=\{|dimensions":\[)([\d",]*)', one.attributes
  )
  axes = [int(n) for n in re.findall(r'\d+', match[1])] if match else []
  return math.prod(left.dims[axis] for axis in axes)


def _convolution_flops(one, left, right, result):
  """FLOPs without those of zeros that a stride puts between the numbers."""
  labels = re.search(r'dim_labels=(\w+)_(\w+)->(\w+)', one.attributes)
  if not labels:
    return 0
  _, kernel, out = labels.groups()
  features = out.index('f')
  if 'BackwardInput' in one.target:  # of (output's gradient, kernel)
    return 2 * right.size * left.size // left.dims[features]
  if 'BackwardFilter' in one.target:  # of (input, output's gradient)
    return 2 * result.size * right.size // right.dims[features]
  groups = right.dims[kernel.index('o')]
  flops = 2 * result.size * right.size // max(groups, 1)
  dilated = re.search(r'lhs_dilate=([\dx]+)', one.attributes)
  spread = math.prod(int(n) for n in dilated[1].split('x')) if dilated else 1
  return flops // spread
