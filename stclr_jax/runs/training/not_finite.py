"""Steps whose loss or gradient is no number: written down, and counted.

Each with the videos of its batch. What was drawn of them follows from the seed
and the epoch, so that the step can be run again.
"""

import math
import pathlib

from stclr_jax.errors import NotFiniteError
from stclr_jax.files import json_files

FILE = 'not_finite.jsonl'


def read_lines(workdir):
  """Reads what a run noted of such steps, see `json_files.read_lines`.

  Args:
    workdir: path of the run.
  """
  return json_files.read_lines(pathlib.Path(workdir) / FILE)


class NotFinite:
  """The steps of a run that were not finite."""

  def __init__(self, workdir, *, first_step, most_in_a_row, name_videos):
    """Opens what was written of a run that goes on.

    Args:
      workdir: its folder.
      first_step: steps done before; what was written of later ones is dropped.
      most_in_a_row: such steps one after another that stop the run.
      name_videos: `name_videos(step)` gives the ids of the videos of a step,
        counted from 1.
    """
    self._path = pathlib.Path(workdir) / FILE
    self._most_in_a_row = most_in_a_row
    self._name_videos = name_videos
    json_files.drop_lines_beyond(self._path, first_step)
    self._steps = [line['step'] for line in read_lines(workdir)]

  @property
  def count(self):
    """Number of steps that were skipped."""
    return len(self._steps)

  def look(self, step, epoch, figures, *, skipped):
    """Looks at the metrics of a step.

    Args:
      step: its number, from 1.
      epoch: its epoch, from 1.
      figures: its metrics.
      skipped: whether the step has left everything as it was.

    Raises:
      NotFiniteError: if a metric is not finite, unless the step was skipped and
        not too many before it were.
    """
    # The loss first: where it is not finite, the others only follow.
    wrong = [
      name
      for name in sorted(figures, key=lambda name: name != 'loss')
      if not math.isfinite(figures[name])
    ]
    if not wrong and not skipped:
      return
    self._steps.append(step)
    json_files.append_line(
      self._path,
      {
        'step': step,
        'epoch': epoch,
        'figures': {name: str(value) for name, value in figures.items()},
        'videos': self._name_videos(step),
      },
    )
    what = f'`{wrong[0]}` is {figures[wrong[0]]}' if wrong else 'a gradient is'
    if not skipped:
      raise NotFiniteError(
        f'{what} at step {step} (epoch {epoch}), so the run stops; its last '
        f'checkpoint is from before. {self._path} names the videos, and '
        f'`python -m stclr_jax.replay {self._path.parent}` the layer. A lower '
        '`optimizer.learning_rate` or a higher `temperature` usually helps; '
        "`non_finite.action` = 'skip' goes on without such steps."
      )
    if self._in_a_row() >= self._most_in_a_row:
      raise NotFiniteError(
        f'{what} at step {step} (epoch {epoch}), as in the '
        f'{self._most_in_a_row} steps up to it (`non_finite.most_in_a_row`), '
        f'so the run stops. {self._path} names their videos.'
      )

  def _in_a_row(self):
    last = self._steps[-1]
    return next(
      number
      for number in range(1, len(self._steps) + 1)
      if last - number not in self._steps
    )
