"""The command: what it finds, writes, skips, refuses and says."""

import csv
import dataclasses
import json
from typing import Any

import making_videos
import numpy as np
import pytest
from fake_models import LABELS
from fake_models import BrightnessModel
from fake_models import make_trained

from stclr_jax import making
from stclr_jax import predict
from stclr_jax.inference import loading

MAKING = making.Making(fps=10.0, clip_frames=10.0, framing='as_recorded')


@dataclasses.dataclass(frozen=True)
class Info:
  labels: tuple = LABELS
  checksum: str = 'c0'
  source: str = 'runs/x'
  caveats: tuple = ('It is made up.',)
  making: Any = MAKING


class Model(BrightnessModel):
  info = Info()
  trained = make_trained(making=MAKING)


@pytest.fixture
def model(monkeypatch):
  made = Model()
  monkeypatch.setattr(loading, 'load', lambda *_, **__: made)
  return made


@pytest.fixture
def videos(tmp_path):
  """A folder of a dark and a bright video, and a text called a video."""
  folder = tmp_path / 'videos'
  for name, bright in (('dark', 20), ('bright', 230)):
    frames = [np.full((48, 64, 3), bright, np.uint8)] * 20
    making_videos.write_video(folder / f'{name}.mp4', frames, rate=10)
  (folder / 'text.mp4').write_text('no video')
  return folder


def call(*arguments):
  """Runs the command; its exit code."""
  try:
    predict.main([*map(str, arguments), '--model=runs/x'])
  except SystemExit as end:
    return end.code
  return 0


def rows_of(path):
  with path.open(newline='', encoding='utf-8') as file:
    return list(csv.DictReader(file))


def test_a_folder_becomes_tables_and_goes_on(model, videos, tmp_path, capsys):
  out = tmp_path / 'out'
  assert call(videos, f'--out={out}') == 1  # one cannot be read
  said = capsys.readouterr().out
  assert 'It is made up.' in said and 'cannot be read' in said
  assert '10 frames a second' in said  # how the model's videos were made
  rows = {row['video']: row for row in rows_of(out / 'videos.csv')}
  assert {name: row['label'] for name, row in rows.items()} == {
    'bright': 'bright', 'dark': 'dark', 'text': '',
  }  # fmt: skip
  assert rows['text']['status'] == 'unreadable' and rows['text']['note']
  assert len(rows_of(out / 'windows.csv')) == 2 * 6
  shown = len(model.shown)
  (videos / 'text.mp4').unlink()
  assert call(videos, f'--out={out}') == 0
  assert 'finished already' in capsys.readouterr().out
  assert len(model.shown) == shown  # nothing was looked at again
  assert set(row['video'] for row in rows_of(out / 'videos.csv')) == {
    'bright', 'dark',
  }  # fmt: skip


def test_other_settings_are_refused_or_begin_anew(
  model, videos, tmp_path, capsys
):
  out = tmp_path / 'out'
  assert call(videos / 'dark.mp4', f'--out={out}') == 0
  code = call(videos / 'dark.mp4', f'--out={out}', '--window=0.5')
  assert 'window_s' in code and '--overwrite' in code
  again = call(
    videos / 'dark.mp4', f'--out={out}', '--window=0.5', '--overwrite'
  )
  assert again == 0
  assert 'slow change' in capsys.readouterr().out  # not the model's length
  ends = [float(row['end_s']) for row in rows_of(out / 'windows.csv')]
  assert ends[0] == pytest.approx(0.5)


def test_frames_are_written_when_asked_also_later(model, videos, tmp_path):
  out = tmp_path / 'out'
  assert call(videos / 'dark.mp4', f'--out={out}') == 0
  assert not (out / 'frames.csv').exists()
  assert call(videos / 'dark.mp4', f'--out={out}', '--frames') == 0
  assert rows_of(out / 'frames.csv') == []  # whole frames show no face


def test_json_is_all_that_is_printed(model, videos, tmp_path, capsys):
  assert call(videos / '*.mp4', f'--out={tmp_path / "out"}', '--json') == 1
  rows = json.loads(capsys.readouterr().out)
  assert [row['video'] for row in rows] == ['bright', 'dark', 'text']
  bright, _, text = rows
  assert bright['frames'] == 20 and bright['duration_s'] == 2
  assert bright['p_bright'] > 0.8 and bright['label'] == 'bright'
  assert text['p_bright'] is None and text['label'] is None
  assert bright['note'] is None and isinstance(text['note'], str)


