"""Compares our step with torch's, in blocks that take turns.

    python -m benchmarks.step.compare --views 4 --frames 8 --size 56
    python -m benchmarks.step.compare --views 64 --dtype bfloat16 --steps 50 \\
      --warmup 20 --group 5 --apart    # a GPU that has not room for all at once

Every implementation keeps a process and compiles once; then blocks of steps
follow each other, A B C A B C ..., so that whatever slows the machine slows
all. All start from the same parameters and clips, and must agree on the first
step's loss and gradient. Ratios are of views per second, ours over theirs.
Exits with an error if torch fell to a slow convolution.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile

from benchmarks import processes
from benchmarks import records
from benchmarks.step import speed

UNMODIFIED = ('torch_eager', 'torch_compiled')
# Relative differences of the first step's loss and gradient that rounding
# explains: 37 layers in another order, with 8 or 24 bits.
TOLERANCES = {
  'float32': {'loss': 1e-3, 'gradient_norm': 2e-2},
  'bfloat16': {'loss': 5e-2, 'gradient_norm': 0.3},
}


class Contest:
  """Implementations and their measurements so far.

  Attributes:
    options: of the command line.
    started: by implementation, its answer to 'start'.
    blocks: by implementation, lists of seconds per step.
    failed: by implementation, why it is out.
    workers: by implementation, its process, while it has one.
  """

  def __init__(self, options, *, folder, emit):
    """Prepares a contest.

    Args:
      options: of the command line.
      folder: for weights and compiled programs.
      emit: takes a record.
    """
    self.options, self._folder, self._emit = options, folder, emit
    self.started, self.blocks, self.failed = {}, {}, {}
    self.workers = {}

  def enter(self, implementation):
    """Starts and warms up an implementation; a failure puts it out."""
    with self._failures_of(implementation):
      if implementation not in self.workers:
        worker = speed.start_worker(
          implementation, self.options, cache=self._folder
        )
        self.workers[implementation] = worker
        weights = os.path.join(self._folder, 'weights.npz')
        if implementation != 'ours' and not os.path.exists(weights):
          weights = None
        started = worker.ask(
          'start', weights=weights, timeout=self.options.timeout
        )
        if implementation not in self.started:
          self.started[implementation] = started
          self.blocks[implementation] = []
      self._ask(implementation, 'block', steps=self.options.warmup)

  def take_turn(self, implementation):
    """Measures a block of an implementation."""
    options = self.options
    if options.apart:
      self.enter(implementation)
    if implementation in self.failed:
      return
    with self._failures_of(implementation):
      seconds = self._ask(
        implementation, 'block', steps=options.steps, group=options.group
      )
      record = {
        'benchmark': 'step',
        'block': len(self.blocks[implementation]),
        **speed.describe(implementation, options, self.started[implementation]),
        'seconds': seconds,
        **records.summarize(seconds),
      }
      self.blocks[implementation].append(seconds)
      record |= self._ask(implementation, 'memory')
      self._emit(speed.add_rates(record, options))
      if implementation != 'ours':
        self._ask(implementation, 'release')
    if options.apart:
      self.leave(implementation)

  def profile(self, implementation, *, steps):
    """Profiles torch: its kernels, and which of them are slow ones."""
    self.enter(implementation)
    if implementation in self.failed:
      return None
    with self._failures_of(implementation):
      return self._ask(implementation, 'profile', steps=steps)

  def leave(self, implementation):
    """Ends an implementation's process."""
    worker = self.workers.pop(implementation, None)
    if worker:
      worker.close()

  def _ask(self, implementation, request, **arguments):
    return self.workers[implementation].ask(
      request, timeout=self.options.timeout, **arguments
    )

  @contextlib.contextmanager
  def _failures_of(self, implementation):
    try:
      yield
    except processes.WorkerError as error:
      self.failed[implementation] = str(error)
      self.leave(implementation)
      self._emit(
        {
          'benchmark': 'step',
          'implementation': implementation,
          'failed': str(error),
        }
      )


def run(options, *, folder, emit):
  """Runs a contest.

  Args:
    options: of the command line.
    folder: for weights and compiled programs.
    emit: takes a record, of each block and of the whole.

  Returns:
    The record of the whole, see `conclude`.
  """
  contest = Contest(options, folder=folder, emit=emit)
  slow = {}
  try:
    entrants = [
      name
      for name in options.implementations
      if name == 'ours' or speed.has_torch(options.torch_python)
    ]
    for name in entrants:
      contest.enter(name)
      if name != 'ours' and name not in contest.failed:
        profile = contest.profile(name, steps=1)
        slow[name] = profile and profile['slow']
        emit(
          {
            'benchmark': 'torch_kernels',
            'implementation': name,
            'kernels': (profile or {}).get('kernels', [])[:40],
          }
        )
      if options.apart:
        contest.leave(name)
    for turn in range(options.blocks * len(entrants)):
      name = entrants[turn % len(entrants)]
      if name not in contest.failed:
        contest.take_turn(name)
    if 'ours' in contest.workers and options.trace:
      contest.workers['ours'].ask('profile', folder=options.trace, steps=3)
  finally:
    for name in list(contest.workers):
      contest.leave(name)
  record = conclude(
    contest.blocks, contest.started, options, slow=slow, failed=contest.failed
  )
  emit(record)
  return record


