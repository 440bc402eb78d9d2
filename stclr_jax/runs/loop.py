"""The loop that every kind of training shares: stages, epochs, checkpoints."""

import contextlib
import itertools
import pathlib
import time
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

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


class Outcome(NamedTuple):
  """What a training run ends with.

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


def train(
  variables,
  videos,
  *,
  stages,
  batches,
  steps_per_epoch,
  clips_per_step,
  workdir,
  notes,
  checkpoint_every_epochs,
  keep_checkpoints,
  keep_epochs,
  log_every_steps,
  end_epoch,
):
  """Trains from the beginning, or from the workdir's newest checkpoint.

  Args:
    variables: of the untrained network.
    videos: `steps.DeviceVideos`, replicated.
    stages: list of `Stage`, one following on the other.
    batches: see `run_videos.PlacedVideos.epochs`.
    steps_per_epoch: how many there are of each epoch.
    clips_per_step: clips that the encoder sees in a step.
    workdir: path of the run.
    notes: JSON-able facts that every checkpoint carries.
    checkpoint_every_epochs: epochs between checkpoints; one is also written
      at the end of a stage.
    keep_checkpoints: how many of the newest to keep.
    keep_epochs: epochs whose checkpoints are written and kept as well.
    log_every_steps: steps between lines of metrics.jsonl.
    end_epoch: `end_epoch(epochs_done, variables, figures, journal)` is called
      after each epoch, before its checkpoint; it may add figures.

  Returns:
    An `Outcome`.

  Raises:
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
    disk.FullDiskError: if there is no room for a checkpoint.
  """
  workdir = pathlib.Path(workdir)
  figures, opt_state = {}, None
  started, earlier_seconds = time.monotonic(), 0.0
  with checkpoints.Checkpoints(
    workdir / 'checkpoints', keep=keep_checkpoints, keep_epochs=keep_epochs
  ) as saved:
    done = saved.latest_epoch() or 0
    with Journal(
      workdir,
      num_steps=stages[-1].stop * steps_per_epoch,
      first_step=done * steps_per_epoch,
      log_every_steps=log_every_steps,
      clips_per_step=clips_per_step,
    ) as journal:
      if done:
        journal.say(f'Going on after epoch {done}.')
      for stage in stages:
        if stage.stop < done:
          continue
        state = parallel.replicate(stage.create_state(variables, opt_state))
        if stage.start < done:
          checkpoint = saved.restore(state)
          state, figures = checkpoint.state, checkpoint.notes['figures']
          stage.learning_rate.restore(checkpoint.notes['learning_rate'])
          earlier_seconds = checkpoint.notes.get('seconds', 0.0)
        saved.check_space(state)  # before an epoch is lost for want of it
        journal.pause()
        start = max(done, stage.start)
        with contextlib.closing(batches(start, stage.stop)) as stream:
          for epoch in range(start, stage.stop):
            state, figures = _train_epoch(
              stage, state, videos, epoch, stream, steps_per_epoch, journal
            )
            end_epoch(epoch + 1, _variables(state), figures, journal)
            if (
              epoch + 1 in (stage.stop, *keep_epochs)
              or (epoch + 1) % checkpoint_every_epochs == 0
            ):
              progress = {
                'figures': figures,
                'learning_rate': stage.learning_rate.notes(),
                'seconds': earlier_seconds + time.monotonic() - started,
              }
              saved.save(epoch + 1, state, notes | progress)
        variables, opt_state = _variables(state), state.opt_state
  return Outcome(variables, figures, journal.clips_per_second, earlier_seconds)


def _train_epoch(stage, state, videos, epoch, stream, steps_per_epoch, journal):
  batches = itertools.islice(stream, steps_per_epoch)
  for i, batch in enumerate(batches):
    stage_step = (epoch - stage.start) * steps_per_epoch + i
    rate = stage.learning_rate.at(stage_step)
    state, metrics = stage.step(
      state, videos, batch, np.int32(epoch), np.float32(rate)
    )
    run_step = epoch * steps_per_epoch + i + 1
    journal.record(run_step, epoch + 1, metrics, learning_rate=rate)
  figures = journal.end_epoch()
  stage.learning_rate.end_epoch(figures['loss'])
  return state, figures


def _variables(state):
  return {'params': state.params, 'batch_stats': state.batch_stats}
