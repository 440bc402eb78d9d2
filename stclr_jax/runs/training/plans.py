"""Plan of a training: stages, batches, checkpoints."""

import pathlib
from collections.abc import Callable
from typing import Any
from typing import NamedTuple


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
    every_minutes: minutes after which one is written, also within an epoch.
    keep: how many of the newest, at the end of epochs, to keep.
    keep_epochs: epochs whose checkpoints are written and kept as well.
    keep_best: figure by which the best epoch is, too, see `best_epoch`.
  """

  every_epochs: int
  every_minutes: float
  keep: int
  keep_epochs: tuple[int, ...]
  keep_best: str


class Plan(NamedTuple):
  """Plan of a training: its stages, batches and checkpoints.

  Attributes:
    workdir: path of the run.
    name: of what is trained, such as 'pretrain'.
    stages: list of `Stage`, one following on the other.
    batches: see `run_videos.PlacedVideos.epochs`.
    steps_per_epoch: how many batches there are of each epoch.
    clips_per_step: clips that the encoder sees in a step.
    notes: the `trained.Notes` that every checkpoint carries.
    checkpoint: `CheckpointOptions`.
    name_videos: `name_videos(epoch)` gives, of each of its batches, a list of
      the videos' ids; epochs count from 0.
    most_not_finite: steps in a row that are skipped as they are not finite,
      which stop the run.
    log_every_steps: steps between lines of metrics.jsonl.
    before_step: `before_step(number, step, arguments)`, if any, is called
      before each step, from 1, with what the step is about to be called with.
  """

  workdir: pathlib.Path
  name: str
  stages: list[Stage]
  batches: Callable
  steps_per_epoch: int
  clips_per_step: int
  notes: Any
  checkpoint: CheckpointOptions
  name_videos: Callable
  most_not_finite: int
  log_every_steps: int
  before_step: Callable | None = None

  @property
  def num_steps(self):
    """Steps of the whole run."""
    return self.stages[-1].stop * self.steps_per_epoch

  def name_videos_of_step(self, step):
    """Lists the ids of the videos of a step, counted from 1."""
    epoch, place = divmod(step - 1, self.steps_per_epoch)
    return self.name_videos(epoch)[place]
