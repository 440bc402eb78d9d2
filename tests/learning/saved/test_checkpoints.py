import shutil
import types

import numpy as np
import pytest

from stclr_jax.files import disk
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import run_checkpoints


@pytest.fixture
def saved(tmp_path):
  with open_run(tmp_path, keep_epochs=(2,)) as writer:
    for epoch in range(1, 6):
      save(writer, 10 * epoch)
  return tmp_path


def open_run(workdir, *, keep=1, keep_epochs=()):
  """Opens the checkpoints of a run of ten steps an epoch."""
  return run_checkpoints.RunCheckpoints(
    workdir, steps_per_epoch=10, keep=keep, keep_epochs=keep_epochs
  )


def save(writer, step):
  writer.save(step, {'epoch': np.full(3, step / 10)}, {'epoch': step / 10})


def test_the_newest_and_the_chosen_epochs_are_kept(saved):
  folders = {path.name for path in (saved / 'checkpoints').iterdir()}
  assert folders == {'2', '5', 'checksums.json'}
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

  with open_run(saved) as writer:
    leave(margin + 7999)
    with pytest.raises(disk.FullDiskError, match='a checkpoint .*--workdir'):
      writer.save(60, state, {})
    assert writer.find() == 50
    leave(margin + 8000)
    writer.save(60, state, {})
  assert checkpoints.read(saved).epoch == 6


def test_one_within_an_epoch_goes_with_its_epoch(saved):
  with open_run(saved) as writer:
    for step in (53, 57):
      save(writer, step)
      writer.check_space({})
      assert writer.find() == step
    within = saved / 'unfinished_epoch'
    assert {path.name for path in within.iterdir()} == {'57', 'checksums.json'}
    assert writer.read_notes() == {'epoch': 5.7}
    template = {'epoch': np.zeros(3)}
    np.testing.assert_array_equal(writer.restore(template)['epoch'], [5.7] * 3)
    assert checkpoints.read(saved).epoch == 5  # what others read
    save(writer, 60)
  assert not within.exists()
  with open_run(saved) as writer:
    assert writer.find() == 60


def damaged(content, how):
  """What damage leaves of a file; None for nothing."""
  flipped = bytearray(content)
  if content:
    flipped[len(content) // 2] ^= 1
  return {
    'removed': None,
    'emptied': b'',
    'halved': content[: len(content) // 2],
    'flipped': bytes(flipped),
  }[how]


@pytest.mark.parametrize('how', ['removed', 'emptied', 'halved', 'flipped'])
def test_a_damaged_one_is_named_and_the_one_before_taken(tmp_path, how, capsys):
  run = tmp_path / 'run'
  with open_run(run, keep=3) as writer:
    for step in (10, 20):
      save(writer, step)
  newest = run / 'checkpoints' / '2'
  files = [path for path in sorted(newest.rglob('*')) if path.is_file()]
  assert len(files) > 5
  for number, file in enumerate(files):
    left = damaged(file.read_bytes(), how)
    if left == file.read_bytes():
      continue  # nothing is less than nothing
    copy = tmp_path / str(number)
    shutil.copytree(run, copy)
    path = copy / file.relative_to(run)
    path.unlink() if left is None else path.write_bytes(left)
    with pytest.raises(ValueError, match='epoch 2 in .* is damaged') as refused:
      checkpoints.read(copy)
    assert str(path) in str(refused.value)
    with open_run(copy, keep=3) as writer:
      assert writer.find() == 10
      told = capsys.readouterr().err
      assert f'{path} is not as it was written' in told
      assert (copy / 'damaged' / 'checkpoints_2').is_dir()
      save(writer, 20)  # again
    with open_run(copy, keep=3) as writer:
      assert writer.find() == 20
      assert writer.read_notes() == {'epoch': 2.0}
  assert checkpoints.read(run).epoch == 2


def test_damage_is_found_without_checksums_too(tmp_path):
  with open_run(tmp_path, keep=3) as writer:
    for step in (10, 20):
      save(writer, step)
  (tmp_path / 'checkpoints' / 'checksums.json').unlink()  # as by a kill
  with open_run(tmp_path, keep=3) as writer:
    assert writer.find() == 20
  (tmp_path / 'checkpoints' / 'checksums.json').write_text('{"2": {}')
  (tmp_path / 'checkpoints' / '2' / 'notes' / 'metadata').write_text('{')
  with pytest.raises(ValueError, match='is damaged .it cannot be read'):
    checkpoints.read(tmp_path)
  with open_run(tmp_path, keep=3) as writer:
    assert writer.find() == 10
    save(writer, 20)
  assert checkpoints.read(tmp_path).epoch == 2


def test_of_nothing_whole_nothing_is_gone_on_from(tmp_path):
  with open_run(tmp_path) as writer:
    save(writer, 10)
  for path in (tmp_path / 'checkpoints' / '1').rglob('*'):
    if path.is_file():
      path.write_bytes(b'')
  with open_run(tmp_path) as writer:
    assert writer.find() == 0
