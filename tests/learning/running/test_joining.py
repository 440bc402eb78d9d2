"""Refusals before processes join, and what is compared once they have.

That they do join: `tests/workflows/test_joined_runs.py`.
"""

import json
import subprocess
import sys

import pytest

from stclr_jax.learning.running import processes


@pytest.fixture
def launched(monkeypatch):
  """Sets what a launcher sets; of what it does not, nothing is left."""

  def launch(**variables):
    for name in (
      'SLURM_STEP_NUM_TASKS',
      'OMPI_COMM_WORLD_SIZE',
      'KUBERNETES_SERVICE_HOST',
      'JOB_COMPLETION_INDEX',
    ):
      monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
      monkeypatch.setenv(name, value)

  launch()
  return launch


@pytest.fixture
def joined(monkeypatch):
  """Lists how JAX was asked to join, in place of joining."""
  asked = []
  monkeypatch.setattr(
    processes.jax.distributed,
    'initialize',
    lambda *given, **_: asked.append(given),
  )
  monkeypatch.setattr(processes.jax.config, 'update', lambda *_: None)
  monkeypatch.setattr(processes, 'say_if_aborted', lambda _: None)
  return asked


def test_who_is_alone_joins_nobody(launched, joined):
  processes.join()
  launched(SLURM_STEP_NUM_TASKS='1')  # a batch script's own step
  processes.join()
  launched(SLURM_STEP_NUM_TASKS='8')
  processes.join('', 1)
  processes.join('', 1, 0)
  launched(KUBERNETES_SERVICE_HOST='10.0.0.1')  # a pod of no indexed job
  processes.join()
  assert joined == []


@pytest.mark.parametrize(
  'variables',
  [
    {'SLURM_STEP_NUM_TASKS': '8'},
    {'OMPI_COMM_WORLD_SIZE': '2'},
    {'KUBERNETES_SERVICE_HOST': '10.0.0.1', 'JOB_COMPLETION_INDEX': '0'},
  ],
)
def test_what_a_launcher_says_is_joined(launched, joined, variables):
  launched(**variables)
  processes.join()
  assert joined == [(None, None, None)]


def test_what_is_given_is_joined(launched, joined):
  launched(SLURM_STEP_NUM_TASKS='8')
  processes.join('node1:1234', 2, 1)
  assert joined == [('node1:1234', 2, 1)]


@pytest.mark.parametrize(
  'given,message',
  [
    (('node1:1234',), 'must be given together'),
    (('', 2, 1), 'must be given together'),
    (('', None, 0), 'must be given together'),
    (('node1', 2, 1), "='node1'.*must be HOST:PORT"),
    (('node1:http', 2, 1), 'must be HOST:PORT'),
    (('node1:1234', 2, 2), '=2. must be at least 0 and less than'),
    (('node1:1234', 2, -1), '=-1. must be at least 0'),
    (('node1:1234', 0, 0), '=0.*must be at least 1'),
  ],
)
def test_what_cannot_be_joined_is_refused(launched, joined, given, message):
  with pytest.raises(ValueError, match=message):
    processes.join(*given)
  assert joined == []


def test_a_failure_says_whom_it_waited_for(launched, joined, monkeypatch):
  def fail(*_, **__):
    raise RuntimeError('Address in use\nand a stack trace')

  monkeypatch.setattr(processes.jax.distributed, 'initialize', fail)
  with pytest.raises(ValueError, match='Process 1 of 2 .*node1:1234') as error:
    processes.join('node1:1234', 2, 1)
  assert 'Address in use' in str(error.value)
  assert 'stack' not in str(error.value)


def test_what_jax_aborts_ends_with_a_sentence():
  program = (
    'import ctypes, threading\n'
    'from stclr_jax.learning.running import processes\n'
    'processes.say_if_aborted("Not the last.")\n'
    'processes.say_if_aborted("Start all again.")\n'
    'thread = threading.Thread(target=ctypes.CDLL(None).abort)\n'
    'thread.start(); thread.join()'
  )
  ran = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, timeout=60
  )
  assert (ran.returncode, ran.stderr) == (1, 'Error: Start all again.\n')


def test_the_one_that_differs_is_named(monkeypatch):
  told = [
    {'host': 'a', 'told': {'seed': 1, 'views': {'size': 16}}},
    {'host': 'b', 'told': {'seed': 1, 'views': {'size': 16}}},
    {'host': 'c', 'told': {'seed': 1, 'views': {'size': 32}, 'new': True}},
  ]
  monkeypatch.setattr(processes, 'are_several', lambda: True)
  monkeypatch.setattr(
    processes, 'gather', lambda _: [json.dumps(one).encode() for one in told]
  )
  with pytest.raises(ValueError, match=r'Process 2 \(on c\).*config') as error:
    processes.check_same('config', {}, remedy='Give the same.')
  said = str(error.value)
  assert 'views.size is 16 there, 32 here' in said
  assert "new is 'absent' there, True here" in said
  assert said.endswith('Give the same.')
  del told[2]
  processes.check_same('config', {}, remedy='')


def test_alone_nothing_is_asked_for(monkeypatch):
  monkeypatch.setattr(processes, 'gather', None)
  processes.check_same('config', {'seed': 1}, remedy='')
  assert processes.is_first() and not processes.are_several()
  assert processes.from_first(lambda: (1, 'two')) == (1, 'two')
  processes.part()
