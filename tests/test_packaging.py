"""What is installed: requirements, the script, and the configs within."""

import os
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

from stclr_jax import __main__ as stclr
from stclr_jax import programs
from stclr_jax.errors import MissingPackageError

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
EXTRAS = PROJECT['optional-dependencies']


def unfold(requirements):
  """Puts what an extra of ours asks for in place of its name."""
  unfolded = set()
  for one in requirements:
    ours = re.fullmatch(r'stclr_jax\[(.*)\]', one)
    if ours:
      unfolded |= set().union(*(unfold(EXTRAS[x]) for x in ours[1].split(',')))
    else:
      unfolded.add(one)
  return unfolded


def test_requirements_are_those_of_all_extras_for_development():
  lines = (ROOT / 'requirements.txt').read_text().splitlines()
  listed = [line.partition('#')[0].strip() for line in lines]
  listed = [line for line in listed if line]
  assert len(set(listed)) == len(listed)
  everything = unfold([*PROJECT['dependencies'], 'stclr_jax[all,dev]'])
  assert set(listed) == everything
  assert everything.isdisjoint(unfold(EXTRAS['gpu']))  # it needs a GPU


def test_training_is_begun_as_it_is_there(tmp_path):
  assert programs.training() == 'python main.py'
  assert programs.training(tmp_path) == 'stclr train'


def test_what_training_lacks_is_named_before_it_begins():
  programs.check_training()
  with pytest.raises(MissingPackageError, match=r'no_such.*stclr_jax\[train\]'):
    programs.check_training(('json', 'no_such'))
  named = {
    'tensorflow_datasets': 'tensorflow-datasets',
    'sklearn': 'scikit-learn',
    'skimage': 'scikit-image',
    'array_record': 'array-record',
  }
  packages = {named.get(one, one) for one in programs.FOR_TRAINING}
  assert packages == {re.split('[<>=]', one)[0] for one in EXTRAS['train']}


WITHOUT_TRAINING = """
import runpy, sys
from stclr_jax import programs

class Missing:
  def find_spec(self, name, path=None, target=None):
    if name.partition('.')[0] in programs.FOR_TRAINING:
      raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
runpy.run_path('main.py', run_name='__main__')
"""


def test_planning_needs_none_of_what_training_needs():
  ran = subprocess.run(
    [
      sys.executable, '-c', WITHOUT_TRAINING,
      '--config=configs/reproduce.py:table3,paper', '--plan',
    ],
    cwd=ROOT,
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    capture_output=True,
    text=True,
  )  # fmt: skip
  assert ran.returncode == 0, ran.stderr
  assert '30 and 30 runs' in ran.stdout


def test_each_command_is_a_module_that_can_be_run(capsys, monkeypatch):
  folder = ROOT / 'stclr_jax'
  # All modules of the package itself that end by running themselves.
  runnable = {
    path.stem
    for path in folder.glob('*.py')
    if "__name__ == '__main__'" in path.read_text()
  }
  assert set(stclr.COMMANDS.values()) == runnable - {'__main__'}
  monkeypatch.setattr(sys, 'argv', ['stclr', '--help'])
  with pytest.raises(SystemExit) as ended:
    stclr.main()
  assert ended.value.code == 0
  said = capsys.readouterr().out
  assert all(f'\n  {name} ' in said for name in stclr.COMMANDS)


@pytest.mark.parametrize('given', [[], ['trian'], ['-m']])
def test_another_command_is_refused(given, capsys, monkeypatch):
  monkeypatch.setattr(sys, 'argv', ['stclr', *given])
  with pytest.raises(SystemExit) as ended:
    stclr.main()
  assert ended.value.code == 2
  assert 'compare' in capsys.readouterr().err


@pytest.mark.slow
def test_an_installed_copy_carries_its_configs(tmp_path):
  site = tmp_path / 'site'
  # A copy, as building leaves its traces in the folder.
  source = tmp_path / 'source'
  subprocess.run(['git', 'clone', '--quiet', ROOT, source], check=True)
  subprocess.run(
    [
      sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps',
      '--target', site, source,
    ],
    check=True,
  )  # fmt: skip
  for ours in (site / 'bin').iterdir():
    assert ours.name == 'stclr'
  elsewhere = tmp_path / 'elsewhere'
  (elsewhere / 'configs').mkdir(parents=True)  # somebody else's
  (elsewhere / 'configs' / '__init__.py').touch()
  for config in ('reproduce:table3', 'configs/reproduce.py:table3'):
    ran = subprocess.run(
      [site / 'bin' / 'stclr', 'train', f'--config={config}', '--plan'],
      cwd=elsewhere,
      env=os.environ | {'PYTHONPATH': str(site)},
      capture_output=True,
      text=True,
      check=True,
    )
    assert '30 and 30 runs' in ran.stdout
    assert 'stclr train --config=configs/reproduce.py:table3,paper' in (
      ran.stdout
    )
