"""Our step with one of our changes undone at a time.

    python -m benchmarks.step.ablations --views 4 --frames 8 --size 56
    python -m benchmarks.step.ablations --views 32 --dtype bfloat16 \\
      --only fold_stem

Every variant has a process. Its blocks take turns with those of the step as it
is, A B A B, so that both see the same machine; predictions were made before
anything was measured on a GPU, and are for one.
"""

import argparse
import copy
import dataclasses
import statistics

from benchmarks import processes
from benchmarks import records
from benchmarks.step import speed


@dataclasses.dataclass(frozen=True)
class Ablation:
  """One change, undone.

  Attributes:
    undone: options of `speed.add_options` that undo it.
    prediction: of a GPU's step time without the change over that with it, a
      lowest and a highest; None where it is for a CPU.
    cpu_prediction: the same for a CPU; None where it is for a GPU.
    why: in a few words.
  """

  undone: dict
  prediction: tuple[float, float] | None
  cpu_prediction: tuple[float, float] | None
  why: str


ABLATIONS = {
  'convolutions_in_2d': Ablation(
    {'off': ['convolutions_in_2d'], 'lowering': 'convolution'},
    (1.0, 1.15), (1.0, 2.0), 'NHWC kernels exist for 2D; no transposes',
  ),
  'fused_norm': Ablation(
    {'off': ['fused_norm']},
    (1.0, 1.15), (1.0, 1.3), 'two passes each way instead of what AD keeps',
  ),
  'padded_channels': Ablation(
    {'channel_multiple': 1},
    (1.07, 1.4), None, 'tensor cores take 8 channels at once',
  ),
  'fold_stem': Ablation(
    {'set': ['models.convolutions_xla.FOLDED_CHANNELS=0']},
    (1.03, 1.08), (0.9, 1.1), 'three channels fill no tensor core',
  ),
  'short_frames': Ablation(
    {'set': ['models.convolutions.SHORT_FRAMES=0']},
    (1.0, 1.03), None, 'two frames: a third of the work is on zeros',
  ),
  'remat_batch_norm': Ablation(
    {'remat': 'batch_norm'},
    (1.05, 1.15), (1.0, 1.15), 'z computed again: less memory, not less time',
  ),
  'remat_block': Ablation(
    {'remat': 'block'},
    (1.2, 1.4), (1.2, 1.4), 'everything forward computed again',
  ),
  'own_kernels': Ablation(
    {'kernels': 'pallas'},
    (0.87, 0.95), None, 'a tensor fewer written; 0.89 by the programs read',
  ),
  'im2col': Ablation(
    {'lowering': 'convolution'},
    None, (1.5, 2.5), 'XLA:CPU is slow at gradients of convolutions',
  ),
  'conv_fusion_flag': Ablation(
    {'xla_flags': '--xla_gpu_experimental_enable_conv_fusion=true'},
    (0.95, 1.1), None, 'an experiment of XLA, off by default',
  ),
}  # fmt: skip


def undo(name, options):
  """Returns the options with a change undone."""
  changed = copy.copy(options)
  for field, value in ABLATIONS[name].undone.items():
    if isinstance(value, list):
      value = [*getattr(options, field), *value]
    setattr(changed, field, value)
  return changed


def run(options, *, names, emit, cache=None, clock=None):
  """Measures variants against the step as it is.

  Args:
    options: of the command line.
    names: of `ABLATIONS`.
    emit: takes a record.
    cache: folder for compiled programs.
    clock: says whether there is time for another one; None for always.
  """
  on_cpu = None
  with speed.start_worker('ours', options, cache=cache) as base:
    started = base.ask('start', timeout=options.timeout)
    on_cpu = started['device'] == 'cpu'
    base.ask('block', steps=options.warmup, timeout=options.timeout)
    for name in names:
      ablation = ABLATIONS[name]
      predicted = (
        ablation.cpu_prediction if on_cpu else ablation.prediction
      )  # fmt: skip
      record = {
        'benchmark': 'ablation',
        'ablation': name,
        'undone': ablation.undone,
        'why': ablation.why,
        **{field: getattr(options, field) for field in speed.FIELDS},
        'device': started['device'],
        'predicted': predicted,
      }
      if predicted is None:
        emit(record | {'skipped': 'makes no difference on this device'})
      elif clock and not clock():
        emit(record | {'skipped': 'no time left'})
      else:
        emit(record | _measure(name, options, base, cache))


def _measure(name, options, base, cache):
  blocks = {'with': [], 'without': []}
  try:
    with speed.start_worker('ours', undo(name, options), cache=cache) as other:
      started = other.ask('start', timeout=options.timeout)
      other.ask('block', steps=options.warmup, timeout=options.timeout)
      for _ in range(options.blocks):
        for worker, key in ((base, 'with'), (other, 'without')):
          blocks[key] += worker.ask(
            'block',
            steps=options.steps,
            group=options.group,
            timeout=options.timeout,
          )
      memory = {
        'with': base.ask('memory'),
        'without': other.ask('memory'),
      }
  except processes.WorkerError as error:
    return {'failed': str(error)}
  medians = {key: statistics.median(block) for key, block in blocks.items()}
  return {
    'seconds': blocks,
    'spread': {k: records.summarize(b)['spread'] for k, b in blocks.items()},
    'measured': medians['without'] / medians['with'],
    'program_bytes': {k: m['program_bytes'] for k, m in memory.items()},
    'compile_s': started['compile_s'],
    'loss': started['loss'],
  }


def print_row(record):
  """Prints prediction beside measurement."""
  low_high = record['predicted']
  predicted = '-' if not low_high else f'{low_high[0]:g} to {low_high[1]:g}'
  measured = record.get('measured')
  outcome = record.get('skipped') or record.get('failed', '')[-80:]
  if measured:
    outcome = f'{measured:.3f}'
  print(f'| {record["ablation"]} | {predicted} | {outcome} |', flush=True)


def main(arguments=None):
  """Prints a JSON line and a row a variant.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  speed.add_options(parser)
  parser.add_argument('--blocks', type=int, default=3, help='of each')
  parser.add_argument('--only', nargs='+', choices=ABLATIONS)
  parser.add_argument('--timeout', type=float, default=600, help='seconds')
  options = parser.parse_args(arguments)

  def emit(record):
    records.emit(record | records.origin(), options.out)
    print_row(record)

  run(options, names=options.only or list(ABLATIONS), emit=emit)


if __name__ == '__main__':
  main()
