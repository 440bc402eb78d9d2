"""A data set is there whole or not at all, whatever stops an import."""

import os
import pathlib
import subprocess
import sys

import pytest
from small_imports import folder_items
from small_imports import import_items
from small_imports import tree

from stclr_jax.data import imported
from stclr_jax.data.imports.import_writer import Writer

ROOT = pathlib.Path(__file__).parents[3]


def test_a_set_is_replaced_only_where_told(tmp_path):
  items = folder_items(tmp_path, [3, 4])
  import_items(items, tmp_path / 'data')
  before = tree(tmp_path / 'data')
  with pytest.raises(FileExistsError, match='--overwrite'):
    import_items(items[:1], tmp_path / 'data')
  assert imported.read_report('mine', tmp_path / 'data').num_videos == 2
  import_items(items[:1], tmp_path / 'data', overwrite=True)
  assert imported.read_report('mine', tmp_path / 'data').num_videos == 1
  assert tree(tmp_path / 'data') == before
  # A failed replacement leaves the old one.
  items[1].frames[0].write_bytes(b'')
  with pytest.raises(ValueError, match='an empty file'):
    import_items(items, tmp_path / 'data', overwrite=True)
  assert tree(tmp_path / 'data') == before


def test_an_interrupted_import_leaves_nothing(tmp_path, monkeypatch):
  items = folder_items(tmp_path, [3, 4])

  add, added = Writer.add, []

  def stop_at_the_second(*args, **video):
    if added:
      raise KeyboardInterrupt
    added.append(video)
    add(*args, **video)

  monkeypatch.setattr(Writer, 'add', stop_at_the_second)
  with pytest.raises(KeyboardInterrupt):
    import_items(items, tmp_path / 'data')
  assert tree(tmp_path / 'data') == ['imported_videos']


def test_what_a_killed_import_left_is_cleared_away(tmp_path):
  items = folder_items(tmp_path, [3])
  program = """
import os, sys
from stclr_jax.data.imports import import_writer
writer = import_writer.Writer(import_writer.Target('mine', ('a',), sys.argv[1]))
writer.add(video_id='v', frames=[b'x'], label=0, subject=1, subject_name='s')
os._exit(9)
"""
  subprocess.run([sys.executable, '-c', program, tmp_path / 'data'], cwd=ROOT)
  left = (tmp_path / 'data' / 'imported_videos').iterdir()
  left = [path for path in left if path.suffix == '.incomplete']
  assert len(left) == 1
  assert imported.list_names(tmp_path / 'data') == []
  # That of another set is not ours.
  of_another = left[0].with_name(left[0].name.replace('mine', 'yours'))
  of_another.mkdir()
  import_items(items, tmp_path / 'data')
  names = [p.name for p in left[0].parent.iterdir() if p.suffix != '.lock']
  assert sorted(names) == sorted(['mine', of_another.name])


def stop_between_the_renames(monkeypatch, stop):
  rename = pathlib.Path.rename

  def rename_one(path, target):
    if path.name.endswith('.replaced.incomplete'):
      return rename(path, target)  # puts back
    if '.replaced' not in str(target):
      stop()
    return rename(path, target)

  monkeypatch.setattr(pathlib.Path, 'rename', rename_one)


def test_a_replacement_that_is_interrupted_leaves_the_old_set(
  tmp_path, monkeypatch
):
  items = folder_items(tmp_path, [3, 4])
  import_items(items, tmp_path / 'data')
  before = tree(tmp_path / 'data')

  def interrupt():
    raise KeyboardInterrupt

  stop_between_the_renames(monkeypatch, interrupt)
  with pytest.raises(KeyboardInterrupt):
    import_items(items[:1], tmp_path / 'data', overwrite=True)
  assert tree(tmp_path / 'data') == before
  assert imported.read_report('mine', tmp_path / 'data').num_videos == 2


def test_what_a_killed_replacement_put_away_is_put_back(tmp_path):
  items = folder_items(tmp_path, [3, 4])
  import_items(items, tmp_path / 'data')
  before = tree(tmp_path / 'data')
  program = """
import os, pathlib, sys
from stclr_jax.data import imported_report
from stclr_jax.data.imports import import_writer
writer = import_writer.Writer(
  import_writer.Target('mine', ('a',), sys.argv[1], overwrite=True))
rename = pathlib.Path.rename
def rename_one(path, target):
  if '.replaced' not in str(target):
    os._exit(9)
  return rename(path, target)
pathlib.Path.rename = rename_one
imported_report.write = lambda *_: None
writer.commit(None, '')
"""
  arguments = [sys.executable, '-c', program, tmp_path / 'data']
  assert subprocess.run(arguments, cwd=ROOT).returncode == 9
  assert imported.list_names(tmp_path / 'data') == []
  with pytest.raises(FileExistsError, match='--overwrite'):
    import_items(items[:1], tmp_path / 'data')
  assert tree(tmp_path / 'data') == before
  assert imported.read_report('mine', tmp_path / 'data').num_videos == 2


@pytest.mark.parametrize(
  'error',
  # What ArrayRecord raised on a full disk is no OSError.
  [OSError(28, os.strerror(28)), RuntimeError('write() failed: No space left '
   'on device; writing x.array_record')],
)  # fmt: skip
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, error):
  def full(*_, **__):
    raise error

  monkeypatch.setattr(Writer, 'add', full)
  with pytest.raises(OSError, match='disk became full while .*mine'):
    import_items(folder_items(tmp_path, [3]), tmp_path / 'data')
  assert tree(tmp_path / 'data') == ['imported_videos']
