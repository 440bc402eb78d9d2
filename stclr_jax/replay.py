"""Takes a step of a run again, and says which layer was first not finite.

    python -m stclr_jax.replay runs/pretrain
    python -m stclr_jax.replay runs/pretrain 1234

Without a number it is the last step that the run noted as not finite
(`not_finite.jsonl`). The way there begins with the newest checkpoint before the
step, so that it takes at most the minutes from one checkpoint to the next. The
run is only read.
"""

import argparse
import dataclasses
import importlib
import json
import pathlib
import tempfile

import jax
import ml_collections

from stclr_jax import commands
from stclr_jax import programs
from stclr_jax.errors import UserError
from stclr_jax.learning.running import compilation
from stclr_jax.reports import text_table
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import journal
from stclr_jax.runs.training import not_finite
from stclr_jax.runs.training import replaying

_WORKFLOWS = ('pretrain', 'finetune')
_AROUND = 6  # layers shown on either side of the first wrong one
_VIDEOS = 12  # named


def main(arguments=None):
  """Reads the arguments, takes the step and prints what it held.

  Args:
    arguments: list of strings; None for those of the command line.
  """
  _replay(make_parser().parse_args(arguments))


def make_parser():
  """Makes the command's parser, an `argparse.ArgumentParser`."""
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.replay',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('workdir', metavar='WORKDIR', help='of a training')
  parser.add_argument(
    'step', metavar='STEP', type=int, nargs='?', help='counted from 1'
  )
  parser.add_argument('--all', action='store_true', help='show all layers')
  parser.add_argument(
    '--json', action='store_true', help='print everything, for machines'
  )
  return parser


@commands.report_errors()
def _replay(options):
  programs.check_training()
  config = ml_collections.ConfigDict(workdirs.read_config(options.workdir))
  if config.workflow not in _WORKFLOWS:
    raise UserError(
      f'{options.workdir} is a run of {config.workflow}; a training has steps '
      f'({", ".join(_WORKFLOWS)}). Of a tree of runs give the folder of one.'
    )
  step = options.step
  if step is None:
    step = replaying.find_step(options.workdir)
  remark = _use_devices(options.workdir)
  compilation.use_several_gpus()
  compilation.use_cache()
  workflow = importlib.import_module(f'stclr_jax.workflows.{config.workflow}')
  with tempfile.TemporaryDirectory(prefix='stclr_jax_') as place:
    replay = replaying.replay(
      workflow.run, config, options.workdir, pathlib.Path(place) / 'run', step
    )
  if options.json:
    print(json.dumps(dataclasses.asdict(replay), indent=2))
    return
  print(describe(replay, options.workdir, everything=options.all))
  if remark:
    print(f'Note: {remark}')


def _use_devices(workdir):
  """Makes as many devices as the run had; says what could not be as it was."""
  path = pathlib.Path(workdir) / workdirs.ENVIRONMENT
  had = workdirs.read_json(path)['devices'] if path.exists() else []
  if had and set(had) == {'cpu'}:
    try:
      jax.config.update('jax_num_cpu_devices', len(had))
    except RuntimeError:  # the devices are there already
      pass
  here = [device.device_kind for device in jax.devices()]
  if not had or here == had:
    return ''
  return (
    f'The run began on {len(had)} of {had[0]}, this is {len(here)} of '
    f'{here[0]}: sums are rounded otherwise, and a step that is finite on one '
    'need not be on the other.'
  )


def describe(replay, workdir, *, everything=False):
  """Says what a step held, for people.

  Args:
    replay: a `replaying.Replay`.
    workdir: path of the run.
    everything: whether to show all layers.

  Returns:
    Lines to print.
  """
  begun = f'the checkpoint after step {replay.gone_on_from}'
  if not replay.gone_on_from:
    begun = 'the untrained network'
  videos = ', '.join(replay.videos[:_VIDEOS])
  if len(replay.videos) > _VIDEOS:
    videos += f' and {len(replay.videos) - _VIDEOS} more (--json)'
  watched = replay.watched
  here = _listed(watched.metrics)
  noted = _listed(_noted(workdir, replay.step))
  lines = [
    f'Step {replay.step} (epoch {replay.epoch}) of {workdir}, taken again, '
    f'beginning with {begun}.',
    f'Videos: {videos}',
    f'It gives {here}{f"; the run noted {noted}" if noted else ""}.',
    _conclude(watched),
    '',
    *_table(watched, everything),
  ]
  return '\n'.join(lines)


def _conclude(watched):
  if watched.first_wrong is None:
    return (
      'All of it is finite: every layer, its gradient, and the parameters that '
      'the step leaves.'
    )
  what, name = watched.first_wrong
  layers = {layer.name: layer for layer in watched.layers}
  if what == 'state':
    return (
      f'It was lost before: {name} is not finite as the step begins. Give an '
      'earlier step.'
    )
  if what == 'output':
    layer = layers[name]
    return (
      f'First not finite, on the way there: {name}, {layer.dtype}, '
      f'{layer.output.not_finite:.3g} of its numbers.'
    )
  if what == 'gradient':
    layer = layers[name]
    return (
      'The way there is finite. First not finite, on the way back: the '
      f'gradient by the output of {name}, {layer.dtype}, '
      f'{layer.gradient.not_finite:.3g} of its numbers.'
    )
  if what == 'update':
    return (
      'All layers and the gradients by what they give are finite; first not '
      f'finite is what the step makes of {name}: the gradient by a parameter, '
      'or what the optimiser does with it.'
    )
  return f'All layers are finite; first not finite is `{name}`.'


def _table(watched, everything):
  layers = list(enumerate(watched.layers))
  title = 'All layers, in the order in which they are computed:'
  if not everything:
    place = _place_of_wrong(watched)
    if place is None:
      layers.sort(key=lambda one: -one[1].output.largest)
      layers = sorted(layers[: 2 * _AROUND])
      title = 'Layers with the largest numbers (--all shows all):'
    else:
      layers = layers[max(0, place - _AROUND) : place + _AROUND + 1]
      title = 'Layers around it (--all shows all):'
  return [
    title,
    *text_table.to_lines(
      ['layer', 'type', 'largest', 'not finite', 'its gradient', 'not finite'],
      [
        [
          layer.name,
          layer.dtype,
          *_cells(layer.output),
          *_cells(layer.gradient),
        ]
        for _, layer in layers
      ],
    ),
  ]


def _place_of_wrong(watched):
  what, name = watched.first_wrong or ('', '')
  if what not in ('output', 'gradient'):
    return None
  return [layer.name for layer in watched.layers].index(name)


def _cells(numbers):
  if numbers is None:
    return ['', '']
  return [
    f'{numbers.largest:.3g}',
    f'{numbers.not_finite:.3g}' if numbers.not_finite else '0',
  ]


def _noted(workdir, step):
  """Figures that the run noted of a step; {} where it noted none."""
  for line in not_finite.read_lines(workdir):
    if line['step'] == step:
      return {name: float(value) for name, value in line['figures'].items()}
  for line in journal.read_lines(workdir):
    if line['step'] == step and 'loss' in line:
      return {
        name: line[name] for name in ('loss', 'gradient_norm') if name in line
      }
  return {}


def _listed(figures):
  names = sorted(
    figures.keys() - {'count'}, key=lambda name: (name != 'loss', name)
  )
  return ', '.join(f'{name} {figures[name]:.6g}' for name in names)


if __name__ == '__main__':
  commands.call(main)
