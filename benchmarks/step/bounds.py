"""Reads a compiled program: its kernels, and the least time that each needs.

A kernel's bound is the larger of its bytes over the device's bytes per second
and its products over the device's FLOP/s; a program's is the sum over kernels,
as they run one after another. It is no forecast: no kernel is faster, and real
ones are slower.
"""

import collections
import dataclasses
import re

from benchmarks.step import hlo
from benchmarks.step import traffic

# Instructions that launch nothing.
FREE = {
  'parameter', 'constant', 'get-tuple-element', 'tuple', 'bitcast',
  'after-all', 'opt-barrier', 'partition-id', 'replica-id', 'domain',
  'add-dependency', 'get-dimension-size',
}  # fmt: skip
DONE = ('-done', '-update')

# What only moves numbers that were there, not counting loads of other types.
_MOVES = {
  'copy', 'copy-start', 'transpose', 'pad', 'slice', 'concatenate', 'reverse',
  'reshape',
}  # fmt: skip
_BESIDE_MOVES = FREE | {'broadcast', 'iota', 'fusion'}

_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')


@dataclasses.dataclass(frozen=True)
class Kernel:
  """A kernel of a program.

  Attributes:
    name: unique in the program.
    kind: such as 'loop_convert_fusion' or '__cudnn$convForward'.
    group: one of `hlo.GROUPS`.
    layer: of `roofline.layers`, by name; '' if it has none.
    origin: the end of where it comes from in the source.
    shape: of its result.
    times: that it runs in a step.
    bytes: read and written, of all those times.
    masks: of them, truth values written.
    flops: of its products, of all those times.
    seconds: its bound, of all those times.
    moves: whether it copies, pads or transposes, and nothing else.
    in_network: whether it is of a network's passes, rather than of drawing
      views, of the optimiser or of metrics.
  """

  name: str
  kind: str
  group: str
  layer: str
  origin: str
  shape: str
  times: int
  bytes: float
  masks: float
  flops: float
  seconds: float
  moves: bool
  in_network: bool

  @property
  def signature(self):
    """Text by which kernels of two programs are the same."""
    shape = re.sub(r'\{[^}]*\}', '', self.shape)
    return f'{self.group} | {self.layer} | {self.origin} | {shape}'


def read(text, accelerator, layers, *, views):
  """Lists the kernels of a program.

  Args:
    text: what `jax.stages.Compiled.as_text` returns.
    accelerator: an `accelerators.Accelerator`.
    layers: of `roofline.layers`.
    views: of a step, on one device.

  Returns:
    A list of `Kernel`, in the order of the program.
  """
  program = hlo.Program(text)
  return [
    _kernel(program, instruction, times, accelerator, layers, views)
    for instruction, times in launched(program)
  ]


def launched(program):
  """Lists the kernels of a program and how often each runs.

  Args:
    program: a `hlo.Program`.

  Returns:
    A list of (`hlo.Instruction`, times). Of a loop whose length is not known,
    once; of a choice, the first.
  """
  return list(_launched(program, program.entry, 1))


def _launched(program, computation, times):
  for one in program.computations[computation]:
    if one.opcode in FREE or one.opcode.endswith(DONE):
      continue
    if one.opcode == 'while':
      trips = _TRIPS.search(one.attributes)
      body = re.search(r'body=%?([\w.\-]+)', one.attributes)[1]
      yield from _launched(program, body, times * int(trips[1] if trips else 1))
    elif one.opcode in ('call', 'conditional', 'async-start'):
      for called in one.calls[:1]:
        yield from _launched(program, called, times)
    else:
      yield one, times


def _kernel(program, one, times, accelerator, layers, views):
  counted = traffic.count(program, one)
  moved = counted.read + counted.written
  seconds = moved / accelerator.device.bytes_per_s
  if counted.flops:
    rate = accelerator.flops(counted.dtype, highest=counted.highest)
    seconds = max(seconds, counted.flops / rate)
  group, layer = hlo.classify(program, one, layers, views=views)
  opcodes = {inner.opcode for inner in program.inside(one)}
  is_fusion = one.opcode == 'fusion'
  named = re.sub(r'[.\d]+$', '', one.name) if is_fusion else one.opcode
  return Kernel(
    name=one.name,
    kind=one.target or named,
    group=group,
    layer=layer or '',
    origin='/'.join(one.op_name.split('/')[-2:]),
    shape=one.shape,
    times=times,
    bytes=moved * times,
    masks=counted.masks * times,
    flops=counted.flops * times,
    seconds=seconds * times,
    moves=bool(opcodes & _MOVES) and opcodes <= _MOVES | _BESIDE_MOVES,
    in_network=any('Network' in inner.op_name for inner in program.inside(one)),
  )


def collectives(kernels):
  """Counts what a device sends and gathers.

  Args:
    kernels: of `read`.

  Returns:
    {opcode: {'count', 'bytes'}}, bytes those of the results.
  """
  found = {}
  for one in kernels:
    opcode = one.kind.removesuffix('-start')
    if opcode in hlo.COLLECTIVES:
      row = found.setdefault(opcode, {'count': 0, 'bytes': 0})
      shapes = traffic.parse_shapes(one.shape)
      if one.kind == 'all-gather-start':  # its operands, then its results
        shapes = shapes[len(shapes) // 2 :]
      row['count'] += one.times
      row['bytes'] += one.times * sum(shape.nbytes for shape in shapes)
  return found


def compare(before, after):
  """Lists what changed between two programs, kernel by kernel.

  Args:
    before: of `read`.
    after: of `read`, of the other program.

  Returns:
    A list of (seconds, bytes, number of kernels, signature), each the second
    program's less the first one's; the largest change first.
  """
  changes = collections.defaultdict(lambda: [0.0, 0.0, 0])
  for sign, kernels in ((-1, before), (1, after)):
    for one in kernels:
      row = changes[one.signature]
      row[0] += sign * one.seconds
      row[1] += sign * one.bytes
      row[2] += sign * one.times
  rows = [(*row, signature) for signature, row in changes.items()]
  rows = [row for row in rows if row[2] or abs(row[1]) > 0.5]
  return sorted(rows, key=lambda row: -abs(row[0]))
