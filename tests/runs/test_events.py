"""TensorBoard's events beside metrics.jsonl, read without TensorBoard."""

import subprocess
import sys

import event_files
import numpy as np
import pytest

from stclr_jax.errors import NotFiniteError
from stclr_jax.files import json_records
from stclr_jax.reports import figures
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import journal
from stclr_jax.runs.training import not_finite


@pytest.fixture
def workdir(tmp_path):
  """A run that has begun: its config and a picture of 600 by 540 pixels."""
  workdirs.write_json(
    tmp_path / workdirs.CONFIG, {'format': json_records.FORMAT, 'seed': 17}
  )
  figures.save_confusion_matrix(
    tmp_path / 'figures' / 'views_1.png', np.eye(2), ['a', 'b'], title=''
  )
  return tmp_path


def follow(workdir, first, last, *, loss=lambda step: step / 7):
  with journal.Journal(
    workdir,
    name='pretrain',
    num_steps=12,
    first_step=first,
    log_every_steps=2,
    clips_per_step=1,
    not_finite=not_finite.NotFinite(
      workdir, first_step=first, most_in_a_row=1, name_videos=lambda step: []
    ),
  ) as opened:
    for step in range(first + 1, last + 1):
      metrics = {'loss': loss(step), 'count': 1}
      opened.record(step, 1 + step // 4, metrics, learning_rate=0.1)
      if step % 4 == 0:
        opened.pause()
        opened.write(step=step, epoch=step // 4, knn=step / 3, change=None)
    opened.pause()


def logged(workdir):
  return [
    (line['step'], name, np.float32(figure))
    for line in journal.read_lines(workdir)
    for name, figure in line.items()
    if name != 'step' and figure is not None
  ]


def test_events_hold_what_metrics_jsonl_holds(workdir):
  follow(workdir, 0, 12)
  found = event_files.read_figures(workdir / workdirs.EVENTS, 'pretrain')
  assert found == logged(workdir) and len(found) == 6 * 3 + 3 * 2


def test_a_run_that_goes_on_shows_each_step_once(workdir):
  follow(workdir, 0, 7)  # killed after step 7; its checkpoint is of step 4
  follow(workdir, 4, 6, loss=lambda step: -step)  # and again
  follow(workdir, 4, 12, loss=lambda step: step * 2)
  folder = workdir / workdirs.EVENTS
  found = event_files.read_figures(folder, 'pretrain')
  assert found == logged(workdir)
  assert [f for s, n, f in found if n == 'loss' and s > 4] == [12, 16, 20, 24]
  assert len(list(folder.iterdir())) == 3
  (folder / 'events.out.tfevents.00001').unlink()  # it hid all that was in it
  # A run that begins anew, before its first checkpoint.
  follow(workdir, 0, 2)
  assert event_files.read_figures(folder, 'pretrain') == logged(workdir)


def test_config_and_pictures_are_there_from_the_beginning_once(workdir):
  follow(workdir, 0, 4)
  follow(workdir, 0, 6)
  values = event_files.read_values(workdir / workdirs.EVENTS)
  (text,) = (v for s, v in values if v.tag.startswith('pretrain/config'))
  assert text.metadata.plugin_data.plugin_name == 'text'
  assert b'"seed": 17' in text.tensor.string_val[0]
  ((step, picture),) = (
    (s, v) for s, v in values if v.WhichOneof('value') == 'image'
  )
  drawn = (workdir / 'figures' / 'views_1.png').read_bytes()
  assert (step, picture.tag) == (0, 'pretrain/views_1')
  assert picture.image.encoded_image_string == drawn
  assert (picture.image.width, picture.image.height) == (720, 648)


def test_a_figure_that_is_not_finite_is_never_written(workdir):
  with pytest.raises(NotFiniteError, match='`loss` is nan at step 4'):
    follow(workdir, 0, 8, loss=lambda step: np.nan if step == 4 else step)
  found = event_files.read_figures(workdir / workdirs.EVENTS, 'pretrain')
  assert found == logged(workdir) and max(step for step, *_ in found) == 2


def test_writing_events_does_not_import_tensorflow(workdir):
  code = (
    'import sys; from stclr_jax.runs import events;'
    f'e = events.Events({str(workdir)!r}, name="x", first_step=0);'
    'e.add_figures(1, {"loss": 2.0}); e.close();'
    'sys.exit("tensorflow" in sys.modules or "tensorboard" in sys.modules)'
  )
  subprocess.run([sys.executable, '-c', code], check=True)
  found = event_files.read_figures(workdir / workdirs.EVENTS, 'x')
  assert found == [(1, 'loss', 2.0)]
