"""The loop that every kind of training shares: stages, epochs, checkpoints."""

import contextlib
import dataclasses
import hashlib
import time
from typing import Any
from typing import NamedTuple

import jax
import numpy as np

from stclr_jax.files import json_records
from stclr_jax.learning import parallel
from stclr_jax.learning.running import processes
from stclr_jax.learning.saved import best_epoch
from stclr_jax.learning.saved import run_checkpoints
from stclr_jax.runs.training import stopping
from stclr_jax.runs.training.journal import Journal
from stclr_jax.runs.training.not_finite import NotFinite


@dataclasses.dataclass(frozen=True)
class Progress(json_records.Record):
  """Progress of a run at a checkpoint.

  Attributes:
    figures: of the last epoch that was finished; None where nobody looked.
    learning_rate: the state of the stage's learning rate.
    seconds: that the run took until then, over all its sessions.
    epoch_figures: metrics of each step of an epoch that is not finished.
  """

  figures: dict[str, float | None]
  learning_rate: Any
  seconds: float
  epoch_figures: tuple[dict[str, float], ...] = ()


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


def train(variables, videos, plan, end_epoch):
  """Trains from the beginning, or from the workdir's newest whole checkpoint.

  An interrupt or SIGTERM ends the step and writes a checkpoint before it is
  raised; a second one is raised at once.

  Args:
    variables: of the untrained network.
    videos: `steps.DeviceVideos`, replicated.
    plan: a `plans.Plan`.
    end_epoch: `end_epoch(epochs_done, variables, figures, journal)` is called
      after each epoch, before its checkpoint; it may add figures.

  Returns:
    An `Outcome`.

  Raises:
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
    disk.FullDiskError: if there is no room for a checkpoint.
    KeyboardInterrupt: once it was stopped.
  """
  with contextlib.ExitStack() as at_the_end:
    heard = at_the_end.enter_context(stopping.held())
    # Whoever is stopped leaves together: once all is written, before the signal
    # is raised.
    at_the_end.callback(lambda: heard.number and processes.part())
    best = best_epoch.BestEpoch(plan.checkpoint.keep_best)
    saved = at_the_end.enter_context(
      run_checkpoints.RunCheckpoints(
        plan.workdir,
        steps_per_epoch=plan.steps_per_epoch,
        keep=plan.checkpoint.keep,
        keep_epochs=plan.checkpoint.keep_epochs,
        best=best,
      )
    )
    done = saved.find()
    progress = None
    if done:
      progress = Progress.from_dict(saved.read_notes()['progress'])
    if done and plan.checkpoint.keep_best != 'none':
      for epoch, notes in saved.read_notes_of_epochs().items():
        best.look(epoch, Progress.from_dict(notes['progress']).figures)
    journal = at_the_end.enter_context(
      Journal(
        plan.workdir,
        name=plan.name,
        num_steps=plan.num_steps,
        first_step=done,
        not_finite=NotFinite(
          plan.workdir,
          first_step=done,
          most_in_a_row=plan.most_not_finite,
          name_videos=plan.name_videos_of_step,
        ),
        epoch_figures=progress.epoch_figures if progress else (),
        log_every_steps=plan.log_every_steps,
        clips_per_step=plan.clips_per_step,
      )
    )
    training = _Training(plan, videos, end_epoch, saved, best, journal, heard)
    outcome = training.run(variables, done, progress)
    if outcome is not None:
      processes.check_same(
        'network after the last step',
        {'sha256': _fingerprint(outcome.variables)},
        remedy='This is a fault of the program or of a machine: please report '
        'it, and use no figure of this run.',
      )
  if outcome is None:  # the signal was raised as the context was left
    raise KeyboardInterrupt
  return outcome


