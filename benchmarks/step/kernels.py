"""Profiles our step: its kernels, grouped, beside its roofline.

    python -m benchmarks.step.kernels --views 4 --frames 8 --size 56
    python -m benchmarks.step.kernels --views 32 --dtype bfloat16 \\
      --layers   # a GPU

Groups are convolutions forward, input and weight gradients, reductions,
elementwise passes, copies (with pads, transposes and widenings), collectives
and the rest. A convolution's roofline is the longer of its arithmetic and its
traffic; that of the passes is the traffic of batch norm as XLA can fuse it.
"""

import argparse
import collections
import pathlib
import tempfile

from benchmarks import records
from benchmarks.step import accelerators
from benchmarks.step import bounds
from benchmarks.step import ceilings
from benchmarks.step import hlo
from benchmarks.step import roofline
from benchmarks.step import speed

# What a group's roofline is made of, see `roofline.kernels`. Sums and passes
# may share a kernel, so they are compared together.
ROOFLINE_KINDS = {
  'forward': ('forward',),
  'input gradient': ('input gradient',),
  'weight gradient': ('weight gradient',),
  'reduce': ('sums', 'sums backward'),
  'elementwise': ('passes', 'passes backward'),
}


def read_events(folder):
  """Reads what ran on the device from a profile.

  Args:
    folder: of `jax.profiler.trace`.

  Returns:
    A list of (name of the kernel, name of the instruction or None, ns), where
    an event's time is without that of the events inside it.

  Raises:
    FileNotFoundError: if there is no profile.
  """
  from jax.profiler import ProfileData

  paths = sorted(pathlib.Path(folder).rglob('*.xplane.pb'))
  if not paths:
    raise FileNotFoundError(f'No *.xplane.pb in {folder}.')
  planes = list(ProfileData.from_file(str(paths[-1])).planes)
  on_gpu = [plane for plane in planes if plane.name.startswith('/device:GPU')]
  found = []
  for plane in on_gpu or planes:
    for line in plane.lines:
      if on_gpu and not line.name.startswith('Stream'):
        continue  # summaries of the streams
      events = []
      for event in line.events:
        instruction = dict(event.stats).get('hlo_op')
        if on_gpu or instruction:
          start, length = event.start_ns, event.duration_ns
          events.append((start, length, event.name, instruction))
      found += without_inner(events)
  return found


def without_inner(events):
  """Takes the time of inner events off the outer ones'.

  Args:
    events: of one thread or stream, (start, length, *rest).

  Returns:
    A list of (*rest, length).
  """
  found = []
  open_events = []  # [end, index in found]
  for start, length, *rest in sorted(events, key=lambda e: (e[0], -e[1])):
    while open_events and open_events[-1][0] <= start:
      open_events.pop()
    if open_events:
      found[open_events[-1][1]][-1] -= length
    open_events.append((start + length, len(found)))
    found.append([*rest, length])
  return [tuple(event) for event in found]


def group_events(events, program, layers, *, views, steps, devices=1):
  """Sums events by what they are for.

  Args:
    events: of `read_events`.
    program: a `hlo.Program`.
    layers: of `roofline.layers`.
    views: of a step on one device.
    steps: in the profile.
    devices: in the profile.

  Returns:
    (groups, by_layer, unknown): microseconds per step and device by group;
    by (layer, group); and of the kernels that were only known by name.
  """
  groups = dict.fromkeys(hlo.GROUPS, 0.0)
  by_layer = collections.Counter()
  unknown = collections.Counter()
  known = {}
  for kernel, name, ns in events:
    microseconds = ns / 1e3 / steps / devices
    instruction = program.find(name) if name else None
    instruction = instruction or program.find(kernel)
    if instruction is None:
      group, layer = hlo.classify_kernel(kernel), None
      unknown[kernel] += microseconds
    else:
      if instruction.name not in known:
        known[instruction.name] = hlo.classify(
          program, instruction, layers, views=views
        )
      group, layer = known[instruction.name]
    groups[group] += microseconds
    if layer:
      by_layer[layer, group] += microseconds
  return groups, by_layer, unknown


def beside_bounds(events, kernels, program, *, steps, devices=1):
  """Puts the least time of each kernel beside the time it took.

  Args:
    events: of `read_events`.
    kernels: of `bounds.read`.
    program: a `hlo.Program`.
    steps: in the profile.
    devices: in the profile.

  Returns:
    A list of dicts, those first that lose most: microseconds a step and
    device, the bound, kind, group, layer and shape of each kernel that ran.
  """
  spent = collections.Counter()
  for kernel, name, ns in events:
    one = (program.find(name) if name else None) or program.find(kernel)
    if one is not None:
      spent[one.name] += ns / 1e3 / steps / devices
  rows = [
    {
      'kernel': one.name,
      'kind': one.kind,
      'group': one.group,
      'layer': one.layer,
      'shape': one.shape[:60],
      'us': spent[one.name],
      'bound_us': 1e6 * one.seconds,
    }
    for one in kernels
    if one.name in spent
  ]
  return sorted(rows, key=lambda row: row['bound_us'] - row['us'])


