import sys

import pytest

from stclr_jax.errors import UserError
from stclr_jax.reports import command_lines
from stclr_jax.runs import workdirs


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
  assert workdirs.read_config(tmp_path / 'run') == workdirs.as_json(config)
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


@pytest.mark.parametrize('prefixed', [False, True])
def test_a_relative_data_folder_of_the_environment_is_forwarded(
  monkeypatch, tmp_path, prefixed
):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, 'argv', ['main.py'])
  prefixes = ('--config.data.',) if prefixed else ('--config.encoder.',)
  for given, forwarded in (
    ('data', f' --config.data.data_dir={tmp_path}/data' if prefixed else ''),
    (f'{tmp_path}/data', ''),
  ):
    monkeypatch.setenv('TFDS_DATA_DIR', given)
    assert command_lines.forwarded_flags(prefixes) == forwarded


def test_a_path_that_is_spelled_otherwise_is_no_other_config(
  tiny_config, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'ref').mkdir()
  (tmp_path / 'link').symlink_to('ref')
  spellings = ['ref', 'ref/', './ref', f'{tmp_path}/ref', 'link', 'x/../ref']
  (tmp_path / 'x').mkdir()
  for first in spellings:
    workdir = tmp_path / f'run{spellings.index(first)}'
    for spelled in (first, *spellings):
      config = tiny_config('finetune', init_from=spelled)
      config.data.data_dir = spelled
      workdirs.open_workdir(workdir, config)
    for other in ('', 'x', 'refs'):
      config = tiny_config('finetune', init_from=other)
      config.data.data_dir = spelled
      with pytest.raises(ValueError, match="init_from: there '.*', here"):
        workdirs.open_workdir(workdir, config)


def test_a_run_of_an_earlier_format_is_named(tiny_config, tmp_path):
  config = tiny_config('pretrain')
  workdirs.write_json(tmp_path / workdirs.CONFIG, workdirs.as_json(config))
  with pytest.raises(UserError, match='config.json is of an earlier format'):
    workdirs.open_workdir(tmp_path, config)


@pytest.mark.parametrize('content', ['', '{"workflow": "pre', '[1]', '\x00'])
def test_a_damaged_config_is_named(tiny_config, tmp_path, content):
  (tmp_path / workdirs.CONFIG).write_text(content)
  with pytest.raises(ValueError, match='config.json must hold .*--workdir'):
    workdirs.open_workdir(tmp_path, tiny_config('pretrain'))
