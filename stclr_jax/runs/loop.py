"""The loop that every kind of training shares: stages, epochs, checkpoints."""

import contextlib
import dataclasses
import itertools
import pathlib
import signal
import threading
import time
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

from stclr_jax.files import json_records
from stclr_jax.learning import checkpoints
from stclr_jax.learning import parallel
from stclr_jax.runs.journal import Journal


class Stage(NamedTuple):
  """A range of epochs with one step, one optimiser and one learning rate.

  Attributes:
    start: first epoch, counted from 0 over the run.
    stop: the epoch after the last.
    create_state: `create_state(variables, opt_state)` makes the state with
      which the stage begins, of what the one before has ended with; for the
      first, `opt_state` is None.
    step: a parallelised training step of `learning.steps`.
    learning_rate: see `optimizers.create_learning_rate`; its steps count
      from the start of the stage.
  """

  start: int
  stop: int
  create_state: Callable
  step: Callable
  learning_rate: Any


class CheckpointOptions(NamedTuple):
  """When checkpoints are written, and which are kept.

  Attributes:
    every_epochs: epochs between checkpoints; one is also written at the end
      of a stage.
    keep: how many of the newest to keep.
    keep_epochs: epochs whose checkpoints are written and kept as well.
  """

  every_epochs: int
  keep: int
  keep_epochs: tuple[int, ...]


class Plan(NamedTuple):
  """Plan of a training: its stages, batches and checkpoints.

  Attributes:
    workdir: path of the run.
    stages: list of `Stage`, one following on the other.
    batches: see `run_videos.PlacedVideos.epochs`.
    steps_per_epoch: how many batches there are of each epoch.
    clips_per_step: clips that the encoder sees in a step.
    notes: the `trained.Notes` that every checkpoint carries.
    checkpoint: `CheckpointOptions`.
    log_every_steps: steps between lines of metrics.jsonl.
  """

  workdir: pathlib.Path
  stages: list[Stage]
  batches: Callable
  steps_per_epoch: int
  clips_per_step: int
  notes: Any
  checkpoint: CheckpointOptions
  log_every_steps: int


@dataclasses.dataclass(frozen=True)
class Progress(json_records.Record):
  """Progress of a run at a checkpoint.

  Attributes:
    figures: means of the epoch's metrics.
    learning_rate: the state of the stage's learning rate.
    seconds: that the run took until then, over all its sessions.
  """

  figures: dict[str, float]
  learning_rate: Any
  seconds: float


class Outcome(NamedTuple):
  """Outcome of a training.

  Attributes:
    variables: {'params': ..., 'batch_stats': ...}, replicated.
    figures: means of the last epoch's metrics.
    clips_per_second: clips through the encoder per second of this session,
      compiling and evaluation left out; None if it had no step to time.
    earlier_seconds: of the sessions before this one, up to the checkpoint that
      it went on from.
  """

  variables: dict[str, Any]
  figures: dict[str, float]
  clips_per_second: float | None
  earlier_seconds: float


@contextlib.contextmanager
def signals_held():
  """Lets an interrupt or SIGTERM wait for the end of what is done within.

  A checkpoint under way is then kept, and not told in a traceback of Orbax's. A
  second signal does not wait. A signal that would end the process without
  Python's help still does, and other threads than the first hear none.
  """
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  before, heard = {}, []

  def hear(number, frame):
    heard.append(number)
    if len(heard) > 1:
      before[number](number, frame)

  for number in (signal.SIGINT, signal.SIGTERM):
    if callable(handler := signal.getsignal(number)):
      before[number] = handler
      signal.signal(number, hear)
  try:
    yield
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
  if heard:
    signal.raise_signal(heard[0])


def train(variables, videos, plan, end_epoch):
  """Trains from the beginning, or from the workdir's newest checkpoint.

  Args:
    variables: of the untrained network.
    videos: `steps.DeviceVideos`, replicated.
    plan: a `Plan`.
    end_epoch: `end_epoch(epochs_done, variables, figures, journal)` is called
      after each epoch, before its checkpoint; it may add figures.

  Returns:
    An `Outcome`.

  Raises:
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
    disk.FullDiskError: if there is no room for a checkpoint.
  """
  figures, opt_state = {}, None
  started, earlier_seconds = time.monotonic(), 0.0
  every_epochs, keep, keep_epochs = plan.checkpoint
  saved = checkpoints.Checkpoints(
    plan.workdir / 'checkpoints', keep=keep, keep_epochs=keep_epochs
  )
  with contextlib.ExitStack() as at_the_end:
    at_the_end.callback(signals_held()(saved.close))
    done = saved.latest_epoch() or 0
    with Journal(
      plan.workdir,
      num_steps=plan.stages[-1].stop * plan.steps_per_epoch,
      first_step=done * plan.steps_per_epoch,
      log_every_steps=plan.log_every_steps,
      clips_per_step=plan.clips_per_step,
    ) as journal:
      if done:
        journal.say(f'Going on after epoch {done}.')
      for stage in plan.stages:
        if stage.stop < done:
          continue
        state = parallel.replicate(stage.create_state(variables, opt_state))
        if stage.start < done:
          checkpoint = saved.restore(state)
          progress = Progress.from_dict(checkpoint.notes['progress'])
          state, figures = checkpoint.state, progress.figures
          stage.learning_rate.restore(progress.learning_rate)
          earlier_seconds = progress.seconds
        with signals_held():  # it waits for the checkpoint before
          saved.check_space(state)  # before an epoch is lost for want of it
        journal.pause()
        start = max(done, stage.start)
        with contextlib.closing(plan.batches(start, stage.stop)) as stream:
          for epoch in range(start, stage.stop):
            state, figures = _train_epoch(
              plan, stage, state, videos, epoch, stream, journal
            )
            end_epoch(epoch + 1, _variables(state), figures, journal)
            if (
              epoch + 1 in (stage.stop, *keep_epochs)
              or (epoch + 1) % every_epochs == 0
            ):
              seconds = earlier_seconds + time.monotonic() - started
              rate = stage.learning_rate.notes()
              progress = Progress(figures, rate, seconds).as_dict()
              notes = plan.notes.as_dict() | {'progress': progress}
              with signals_held():
                saved.save(epoch + 1, state, notes)
        variables, opt_state = _variables(state), state.opt_state
  return Outcome(variables, figures, journal.clips_per_second, earlier_seconds)


def _train_epoch(plan, stage, state, videos, epoch, stream, journal):
  first = epoch * plan.steps_per_epoch
  batches = itertools.islice(stream, plan.steps_per_epoch)
  for step, batch in enumerate(batches, start=first):
    # Of a learning rate, steps count from the start of the stage.
    rate = stage.learning_rate.at(step - stage.start * plan.steps_per_epoch)
    state, metrics = stage.step(
      state, videos, batch, np.int32(epoch), np.float32(rate)
    )
    journal.record(step + 1, epoch + 1, metrics, learning_rate=rate)
  figures = journal.end_epoch()
  stage.learning_rate.end_epoch(figures['loss'])
  return state, figures


def _variables(state):
  return {'params': state.params, 'batch_stats': state.batch_stats}
