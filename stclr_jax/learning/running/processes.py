"""Several processes as one run: how they join, and what they tell each other.

All run the same program, on data of their own reading; the first one alone
writes. What it alone can know, such as what a run has left on its disk, it
tells the others: every process must ask, in the same order.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

import jax
import numpy as np
from flax import serialization
from jax.experimental import multihost_utils

from stclr_jax.errors import UserError

# chosen: processes that start at once find each other in seconds, queues and
# images that are fetched take minutes.
JOIN_SECONDS = 300
# chosen: after so long without a sign of life a process counts as dead, and
# the others end.
DEAD_SECONDS = 60
_LOST = (
  'Another process of this run has ended, or cannot be reached any more '
  '({why}); see what it said. Start all of them again: the run goes on from '
  'its last checkpoint.'
)
# Of SIGABRT: what C alone knows of would be taken for unused.
_HANDLERS = []
# What a launcher sets of how many processes make up a run: srun, mpirun.
_COUNTS = ('SLURM_STEP_NUM_TASKS', 'OMPI_COMM_WORLD_SIZE')
# Of an indexed job of Kubernetes, whose pods jax knows to find.
_INDEX = ('KUBERNETES_SERVICE_HOST', 'JOB_COMPLETION_INDEX')


def join(coordinator='', num_processes=None, process_id=None):
  """Joins the other processes of a run; call before anything else of JAX's.

  Args:
    coordinator: HOST:PORT of the first process, which listens there; '' for
      what the launcher (srun, mpirun, Kubernetes) says.
    num_processes: of the run; None for what the launcher says, 1 to run alone
      whatever it says.
    process_id: which of them this is, from 0; None for what the launcher says.

  Raises:
    UserError: if only some of the three are given, they contradict each other,
      or the processes do not find each other.
  """
  given = [coordinator or None, num_processes, process_id]
  if num_processes == 1 and process_id in (None, 0):
    return
  if not any(value is not None for value in given):
    if not _is_launched():
      return
  elif None in given:
    raise UserError(
      f'`--coordinator` (={coordinator!r}), `--num_processes` '
      f'(={num_processes}) and `--process_id` (={process_id}) must be given '
      'together, or none of them where srun, mpirun or Kubernetes starts the '
      'processes; --num_processes=1 runs alone.'
    )
  else:
    _check(coordinator, num_processes, process_id)
  # Its service would take SIGTERM from us (`runs/training/stopping`).
  jax.config.update('jax_enable_preemption_service', False)
  who = (
    f'{"A process" if process_id is None else f"Process {process_id}"} of '
    f'{num_processes or "those launched"}'
  )
  where = coordinator or 'the address that the launcher says'
  question = (
    f'the first one must listen at {where}. Is each started once, with a '
    'number of its own and the same address, and can its port be reached?'
  )
  failed = f'{who} has not found the others within {JOIN_SECONDS} s; {question}'
  say_if_aborted(
    f'{who} could not join the others (JAX says above why); {question}'
  )
  with _giving_up(failed):
    try:
      jax.distributed.initialize(
        coordinator or None,
        num_processes,
        process_id,
        initialization_timeout=2 * JOIN_SECONDS,
        heartbeat_timeout_seconds=DEAD_SECONDS,
        shutdown_timeout_seconds=DEAD_SECONDS,
      )
    except (RuntimeError, ValueError) as error:
      words = str(error).splitlines()[0]
      raise UserError(f'{failed} ({words})') from error
  say_if_aborted(_LOST.format(why='JAX says above what it has seen'))


@contextlib.contextmanager
def _giving_up(failed):
  """Ends the process with a sentence, should it wait for others too long.

  It waits outside of Python, and would end in a stack trace; nor would it hear
  a signal that Python handles.
  """

  def give_up():
    print(f'Error: {failed}', file=sys.stderr, flush=True)
    os._exit(1)

  timer = threading.Timer(JOIN_SECONDS, give_up)
  timer.daemon = True
  before = {
    number: signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM)
  }
  timer.start()
  try:
    yield
  finally:
    timer.cancel()
    for number, handler in before.items():
      signal.signal(number, handler)


def say_if_aborted(sentence):
  """Sets the sentence with which the process ends, should JAX abort it.

  JAX does so from a thread of its own where the first process ends, as it
  listens for all, or where two have the same number. Python's signal handlers
  do not run then, and the callback that JAX offers fails (std::bad_cast, jaxlib
  0.10.2).

  Args:
    sentence: with what to do.
  """
  if os.name != 'posix':
    return

  @ctypes.CFUNCTYPE(None, ctypes.c_int)
  def end(_):
    # Not through sys.stderr, whose lock a thread that is interrupted may hold.
    os.write(2, f'Error: {sentence}\n'.encode())
    os._exit(1)

  ctypes.CDLL(None).signal(signal.SIGABRT, end)
  _HANDLERS.append(end)


def are_several():
  """Says whether other processes belong to this run."""
  # In this order: to count them, devices are set up once and for all.
  return jax.distributed.is_initialized() and jax.process_count() > 1


def is_first():
  """Says whether this is the process that writes."""
  return not are_several() or jax.process_index() == 0


def from_first(find):
  """Lets the first process find something, and tells all others.

  Args:
    find: called without arguments, in the first process alone; returns what
      msgpack can hold: numbers, text, None, lists, dicts by text, and arrays
      of NumPy.

  Returns:
    What it found, in every process; of tuples, lists.

  Raises:
    UserError, OSError: in every process, if it is raised in the first.
  """
  if not are_several():
    return find()
  error, told = None, b''
  if is_first():
    try:
      told = serialization.msgpack_serialize({'found': find()})
    except (UserError, OSError) as raised:
      error = raised
      kind = 'missing' if isinstance(raised, FileNotFoundError) else 'refused'
      told = serialization.msgpack_serialize({kind: str(raised)})
  heard: Any = serialization.msgpack_restore(_tell_all(told))
  if error is not None:
    raise error
  if 'missing' in heard:
    raise FileNotFoundError(heard['missing'])
  if 'refused' in heard:
    raise UserError(heard['refused'])
  return heard['found']


def check_same(what, told, *, remedy):
  """Refuses processes that differ in what must be the same.

  Args:
    what: names it, for the message.
    told: a dict of this process's own, of what JSON can hold.
    remedy: what to do, a sentence.

  Raises:
    UserError: in every process, naming where they differ.
  """
  if not are_several():
    return
  own = {'host': socket.gethostname(), 'told': told}
  first, *others = map(json.loads, gather(json.dumps(own).encode()))
  for number, other in enumerate(others, 1):
    differences = list(_differences(first['told'], other['told']))
    if differences:
      raise UserError(
        f'Process {number} (on {other["host"]}) has another {what} than the '
        f'first (on {first["host"]}): {"; ".join(differences[:5])}. {remedy}'
      )


def part():
  """Leaves the others, who leave as well; waits for them for a while."""
  if are_several():
    jax.distributed.shutdown()


@contextlib.contextmanager
def naming_lost_ones():
  """Says in a sentence that another process has ended, and ends this one.

  Raises:
    UserError: in place of what JAX raises when a collective fails.
  """
  try:
    yield
  except jax.errors.JaxRuntimeError as error:
    words = str(error).splitlines()[0]
    lost = ('Gloo', 'NCCL', 'DEADLINE', 'UNAVAILABLE', 'heartbeat', 'closed')
    if not are_several() or not any(word in str(error) for word in lost):
      raise
    raise UserError(_LOST.format(why=words)) from error


@contextlib.contextmanager
def leaving_others():
  """Ends a process that fails without waiting for the others, who end, too.

  Raises:
    SystemExit: as it was raised, where there are no others.
  """
  try:
    yield
  except SystemExit as end:
    if not end.code or not are_several():
      raise
    if isinstance(end.code, str):
      print(end.code, file=sys.stderr)
    sys.stderr.flush()
    os._exit(end.code if isinstance(end.code, int) else 1)


def _is_launched():
  counts = [os.environ.get(name, '1') for name in _COUNTS]
  return any(count.isdecimal() and int(count) > 1 for count in counts) or all(
    name in os.environ for name in _INDEX
  )


def _check(coordinator, num_processes, process_id):
  _, colon, port = coordinator.rpartition(':')
  if not colon or not port.isdecimal():
    raise UserError(
      f'`--coordinator` (={coordinator!r}) must be HOST:PORT of the first '
      'process, such as node1:1234.'
    )
  if num_processes < 1 or not 0 <= process_id < num_processes:
    raise UserError(
      f'`--process_id` (={process_id}) must be at least 0 and less than '
      f'`--num_processes` (={num_processes}), which must be at least 1.'
    )


def _tell_all(told):
  """Sends bytes of the first process to all."""
  size = int(multihost_utils.broadcast_one_to_all(np.int32(len(told))))
  content = np.zeros(size, np.uint8)
  if is_first():
    content[:] = np.frombuffer(told, np.uint8)
  return np.asarray(multihost_utils.broadcast_one_to_all(content)).tobytes()


def gather(told):
  """Sends bytes of every process to all.

  Args:
    told: of this process.

  Returns:
    A list of bytes, by process.
  """
  sizes = multihost_utils.process_allgather(np.int32(len(told)))
  padded = np.zeros(int(sizes.max()), np.uint8)
  padded[: len(told)] = np.frombuffer(told, np.uint8)
  rows = np.asarray(multihost_utils.process_allgather(padded))
  return [
    row[:size].tobytes() for row, size in zip(rows, sizes.tolist(), strict=True)
  ]


def _differences(first, other, prefix=''):
  for key in sorted(first.keys() | other.keys()):
    was, now = first.get(key, 'absent'), other.get(key, 'absent')
    if isinstance(was, dict) and isinstance(now, dict):
      yield from _differences(was, now, f'{prefix}{key}.')
    elif was != now:
      yield f'{prefix}{key} is {was!r} there, {now!r} here'
