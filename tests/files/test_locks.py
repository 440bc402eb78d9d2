"""Who owns a thing, over processes: a lock is held by one, whatever ends it."""

import contextlib
import errno
import json
import os
import pathlib
import subprocess
import sys
import unittest.mock

import filelock
import pytest

from stclr_jax.files import locks

ROOT = pathlib.Path(__file__).parents[2]

OWNER = """
import sys
from stclr_jax.files import locks
with locks.own(sys.argv[1], what='The thing', remedy='Wait.'):
  print('owned', flush=True)
  sys.stdin.read()
"""


@contextlib.contextmanager
def another_owner(path):
  """A process that owns a thing until it is killed, or the context ends."""
  process = subprocess.Popen(
    [sys.executable, '-c', OWNER, str(path)],
    cwd=ROOT,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  )
  with process:
    assert process.stdout.readline() == 'owned\n'
    yield process
    process.stdin.close()


def own(path, **options):
  return locks.own(path, what='The thing', remedy='Wait.', **options)


def test_the_second_is_refused_by_name_until_the_first_ends(tmp_path):
  path = tmp_path / '.lock'
  (tmp_path / 'link').symlink_to(tmp_path)
  spellings = (path, tmp_path / 'link/.lock', f'{tmp_path}/link/x/../.lock')
  (tmp_path / 'x').mkdir()
  with another_owner(path) as process:
    for spelled in spellings:
      words = f'The thing .* process {process.pid} on .*, since 20.* Wait.'
      with pytest.raises(locks.OwnedError, match=words):
        own(spelled).__enter__()
    assert json.loads(path.read_text())['pid'] == process.pid
    # Nothing else is held up by it.
    with own(tmp_path / '.another'):
      pass
  with own(path):
    pass
  assert not path.exists()


def test_a_killed_process_stops_nobody(tmp_path):
  path = tmp_path / '.lock'
  with another_owner(path) as process:
    process.kill()
    process.wait()
    assert path.exists()  # what it left
    with own(path):
      assert json.loads(path.read_text())['pid'] == os.getpid()


def test_one_process_owns_a_thing_once(tmp_path):
  with own(tmp_path / '.lock'):
    with pytest.raises(locks.OwnedError, match=f'process {os.getpid()} '):
      own(tmp_path / '.lock').__enter__()


def test_who_waits_comes_next(tmp_path, capsys):
  path = tmp_path / '.lock'
  with another_owner(path) as process:
    process.stdin.close()  # it ends, soon
    with own(path, wait=True):
      assert json.loads(path.read_text())['pid'] == os.getpid()


def test_without_locks_work_goes_on(tmp_path, monkeypatch, capsys):
  for number, warns in (
    (errno.ENOSYS, True),
    (errno.ENOLCK, True),
    (errno.EOPNOTSUPP, True),
    (errno.EROFS, False),  # nobody can write there
    (errno.EACCES, False),
  ):
    failure = OSError(number, os.strerror(number))
    fail = unittest.mock.Mock(side_effect=failure)
    monkeypatch.setattr(filelock.FileLock, 'acquire', fail)
    with own(tmp_path / '.lock'):
      pass
    assert ('has no locks' in capsys.readouterr().err) == warns, failure
    fail.assert_called()


def test_a_full_disk_is_an_error(tmp_path, monkeypatch):
  def fail(*_, **__):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(filelock.FileLock, 'acquire', fail)
  with pytest.raises(OSError, match='No space'):
    own(tmp_path / '.lock').__enter__()
