"""Compiles a step for an accelerator, and sums up what its program does."""

import collections
import dataclasses
import re
import time

from benchmarks import records
from benchmarks.step import accelerators
from benchmarks.step import bounds
from benchmarks.step import device_compilers
from benchmarks.step import lowered_steps
from benchmarks.step import roofline
from stclr_jax.errors import UserError
from stclr_jax.learning.running import compilation
from stclr_jax.models import encoders

# XLA computes some things again where a program would not fit its device.
_REMATERIALIZED = re.compile(r'^\s*(?:ROOT )?%?[\w\-.]*\.remat[\w.]* = ', re.M)


def compile_step(step, accelerator, *, hosts=1, per_host=1):
  """Compiles a step; call `device_compilers.use` before.

  Args:
    step: a `lowered_steps.Step`.
    accelerator: an `accelerators.Accelerator`.
    hosts: machines.
    per_host: devices of each.

  Returns:
    (text of the program, a dict of seconds and bytes of memory).

  Raises:
    UserError: if the compiler finds no room for it.
  """
  devices = device_compilers.devices(
    accelerator, hosts=hosts, per_host=per_host
  )
  started = time.perf_counter()
  lowered = lowered_steps.lower(step, devices)
  traced = time.perf_counter()
  try:
    compiled = lowered.compile(
      compiler_options=options(accelerator, len(devices))
    )
  except RuntimeError as error:  # XLA's
    if 'RESOURCE_EXHAUSTED' not in str(error):
      raise
    line = str(error).splitlines()[0]
    raise UserError(
      f'`views` (={step.views}) do not fit a {accelerator.device.name}: {line}'
    ) from None
  took = time.perf_counter() - traced
  plan = compiled.memory_analysis()
  memory = {
    'temporary_bytes': plan.temp_size_in_bytes,
    'argument_bytes': plan.argument_size_in_bytes,
    'device_bytes': plan.temp_size_in_bytes
    + plan.argument_size_in_bytes
    + plan.output_size_in_bytes
    - plan.alias_size_in_bytes,
  }
  seconds = {'trace_s': traced - started, 'compile_s': took}
  return compiled.as_text(), seconds | memory


def options(accelerator, num_devices):
  """Lists the settings of XLA under which a run would compile.

  Args:
    accelerator: an `accelerators.Accelerator`.
    num_devices: over all hosts.

  Returns:
    A dict for `compiler_options`.
  """
  if accelerator.platform != 'gpu':
    return {}
  found = dict(device_compilers.GPU_OPTIONS)
  if num_devices > 1:  # as `compilation.use_several_gpus`
    for name, value in compilation.SEVERAL_GPU_FLAGS.items():
      value = value == 'true' if value in ('true', 'false') else int(value)
      found[name.removeprefix('--')] = value
  return found


def summarize(text, step, accelerator, *, num_devices=1):
  """Sums up a program.

  Args:
    text: of the program.
    step: the `lowered_steps.Step` that it is.
    accelerator: an `accelerators.Accelerator`.
    num_devices: over all hosts.

  Returns:
    (a dict of figures of one device, its `bounds.Kernel`s).
  """
  kernels = bounds.read(text, accelerator, step.layers, views=step.views)
  bound = sum(one.seconds for one in kernels)
  moving = [one for one in kernels if one.moves]
  groups = collections.defaultdict(lambda: [0.0, 0.0, 0])
  for one in kernels:
    row = groups[one.group]
    row[0] += one.seconds
    row[1] += one.bytes
    row[2] += one.times
  figures = {
    'step': step.kind,
    'accelerator': accelerator.key,
    'devices': num_devices,
    'views': step.views,
    'bound_s': bound,
    'views_per_s': step.views / bound,
    'bytes': sum(one.bytes for one in kernels),
    'masks_bytes': sum(one.masks for one in kernels),
    'moves_bytes': sum(one.bytes for one in moving),
    'moves_share': sum(one.seconds for one in moving) / bound,
    'flops_per_view': sum(one.flops for one in kernels) / step.views,
    'roofline_flops_per_view': step.flops,
    'kernels': sum(one.times for one in kernels),
    'outside_network_s': sum(
      one.seconds for one in kernels if not one.in_network
    ),
    'groups': {
      name: dict(zip(('seconds', 'bytes', 'kernels'), row, strict=True))
      for name, row in sorted(groups.items(), key=lambda item: -item[1][0])
    },
    'collectives': bounds.collectives(kernels),
    'computed_again': len(_REMATERIALIZED.findall(text)),
    'versions': records.versions(),
  }
  return figures, kernels


