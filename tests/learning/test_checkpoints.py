import shutil
import types

import numpy as np
import pytest

from stclr_jax.files import disk
from stclr_jax.learning import checkpoints


@pytest.fixture
def saved(tmp_path):
  directory = tmp_path / 'checkpoints'
  with checkpoints.Checkpoints(directory, keep=1, keep_epochs=(2,)) as writer:
    for epoch in range(1, 6):
      writer.save(epoch, {'epoch': np.full(3, epoch)}, {'epoch': epoch})
  return tmp_path


def test_the_newest_and_the_chosen_epochs_are_kept(saved):
  folders = {path.name for path in (saved / 'checkpoints').iterdir()}
  assert folders == {'2', '5'}
  newest, chosen = checkpoints.read(saved), checkpoints.read(saved, 2)
  assert (newest.epoch, chosen.epoch) == (5, 2)
  np.testing.assert_array_equal(newest.state['epoch'], [5, 5, 5])
  np.testing.assert_array_equal(chosen.state['epoch'], [2, 2, 2])
  assert chosen.notes == {'epoch': 2}


def test_the_newest_notes_are_read_without_arrays(saved, tmp_path):
  assert checkpoints.read_notes(saved) == {'epoch': 5}
  assert checkpoints.read_notes(tmp_path / 'nothing') is None
  assert not (tmp_path / 'nothing').exists()


def test_an_epoch_that_was_not_kept_is_refused(saved):
  with pytest.raises(FileNotFoundError, match=r'epoch 3, only of 2, 5.*keep_'):
    checkpoints.read(saved, 3)


def test_no_checkpoint_is_begun_that_has_no_room(saved, monkeypatch):
  state, margin = {'epoch': np.zeros(1000)}, 32 << 20

  def leave(free):
    monkeypatch.setattr(
      shutil, 'disk_usage', lambda _: types.SimpleNamespace(free=free)
    )

  directory = saved / 'checkpoints'
  with checkpoints.Checkpoints(directory, keep=1) as writer:
    leave(margin + 7999)
    with pytest.raises(disk.FullDiskError, match='a checkpoint .*--workdir'):
      writer.save(6, state, {})
    assert writer.latest_epoch() == 5
    leave(margin + 8000)
    writer.save(6, state, {})
  assert checkpoints.read(saved).epoch == 6
