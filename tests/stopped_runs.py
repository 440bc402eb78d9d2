"""Runs that are stopped, as by a batch system or a power cut."""

import os
import signal

from stclr_jax.runs.training import journal


def tell_to_stop(patch, steps, number=signal.SIGTERM):
  """Sends this process a signal once some steps of a session are recorded.

  Args:
    patch: of pytest.
    steps: how many.
    number: of the signal.
  """
  _after(patch, steps, lambda: os.kill(os.getpid(), number))


def kill(patch, steps):
  """Lets the run die without a word after some steps of a session.

  Args:
    patch: of pytest.
    steps: how many.
  """

  def die():
    raise KeyboardInterrupt

  _after(patch, steps + 1, die)


def _after(patch, steps, do):
  record = journal.Journal.record
  calls = []

  def recording(self, *args, **kwargs):
    calls.append(args)
    if len(calls) == steps:
      do()
    record(self, *args, **kwargs)

  patch.setattr(journal.Journal, 'record', recording)
