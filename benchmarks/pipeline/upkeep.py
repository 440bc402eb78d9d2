"""Times what is done beside the steps: checkpoints, logging, monitors.

    python -m benchmarks.pipeline.upkeep --epochs=10 --out=upkeep.json

Runs the demo's pretraining with its own checkpoints, journal and kNN, and says
what share of its time each of them takes. Of what the loop does itself the main
thread's own processor time counts: it also waits there for steps, which is no
cost. Of a checkpoint, most of which is written by other threads beside the
steps, some more are written by themselves at the end, and all processor time
until they are on the disk counts. The monitor's figures of each step (spread,
rank, alignment) are part of the step's program: `benchmarks.step.program` reads
what they cost.

`--checkpoint=1` only writes checkpoints, of an encoder of this width.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import records
from configs import pretrain as pretrain_config
from stclr_jax.learning import parallel
from stclr_jax.learning.running import compilation
from stclr_jax.learning.saved import run_checkpoints
from stclr_jax.runs import build
from stclr_jax.runs.training import journal
from stclr_jax.runs.training import loop
from stclr_jax.workflows import pretrain

WRITTEN = 5  # checkpoints by themselves, for a median


class Costs:
  """Costs of calls.

  Attributes:
    spent: seconds of each call, a list by part.
    began, ended: when the first step was taken note of, and the last epoch.
  """

  def __init__(self):
    self.spent = {}
    self.began = self.ended = None

  def of(self, part, call, clock):
    """Wraps a function whose calls are to be timed.

    Args:
      part: what it is counted under.
      call: the function.
      clock: seconds, such as `time.thread_time`.

    Returns:
      A function that does the same.
    """

    def timed(*args, **kwargs):
      self.began = self.began or time.monotonic()
      began = clock()
      try:
        return call(*args, **kwargs)
      finally:
        self.spent.setdefault(part, []).append(clock() - began)
        self.ended = time.monotonic()

    return timed


def main():
  """Runs the pretraining and prints the shares."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--epochs', type=int, default=10)
  parser.add_argument('--checkpoint', type=float, default=None)
  parser.add_argument('--out', type=pathlib.Path)
  options = parser.parse_args()
  parallel.use_cpu_cores(pretrain_config.get_config('demo').batch_size)
  compilation.use_cache()
  with tempfile.TemporaryDirectory() as place:
    if options.checkpoint:
      found = time_checkpoints(place, width=options.checkpoint)
    else:
      config = pretrain_config.get_config('demo')
      config.num_epochs = options.epochs
      config.audit.enabled = False  # what comes after the last step
      found = time_run(place, config)
  found |= {**records.origin(), 'versions': records.versions()}
  print(json.dumps(found, indent=2))
  if options.out:
    options.out.write_text(json.dumps(found, indent=2) + '\n')


def time_run(place, config, *, store=None):
  """Times a pretraining and what it does beside its steps.

  Args:
    place: an empty folder.
    config: as `configs/pretrain.py` gives it.
    store: its videos; None for those that the config names.

  Returns:
    JSON-able figures: 'epochs'; 'loop_s', from the first step to the end of the
    last epoch; 'parts', by name, each with 'cpu_s' and its 'share' of `loop_s`;
    'alone', see `time_checkpoints`.
  """
  costs = Costs()
  with contextlib.ExitStack() as at_the_end:

    def replace(owner, name, value):
      at_the_end.callback(setattr, owner, name, getattr(owner, name))
      setattr(owner, name, value)

    for kind, names, part in (
      (journal.Journal, ('record', 'end_epoch', 'write'), 'logging'),
      (run_checkpoints.RunCheckpoints, ('save',), 'checkpoints, main thread'),
    ):
      for name in names:
        timed = costs.of(part, getattr(kind, name), time.thread_time)
        replace(kind, name, timed)

    def train(variables, videos, plan, end_epoch):
      looking = costs.of('kNN', end_epoch, time.monotonic)

      def end(epoch, *given):
        look = epoch % config.knn.every_epochs == 0
        return (looking if look else end_epoch)(epoch, *given)

      return loop.train(variables, videos, plan, end)

    workdir = pathlib.Path(place) / 'run'
    pretrain.run(config, workdir, store=store, train=train)
  lasted = costs.ended - costs.began
  alone = time_checkpoints(place, width=config.encoder.width)
  saved = len(costs.spent['checkpoints, main thread'])
  parts = {
    'logging': {'cpu_s': sum(costs.spent['logging'])},
    'checkpoints': {
      'calls': saved,
      'main_thread_cpu_s': sum(costs.spent['checkpoints, main thread']),
      'cpu_s': saved * alone['cpu_s'],
    },
  }
  if looks := costs.spent.get('kNN', [])[1:]:  # the first one compiles
    each = statistics.median(looks)
    parts['kNN'] = {
      'calls': len(looks) + 1,
      'cpu_s': each * (len(looks) + 1),
      'each_s': each,
    }
  for part in parts.values():
    part['share'] = part['cpu_s'] / lasted
  return {
    'epochs': config.num_epochs,
    'loop_s': lasted,
    'parts': parts,
    'alone': alone,
  }


def time_checkpoints(place, *, width):
  """Times checkpoints of a pretraining's state, with nothing beside them.

  Args:
    place: a folder.
    width: of the encoder.

  Returns:
    JSON-able figures, each the median of `WRITTEN`: 'megabytes', 'blocked_s'
    that a run waits, 'written_s' until it is on the disk, 'cpu_s' of all
    threads.
  """
  state = _make_state(width)
  blocked, written, cpu = [], [], []
  for number in range(1, WRITTEN + 2):
    began, began_cpu = time.monotonic(), time.process_time()
    with run_checkpoints.RunCheckpoints(
      pathlib.Path(place) / 'alone', steps_per_epoch=1, keep=1
    ) as saved:
      opened = time.monotonic()
      saved.save(number, state, {})
      blocked.append(time.monotonic() - opened)
    written.append(time.monotonic() - began)
    cpu.append(time.process_time() - began_cpu)
  return {
    'megabytes': sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 1e6,
    'blocked_s': statistics.median(blocked[1:]),
    'written_s': statistics.median(written[1:]),
    'cpu_s': statistics.median(cpu[1:]),
  }


def _make_state(width):
  """A state of a pretraining, of random numbers."""
  config = pretrain_config.get_config('paper')
  config.encoder.width = width
  network = pretrain.make_network(config)
  drawn = build.make_view_options(config.views, read=network.input)
  stage = pretrain.make_stage(config, network, drawn, steps_per_epoch=1)
  clip = jnp.zeros((1, drawn.frames_taken, drawn.size, drawn.size, 3))
  shapes = jax.eval_shape(
    lambda: stage.create_state(
      network.init(jax.random.key(0), clip, train=False), None
    )
  )
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda leaf: jnp.asarray(rng.random(leaf.shape), leaf.dtype), shapes
  )


if __name__ == '__main__':
  main()
