"""Implementations in processes of their own that take turns over pipes.

Two frameworks in one process share an allocator's memory and a CPU's threads.
Here each keeps a process, compiles once, and works only when it is asked to.
Requests and answers are JSON lines.
"""

import contextlib
import importlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types

ROOT = pathlib.Path(__file__).parents[1]
MODULE = 'benchmarks.processes'

_deadline = None  # of all workers, by the monotonic clock


class WorkerError(RuntimeError):
  """A worker failed, ended or took too long; its message says which."""


class Worker:
  """A process that answers requests.

  Attributes:
    name: for messages.
  """

  def __init__(self, name, target, options, *, python=None, environment=None):
    """Starts the process.

    Args:
      name: for messages.
      target: the class whose public methods are the requests, such as
        'benchmarks.step.jax_step:JaxStep'; it is made of the options.
      options: JSON-able dict; the class sees a namespace.
      python: the interpreter; None for this one.
      environment: variables to set beside this process's own.
    """
    self.name = name
    self._errors = tempfile.TemporaryFile('w+')
    self._process = subprocess.Popen(
      [python or sys.executable, '-m', MODULE, target, json.dumps(options)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._errors,
      text=True,
      cwd=ROOT,
      env=child_environment(environment),
    )
    self._answers = queue.Queue()
    threading.Thread(target=self._listen, daemon=True).start()

  def ask(self, request, *, timeout=None, **arguments):
    """Sends a request and waits for its answer.

    Args:
      request: name of one of the worker's functions.
      timeout: seconds to wait; None for ever, or until the deadline.
      **arguments: of the function, JSON-able.

    Returns:
      What the function returned.

    Raises:
      WorkerError: if it raised, the process ended, or time ran out.
    """
    if _deadline is not None:
      left = max(0.0, _deadline - time.monotonic())
      timeout = left if timeout is None else min(timeout, left)
    try:
      line = json.dumps({'request': request, 'arguments': arguments})
      self._process.stdin.write(line + '\n')
      self._process.stdin.flush()
      answer = self._answers.get(timeout=timeout)
    except queue.Empty:
      self.close(kill=True)
      raise WorkerError(
        f'{self.name} did not answer {request!r} in {timeout:.0f} s.'
      ) from None
    except OSError:
      answer = None
    if answer is None:
      self._answers.put(None)  # for the next request: there will be no other
      raise WorkerError(f'{self.name} ended: {self._last_errors()}')
    if 'error' in answer:
      raise WorkerError(f'{self.name} failed: {answer["error"]}')
    return answer['answer']

  def close(self, *, kill=False):
    """Ends the process."""
    if kill:
      self._process.kill()
    with contextlib.suppress(OSError):
      self._process.stdin.close()
    try:
      self._process.wait(timeout=30)
    except subprocess.TimeoutExpired:
      self._process.kill()
      self._process.wait()
    self._process.stdout.close()
    self._errors.close()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()

  def _listen(self):
    with contextlib.suppress(ValueError):  # closed while reading
      for line in self._process.stdout:
        self._answers.put(json.loads(line))
    self._answers.put(None)

  def _last_errors(self):
    self._errors.seek(0)
    return self._errors.read()[-2000:].strip() or 'no message'


def set_deadline(seconds):
  """Lets no worker answer later than some seconds from now; None for ever."""
  global _deadline
  _deadline = None if seconds is None else time.monotonic() + seconds


def child_environment(extra=None):
  """Makes the environment of a process that must share a GPU.

  Args:
    extra: variables to set beside this process's own; 'XLA_FLAGS' are added.

  Returns:
    A dict.
  """
  environment = dict(os.environ)
  environment['XLA_PYTHON_CLIENT_PREALLOCATE'] = 'false'
  environment['PYTHONPATH'] = os.pathsep.join(
    filter(None, [str(ROOT), environment.get('PYTHONPATH')])
  )
  extra = dict(extra or {})
  if flags := extra.pop('XLA_FLAGS', ''):
    environment['XLA_FLAGS'] = f'{environment.get("XLA_FLAGS", "")} {flags}'
  return environment | extra


def serve(target, options):
  """Answers requests until there are no more.

  Whatever libraries print goes to stderr: stdout belongs to the answers.

  Args:
    target: see `Worker`.
    options: see `Worker`, as JSON.
  """
  answers = os.fdopen(os.dup(1), 'w')
  os.dup2(2, 1)
  served = None
  for line in sys.stdin:
    call = json.loads(line)
    try:
      if served is None:
        module, _, name = target.partition(':')
        make = getattr(importlib.import_module(module), name)
        served = make(types.SimpleNamespace(**json.loads(options)))
      result = getattr(served, call['request'])(**call['arguments'])
      answer = {'answer': result}
    except Exception:
      answer = {'error': traceback.format_exc()[-4000:]}
    answers.write(json.dumps(answer) + '\n')
    answers.flush()


if __name__ == '__main__':
  serve(*sys.argv[1:])
