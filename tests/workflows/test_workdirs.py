import sys

import pytest

from stclr_jax.workflows import command_lines
from stclr_jax.workflows import workdirs


@pytest.mark.parametrize('replaced', [0, 1])
@pytest.mark.parametrize('partial', [False, True])
def test_a_run_that_was_stopped_while_its_folder_was_opened_can_begin(
  tiny_config, tmp_path, monkeypatch, replaced, partial
):
  write, written = workdirs.write_json, []

  def dying_write(path, value):
    if len(written) == replaced:
      if partial:
        path.with_name(f'{path.name}.0123abcd.partial').write_text('{"star')
      raise KeyboardInterrupt
    written.append(path)
    write(path, value)

  config = tiny_config('pretrain')
  with monkeypatch.context() as patch:
    patch.setattr(workdirs, 'write_json', dying_write)
    with pytest.raises(KeyboardInterrupt):
      workdirs.open_workdir(tmp_path / 'run', config)
  workdirs.open_workdir(tmp_path / 'run', config)
  found = workdirs.read_json(tmp_path / 'run' / workdirs.CONFIG)
  assert found == workdirs.as_json(config)
  assert workdirs.read_json(tmp_path / 'run' / workdirs.ENVIRONMENT)['python']


@pytest.mark.parametrize('name', ['film.mp4.0123abcd.partial', 'summary.json'])
def test_other_files_beside_an_environment_are_not_a_new_run(
  tiny_config, tmp_path, name
):
  for file in (workdirs.ENVIRONMENT, name):
    (tmp_path / file).write_text('mine')
  with pytest.raises(ValueError, match='holds files but no config.json'):
    workdirs.open_workdir(tmp_path, tiny_config('pretrain'))
  assert (tmp_path / workdirs.ENVIRONMENT).read_text() == 'mine'


@pytest.mark.parametrize(
  'given,forwarded',
  [
    (['--config.data.name=mine'], ' --config.data.name=mine'),
    (['--config.data.name', 'my set'], " --config.data.name 'my set'"),
    (['-config.data.name', 'mine'], ' -config.data.name mine'),
    (['--config.data.fold_seed', '-5'], ' --config.data.fold_seed -5'),
    (['--noconfig.encoder.remat'], ' --noconfig.encoder.remat'),
    (
      ['--config.encoder.remat', '--config.data.fold', '1'],
      ' --config.encoder.remat --config.data.fold 1',
    ),
    (['--workdir', 'a', '--config.seed', '1', '--config=b'], ''),
    (
      ['--config.data.fold', '1', '--config.seed', '2', '--workdir=a'],
      ' --config.data.fold 1',
    ),
  ],
)
def test_settings_of_data_and_encoder_are_forwarded_as_they_were_given(
  monkeypatch, given, forwarded
):
  monkeypatch.setattr(sys, 'argv', ['main.py', *given])
  assert command_lines.forwarded_flags() == forwarded
