"""Reads a compiled program's text, and says what each instruction is for."""

import dataclasses
import functools
import math
import re

GROUPS = (
  'forward',
  'input gradient',
  'weight gradient',
  'reduce',
  'elementwise',
  'copy',
  'collective',
  'other',
)

CUDNN = {
  '__cudnn$convForward': 'forward',
  '__cudnn$convBiasActivationForward': 'forward',
  '__cudnn$convBackwardInput': 'input gradient',
  '__cudnn$convBackwardFilter': 'weight gradient',
}

# Of kernels whose instruction is not known, by what their names contain.
KERNEL_NAMES = (
  ('wgrad', 'weight gradient'),
  ('dgrad', 'input gradient'),
  ('fprop', 'forward'),
  ('convolve', 'forward'),
  ('nhwc', 'copy'),
  ('nchw', 'copy'),
  ('transpose', 'copy'),
  ('copy', 'copy'),
  ('memcpy', 'copy'),
  ('memset', 'copy'),
  ('nccl', 'collective'),
  ('reduce', 'reduce'),
)

COLLECTIVES = {'all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all'}

# Instructions that only move, reshape or widen numbers.
MOVES = {
  'bitcast',
  'bitcast-convert',
  'broadcast',
  'concatenate',
  'constant',
  'convert',
  'copy',
  'copy-done',
  'copy-start',
  'dynamic-slice',
  'dynamic-update-slice',
  'gather',
  'get-tuple-element',
  'iota',
  'pad',
  'parameter',
  'reshape',
  'reverse',
  'slice',
  'transpose',
  'tuple',
}