def analyse(folder, options, *, steps, devices, device):
  """Groups a profile and puts the roofline beside it.

  Args:
    folder: of `JaxStep.profile`.
    options: of `speed.add_options`.
    steps: in the profile.
    devices: in the profile.
    device: a `ceilings.Device`.

  Returns:
    A JSON-able record.
  """
  layers = roofline.layers(
    options.architecture,
    frames=options.frames,
    size=options.size,
    width=options.width,
  )
  views = options.views // devices
  text = (pathlib.Path(folder) / 'hlo.txt').read_text()
  program, events = hlo.Program(text), read_events(folder)
  groups, by_layer, unknown = group_events(
    events, program, layers, views=views, steps=steps, devices=devices
  )
  total = sum(groups.values())
  accelerator = accelerators.at_hand(device)
  read = bounds.read(text, accelerator, layers, views=views)
  ran = beside_bounds(events, read, program, steps=steps, devices=devices)
  least = roofline.bound(layers, device, 'xla', views=views)
  rows = {}
  for kind, layer, flops, moved in roofline.kernels(layers, 'xla'):
    for group, kinds in ROOFLINE_KINDS.items():
      if kind in kinds:
        seconds = roofline.kernel_seconds(flops, moved, device) * views
        key = layer.name, group
        rows[key] = rows.get(key, 0.0) + seconds * 1e6
  return {
    'benchmark': 'kernels',
    **{name: getattr(options, name) for name in speed.FIELDS},
    **{name: getattr(options, name) for name in speed.OUR_FIELDS},
    'device': device.name,
    'total_us': total,
    'bound_us': 1e6 * sum(kernel.seconds for kernel in read),
    'kernels': ran,
    'groups': {
      group: {
        'us': spent,
        'share': spent / total if total else 0.0,
        'roofline_us': 1e6 * views * sum(least[k] for k in kinds)
        if (kinds := ROOFLINE_KINDS.get(group))
        else None,
      }
      for group, spent in groups.items()
    },
    'layers': [
      {'layer': layer, 'group': group, 'us': spent,
       'roofline_us': rows.get((layer, group))}
      for (layer, group), spent in by_layer.most_common()
    ],
    'known_by_name_only': dict(unknown.most_common(20)),
  }  # fmt: skip


def table_of_kernels(record, rows=30):
  """Writes what took longest beyond its bound, as Markdown.

  Args:
    record: of `analyse`.
    rows: how many kernels.

  Returns:
    Lines.
  """
  lines = [
    f'The step: {record["total_us"] / 1e3:.4g} ms; the bound of its program '
    f'{record["bound_us"] / 1e3:.4g} ms on {record["device"]}.',
    '',
    '| us | bound us | times the bound | kernel | group | layer | result |',
    '|---|---|---|---|---|---|---|',
  ]
  for row in record['kernels'][:rows]:
    ratio = row['us'] / row['bound_us'] if row['bound_us'] else float('inf')
    lines.append(
      f'| {row["us"]:.0f} | {row["bound_us"]:.0f} | {ratio:.2f} '
      f'| {row["kernel"]} | {row["group"]} | {row["layer"]} '
      f'| `{row["shape"]}` |'
    )
  return lines


def print_table(record, *, layers):
  """Prints kernels and groups, and the layers if asked."""
  print('\n'.join(table_of_kernels(record)), end='\n\n')
  print('| group | ms a step | share | roofline ms |')
  print('|---|---|---|---|')
  for group, row in record['groups'].items():
    least = row['roofline_us']
    least = '' if least is None else f'{least / 1e3:.3g}'
    print(f'| {group} | {row["us"] / 1e3:.3g} | {row["share"]:.1%} | {least} |')
  if layers:
    print('\n| layer | group | us | roofline us |\n|---|---|---|---|')
    for row in record['layers']:
      least = row['roofline_us']
      least = '' if least is None else f'{least:.0f}'
      print(f'| {row["layer"]} | {row["group"]} | {row["us"]:.0f} | {least} |')


def known_device(name):
  """Returns the `ceilings.Device` of a driver's device name; else measures."""
  for key, device in ceilings.DEVICES.items():
    if key.upper() in name:
      return device
  return ceilings.this_device()


def main(arguments=None):
  """Profiles our step and prints where its time went.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  speed.add_options(parser)
  parser.add_argument('--layers', action='store_true', help='a row a layer')
  options = parser.parse_args(arguments)
  with tempfile.TemporaryDirectory() as folder:
    with speed.start_worker('ours', options) as worker:
      started = worker.ask('start')
      worker.ask('block', steps=options.warmup)
      worker.ask('profile', folder=folder, steps=options.steps)
    record = analyse(
      folder,
      options,
      steps=options.steps,
      devices=started['devices'],
      device=known_device(started['device']),
    )
  record['versions'] = started['versions']
  records.emit(record | records.origin(), options.out)
  print_table(record, layers=options.layers)


if __name__ == '__main__':
  main()
