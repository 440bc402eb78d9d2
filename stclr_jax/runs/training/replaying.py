"""A step of an earlier run, taken again and looked at from within.

Gone through from the newest checkpoint before it, in a folder of its own: what
a step does follows from the state, the seed and its number.
"""

import dataclasses
import functools
import pathlib
import shutil

from stclr_jax.errors import UserError
from stclr_jax.learning import watched_steps
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import run_checkpoints
from stclr_jax.runs.training import loop
from stclr_jax.runs.training import not_finite


@dataclasses.dataclass(frozen=True)
class Replay:
  """A step that was taken again.

  Attributes:
    step: its number, from 1.
    epoch: its epoch, from 1.
    gone_on_from: steps done in the checkpoint that the way there began with; 0
      for the untrained network.
    videos: ids of its batch.
    watched: `watched_steps.Watched`.
  """

  step: int
  epoch: int
  gone_on_from: int
  videos: tuple[str, ...]
  watched: watched_steps.Watched


def find_step(workdir):
  """Finds the step that a run noted last as not finite.

  Args:
    workdir: path of the run.

  Returns:
    Its number, from 1.

  Raises:
    UserError: if it noted none.
  """
  lines = not_finite.read_lines(workdir)
  if not lines:
    raise UserError(
      f'The run in {workdir} noted no step that was not finite '
      f'({not_finite.FILE}); say which one is meant, as in '
      f'`replay {workdir} 100`.'
    )
  return lines[-1]['step']


def replay(run, config, workdir, place, step):
  """Takes a step of a run again.

  Args:
    run: the run's workflow, `run(config, workdir, train=...)`.
    config: of the run, a ConfigDict.
    workdir: path of the run, which is only read.
    place: path of a new folder for what is written on the way.
    step: the step's number, from 1.

  Returns:
    A `Replay`.

  Raises:
    UserError: if the run has no such step, or its data has changed.
  """
  looking = _Looking(pathlib.Path(workdir).absolute(), step)
  try:
    run(config, place, train=looking.train)
  except _Looked:
    assert looking.found is not None
    return looking.found
  raise AssertionError('A run cannot end before one of its steps.')


class _Looked(Exception):
  """Ends the run: what it was begun for is known."""


class _Looking:
  """Goes to a step as training does, and looks at it."""

  def __init__(self, workdir, step):
    self._workdir = workdir
    self._step = step
    self._done = 0
    self.found = None

  def train(self, variables, videos, plan, end_epoch):
    """Stands for `loop.train`, and does not return."""
    if not 1 <= self._step <= plan.num_steps:
      raise UserError(
        f'There is no step {self._step} in the run in {self._workdir}: its '
        f'steps are 1 to {plan.num_steps}.'
      )
    self._check_data(plan.notes.data_hash)
    self._done = self._copy_checkpoint(plan)
    before_step = functools.partial(self._before_step, plan)
    plan = plan._replace(before_step=before_step)
    loop.train(variables, videos, plan, end_epoch)

  def _copy_checkpoint(self, plan):
    """Brings the newest one before the step; returns its steps done, or 0."""
    for done, folder, number in run_checkpoints.newest_first(
      self._workdir, plan.steps_per_epoch
    ):
      if done >= self._step or checkpoints.find_damage(folder, number):
        continue
      there = plan.workdir / folder.name / str(number)
      shutil.copytree(folder / str(number), there)
      return done
    return 0

  def _check_data(self, data_hash):
    noted = checkpoints.read_notes(self._workdir)
    if noted and noted['data_hash'] != data_hash:
      raise UserError(
        f'No step of the run in {self._workdir} can be taken again: its '
        'videos, their people or labels are not those that it was trained on. '
        'Bring the data back as it was.'
      )

  def _before_step(self, plan, step, take, arguments):
    if step != self._step:
      return
    network = take.network
    network = network.clone(encoder=network.encoder.clone(remat='none'))
    watched = watched_steps.watch(
      take.of_device(network, non_finite='stop'), *arguments
    )
    epoch = (step - 1) // plan.steps_per_epoch + 1
    videos = tuple(plan.name_videos_of_step(step))
    self.found = Replay(step, epoch, self._done, videos, watched)
    raise _Looked
