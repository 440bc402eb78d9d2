"""Progress line, check for numbers that are not finite, and metrics.jsonl."""

import collections
import json
import math
import pathlib
import sys
import time

import jax
from tqdm import tqdm

from stclr_jax.errors import NotFiniteError
from stclr_jax.errors import UserError
from stclr_jax.files import whole

# Steps between a step and the look at its metrics. The device then always has
# work queued, and a number that is not finite is still found before the next
# checkpoint.
LAG = 2

METRICS = 'metrics.jsonl'


class Journal:
  """Follows the steps of a run, checks them, and writes them down."""

  def __init__(
    self, workdir, *, num_steps, first_step, log_every_steps, clips_per_step
  ):
    """Opens the journal of a run.

    Args:
      workdir: its folder.
      num_steps: steps of the whole run; the last has a line in any case.
      first_step: steps done before, in a run that goes on; lines beyond it
        (of steps that will be repeated) are dropped.
      log_every_steps: steps from one line of metrics.jsonl to the next.
      clips_per_step: clips that the encoder sees in a step, for the speed.
    """
    self._num_steps = num_steps
    self._log_every_steps = log_every_steps
    self._clips_per_step = clips_per_step
    self._waiting = collections.deque()
    self._epoch_figures = []
    self._steps_left = num_steps - first_step
    self._timed_steps = 0
    self._timed_seconds = 0.0
    self._last = None
    _drop_lines_beyond(workdir, first_step)
    self._file = (pathlib.Path(workdir) / METRICS).open('a')
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

  def pause(self):
    """Leaves what comes next (compiling, evaluating) out of the speed."""
    while self._waiting:
      self._read_one()
    self._last = None

  def end_epoch(self):
    """Looks at all steps so far.

    Returns:
      The mean of each metric over the epoch, weighted by its count.

    Raises:
      FloatingPointError: if a metric is not finite.
    """
    while self._waiting:
      self._read_one()
    figures, self._epoch_figures = self._epoch_figures, []
    count = sum(f['count'] for f in figures)
    return {
      name: sum(f[name] * f['count'] for f in figures) / count
      for name in figures[0]
      if name != 'count'
    }

  def write(self, **values):
    """Appends a line to metrics.jsonl."""
    self._file.write(json.dumps(values) + '\n')
    self._file.flush()

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
    # The loss first: where it is not finite, the others only follow.
    for name in sorted(figures, key=lambda name: name != 'loss'):
      value = figures[name]
      if not math.isfinite(value):
        raise NotFiniteError(
          f'`{name}` is {value} at step {step} (epoch {epoch}), so the run '
          'stops; its last checkpoint is from before. A lower '
          '`optimizer.learning_rate` or a higher `temperature` usually helps.'
        )
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
  """Reads metrics.jsonl.

  Args:
    workdir: path of a run that has begun to train.

  Returns:
    A list of dicts, one a line. A last line that a kill or a full disk has cut
    is left out.

  Raises:
    ValueError: if another line cannot be read.
  """
  path = pathlib.Path(workdir) / METRICS
  lines = path.read_text(errors='replace').splitlines()
  found = []
  for number, line in enumerate(lines, 1):
    try:
      found.append(json.loads(line))
    except json.JSONDecodeError as error:
      if number < len(lines):
        raise UserError(
          f'Line {number} of {path} (={line[:60]!r}) must be JSON ({error}); '
          'remove the line to go on without it.'
        ) from error
  return found


def _drop_lines_beyond(workdir, step):
  path = pathlib.Path(workdir) / METRICS
  if not path.exists():
    return
  kept = [line for line in read_lines(workdir) if line.get('step', 0) <= step]
  # Replaced, not rewritten: a kill in between must not lose the other lines.
  whole.write_text(path, ''.join(json.dumps(line) + '\n' for line in kept))
