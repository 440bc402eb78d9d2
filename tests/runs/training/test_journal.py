import json
import math
import pathlib

import pytest

from stclr_jax.files import json_files
from stclr_jax.files import json_records
from stclr_jax.reports import figures
from stclr_jax.reports import run_pictures
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import journal
from stclr_jax.runs.training import not_finite


@pytest.fixture(autouse=True)
def begun(tmp_path):
  """A workdir that has its config, as each has before it trains."""
  workdirs.write_json(
    tmp_path / workdirs.CONFIG, {'format': json_records.FORMAT}
  )


def name_videos(step):
  return [f'P00{step}/Anger']


def follow(
  workdir,
  first,
  last,
  *,
  num_steps=12,
  log_every_steps=1,
  loss=lambda step: step / 7,
  finite=lambda step: {},
):
  """Writes the journal of the steps after `first`, up to `last`."""
  with journal.Journal(
    workdir,
    name='pretrain',
    num_steps=num_steps,
    first_step=first,
    log_every_steps=log_every_steps,
    clips_per_step=1,
    not_finite=not_finite.NotFinite(
      workdir, first_step=first, most_in_a_row=2, name_videos=name_videos
    ),
  ) as opened:
    for step in range(first + 1, last + 1):
      metrics = {'loss': loss(step), 'count': 1} | finite(step)
      opened.record(step, 1, metrics, learning_rate=0.1)
    opened.pause()


def steps_in(workdir):
  return [line['step'] for line in journal.read_lines(workdir)]


@pytest.mark.parametrize('every', [1, 5, 6, 12, 100])
def test_the_last_step_is_logged_whatever_the_interval(tmp_path, every):
  follow(tmp_path, 0, 12, log_every_steps=every)
  expected = [step for step in range(1, 13) if step % every == 0]
  assert steps_in(tmp_path) == sorted({*expected, 12})


def test_a_line_that_was_cut_is_left_out_wherever_it_was_cut(tmp_path):
  follow(tmp_path, 0, 5)
  path = tmp_path / journal.METRICS
  whole = path.read_bytes()
  start = whole.rindex(b'\n', 0, -1) + 1
  for end in range(start, len(whole)):
    path.write_bytes(whole[:end])
    complete = end == len(whole) - 1  # all but the line's end
    assert steps_in(tmp_path) == list(range(1, 6 if complete else 5))
    follow(tmp_path, 4, 6)
    assert steps_in(tmp_path) == list(range(1, 7))
    assert path.read_bytes().startswith(whole)


def test_a_run_that_goes_on_drops_what_it_does_again(tmp_path):
  follow(tmp_path, 0, 9)
  follow(tmp_path, 6, 12)
  assert steps_in(tmp_path) == list(range(1, 13))
  follow(tmp_path / '', 0, 0)
  assert steps_in(tmp_path) == []


def test_a_kill_while_lines_are_dropped_loses_none(tmp_path, monkeypatch):
  follow(tmp_path, 0, 9)

  def die(self, target):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(pathlib.Path, 'replace', die)
    with pytest.raises(KeyboardInterrupt):
      follow(tmp_path, 3, 12)
  assert steps_in(tmp_path) == list(range(1, 10))


def test_a_broken_line_among_others_is_named(tmp_path):
  lines = ['{"step": 1}', '{"st', '{"step": 3}']
  (tmp_path / journal.METRICS).write_text('\n'.join(lines) + '\n')
  with pytest.raises(ValueError, match='Line 2 of .*metrics.*"st.*remove'):
    follow(tmp_path, 3, 4)
  assert (tmp_path / journal.METRICS).read_text().splitlines() == lines


def test_what_was_not_logged_is_drawn_as_nothing(tmp_path, monkeypatch):
  (tmp_path / journal.METRICS).write_text('')
  drawn = []
  draw = figures.save_curves
  monkeypatch.setattr(
    figures,
    'save_curves',
    lambda path, curves, **named: (
      drawn.append(curves) or draw(path, curves, **named)
    ),
  )
  run_pictures.save_pretraining_curves(tmp_path, {})
  (tmp_path / journal.METRICS).write_text(
    json.dumps({'step': 1, 'epoch': 1, 'loss': 2.0}) + '\n'
  )
  run_pictures.save_pretraining_curves(tmp_path, {'loss': 3.0})
  assert drawn == [[], [('loss', (1,), (2.0,), 3.0)]]
  assert (tmp_path / 'figures' / 'pretraining.png').exists()


def skip(*steps):
  """Steps that were skipped, as `learning.steps` tells it."""
  return {
    'loss': lambda step: math.nan if step in steps else step / 7,
    'finite': lambda step: {'finite': float(step not in steps)},
  }


def test_a_step_that_is_not_finite_stops_and_is_written_down(tmp_path):
  with pytest.raises(FloatingPointError, match='`loss` is nan at step 4 '):
    follow(tmp_path, 0, 12, loss=lambda step: math.nan if step == 4 else 1.0)
  written = json_files.read_lines(tmp_path / not_finite.FILE)
  assert [line['step'] for line in written] == [4]
  assert written[0]['videos'] == ['P004/Anger']
  assert written[0]['figures']['loss'] == 'nan'
  assert steps_in(tmp_path) == [1, 2, 3]


def test_skipped_steps_are_counted_and_too_many_in_a_row_stop(tmp_path):
  follow(tmp_path, 0, 8, **skip(2, 4, 7))
  written = json_files.read_lines(tmp_path / not_finite.FILE)
  assert [line['step'] for line in written] == [2, 4, 7]
  assert steps_in(tmp_path) == [1, 3, 5, 6, 8]
  # Gone on with from step 5: what was skipped later is done again.
  with pytest.raises(FloatingPointError, match='2 steps up to it'):
    follow(tmp_path, 5, 12, **skip(8, 9))
  written = json_files.read_lines(tmp_path / not_finite.FILE)
  assert [line['step'] for line in written] == [2, 4, 8, 9]


def test_an_epoch_of_skipped_steps_has_no_mean(tmp_path):
  looks = not_finite.NotFinite(
    tmp_path, first_step=0, most_in_a_row=9, name_videos=name_videos
  )
  with journal.Journal(
    tmp_path,
    name='pretrain',
    num_steps=4,
    first_step=0,
    log_every_steps=1,
    clips_per_step=1,
    not_finite=looks,
  ) as opened:
    for step in (1, 2):
      metrics = {'loss': math.nan, 'count': 1, 'finite': 0.0}
      opened.record(step, 1, metrics, learning_rate=0.1)
    with pytest.raises(FloatingPointError, match='No step of the epoch'):
      opened.end_epoch()
