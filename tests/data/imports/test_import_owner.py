"""Two imports of one name: nothing of either is lost."""

import pytest
from made_imports import make_report
from made_imports import make_video

from stclr_jax.data import data_folder
from stclr_jax.data import imported
from stclr_jax.data.imports import import_writer
from stclr_jax.files import locks


def write(data_dir, *, before_commit=lambda: None, **options):
  target = import_writer.Target('mine', data_dir=data_dir, **options)
  with import_writer.Writer(target) as writer:
    before_commit()
    writer.commit(make_report([make_video('a')]), 'in words')


def test_a_second_import_of_a_name_is_refused(tmp_path):
  def second():
    for options in ({}, {'overwrite': True}):
      with pytest.raises(locks.OwnedError, match='data set .*mine.*--out'):
        import_writer.Writer(
          import_writer.Target('mine', data_dir=tmp_path, **options)
        )
    with import_writer.Writer(import_writer.Target('other', data_dir=tmp_path)):
      pass

  write(tmp_path, before_commit=second)
  assert [p.name for p in imported.root(tmp_path).iterdir()] == ['mine']
  write(tmp_path, overwrite=True)


def test_what_came_in_the_meantime_is_not_replaced(tmp_path):
  there = imported.directory('mine', tmp_path).parent

  def another_comes():  # where nothing is locked
    there.mkdir()
    (there / 'theirs').touch()

  with pytest.raises(FileExistsError, match='There is a data set mine'):
    write(tmp_path, before_commit=another_comes)
  assert [path.name for path in there.iterdir()] == ['theirs']
  assert list(there.parent.iterdir()) == [there]


def test_without_a_home_a_folder_is_asked_for(tmp_path, monkeypatch):
  from tensorflow_datasets.core import constants

  monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
  assert data_folder.find(tmp_path) == tmp_path
  monkeypatch.setenv('HOME', str(tmp_path))
  assert data_folder.find('~/data') == tmp_path / 'data'
  monkeypatch.setenv('HOME', '')
  with pytest.raises(ValueError, match='--data_dir=DIR'):
    data_folder.find()
  monkeypatch.setattr(constants, 'DATA_DIR', '~/tensorflow_datasets')
  monkeypatch.setattr('os.path.expanduser', lambda path: path)  # unknown user
  with pytest.raises(ValueError, match='home folder.*--config.data.data_dir'):
    data_folder.find()
  from tfds_oulu import tfds_oulu_dataset_builder as oulu

  with pytest.raises(ValueError, match='in `tfds build`'):
    oulu.Builder(config='synthetic_demo')