def test_one_that_cannot_be_read_may_stop_it(model, videos, tmp_path):
  out = f'--out={tmp_path / "out"}'
  code = call(videos / 'text.mp4', videos / 'dark.mp4', out, '--on_error=stop')
  assert 'text cannot be read' in code and '--on_error=skip' in code
  (row,) = rows_of(tmp_path / 'out' / 'videos.csv')
  assert row['status'] == 'unreadable'


def test_a_list_names_parts(model, videos, tmp_path):
  (videos / 'list.csv').write_text('path,start,end\ndark.mp4,0.5,1.5\n')
  out = tmp_path / 'out'
  assert call(videos / 'list.csv', f'--out={out}') == 0
  rows = rows_of(out / 'windows.csv')
  assert [float(row['start_s']) for row in rows] == [0.5]


def test_what_is_not_there_is_named(model, tmp_path):
  out = f'--out={tmp_path / "out"}'
  assert 'nowhere.mp4 is not there' in call(tmp_path / 'nowhere.mp4', out)
  assert not (tmp_path / 'out').exists()
  assert call(tmp_path, out, '--faces=some') == 2
  assert call() == 2


def test_what_cannot_be_a_folder_is_refused_before_the_model_is_read(
  videos, tmp_path
):
  (tmp_path / 'file').touch()
  for place in ('file', 'file/out'):
    code = call(videos, f'--out={tmp_path / place}')
    assert 'file is a file; give another name' in code


def test_what_is_kept_is_said_once_something_is(
  model, videos, tmp_path, monkeypatch, capsys
):
  out, ask = tmp_path / 'out', predict.predicting.predict

  def interrupt(model, item, settings):
    if item.video_id == 'dark':
      raise KeyboardInterrupt
    return ask(model, item, settings)

  monkeypatch.setattr(predict.predicting, 'predict', interrupt)
  assert call(videos / 'dark.mp4', f'--out={out}') == 130
  assert capsys.readouterr().err == 'Interrupted.\n'
  call(videos / 'bright.mp4', videos / 'dark.mp4', f'--out={out}')
  assert f'What is finished is kept (1 in {out})' in capsys.readouterr().err
  # What is missing is so before anything begins.
  assert 'What is finished' not in call(videos / 'other.mp4', f'--out={out}')


def test_a_name_that_begins_with_a_dash(
  model, videos, tmp_path, monkeypatch, capsys
):
  monkeypatch.chdir(videos)
  (videos / 'dark.mp4').rename('-dark.mp4')
  assert call('-dark.mp4', f'--out={tmp_path / "out"}') == 2
  assert 'write ./-dark.mp4' in capsys.readouterr().err
  assert call('./-dark.mp4', f'--out={tmp_path / "out"}', '--json') == 0
  (row,) = json.loads(capsys.readouterr().out)
  assert row['video'] == '-dark'


def test_what_it_wrote_is_no_recording_and_nothing_counts_twice(
  model, videos, tmp_path, monkeypatch
):
  monkeypatch.chdir(videos)
  out = videos / 'predictions'  # beside the videos, as by default
  for _ in range(2):
    call('.', 'dark.mp4', './dark.mp4', f'--out={out}', '--html', '--render')
  named = [row['video'] for row in rows_of(out / 'videos.csv')]
  assert len(named) == len(set(named)) and 'dark' in named
  assert not any('playable' in name or 'annotated' in name for name in named)


def test_another_video_later_leaves_the_first(model, videos, tmp_path):
  for name in ('dark', 'bright'):
    call(videos / f'{name}.mp4', f'--out={tmp_path / "out"}')
  named = [row['video'] for row in rows_of(tmp_path / 'out' / 'videos.csv')]
  assert named == ['dark', 'bright']


def test_a_picture_that_moves_is_finished_once(model, tmp_path, capsys):
  levels = range(0, 200, 9)
  frames = [np.full((48, 64, 3), level, np.uint8) for level in levels]
  making_videos.write_video(tmp_path / 'a.gif', frames, rate=10)
  for _ in range(2):
    call(tmp_path / 'a.gif', f'--out={tmp_path / "out"}')
  assert 'finished already' in capsys.readouterr().out
