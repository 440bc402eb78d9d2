"""The command, as a user types it."""

import json
import os
import re
import shlex
import sys

import making_videos
import numpy as np
import pytest

from stclr_jax import commands
from stclr_jax import import_videos
from stclr_jax.data import imported
from stclr_jax.data import sources
from stclr_jax.data.faces import face_detection
from stclr_jax.data.imports import import_writer
from stclr_jax.errors import MissingPackageError
from stclr_jax.oulu_casia import EXPRESSIONS


def run(tmp_path, arguments):
  import_videos.main(
    [*shlex.split(arguments), f'--data_dir={tmp_path / "data"}']
  )
  return imported.read_report('mine', tmp_path / 'data')


def refuse(tmp_path, arguments):
  """What a user reads of a command that fails; nothing may be left of it."""
  with pytest.raises(SystemExit) as stopped:
    run(tmp_path, arguments)
  assert imported.list_names(tmp_path / 'data') == []
  assert isinstance(stopped.value.code, str)
  return stopped.value.code


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Videos of two people, and a CSV file; the current folder."""
  monkeypatch.chdir(tmp_path)
  for person, first in (('P1', 20), ('Zoë 2', 80)):
    for label, more in (('happy', 0), ('sad', 30)):
      making_videos.write_video(
        tmp_path / 'my videos' / person / f'{label}.mp4',
        making_videos.level_frames(6, first=first + more),
      )
  (tmp_path / 'list.csv').write_text(
    'path,label,subject,end\n'
    'my videos/P1/happy.mp4,happy,P1,\n'
    'my videos/Zoë 2/sad.mp4,Traurig,Zoë,0.12\n'
  )
  return tmp_path


def labels_and_people(report):
  return [(v.video_id, v.label, v.subject) for v in report.videos]


def test_a_folder_without_further_words(folder, capsys):
  report = run(folder, "'my videos' --out=mine")
  assert labels_and_people(report) == [
    (f'{person}/{label}', None, f'{person}/{label}')
    for person in ('P1', 'Zoë 2')
    for label in ('happy', 'sad')
  ]
  printed = capsys.readouterr().out
  assert '4 videos of 4 people, 24 frames (6 to 6' in printed
  assert 'Labels: unlabelled 4' in printed
  assert '--config.data.name=mine' in printed
  assert '--config.data.frame_size=48,64' in printed


def test_labels_and_people_from_a_pattern(folder):
  report = run(
    folder,
    "'my videos' --out=mine --pattern='(?P<subject>[^/]+)/(?P<label>[a-z]+)' "
    '--label_map=oulu_casia',
  )
  assert labels_and_people(report)[3] == ('Zoë 2/sad', 'Sadness', 'Zoë 2')
  assert report.classes == EXPRESSIONS
  assert report.subjects == {'P1': 1, 'Zoë 2': 2}


def test_people_from_folders(folder):
  report = run(folder, "'my videos' --out=mine --subject_from=folder")
  assert report.num_subjects == 2 and report.unlabelled == 4


def test_a_csv_file_with_renamed_and_dropped_labels(folder, capsys):
  report = run(folder, 'list.csv --out=mine --label_map=traurig=sad,happy=')
  assert [(v.label, v.frames) for v in report.videos] == [
    (None, 6), ('sad', 3),
  ]  # fmt: skip
  assert report.classes == ('sad',)
  assert "1 video of 'happy' is unlabelled" in capsys.readouterr().out


def test_a_recipe_keeps_its_own_classes(tmp_path, monkeypatch):
  making_videos.write_video(
    tmp_path / 'crema' / '1001_DFA_ANG_XX.flv', making_videos.level_frames(6)
  )
  arguments = f'{tmp_path / "crema"} --recipe=crema_d --out=mine'
  report = run(tmp_path, arguments)
  assert report.classes == (
    'anger', 'disgust', 'fear', 'happy', 'neutral', 'sad',
  )  # fmt: skip
  assert report.options['window_seconds'] == 0
  renamed = run(tmp_path, f'{arguments} --label_map=oulu_casia --overwrite')
  assert renamed.labels['Anger'] == 1 and len(renamed.classes) == 6


def test_people_spelled_alike_are_refused_until_it_is_said_who_is_who(folder):
  people = ('Anna', 'anna', 'ＡＮＮＡ', 'An  na', 'an na', 'Zoe\u0301', 'Zoé')
  people += ('7', '07', '7.0', 'P01', 'P1', 'nan', 'NaN')
  (folder / 'people.csv').write_text(
    '\n'.join(
      ['path,subject']
      + [f'videos/{i}.mp4,{person}' for i, person in enumerate(people)]
    )
  )
  for i in range(len(people)):
    making_videos.write_video(
      folder / 'videos' / f'{i}.mp4',
      making_videos.level_frames(3, first=15 * i),
    )
  message = refuse(folder, 'people.csv --out=mine')
  for group in (
    "'Anna', 'anna', 'ＡＮＮＡ'",
    "'An  na', 'an na'",
    "'07', '7', '7.0'",
    "'P01', 'P1'",
  ):
    assert group in message
  assert 'one name: --subject_map=7=07,7.0=07;' in message
  assert 'nan' not in message.lower()
  report = run(
    folder,
    'people.csv --out=mine --subject_map="anna=Anna,ＡＮＮＡ=Anna,An  na=an na,'
    '07=7,7.0=seven,P01=P1"',
  )
  assert list(report.subjects.values()) == sorted(report.subjects.values())
  # Nobody is called nan: each of the two is a person of its own.
  assert set(report.subjects) == {
    'Anna', 'an na', 'Zoé', '7', 'seven', 'P1', 'videos/12', 'videos/13',
  }  # fmt: skip
  assert report.num_subjects == 8
  assert any("called 'nan'" in note for note in report.notes)
  for text, words in (('Bo=x', "nobody is called 'Bo'"), ('anna', 'no "="')):
    with pytest.raises(SystemExit, match=words):
      run(folder, f"people.csv --out=mine --overwrite --subject_map='{text}'")


def test_faces_are_cut_out(folder, monkeypatch, capsys):
  found = face_detection.Detection(8.0, 16.0, 20.0)
  monkeypatch.setattr(
    face_detection, 'make_detector', lambda *_, **__: lambda frame: [found]
  )
  monkeypatch.setenv('XDG_CACHE_HOME', str(folder / 'empty'))
  command = "'my videos' --out=mine --face_crop --face_margin=0.1"
  report = run(folder, command)
  assert report.face_coverage == 1
  assert report.frame_sizes == ((24, 24, 4),)
  # A network is told which detector its faces were found by.
  crop = report.options['face_crop']
  assert (crop['margin'], crop['detector']) == (0.1, 'hog')
  said = capsys.readouterr().out
  assert '--config.data.frame_size=24,24' in said
  assert 'fetch_face_detector gets its file' in said
  run(folder, f'{command} --overwrite --face_detector=hog')
  assert 'fetch_face_detector' not in capsys.readouterr().out  # as asked for


def test_windows_and_rates(folder):
  report = run(
    folder, "'my videos' --out=mine --fps=12.5 --window_seconds=0 --max_size=32"
  )
  assert [v.frames for v in report.videos] == [3] * 4
  assert report.frame_sizes == ((32, 43, 4),)


@pytest.mark.parametrize(
  'arguments, words',
  [
    ('absent --out=mine', 'There is no folder absent'),
    ('empty --out=mine', 'neither a video .* nor a folder of images'),
    ('notes.txt --out=mine', 'is a file; give a folder of videos, or a .csv'),
    ('absent.csv --out=mine', 'There is no file absent.csv'),
    ('columns.csv --out=mine', "no column `path`.*'file,label'"),
    ('rows.csv --out=mine', 'line 2 .gone.mp4.: there is no'),
    ('short --out=mine', r'a: 1 .*picture.*\(--min_frames\)'),
    ('broken --out=mine', 'a: no video.*Invalid data found'),
    ('short --out=mine --on_error=skip', 'Nothing is left to import'),
    ('list.csv --out=mine --pattern=(?P<label>.)', '--pattern.*CSV'),
    ('list.csv --out=mine --label_map=oulu_casia', "unknown label 'Traurig'"),
    ('list.csv --out=mine --label_map=oulucasia', 'neither label=class nor'),
    ("'my videos' --out=Mine", "name .='Mine'. must be small letters"),
    ("'my videos' --out=mine --fps=0", '`fps`'),
    ("'my videos' --out=mine --recipe=ck_plus", 'holds no CK. sequence'),
    ("'my videos' --out=mine --face_crop --face_margin=9", '`margin`'),
    ("'my videos' --out=mine --face_margin=0.3", 'margin .=0.3.*--face_crop'),
    ("'my videos' --out=mine --no_face=keep", '--no_face .=keep.*--face_crop'),
    ("'my videos' --out=mine --face_which=central", '--face_which.*_crop'),
    ("'my videos' --out=mine --face_detector=hog", '--face_detector.*_crop'),
    ("'my videos' --out=mine --window_seconds=inf", '`window_seconds` .=inf'),
  ],
)  # fmt: skip
def test_what_cannot_be_is_named(folder, arguments, words):
  (folder / 'empty').mkdir()
  (folder / 'notes.txt').write_text('x')
  (folder / 'columns.csv').write_text('file,label\nx.mp4,happy\n')
  (folder / 'rows.csv').write_text('path\ngone.mp4\n')
  making_videos.write_video(
    folder / 'short' / 'a.mp4', making_videos.level_frames(1)
  )
  (folder / 'broken').mkdir()
  noise = np.random.default_rng(0).bytes(5000)
  (folder / 'broken' / 'a.mp4').write_bytes(noise)
  message = refuse(folder, arguments)
  assert re.search(words, message), message


def test_a_name_that_is_taken_is_told_before_anything_is_read(folder):
  first = run(folder, "'my videos' --out=mine")
  with pytest.raises(SystemExit, match='There is a data set mine already'):
    run(folder, 'absent --out=mine')
  again = run(folder, 'list.csv --out=mine --overwrite')
  assert (first.num_videos, again.num_videos) == (4, 2)


def test_an_interruption_says_that_nothing_was_written(
  folder, monkeypatch, capsys
):
  def stop(*_, **__):
    raise KeyboardInterrupt

  monkeypatch.setattr(import_writer.Writer, 'add', stop)
  with pytest.raises(SystemExit) as stopped:
    run(folder, "'my videos' --out=mine")
  assert stopped.value.code == commands.INTERRUPTED
  assert capsys.readouterr().err == 'Interrupted.\nNothing was written.\n'
  assert list((folder / 'data' / imported.BUILDER).iterdir()) == []
  assert imported.list_names(folder / 'data') == []


def test_a_reader_who_goes_away_gets_a_whole_set(folder, monkeypatch):
  there, here = os.pipe()
  os.close(there)
  with monkeypatch.context() as patch, open(here, 'w') as stdout:
    patch.setattr(sys, 'stdout', stdout)
    report = run(folder, "'my videos' --out=mine")
    stdout.write('more')  # what Python flushes at its end must not fail either
  assert report.num_videos == 4


def test_a_missing_detector_is_no_traceback(folder, monkeypatch):
  def missing(*_, **__):
    raise MissingPackageError('pip install dlib-bin')

  monkeypatch.setattr(face_detection, 'make_detector', missing)
  message = refuse(folder, "'my videos' --out=mine --face_crop")
  assert 'Error: pip install dlib-bin' in message


def test_a_detector_without_its_file_is_refused_once(folder, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(folder / 'empty'))
  command = "'my videos' --out=mine --face_crop --face_detector=blaze"
  message = refuse(folder, f'{command} --on_error=skip')
  assert message.count('python -m stclr_jax.fetch_face_detector') == 1


def test_a_place_that_cannot_be_written_is_named(folder):
  (folder / 'file').write_text('x')
  with pytest.raises(SystemExit, match='cannot be made.*--data_dir'):
    import_videos.main(
      ['my videos', '--out=mine', f'--data_dir={folder / "file"}']
    )


def test_the_set_trains_by_its_name(folder):
  run(folder, "'my videos' --out=mine --label_from=folder")
  store = sources.load_videos(
    'mine', split='vl_strong', frame_size=(48, 64), data_dir=folder / 'data'
  )
  assert store.label_names == ('P1', 'Zoë 2')
  assert store.label.tolist() == [0, 0, 1, 1]
  assert store.subject.tolist() == [1, 2, 3, 4]
  shown = making_videos.numbers_of(store.frames[6:12], first=50)
  assert shown == list(range(6))


def test_every_option_is_in_the_report(folder):
  report = run(
    folder, "'my videos' --out=mine --jpeg_quality=80 --min_frames=3"
  )
  options = json.loads(json.dumps(report.options))
  assert options['jpeg_quality'] == 80 and options['min_frames'] == 3
  assert report.source == 'my videos'
