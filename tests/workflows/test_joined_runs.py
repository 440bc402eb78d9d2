"""main.py on several processes: one run, whoever is stopped or lost."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from stclr_jax import commands
from stclr_jax.learning.saved import checkpoints

ROOT = pathlib.Path(__file__).parents[2]
DEVICES = 4  # over all processes
# So small a rate that what differs by rounding does not grow.
PRETRAIN = (
  '--config=configs/pretrain.py',
  '--config.encoder.width=0.0625',
  '--config.num_epochs=2',
  '--config.batch_size=48',
  '--config.views.size=16',
  '--config.knn.every_epochs=2',
  '--config.optimizer.warmup_epochs=0',
  '--config.optimizer.schedule=constant',
  '--config.optimizer.learning_rate=1e-7',
  '--config.audit.enabled=False',
)


class Joined:
  """Processes that belong together."""

  def __init__(self, workdir, flags, *, count=2, of_last=()):
    """Starts them; `of_last` are further flags of the last one."""
    with socket.socket() as free:
      free.bind(('localhost', 0))
      port = free.getsockname()[1]
    self.logs, self.running = [], []
    for number in range(count):
      join = (
        f'--coordinator=localhost:{port}',
        f'--num_processes={count}',
        f'--process_id={number}',
      )
      log = workdir.with_name(f'{workdir.name}_{time.time_ns()}_{number}.log')
      with log.open('w') as file:
        self.running.append(
          subprocess.Popen(
            [
              sys.executable,
              'main.py',
              f'--workdir={workdir}',
              *(join if count > 1 else ()),
              *flags,
              *(of_last if number == count - 1 else ()),
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=dict(
              os.environ,
              JAX_PLATFORMS='cpu',
              JAX_NUM_CPU_DEVICES=str(DEVICES // count),
              JAX_DISABLE_MOST_OPTIMIZATIONS='1',
            ),
          )
        )
      self.logs.append(log)

  def wait(self, seconds=900):
    """Waits for all of them; returns their exit codes."""
    try:
      return [process.wait(timeout=seconds) for process in self.running]
    finally:
      for process in self.running:
        process.kill()

  def wait_for_steps(self, workdir):
    """Waits until some steps are written down."""
    for _ in range(3000):
      if (workdir / 'metrics.jsonl').exists() and lines(workdir):
        return
      time.sleep(0.1)
    raise AssertionError(self.said())

  def said(self, number=None):
    logs = self.logs if number is None else [self.logs[number]]
    return '\n'.join(log.read_text()[-3000:] for log in logs)


def lines(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  return [json.loads(line) for line in text.splitlines()]


def arrays(workdir):
  leaves = jax.tree.leaves(checkpoints.read(workdir).state)
  return np.concatenate([np.ravel(leaf) for leaf in leaves])


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
  """The workdir of the same run on one process."""
  workdir = tmp_path_factory.mktemp('alone') / 'run'
  run = Joined(workdir, PRETRAIN, count=1)
  assert run.wait() == [0], run.said()
  return workdir


@pytest.fixture(scope='module')
def joined(tmp_path_factory):
  """The same on two processes, of the same devices: the run, its workdir."""
  workdir = tmp_path_factory.mktemp('joined') / 'run'
  run = Joined(workdir, PRETRAIN)
  assert run.wait() == [0, 0], run.said()
  return run, workdir


@pytest.mark.slow
def test_several_end_as_one_does(alone, joined, tmp_path):
  run, workdir = joined
  # What others than the first say, it says, too; their files are gone.
  assert 'Pretrained: ' in run.said(0) and 'Pretrained: ' not in run.said(1)
  assert not (workdir / '.lock').exists()
  four = Joined(tmp_path / 'four', PRETRAIN, count=4)
  assert four.wait() == [0] * 4, four.said()
  assert lines(workdir) == lines(tmp_path / 'four')
  np.testing.assert_array_equal(arrays(workdir), arrays(tmp_path / 'four'))
  # Of one process's four devices the sums are other ones in the last digit, and
  # an untrained network makes more of that from step to step.
  for one, many in zip(lines(alone), lines(workdir), strict=True):
    assert one.keys() == many.keys()
    if 'loss' in one:
      first = one['step'] == 1
      assert many['loss'] == pytest.approx(one['loss'], 1e-5 if first else 0.02)
      assert many['gradient_norm'] == pytest.approx(
        one['gradient_norm'], 1e-4 if first else 0.2
      )


@pytest.mark.slow
def test_any_of_them_stops_all_and_all_go_on(joined, tmp_path):
  _, whole = joined
  cut = tmp_path / 'cut'
  run = Joined(cut, PRETRAIN)
  run.wait_for_steps(cut)
  run.running[1].send_signal(signal.SIGTERM)
  assert run.wait(120) == [commands.TERMINATED] * 2, run.said()
  assert 'Terminated.' in run.said(0) and 'To go on' in run.said(0)
  run = Joined(cut, PRETRAIN, count=4)  # of the same devices
  assert run.wait() == [0] * 4, run.said()
  assert 'Going on after epoch' in run.said(0)
  assert lines(cut) == lines(whole)
  np.testing.assert_array_equal(arrays(cut), arrays(whole))


@pytest.mark.slow
@pytest.mark.parametrize('lost', [0, 1])
def test_who_loses_another_ends_with_a_sentence(lost, tmp_path):
  workdir = tmp_path / 'run'
  run = Joined(workdir, (*PRETRAIN, '--config.num_epochs=1000'))
  run.wait_for_steps(workdir)
  run.running[lost].kill()
  began = time.monotonic()
  assert run.wait(120)[1 - lost] == 1, run.said()
  assert time.monotonic() - began < 60
  assert 'Another process of this run has ended' in run.said(1 - lost)


@pytest.mark.slow
def test_other_settings_are_refused_by_all(tmp_path):
  run = Joined(tmp_path / 'run', PRETRAIN, of_last=['--config.seed=1'])
  assert run.wait(120) == [1, 1]
  for number in (0, 1):
    assert 'seed is 0 there, 1 here' in run.said(number)
  assert not (tmp_path / 'run').exists()