_HEADER = re.compile(r'^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$')
_LINE = re.compile(r'^\s*(?:ROOT )?%?([\w.\-]+) = (.+?) ([a-z][\w\-]*)\(')
_SHAPE = re.compile(r'\b[a-z]\w*\[([\d,]*)\]')
_CALLS = re.compile(
  r'(?:calls|to_apply|body|condition|called_computations)=\{?(%?[\w.\-]+)'
)
_NAMES = re.compile(r'%([\w.\-]+)')
_ENCODER = re.compile(r'/encoder(?:\.\w+)?/')
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_TARGET = re.compile(r'custom_call_target="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class Instruction:
  """A line of a program.

  Attributes:
    name: unique in the program.
    opcode: such as 'fusion'.
    elements: numbers in the largest array of its result.
    op_name: where in the source it comes from, such as
      'jit(step)/transpose(jvp(Network))/encoder/layer1_0/conv1/conv'.
    calls: the computations it runs.
    operands: names of what it takes.
    target: of a custom call.
    shape: of its result, as the program spells it.
    arguments: what stands in its brackets, such as a parameter's number.
    attributes: all that follows them.
  """

  name: str
  opcode: str
  elements: int
  op_name: str
  calls: tuple[str, ...]
  operands: tuple[str, ...]
  target: str
  shape: str = ''
  arguments: str = ''
  attributes: str = ''


class Program:
  """A compiled program.

  Attributes:
    instructions: by name.
    computations: by name, lists of instructions.
    entry: name of the computation that the program begins with.
  """

  def __init__(self, text):
    """Parses what `jax.stages.Compiled.as_text` returns."""
    self.instructions, self.computations = {}, {}
    self.entry, current = '', []
    for line in text.splitlines():
      if header := _HEADER.match(line):
        current = self.computations.setdefault(header[1], [])
        if line.startswith('ENTRY'):
          self.entry = header[1]
      elif instruction := _parse(line):
        current.append(instruction)
        self.instructions[instruction.name] = instruction

  def find(self, name):
    """Finds an instruction by its name, or by that of its kernel, or None."""
    return self.instructions.get(name) or self._kernels.get(name)

  @functools.cached_property
  def _kernels(self):
    """By the names that XLA gives its own GPU kernels."""
    return {
      re.sub(r'[.\-]', '_', name): instruction
      for name, instruction in self.instructions.items()
    }

  def neighbours_name(self, instruction, layers):
    """Finds where an instruction that lost its origin comes from.

    XLA rewrites convolutions for a CPU and forgets their names; those that use
    the result, such as its transposition, keep theirs.

    Args:
      instruction: an instruction without an `op_name`.
      layers: of `roofline.layers`.

    Returns:
      The `op_name` of the first user, or else operand, that is of a layer; ''
      if there is none.
    """
    operands = map(self.instructions.get, instruction.operands)
    for one in (*self._users.get(instruction.name, ()), *operands):
      if one and find_layer(one.op_name, layers):
        return one.op_name
    return ''

  @functools.cached_property
  def _users(self):
    users = {}
    for instruction in self.instructions.values():
      for name in instruction.operands:
        users.setdefault(name, []).append(instruction)
    return users

  def inside(self, instruction):
    """Lists an instruction and all that it calls."""
    found = [instruction]
    for name in instruction.calls:
      for inner in self.computations.get(name, ()):
        found += self.inside(inner)
    return found


def _parse(line):
  match = _LINE.match(line)
  if not match:
    return None
  name, shape, opcode = match.groups()
  sizes = [
    math.prod(int(n) for n in dims.split(',') if n)
    for dims in _SHAPE.findall(shape)
  ]
  op_name, target = _OP_NAME.search(line), _TARGET.search(line)
  arguments, _, attributes = line[match.end() :].partition('), ')
  return Instruction(
    name=name,
    opcode=opcode,
    elements=max(sizes, default=0),
    op_name=op_name[1] if op_name else '',
    calls=tuple(c.lstrip('%') for c in _CALLS.findall(line)),
    operands=tuple(_NAMES.findall(arguments)),
    target=target[1] if target else '',
    shape=shape,
    arguments=arguments.rstrip(')'),
    attributes=attributes,
  )


def classify(program, instruction, layers, *, views):
  """Says what an instruction is for.

  Args:
    program: a `Program`.
    instruction: one of its instructions.
    layers: of `roofline.layers`.
    views: of the program, which is one device's.

  Returns:
    (group, name of the layer or None): one of `GROUPS`.
  """
  inside = program.inside(instruction)
  opcodes = {i.opcode.removesuffix('-start') for i in inside}
  opcodes -= {'fusion', 'call'}
  for one in inside:
    is_product = one.opcode in ('convolution', 'dot')
    if not (is_product or one.target.startswith('__c')):
      continue
    op_name = one.op_name or instruction.op_name
    op_name = op_name or program.neighbours_name(instruction, layers)
    layer = find_layer(op_name, layers)
    if one.target in CUDNN:
      return CUDNN[one.target], layer and layer.name
    if layer is None:
      if not op_name and any(one.elements == n.weights for n in layers):
        return 'weight gradient', None
      break
    if 'transpose(' not in op_name or 'rematted_computation' in op_name:
      return 'forward', layer.name
    # Both gradients have the same source. That of the kernel is the size of a
    # kernel, filled up perhaps; that of the input the size of the input.
    of_kernel = _distance(one.elements, layer.weights)
    of_input = _distance(one.elements, layer.inputs * views)
    kind = 'weight' if of_kernel < of_input else 'input'
    return f'{kind} gradient', layer.name
  layer = find_layer(instruction.op_name, layers)
  name = layer.name if layer else None
  if opcodes & COLLECTIVES:
    return 'collective', name
  if opcodes & {'dot', 'convolution', 'custom-call'}:
    return 'other', name
  if opcodes & {'reduce', 'reduce-window'}:
    return 'reduce', name
  return ('copy' if opcodes <= MOVES else 'elementwise'), name


def classify_kernel(name):
  """Guesses what a kernel is for from its name alone; 'other' if unknown."""
  lowered = name.lower()
  for part, group in KERNEL_NAMES:
    if part in lowered:
      return group
  return 'other'


def find_layer(op_name, layers):
  """Finds the convolution that an operation belongs to, or None.

  Args:
    op_name: of an instruction.
    layers: of `roofline.layers`.

  Returns:
    The layer whose module, or whose batch norm, the operation stems from.
  """
  # What is computed again is of 'encoder.stem' or 'encoder.residual'.
  path = _ENCODER.split(f'{op_name}/')[-1]
  for layer in layers:
    for module in (layer.name, norm_name(layer.name)):
      if path.startswith(f'{module}/') and len(path) <= len(op_name):
        return layer
  return None


def norm_name(name):
  """Names the batch norm behind a convolution of the encoder.

  Args:
    name: of the convolution, such as 'layer1_0/conv1/temporal'.

  Returns:
    Such as 'layer1_0/norm1'.
  """
  if name in ('stem', 'stem_temporal'):
    return 'stem_norm'
  if name.endswith('/spatial'):
    return name.removesuffix('spatial') + 'norm'
  if match := re.fullmatch(r'(.*)/conv(\d)/(temporal|conv)', name):
    return f'{match[1]}/norm{match[2]}'
  return f'{name}_norm'


def _distance(n, size):
  return abs(math.log(max(n, 1) / size))
