"""Progress line, metrics.jsonl and events of a training."""

import collections
import json
import pathlib
import sys
import time

import jax
from tqdm import tqdm

from stclr_jax.errors import NotFiniteError
from stclr_jax.files import json_files
from stclr_jax.runs.events import Events

# Steps between a step and the look at its metrics. The device then always has
# work queued, and a number that is not finite is still found before the next
# checkpoint.
LAG = 2

METRICS = 'metrics.jsonl'


class Journal:
  """Follows the steps of a run, checks them, and writes them down."""

  def __init__(
    self,
    workdir,
    *,
    name,
    num_steps,
    first_step,
    log_every_steps,
    clips_per_step,
    not_finite,
    epoch_figures=(),
  ):
    """Opens the journal of a run.

    Args:
      workdir: its folder.
      name: of what is trained, for TensorBoard.
      num_steps: steps of the whole run; the last has a line in any case.
      first_step: steps done before, in a run that goes on; lines beyond it
        (of steps that will be repeated) are dropped.
      log_every_steps: steps from one line of metrics.jsonl to the next.
      clips_per_step: clips that the encoder sees in a step, for the speed.
      not_finite: a `not_finite.NotFinite`, which looks at each step.
      epoch_figures: metrics of the steps before, of an epoch that goes on.
    """
    self._num_steps = num_steps
    self._log_every_steps = log_every_steps
    self._clips_per_step = clips_per_step
    self._not_finite = not_finite
    self._waiting = collections.deque()
    self._epoch_figures = list(epoch_figures)
    self._steps_left = num_steps - first_step
    self._timed_steps = 0
    self._timed_seconds = 0.0
    self._last = None
    json_files.drop_lines_beyond(pathlib.Path(workdir) / METRICS, first_step)
    self._file = (pathlib.Path(workdir) / METRICS).open('a')
    self._events = Events(workdir, name=name, first_step=first_step)
    self._bar = tqdm(
      total=num_steps,
      initial=first_step,
      unit='step',
      disable=not sys.stderr.isatty(),
      bar_format='{desc} |{bar}| {n}/{total} {postfix} {remaining} left',
    )

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self._bar.close()
    self._file.close()
    self._events.close()

  def say(self, line):
    """Prints a line above the progress line."""
    self._bar.write(line, file=sys.stdout)
    sys.stdout.flush()

  def record(self, step, epoch, metrics, *, learning_rate):
    """Takes the metrics of a step, without waiting for them.

    Args:
      step: its number, from 1.
      epoch: its epoch, from 1.
      metrics: scalars on the device, 'count' among them.
      learning_rate: used by the step.

    Raises:
      FloatingPointError: if an earlier step's metric is not finite.
    """
    self._waiting.append((step, epoch, metrics, learning_rate))
    while len(self._waiting) > LAG:
      self._read_one()

  def catch_up(self):
    """Looks at all steps so far.

    Returns:
      The metrics of each step of an epoch that is not finished.

    Raises:
      FloatingPointError: if a metric is not finite.
    """
    while self._waiting:
      self._read_one()
    return list(self._epoch_figures)

  def pause(self):
    """Leaves what comes next (compiling, evaluating) out of the speed."""
    self.catch_up()
    self._last = None

  def end_epoch(self):
    """Looks at all steps so far.

    Returns:
      The mean of each metric over the epoch, weighted by its count.

    Raises:
      FloatingPointError: if a metric is not finite.
    """
    self.catch_up()
    figures, self._epoch_figures = self._epoch_figures, []
    if not figures:
      raise NotFiniteError(
        'No step of the epoch was finite: all of them were skipped, so that '
        'the run stops; its last checkpoint is from before.'
      )
    count = sum(f['count'] for f in figures)
    return {
      name: sum(f[name] * f['count'] for f in figures) / count
      for name in figures[0]
      if name != 'count'
    }

  def write(self, *, step, **values):
    """Appends a line to metrics.jsonl, and the same to TensorBoard's events.

    Args:
      step: its number, from 1.
      **values: numbers.
    """
    self._file.write(json.dumps({'step': step, **values}) + '\n')
    self._file.flush()
    self._events.add_figures(step, values)

  @property
  def clips_per_second(self):
    """Clips through the encoder per second, compiling left out, or None."""
    if not self._timed_steps:
      return None
    return self._timed_steps * self._clips_per_step / self._timed_seconds

  def pace(self):
    """Says how fast the run goes and how long it will take."""
    if not self._timed_steps:
      return 'compiling'
    left = self._steps_left * self._timed_seconds / self._timed_steps
    return (
      f'{self.clips_per_second:.0f} clips/s, {tqdm.format_interval(left)} left'
    )

  def _read_one(self):
    step, epoch, metrics, learning_rate = self._waiting.popleft()
    figures = {k: float(v) for k, v in jax.device_get(metrics).items()}
    now = time.perf_counter()
    self._steps_left -= 1
    if self._last is not None:
      self._timed_steps += 1
      self._timed_seconds += now - self._last
    self._last = now
    finite = figures.pop('finite', 1.0)
    self._not_finite.look(step, epoch, figures, skipped=not finite)
    if not finite:
      self._bar.update()
      return
    self._epoch_figures.append(figures)
    shown = {k: v for k, v in figures.items() if k != 'count'}
    if step % self._log_every_steps == 0 or step == self._num_steps:
      self.write(step=step, epoch=epoch, learning_rate=learning_rate, **shown)
    self._bar.set_description(f'epoch {epoch}', refresh=False)
    self._bar.set_postfix_str(self._postfix(shown), refresh=False)
    self._bar.update()

  def _postfix(self, figures):
    words = [f'{name} {value:.3g}' for name, value in figures.items()]
    if self._timed_steps:
      words.append(f'{self.clips_per_second:.0f} clips/s')
    return ', '.join(words)


def read_lines(workdir):
  """Reads metrics.jsonl, see `json_files.read_lines`.

  Args:
    workdir: path of a run that has begun to train.
  """
  return json_files.read_lines(pathlib.Path(workdir) / METRICS)