def check_memory(figures, step, accelerator, measure_small):
  """Refuses a size that the device's memory does not hold.

  Args:
    figures: of `compile_step`.
    step: the `lowered_steps.Step`.
    accelerator: an `accelerators.Accelerator`.
    measure_small: takes the same step of fewer views and returns its figures;
      what does not fit is no longer the program that was asked for, as XLA
      computes some of it again.

  Raises:
    UserError: with the bytes that are missing, and what would fit.
  """
  usable = accelerators.MEMORY_SHARE * accelerator.memory_bytes
  needed = figures['device_bytes']
  if needed <= usable:
    return
  few = max(2, step.views // 8 // 2 * 2)
  small = measure_small(dataclasses.replace(step, views=few))
  per_view = small['temporary_bytes'] / few
  room = usable - (small['device_bytes'] - small['temporary_bytes'])
  views = int(room / per_view) // 2 * 2
  needed = max(needed, usable - room + per_view * step.views)
  now = step.config.encoder.remat
  kept = {
    remat: roofline.kept_bytes(step.layers, remat=remat)
    for remat in encoders.REMAT
  }
  enough = [
    name
    for name, size in kept.items()
    if size < kept[now] and per_view * step.views * size / kept[now] <= room
  ]
  remedies = []
  if views > 0:
    remedies.append(f'--views={views}')
  if enough and step.kind in ('pretrain', 'update', 'finetune'):
    name = max(enough, key=kept.get)
    remedies.append(f'--remat={name} (by the roofline)')
  advice = ' or '.join(remedies) or 'a smaller --size or fewer --frames'
  raise UserError(
    f'`views` (={step.views}) need {needed / 1e9:.1f} GB of a '
    f"{accelerator.device.name}'s {usable / 1e9:.1f} GB (JAX takes "
    f'{accelerators.MEMORY_SHARE:.0%} of the memory), '
    f'{(needed - usable) / 1e9:.1f} GB too many; {advice} would fit.'
  )


def describe(figures, accelerator):
  """Puts figures into lines of text.

  Args:
    figures: of `summarize`, with those of `compile_step` where it was run.
    accelerator: an `accelerators.Accelerator`.

  Returns:
    Text.
  """
  bound, views = figures['bound_s'], figures['views']
  of_roofline = figures['roofline_flops_per_view']
  lines = [
    f'{figures["step"]}, {views} views a device, {figures["devices"]} x '
    f'{accelerator.describe()}; compiled, not run',
    f'bound {bound * 1e3:.1f} ms = {figures["views_per_s"]:.0f} views/s a '
    f'device; {figures["outside_network_s"] * 1e3:.1f} ms of it outside the '
    'network',
    f'{figures["bytes"] / 1e9:.1f} GB moved, '
    f'{figures["flops_per_view"] / 1e12:.4f} TFLOP a view (the roofline counts '
    f'{of_roofline / 1e12:.4f}), {figures["kernels"]} kernels',
    f'masks written {figures["masks_bytes"] / 1e9:.2f} GB; copies, pads and '
    f'transposes {figures["moves_share"]:.2%} of the bound',
  ]
  if 'temporary_bytes' in figures:
    lines.append(
      f'memory {figures["temporary_bytes"] / views / 1e9:.3f} GB a view, '
      f'{figures["device_bytes"] / 1e9:.1f} GB a device with its arguments; '
      f'compiled in {figures["compile_s"]:.0f} s'
    )
  if figures['computed_again']:
    lines.append(
      f'XLA computes {figures["computed_again"]} things again, as they would '
      'not fit: fewer views, or another remat, show the program as it is meant'
    )
  for opcode, row in figures['collectives'].items():
    lines.append(f'{opcode}: {row["count"]}, {row["bytes"] / 1e6:.2f} MB')
  lines.append(
    '\n| kernels | ms | share | GB | number |\n|---|---|---|---|---|'
  )
  for name, row in figures['groups'].items():
    lines.append(
      f'| {name} | {row["seconds"] * 1e3:.2f} | {row["seconds"] / bound:.1%} '
      f'| {row["bytes"] / 1e9:.1f} | {row["kernels"]} |'
    )
  return '\n'.join(lines)


def describe_kernels(kernels, rows):
  """Lists the kernels whose bounds are the largest.

  Args:
    kernels: `bounds.Kernel`s.
    rows: how many.

  Returns:
    A Markdown table; '' for none.
  """
  if not rows:
    return ''
  lines = ['\n| ms | GB | TFLOP | kernel | layer | from | result |']
  lines.append('|---|---|---|---|---|---|---|')
  for one in sorted(kernels, key=lambda one: -one.seconds)[:rows]:
    lines.append(
      f'| {one.seconds * 1e3:.3f} | {one.bytes / 1e9:.2f} '
      f'| {one.flops / 1e12:.3f} | {one.name} | {one.layer} | {one.origin} '
      f'| {one.shape[:60]} |'
    )
  return '\n'.join(lines)


def describe_changes(before, after, rows):
  """Says what changed between two programs.

  Args:
    before: `bounds.Kernel`s.
    after: those of the other program.
    rows: of the largest changes.

  Returns:
    Text.
  """
  changes = bounds.compare(before, after)
  total = [sum(one.seconds for one in kernels) for kernels in (before, after)]
  lines = [
    f'\nbound {total[0] * 1e3:.2f} -> {total[1] * 1e3:.2f} ms, kernels '
    f'{sum(k.times for k in before)} -> {sum(k.times for k in after)}; '
    f'{len(changes)} kinds of kernels differ',
  ]
  for seconds, moved, number, signature in changes[:rows]:
    lines.append(
      f'{seconds * 1e3:+9.3f} ms {moved / 1e9:+8.2f} GB {number:+4d} '
      f'{signature}'
    )
  return '\n'.join(lines)
