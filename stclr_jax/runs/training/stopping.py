"""Signals that end a training: heard at once, acted on after the step.

Of several processes any may hear one, and all stop after the same step.
"""

import collections
import contextlib
import signal
import sys
import threading

from stclr_jax.learning import parallel
from stclr_jax.learning.running import processes

# Besides a signal's number, what a process can ask all others for.
NOTHING, CHECKPOINT = 0, 1
# Steps between asking and acting where there are other processes: as many as
# are under way, so that nobody waits for an answer.
_LAG = 2


class Heard:
  """Signals heard so far.

  Attributes:
    number: of the first one; 0 for none.
  """

  def __init__(self):
    self.number = NOTHING


@contextlib.contextmanager
def held():
  """Lets an interrupt or SIGTERM wait for the end of what is done within.

  A second signal does not wait. A signal that would end the process without
  Python's help still does, and other threads than the first hear none.

  Yields:
    `Heard`. Whoever leaves early does so by leaving the context.
  """
  heard = Heard()
  if threading.current_thread() is not threading.main_thread():
    yield heard
    return
  before = {}

  def hear(number, frame):
    if heard.number:
      before[number](number, frame)
    heard.number = heard.number or number
    print(
      '\nStopping after this step, with a checkpoint. Once more to leave now.',
      file=sys.stderr,
      flush=True,
    )

  for number in (signal.SIGINT, signal.SIGTERM):
    if callable(handler := signal.getsignal(number)):
      before[number] = handler
      signal.signal(number, hear)
  try:
    yield heard
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
  if heard.number:
    signal.raise_signal(heard.number)


class Agreement:
  """Lets all processes do after a step what any of them has asked for."""

  def __init__(self):
    self._waiting = collections.deque()

  def ask(self, request):
    """Asks all others; every process does so once a step.

    Args:
      request: NOTHING, CHECKPOINT or the number of a signal.

    Returns:
      The largest request of any process, the same in all of them. Of one
      process that is its own; of several, one of some steps ago.
    """
    if not processes.are_several():
      return request
    self._waiting.append(parallel.start_max_over_processes(request))
    if len(self._waiting) <= _LAG:
      return NOTHING
    return int(self._waiting.popleft())
