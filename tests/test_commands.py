"""What stops a command ends it in a line, with the exit code of a shell."""

import errno
import os
import signal

import pytest

from stclr_jax import commands
from stclr_jax.files import locks
from stclr_jax.runs import workdirs

ENDINGS = {
  'interrupt': (KeyboardInterrupt(), 130, 'Interrupted.\nkept'),
  'terminated': (commands.Terminated(), 143, 'Terminated.\nkept'),
  'full disk': (
    OSError(errno.ENOSPC, 'No space left on device', 'a.json'),
    1,
    'FullDiskError: the disk became full while DIR was written; what was '
    'whole before is kept. Make room, or choose another disk (--workdir=DIR).'
    '\nkept',
  ),
  'full disk of others': (
    RuntimeError('RESOURCE_EXHAUSTED: No space left on device\n at line 3'),
    1,
    'FullDiskError: the disk became full while DIR was written; what was '
    'whole before is kept. Make room, or choose another disk (--workdir=DIR).'
    '\nkept',
  ),
  'system': (
    PermissionError(errno.EACCES, 'Permission denied', 'a.json'),
    1,
    'PermissionError: Permission denied: a.json\nkept',
  ),
  'owned': (locks.OwnedError('The thing is owned.'), 1,
            'OwnedError: The thing is owned.'),
}  # fmt: skip


@pytest.fixture(autouse=True)
def restore_signals():
  before = signal.getsignal(signal.SIGTERM)
  yield
  signal.signal(signal.SIGTERM, before)


def end_by(error):
  with commands.ending_in_a_line(
    'DIR', otherwise=' (--workdir=DIR)', describe_kept=lambda: 'kept'
  ):
    raise error


@pytest.mark.parametrize('name', ENDINGS)
def test_a_command_ends_in_a_line(name, capsys):
  error, code, words = ENDINGS[name]
  with pytest.raises(SystemExit) as ended:
    end_by(error)
  said = capsys.readouterr().err
  if code == 1:  # Python prints what is not a number, and exits with 1
    assert ended.value.code == words
  else:
    assert ended.value.code == code and said == f'{words}\n'


def test_mistakes_of_the_program_keep_their_traceback():
  with pytest.raises(ValueError, match='^theirs$'):
    end_by(ValueError('theirs'))


def test_what_the_project_refuses_ends_in_a_line(tmp_path):
  path = tmp_path / 'summary.json'
  path.write_text('[]')
  with pytest.raises(SystemExit, match='^Error: .*summary.json must'):
    with commands.ending_in_a_line():
      workdirs.read_json(path)


def test_sigterm_is_heard(capsys):
  with pytest.raises(SystemExit) as ended:
    with commands.ending_in_a_line():
      os.kill(os.getpid(), signal.SIGTERM)
      signal.pause()
  assert ended.value.code == 143
  assert capsys.readouterr().err == 'Terminated.\n'