def conclude(blocks, started, options, *, slow, failed):
  """Compares the blocks.

  Args:
    blocks: by implementation, lists of seconds per step.
    started: by implementation, the worker's answer to 'start'.
    options: of the command line.
    slow: by torch implementation, the slow kernels in it.
    failed: by implementation, why it is out.

  Returns:
    A dict. 'ratios' has, for each torch implementation and for 'best', the
    faster of the unmodified ones, the median over rounds of its seconds over
    ours, with the lowest and highest round.
  """
  medians = {
    name: [statistics.median(block) for block in rounds]
    for name, rounds in blocks.items()
    if rounds
  }
  ratios = {}
  if 'ours' in medians:
    for name, theirs in medians.items():
      if name != 'ours':
        ratios[name] = _ratio(theirs, medians['ours'])
    peers = [name for name in UNMODIFIED if name in medians]
    if peers:
      best = min(peers, key=lambda name: statistics.median(medians[name]))
      ratios['best'] = ratios[best] | {'implementation': best}
  return {
    'benchmark': 'compare',
    **{name: getattr(options, name) for name in speed.FIELDS},
    **{name: getattr(options, name) for name in speed.OUR_FIELDS},
    'implementations': {
      name: {
        **speed.add_rates(
          {
            'implementation': name,
            'device': started[name]['device'],
            **records.summarize(sum(blocks[name], [])),
          },
          options,
        ),
        'block_medians_s': medians[name],
      }
      for name in medians
    },
    'ratios': ratios,
    'disagreements': disagreements(started, options.dtype),
    'slow_kernels': slow,
    'failed': failed,
    'versions': {name: s['versions'] for name, s in started.items()},
    **records.origin(),
  }


def disagreements(started, dtype):
  """Compares the first step's loss and gradient with ours.

  Args:
    started: by implementation, its answer to 'start'.
    dtype: of the arithmetic.

  Returns:
    A list of sentences, empty if all computed the same.
  """
  found = []
  if 'ours' not in started:
    return ['ours did not start']
  for name, answer in started.items():
    for figure, tolerance in TOLERANCES[dtype].items():
      ours, theirs = started['ours'][figure], answer[figure]
      if not abs(theirs - ours) <= tolerance * abs(ours) + 1e-5:  # or nan
        found.append(f'{figure} of {name} is {theirs:.6g}, ours {ours:.6g}')
  return found


def _ratio(theirs, ours):
  ratios = [t / o for t, o in zip(theirs, ours, strict=False)]
  return {
    'median': statistics.median(theirs) / statistics.median(ours),
    'min': min(ratios),
    'max': max(ratios),
  }


def complaints(record):
  """Lists why a comparison cannot be believed.

  Args:
    record: of `conclude`.

  Returns:
    A list of sentences.
  """
  found = list(record['disagreements'])
  for name, kernels in record['slow_kernels'].items():
    if kernels:
      found.append(
        f'{name} fell to slow convolutions ({", ".join(kernels[:3])}), cuDNN '
        f'{record["versions"][name]["cudnn"]}; another torch is needed'
      )
  return found


def add_options(parser):
  """Adds what describes a contest, beside a step, to a parser."""
  speed.add_options(parser)
  parser.add_argument('--blocks', type=int, default=5, help='of each')
  parser.add_argument(
    '--implementations', nargs='+', default=['ours', *UNMODIFIED],
    choices=speed.IMPLEMENTATIONS,
  )  # fmt: skip
  parser.add_argument(
    '--apart', action='store_true', help='one process at a time'
  )
  parser.add_argument('--timeout', type=float, default=600, help='seconds')
  parser.add_argument('--trace', help='folder to profile three of our steps to')


def main(arguments=None):
  """Runs a contest and says whether it can be believed.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  add_options(parser)
  options = parser.parse_args(arguments)
  if options.width != 1:
    parser.error(f'--width (={options.width}) must be 1, which is theirs.')
  with tempfile.TemporaryDirectory() as folder:
    record = run(
      options, folder=folder, emit=lambda r: records.emit(r, options.out)
    )
  for name, versions in record['versions'].items():
    print(f'{name}: {versions}', file=sys.stderr)
  for name, ratio in record['ratios'].items():
    print(
      f'ours / {name}: {ratio["median"]:.3f} '
      f'({ratio["min"]:.3f} to {ratio["max"]:.3f})',
      file=sys.stderr,
    )
  if found := complaints(record):
    sys.exit('Not comparable: ' + '; '.join(found) + '.')


if __name__ == '__main__':
  main()
