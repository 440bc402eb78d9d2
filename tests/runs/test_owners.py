"""Which runs and trees may be worked on at a time."""

import os
import pathlib

import pytest

from stclr_jax.files import locks
from stclr_jax.runs import owners
from stclr_jax.runs import workdirs


@owners.alone
def run(config, workdir, *, inside=None):
  """A workflow that does nothing but ask for its folder."""
  workdirs.open_workdir(workdir, config)
  return inside() if inside else None


def listed(folder):
  return {
    str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
    for path in folder.rglob('*')
  }


def test_a_second_run_is_refused_however_its_folder_is_spelled(
  tiny_config, tmp_path, monkeypatch
):
  config, workdir = tiny_config('pretrain'), tmp_path / 'runs' / 'a'
  (tmp_path / 'link').symlink_to(tmp_path / 'runs')
  monkeypatch.chdir(tmp_path)
  spellings = (workdir, 'runs/a', './runs//a/', tmp_path / 'link' / 'a')

  def begin_again():
    before = listed(tmp_path)
    for spelled in spellings:
      with pytest.raises(locks.OwnedError, match=f'process {os.getpid()} on'):
        run(config, spelled)
      with pytest.raises(locks.OwnedError):  # nor with any other config
        run(tiny_config('finetune'), spelled)
    assert listed(tmp_path) == before
    run(config, 'runs/b')  # a run of its own

  run(config, workdir, inside=begin_again)
  run(config, workdir)
  names = {path.name for path in workdir.iterdir()}
  assert names == {workdirs.CONFIG, workdirs.ENVIRONMENT}


def test_what_is_refused_leaves_no_folder(tiny_config, tmp_path):
  with pytest.raises(ValueError, match='=0.*at least 1'):
    run(tiny_config('pretrain', num_epochs=0), tmp_path / 'runs' / 'a')
  assert not list(tmp_path.iterdir())
  (tmp_path / 'mine.txt').write_text('mine')
  with pytest.raises(ValueError, match='holds files but no config.json'):
    run(tiny_config('pretrain'), tmp_path)
  assert listed(tmp_path) == {'mine.txt': b'mine'}


def test_what_a_killed_run_left_is_cleared(tiny_config, tmp_path):
  config = tiny_config('pretrain')
  run(config, tmp_path)
  left = [
    tmp_path / owners.workdirs.LOCK,
    tmp_path / 'summary.json.0123abcd.partial',
  ]
  for path in left:
    path.write_text('{"pid": 1')
  run(config, tmp_path)
  assert not any(path.exists() for path in left)


def test_processes_share_a_tree_by_its_folds(tmp_path):
  with owners.owned_folds(tmp_path, (0, 1)):
    with owners.owned_folds(tmp_path, (2,)), owners.in_turn(tmp_path):
      pass
    for folds in ((1,), (3, 0), (1, 4)):
      with pytest.raises(locks.OwnedError, match=r'Fold [01] of .*--config.f'):
        owners.owned_folds(tmp_path, folds).__enter__()
    # What was refused holds none of its folds.
    with owners.owned_folds(tmp_path, (3, 4)):
      pass
  with owners.owned_folds(tmp_path, range(5)):
    pass
  assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(tiny_config, tmp_path):
  (tmp_path / 'file').touch()
  for workdir in (tmp_path / 'file', tmp_path / 'file' / 'run'):
    with pytest.raises(OSError, match='The workdir .*file.*--workdir=DIR'):
      run(tiny_config('pretrain'), pathlib.Path(workdir))
