import os
import time

import pytest

from benchmarks import processes

HERE = 'tests.benchmarks.test_processes'


class Echo:
  """What the processes of these tests run."""

  def __init__(self, options):
    self.options = options
    self.calls = 0

  def add(self, *, number):
    print('libraries print what they like')
    os.write(1, b'also behind the back of Python\n')
    self.calls += 1
    return [self.options.start + number, self.calls]

  def fail(self):
    raise ValueError('no such luck')

  def sleep(self, *, seconds):
    time.sleep(seconds)

  def leave(self):
    os._exit(3)

  def flags(self):
    return os.environ.get('XLA_FLAGS'), os.environ['OTHER']


@pytest.fixture
def worker():
  with processes.Worker('echo', f'{HERE}:Echo', {'start': 40}) as made:
    yield made


def test_answers_keep_state_and_ignore_what_is_printed(worker):
  assert worker.ask('add', number=1) == [41, 1]
  assert worker.ask('add', number=2) == [42, 2]


def test_an_error_is_told_and_the_next_request_answered(worker):
  with pytest.raises(processes.WorkerError, match='no such luck'):
    worker.ask('fail')
  assert worker.ask('add', number=2) == [42, 1]


def test_an_end_is_told(worker):
  with pytest.raises(processes.WorkerError, match='echo ended'):
    worker.ask('leave')
  with pytest.raises(processes.WorkerError, match='echo ended'):
    worker.ask('add', number=1)


def test_a_timeout_ends_the_process(worker):
  worker.ask('add', number=1)  # it has started
  started = time.monotonic()
  with pytest.raises(processes.WorkerError, match='did not answer'):
    worker.ask('sleep', seconds=60, timeout=0.1)
  assert time.monotonic() - started < 20


def test_the_deadline_holds_for_all(worker):
  worker.ask('add', number=1)
  processes.set_deadline(0.1)
  try:
    with pytest.raises(processes.WorkerError, match='did not answer'):
      worker.ask('sleep', seconds=60, timeout=600)
  finally:
    processes.set_deadline(None)


def test_flags_are_added_and_the_rest_replaced(monkeypatch):
  monkeypatch.setenv('XLA_FLAGS', '--a=1')
  monkeypatch.setenv('OTHER', 'old')
  environment = {'XLA_FLAGS': '--b=2', 'OTHER': 'new'}
  with processes.Worker(
    'echo', f'{HERE}:Echo', {'start': 0}, environment=environment
  ) as worker:
    assert worker.ask('flags') == ['--a=1 --b=2', 'new']
