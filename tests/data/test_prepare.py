import pickle
import random

import making_videos
import numpy as np
import pytest

from stclr_jax import import_videos
from stclr_jax.data import checked_records
from stclr_jax.data import imported
from stclr_jax.data import prepare
from stclr_jax.data import synthetic_faces

SIZE = {'height': 32, 'width': 32, 'framing': 'face'}


@pytest.fixture
def tiny_faces(monkeypatch):
  """The embedded set, of one person and few pixels."""
  sizes = {'synthetic_demo': SIZE | {'num_subjects': 1}}
  monkeypatch.setattr(synthetic_faces, 'SIZES', sizes)


@pytest.fixture
def without_tfds(monkeypatch):
  monkeypatch.setattr(prepare, 'has_tfds', lambda: False)


def load(name, data_dir=None, *, split='vl_strong'):
  return prepare.load_videos(
    name, split=split, frame_size=(32, 32), data_dir=data_dir
  )


def test_drawn_faces_need_no_tfds(tiny_faces, without_tfds, capsys):
  store = load('synthetic_demo')
  drawn = list(synthetic_faces.draw_videos(**SIZE, num_subjects=1))
  assert store.video_id == tuple(sorted(v.video_id for v in drawn))
  np.testing.assert_array_equal(store.frames[: store.length[0]],
                                drawn[0].frames)  # fmt: skip
  assert store.synthetic and store.name == 'synthetic_demo:vl_strong'
  assert store.label_names == synthetic_faces.EXPRESSIONS
  assert 'TFDS is not installed' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['oulu_casia', 'mine'])
def test_real_data_needs_tfds_and_is_never_replaced(without_tfds, name):
  with pytest.raises(FileNotFoundError, match=f'{name} needs tensorflow-data'):
    load(name)


@pytest.mark.parametrize('name', ['oulu_casia', 'oulu_casia_mine'])
def test_licensed_data_that_is_not_built_is_never_replaced(tmp_path, name):
  with pytest.raises(FileNotFoundError, match='no built data set'):
    load(name, tmp_path)
  assert list(tmp_path.rglob('*.array_record*')) == []


def make_imported(folder):
  for i in range(3):
    making_videos.write_frames(folder / 'videos' / f'v{i}', 4, size=(32, 32))
  import_videos.main(
    [str(folder / 'videos'), '--out=mine', f'--data_dir={folder}']
  )
  return imported.directory('mine', folder)


def records_of(path):
  (file,) = path.glob('*.array_record*')
  return file


def cut_off(path):
  file = records_of(path)
  file.write_bytes(file.read_bytes()[: 64 << 10])


def empty(path):
  records_of(path).write_bytes(b'')


def remove(path):
  records_of(path).unlink()


def flip(path):
  file = records_of(path)
  content = bytearray(file.read_bytes())
  used = [i for i, byte in enumerate(content) if byte]
  for i in random.Random(0).sample(used, 20):
    content[i] ^= 0xFF
  file.write_bytes(content)


def lose_a_video(path):
  report = path / imported.REPORT
  text = report.read_text()
  report.write_text(text.replace('"num_videos": 3', '"num_videos": 4'))


def spoil_report(path):
  (path / imported.REPORT).write_text('{')


def remove_features(path):
  (path / 'features.json').unlink()


@pytest.mark.parametrize(
  'damage',
  [cut_off, empty, remove, flip, lose_a_video, spoil_report, remove_features],
  ids=lambda damage: damage.__name__,
)
def test_damaged_records_are_named_with_a_remedy(tmp_path, damage):
  path = make_imported(tmp_path)
  assert load('mine', tmp_path).num_videos == 3
  damage(path)
  with pytest.raises(ValueError, match='is damaged.*--overwrite') as error:
    load('mine', tmp_path)
  assert str(path) in str(error.value)


def test_records_without_values_are_named():
  records = checked_records.CheckedRecords(
    [{'label': 1}, {'label': None, 'frames': None}],
    directory='here',
    remedy='Build it.',
  )
  assert len(records) == 2 and records[0] == {'label': 1}
  message = 'in here is damaged .record 1 has no label, frames.. Build it.'
  with pytest.raises(ValueError, match=message):
    records[1]


def test_records_travel_to_other_processes(tmp_path):
  make_imported(tmp_path)
  source = prepare.open_source('mine', split='', data_dir=tmp_path)
  copy = pickle.loads(pickle.dumps(source.examples))
  assert copy[1]['frames'][0] == source.examples[1]['frames'][0]
