"""What stops a command ends it in a line, with the exit code of a shell."""

import errno
import os
import pathlib
import re
import signal

import pytest

from stclr_jax import commands
from stclr_jax.files import json_files
from stclr_jax.files import locks

ENDINGS = {
  'interrupt': (KeyboardInterrupt(), 130, 'Interrupted.\nkept'),
  'terminated': (commands.Terminated(), 143, 'Terminated.\nkept'),
  'full disk': (
    OSError(errno.ENOSPC, 'No space left on device', 'a.json'),
    1,
    'Error: the disk became full while DIR was written; what was '
    'whole before is kept. Make room, or choose another disk (--workdir=DIR).'
    '\nkept',
  ),
  'full disk of others': (
    RuntimeError('RESOURCE_EXHAUSTED: No space left on device\n at line 3'),
    1,
    'Error: the disk became full while DIR was written; what was '
    'whole before is kept. Make room, or choose another disk (--workdir=DIR).'
    '\nkept',
  ),
  'system': (
    PermissionError(errno.EACCES, 'Permission denied', 'a.json'),
    1,
    'Error: Permission denied: a.json\nkept',
  ),
  'not there': (
    FileNotFoundError('There is no run in DIR; give another.'),
    1,
    'Error: There is no run in DIR; give another.\nkept',
  ),
  'owned': (locks.OwnedError('The thing is owned.'), 1,
            'Error: The thing is owned.'),
}  # fmt: skip


@pytest.fixture(autouse=True)
def restore_signals():
  before = signal.getsignal(signal.SIGTERM)
  yield
  signal.signal(signal.SIGTERM, before)


@commands.report_errors(
  lambda error, folder='DIR': commands.Place(
    folder, ' (--workdir=DIR)', lambda: 'kept'
  )
)
def end_by(error, folder='DIR'):
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
  read = commands.report_errors()(json_files.read)
  with pytest.raises(SystemExit, match='^Error: .*summary.json must'):
    read(path)
  path.write_text('{"a": 1}')
  assert read(path) == {'a': 1} and read.__name__ == 'read'


SETTINGS = {
  'n --config.data.split=x --out p': (['n', '--out', 'p'], 'x', 0),
  '--config={paper} --config.seed 3 n': (['n'], 'vl_strong', 3),
  'n --configure=3 -h config': (
    ['n', '--configure=3', '-h', 'config'], 'vl_strong', 0
  ),
}  # fmt: skip
MISTYPED = {
  '--config.data.splot=x': 'config.KEY=VALUE, does not fit.*Did you mean',
  '--config.seed=x': '^Error: .*--config.seed=x',
  '--config.seed': '^Error: Missing value for flag --config.seed',
  '--config=nope.py': '^The config file cannot be read.*nope.py',
  '--config={paper}r': "^Error: .*'paperr'.* demo, paper, paper_112",
}


@pytest.mark.filterwarnings('ignore:the load_module')  # ml_collections calls it
def test_a_config_is_read_as_main_reads_it():
  file = pathlib.Path(__file__).parents[1] / 'configs/pretrain.py'
  for line, (others, split, seed) in SETTINGS.items():
    arguments = line.format(paper=f'{file}:paper').split()
    config, left = commands.read_config(arguments, f'{file}:demo')
    assert (left, config.data.split, config.seed) == (others, split, seed)
    assert config.preset == ('paper' if '{paper}' in line else 'demo')
  for line, words in MISTYPED.items():
    arguments = line.format(paper=f'{file}:paper').split()
    with pytest.raises(SystemExit) as ended:
      commands.read_config(arguments, f'{file}:demo')
    assert re.search(words, ended.value.code, re.DOTALL), ended.value.code
    assert 'Traceback' not in ended.value.code


def test_sigterm_is_heard(capsys):
  @commands.report_errors()
  def wait():
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()

  with pytest.raises(SystemExit) as ended:
    wait()
  assert ended.value.code == 143
  assert capsys.readouterr().err == 'Terminated.\n'
