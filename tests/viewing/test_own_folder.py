import multiprocessing
import os
import signal
import tempfile

import pytest

from stclr_jax.viewing import own_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  return tmp_path


def hold(told, place):
  tempfile.tempdir = place
  folder = own_folder.OwnFolder()
  (folder.path / 'video.mp4').write_bytes(b'x')
  told.put(str(folder.path))
  signal.pause()


def test_what_a_killed_process_left_is_deleted_and_what_others_hold_is_not(
  temporary,
):
  context = multiprocessing.get_context('spawn')
  told = context.Queue()
  held = []
  for _ in range(2):
    process = context.Process(
      target=hold, args=(told, str(temporary)), daemon=True
    )
    process.start()
    held.append((process, told.get(timeout=60)))
  (dead, left), (alive, kept) = held
  os.kill(dead.pid, signal.SIGKILL)
  dead.join()
  own = own_folder.OwnFolder()
  (temporary / 'stclr_web_other').mkdir()  # without a lock: nobody knows
  (temporary / 'stclr_web_link').symlink_to(left)
  assert os.path.exists(left)
  own_folder.clear_left_behind()
  assert not os.path.exists(left)
  assert os.path.exists(kept + '/video.mp4') and own.path.is_dir()
  assert (temporary / 'stclr_web_other').is_dir()
  own.close()
  assert not own.path.exists()
  alive.kill()
  alive.join()
  own_folder.clear_left_behind()
  assert sorted(path.name for path in temporary.iterdir()) == [
    'stclr_web_link', 'stclr_web_other',
  ]  # fmt: skip
