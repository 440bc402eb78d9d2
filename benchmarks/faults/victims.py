"""Small runs of the real workflows, in processes that can be killed.

python -m benchmarks.faults.victims finetune WORKDIR CACHE [PORT NUMBER]
"""

import pathlib
import sys

import jax
import numpy as np

from configs import crossval as crossval_config
from configs import finetune as finetune_config
from configs import pretrain as pretrain_config
from stclr_jax import commands
from stclr_jax import oulu_casia
from stclr_jax.data import videos
from stclr_jax.experiments import crossval
from stclr_jax.learning import parallel
from stclr_jax.learning.running import processes
from stclr_jax.runs import private_workdirs
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain

PEOPLE, EXPRESSIONS = 6, 3
MODULES = {'pretrain': pretrain, 'finetune': finetune, 'crossval': crossval}
# chosen: twice the slowest start; at five minutes, as users have them, whoever
# waits for a process that was killed before it joined holds up a campaign.
JOIN_SECONDS = 60


def make_store():
  """Videos of noise of six people, three expressions each."""
  rng = np.random.default_rng(0)
  count = PEOPLE * EXPRESSIONS
  subject, label = np.divmod(np.arange(count), EXPRESSIONS)
  length = rng.integers(4, 9, count)
  frames = rng.integers(0, 120, (length.sum(), 16, 16, 3))
  frames += 20 * np.repeat(label, length)[:, None, None, None]
  names = oulu_casia.EXPRESSIONS[:EXPRESSIONS]
  return videos.VideoStore(
    frames=frames.astype(np.uint8),
    first=(np.cumsum(length) - length).astype(np.int32),
    length=length.astype(np.int32),
    label=label.astype(np.int32),
    subject=(subject + 1).astype(np.int32),
    video_id=tuple(
      f'P{s + 1:03d}/{names[e]}' for s, e in zip(subject, label, strict=True)
    ),
    label_names=names,
    name='noise:vl_strong',
    synthetic=True,
  )


def _shrink(run, num_epochs):
  run.num_epochs = num_epochs
  run.batch_size = 6
  run.views.num_frames = 2
  run.views.size = 16
  run.optimizer.warmup_epochs = 0
  run.optimizer.learning_rate = 1e-4
  run.optimizer.schedule = 'constant'
  run.log_every_steps = 1
  run.checkpoint.every_epochs = 1
  run.checkpoint.keep = 2


def _pretrain():
  config = pretrain_config.get_config()
  _shrink(config, 4)
  config.encoder.width = 1 / 16
  config.data.num_folds = 3
  config.knn.every_epochs = 2
  config.audit.enabled = False
  return config


def _finetune(**changes):
  config = finetune_config.get_config()
  _shrink(config, 4)
  config.encoder.width = 1 / 16
  config.data.num_folds = 3
  config.init = 'scratch'
  config.optimizer.schedule = 'plateau'
  config.report.enabled = False
  config.update_from_flattened_dict(changes)
  return config


def _crossval():
  config = crossval_config.get_config()
  for run in (config.pretrain, config.finetune):
    _shrink(run, 2)
  config.encoder.width = 1 / 16
  config.data.num_folds = 3
  config.folds = (0,)
  config.finetune.frozen_epochs = 1
  config.finetune.report.enabled = False
  config.pretrain.audit.enabled = False
  return config


WORKFLOWS = {
  'pretrain': _pretrain,
  'joined': _pretrain,
  'finetune': _finetune,
  'inner_validation': lambda: _finetune(selection='inner_validation'),
  'crossval': _crossval,
}


PROCESSES = {'joined': 2}  # of one run; all others have one


@commands.report_errors()
def _join(port, number, count):
  processes.JOIN_SECONDS = JOIN_SECONDS
  processes.join(f'localhost:{port}', count, number)
  parallel.meet()


@commands.report_errors()
def _run(name, workdir):
  config = WORKFLOWS[name]()
  with (
    processes.naming_lost_ones(),
    private_workdirs.of_process(workdir) as folder,
  ):
    MODULES[config.workflow].run(config, folder, store=make_store())


def main():
  """Runs a workflow, or goes on with it."""
  name, workdir, cache, *joining = sys.argv[1:]
  jax.config.update('jax_compilation_cache_dir', cache)
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
  with processes.leaving_others():
    if joining:
      _join(*map(int, joining), PROCESSES[name])
    _run(name, pathlib.Path(workdir))


if __name__ == '__main__':
  commands.call(main)
