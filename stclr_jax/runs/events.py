"""TensorBoard's events of a run: its figures, its config, its pictures.

    tensorboard --logdir runs

Each session of a run writes a file of its own, which begins with the step from
which on earlier files no longer count, so that what a run does again is seen
once. Files are written by tensorboardX, without TensorFlow, and record by
record: its `SummaryWriter` has a thread that a full disk would end unheard.
"""

import contextlib
import json
import pathlib
import struct
import time
from typing import Any

from stclr_jax.runs import workdirs

_VERSION = 'brain.Event:2'  # of TensorBoard's format; the first to hide steps
_FILE = 'events.out.tfevents.'  # and the number of the session
_RGBA = 4  # channels of matplotlib's PNG files


class Events:
  """Writes the events of one session of a run."""

  def __init__(self, workdir, *, name, first_step):
    """Opens the next file of a run's events.

    Args:
      workdir: path of the run. In its first session the config and the
        pictures that are there already become events of step 0.
      name: of what is trained; stands before the name of each figure.
      first_step: steps done before. Events of later ones in earlier files are
        hidden.
    """
    from tensorboardX import RecordWriter
    from tensorboardX.proto import event_pb2
    from tensorboardX.proto import summary_pb2

    # Protobuf gives modules their attributes as they start, unseen by pyright.
    of_event: Any = event_pb2
    of_summary: Any = summary_pb2
    self._event, self._summary = of_event.Event, of_summary.Summary
    self._name = name
    folder = pathlib.Path(workdir, workdirs.EVENTS)
    folder.mkdir(exist_ok=True)
    # TensorBoard reads the files of a folder in the order of their names.
    earlier = [int(path.suffix[1:]) for path in folder.glob(f'{_FILE}*')]
    number = max(earlier, default=-1) + 1  # also where the user removed some
    self._file = RecordWriter(str(folder / f'{_FILE}{number:05d}'))
    start = of_event.SessionLog(status=of_event.SessionLog.START)
    self._write(file_version=_VERSION)
    self._write(step=first_step + 1, session_log=start)
    if not number:
      self._add_config(workdir)
      # Those of people are there only if the user has asked for them.
      for drawn in (workdirs.FIGURES, workdirs.FACES):
        found = sorted(pathlib.Path(workdir, drawn).glob('*.png'))
        self.add_pictures(found, step=0)
    self._file.flush()

  def close(self):
    """Closes the file."""
    self._file.close()

  def add_figures(self, step, figures):
    """Adds figures of a step.

    Args:
      step: its number.
      figures: numbers by name, kept in float32; None is left out.
    """
    values = [
      self._summary.Value(tag=f'{self._name}/{name}', simple_value=figure)
      for name, figure in figures.items()
      if figure is not None
    ]
    self._write(step=step, summary=self._summary(value=values))
    self._file.flush()

  def add_pictures(self, paths, *, step):
    """Adds pictures as they are.

    Args:
      paths: of PNG files, by whose names they are shown.
      step: number of the step at which they are shown.
    """
    for path in map(pathlib.Path, paths):
      encoded = path.read_bytes()
      width, height = struct.unpack('>II', encoded[16:24])  # of PNG's header
      image = self._summary.Image(
        height=height,
        width=width,
        colorspace=_RGBA,
        encoded_image_string=encoded,
      )
      value = self._summary.Value(tag=f'{self._name}/{path.stem}', image=image)
      self._write(step=step, summary=self._summary(value=[value]))

  def _add_config(self, workdir):
    from tensorboardX import summary

    config = workdirs.read_config(workdir)
    text = f'```json\n{json.dumps(config, indent=2)}\n```'  # Markdown
    self._write(step=0, summary=summary.text(f'{self._name}/config', text))

  def _write(self, **event):
    written = self._event(wall_time=time.time(), **event)
    self._file.write(written.SerializeToString())


def end(plan, pictures):
  """Adds the pictures that are drawn when a training has ended.

  Args:
    plan: the `plans.Plan` of the training. The pictures stand after its last
      step, so that a session that ends it anew hides them.
    pictures: paths of PNG files.
  """
  with contextlib.closing(
    Events(plan.workdir, name=plan.name, first_step=plan.num_steps)
  ) as events:
    events.add_pictures(pictures, step=plan.num_steps + 1)