class _Training:
  """One session of a training."""

  def __init__(self, plan, videos, end_epoch, saved, best, journal, heard):
    self._plan = plan
    self._videos = videos
    self._end_epoch = end_epoch
    self._saved = saved
    self._best = best
    self._is_best = False
    self._journal = journal
    self._heard = heard
    self._agreement = stopping.Agreement()
    self._started = self._last_saved = time.monotonic()
    self._earlier_seconds = 0.0
    self._figures = {}

  def run(self, variables, done, progress):
    """Runs all stages from a step on; None if it was stopped before the end."""
    steps_per_epoch = self._plan.steps_per_epoch
    opt_state = None
    if done:
      epoch, step = divmod(done, steps_per_epoch)
      within = f' and step {step} of {steps_per_epoch}' if step else ''
      self._journal.say(f'Going on after epoch {epoch}{within}.')
      self._figures = progress.figures
      self._earlier_seconds = progress.seconds
    for stage in self._plan.stages:
      if stage.stop * steps_per_epoch < done:
        continue
      state = stage.create_state(variables, opt_state)
      if stage.start * steps_per_epoch < done:
        state = self._saved.restore(state)
        stage.learning_rate.restore(progress.learning_rate)
      state = parallel.replicate(state)
      self._saved.check_space(state)  # before an epoch is lost for want of it
      self._journal.pause()
      first = max(done, stage.start * steps_per_epoch)
      state, stopped = self._run_stage(stage, state, first)
      if stopped:
        return None
      variables, opt_state = _variables(state), state.opt_state
    return Outcome(
      variables,
      self._figures,
      self._journal.clips_per_second,
      self._earlier_seconds,
    )

  def _run_stage(self, stage, state, done):
    """Runs a stage from a step on; says whether it was stopped."""
    steps_per_epoch = self._plan.steps_per_epoch
    step = done
    epoch, skipped = divmod(done, steps_per_epoch)
    with contextlib.closing(
      self._plan.batches(epoch, stage.stop, skip=skipped)
    ) as stream:
      for batch in stream:
        epoch = step // steps_per_epoch
        # Of a learning rate, steps count from the start of the stage.
        rate = stage.learning_rate.at(step - stage.start * steps_per_epoch)
        step += 1
        state, metrics = self._take_step(
          stage.step,
          step,
          (state, self._videos, batch, np.int32(epoch), np.float32(rate)),
        )
        self._journal.record(step, epoch + 1, metrics, learning_rate=rate)
        asked = self._agreement.ask(self._request())
        if step % steps_per_epoch == 0:
          self._end_of_epoch(stage, state, epoch + 1)
        if self._is_due(stage, step, asked):
          self._save(stage, state, step)
        if asked > stopping.CHECKPOINT:
          self._heard.number = asked
          return state, True
    return state, False

  def _take_step(self, take, number, arguments):
    if self._plan.before_step:
      self._plan.before_step(number, take, arguments)
    return take(*arguments)

  def _end_of_epoch(self, stage, state, epoch):
    self._figures = self._journal.end_epoch()
    stage.learning_rate.end_epoch(self._figures['loss'])
    self._end_epoch(epoch, _variables(state), self._figures, self._journal)
    self._is_best = self._best.look(epoch, self._figures)

  def _request(self):
    """Asks for what this process has heard, or the clock says."""
    minutes = (time.monotonic() - self._last_saved) / 60
    due = minutes >= self._plan.checkpoint.every_minutes
    return self._heard.number or (
      stopping.CHECKPOINT if due else stopping.NOTHING
    )

  def _is_due(self, stage, step, asked):
    """Says whether a checkpoint is to be written after a step."""
    epoch, more = divmod(step, self._plan.steps_per_epoch)
    when = self._plan.checkpoint
    return asked or (
      not more
      and (
        self._is_best
        or epoch in (stage.stop, *when.keep_epochs)
        or epoch % when.every_epochs == 0
      )
    )

  def _save(self, stage, state, step):
    # Steps under way are looked at first: what is not finite is not kept.
    epoch_figures = self._journal.catch_up()
    progress = Progress(
      self._figures,
      stage.learning_rate.notes(),
      self._earlier_seconds + time.monotonic() - self._started,
      tuple(epoch_figures),
    )
    notes = self._plan.notes.as_dict() | {'progress': progress.as_dict()}
    self._saved.save(step, state, notes)
    self._last_saved = time.monotonic()


def _fingerprint(variables):
  """Hash of this process's copy of a network; '' where there is one only."""
  if not processes.are_several():
    return ''
  found = hashlib.sha256()
  for leaf in jax.tree.leaves(variables):
    found.update(parallel.own_copy(leaf).tobytes())
  return found.hexdigest()


def _variables(state):
  return {'params': state.params, 'batch_stats': state.batch_stats}
