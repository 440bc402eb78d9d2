"""The commands of the README, as a user types them."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from configs import finetune
from configs import pretrain

ROOT = pathlib.Path(__file__).parents[1]


def run_main(*flags, cwd):
  """Runs main.py from another folder, with the user's own JAX settings."""
  environment = {k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'}
  return subprocess.run(
    [sys.executable, str(ROOT / 'main.py'), *flags],
    cwd=cwd,
    env=environment,
    capture_output=True,
    text=True,
  )


def test_unknown_preset_is_refused(tmp_path):
  result = run_main(f'--config={ROOT}/configs/pretrain.py:papr', cwd=tmp_path)
  assert result.returncode != 0
  assert result.stderr.startswith("Error: The preset (='papr') must be one of")
  assert 'Traceback' not in result.stdout + result.stderr


def test_unknown_key_is_refused(tmp_path):
  result = run_main(
    f'--config={ROOT}/configs/pretrain.py', '--config.epochs=3', cwd=tmp_path
  )
  assert result.returncode != 0 and 'epochs' in result.stderr


@pytest.mark.parametrize(
  'flags,words',
  [
    (['--config.encodr.width=1'], 'Did you mean "encoder"'),
    (['--config.encoder.widht=1'], 'Did you mean "width"'),
    (['--config.encoder.width=0'], '`encoder.width` (=0.0) must be above 0'),
    (['--plan'], '--plan is for configs/reproduce.py'),
  ],
)
def test_what_is_mistyped_ends_in_a_line(tmp_path, flags, words):
  result = run_main(
    f'--config={ROOT}/configs/pretrain.py',
    f'--workdir={tmp_path}/run',
    *flags,
    cwd=tmp_path,
  )
  assert result.returncode != 0 and words in result.stderr
  assert 'Traceback' not in result.stderr and not (tmp_path / 'run').exists()


def test_people_are_asked_for_by_a_flag(tmp_path):
  given = ['--with_faces', '--config.data.name=nowhere']
  result = run_main(
    f'--config={ROOT}/configs/crossval.py',
    f'--workdir={tmp_path}/run',
    *given,
    cwd=tmp_path,
  )
  assert "`data.name` (='nowhere')" in result.stderr
  config = json.loads((tmp_path / 'run' / 'config.json').read_text())
  assert config['data']['with_faces']
  result = run_main(
    f'--config={ROOT}/configs/evaluate.py', *given, cwd=tmp_path
  )
  assert result.returncode != 0 and 'evaluate draws nobody' in result.stderr


def test_a_config_file_that_is_not_there_is_named(tmp_path):
  result = run_main('--config=configs/pretain.py', cwd=tmp_path)
  assert result.returncode != 0 and 'configs/pretain.py' in result.stderr
  assert 'Traceback' not in result.stderr


@pytest.mark.parametrize('workflow', ['pretrain', 'finetune'])
def test_paper_is_refused_without_the_licensed_data(tmp_path, workflow):
  result = run_main(
    f'--config={ROOT}/configs/{workflow}.py:paper',
    f'--config.data.data_dir={tmp_path}/data',
    f'--workdir={tmp_path}/run',
    *(['--config.init=scratch'] if workflow == 'finetune' else []),
    cwd=tmp_path,
  )
  assert result.returncode != 0
  message = result.stderr
  assert 'Traceback' not in message
  for word in ('licence', 'tfds build tfds_oulu', 'OriginalImg/VL/Strong'):
    assert word in message
  assert not (tmp_path / 'run').exists()


def test_paper_is_the_papers_recipe():
  config = pretrain.get_config('paper')
  assert config.num_epochs == 1000 and config.views.num_frames == 16
  assert config.views.size == 224 and config.projection.features == 128
  assert config.encoder.architecture == 'r2plus1d_18'
  assert config.encoder.width == 1.0
  optimizer = config.optimizer
  assert (optimizer.name, optimizer.learning_rate) == ('sgd', 1e-3)
  assert (optimizer.momentum, optimizer.weight_decay) == (0.9, 1e-4)
  assert optimizer.schedule == 'constant'
  config = finetune.get_config('paper')
  assert (config.num_epochs, config.frozen_epochs) == (100, 30)
  optimizer = config.optimizer
  assert (optimizer.name, optimizer.learning_rate) == ('adam', 1e-4)
  assert optimizer.frozen_learning_rate == 1e-4
  assert (optimizer.schedule, optimizer.patience) == ('plateau', 3)


def test_paper_112_differs_only_in_size():
  for module in (pretrain, finetune):
    paper, small = module.get_config('paper'), module.get_config('paper_112')
    assert small.views.size == 112
    small.views.size, small.preset = 224, 'paper'
    assert small == paper


@pytest.mark.slow
def test_demo_from_another_folder(tmp_path):
  common = [f'--config.data.data_dir={tmp_path}/data', '--config.num_epochs=1']
  result = run_main(
    f'--config={ROOT}/configs/pretrain.py',
    f'--workdir={tmp_path}/pretrained',
    *common,
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert 'drawn faces' in lines[0] and 'pretrain.py:paper' in lines[-1]
  assert f'--config.init_from={tmp_path}/pretrained' in result.stdout
  summary = json.loads((tmp_path / 'pretrained/summary.json').read_text())
  assert summary['synthetic'] and summary['preset'] == 'demo'
  assert summary['data'] == 'synthetic_demo:vl_strong'

  result = run_main(
    f'--config={ROOT}/configs/finetune.py',
    f'--config.init_from={tmp_path}/pretrained',
    f'--workdir={tmp_path}/finetuned',
    '--config.frozen_epochs=0',
    *common,
    cwd=tmp_path,
  )
  assert result.returncode == 0, result.stderr
  summary = json.loads((tmp_path / 'finetuned/summary.json').read_text())
  assert summary['total'] == 48 and sum(map(sum, summary['confusion'])) == 48
