import dataclasses
import datetime
import json

import made_networks
import numpy as np
import pytest

import stclr_jax
from stclr_jax import export
from stclr_jax.exports import agreement
from stclr_jax.exports import hub_folder
from stclr_jax.exports import network_function
from stclr_jax.exports import network_onnx
from stclr_jax.inference import exported_description
from stclr_jax.inference import exported_folder
from stclr_jax.models.weights import safetensors_files

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
PLAIN = {'README.md', 'config.json', 'model.safetensors'}


@pytest.fixture
def source(tmp_path, shallow_encoder):
  """A network to export: an earlier export, as it needs no training."""
  folder = tmp_path / 'source'
  folder.mkdir()
  trained = made_networks.make()
  described = exported_description.describe(trained, created='')
  exported_description.write(folder / 'config.json', described)
  arrays = exported_folder.arrays(trained)
  safetensors_files.write(folder / 'model.safetensors', arrays)
  return folder


def listed(folder):
  return {path.name for path in folder.iterdir()}


def test_a_folder_holds_the_same_network(source, tmp_path):
  out = tmp_path / 'new' / 'my model'
  options = hub_folder.Options(onnx=True)
  written = hub_folder.write(source, out, options, now=NOW)
  assert listed(out) == PLAIN | {'model.onnx'}
  assert set(written.files) == listed(out)
  assert not written.refused
  assert max(written.differences.values()) < 5e-6
  clips = np.random.default_rng(0).integers(0, 256, (2, 9, 20, 24, 3), np.uint8)
  ours, theirs = stclr_jax.load(source), stclr_jax.load(out)
  np.testing.assert_array_equal(
    ours.predict_clips(clips), theirs.predict_clips(clips)
  )
  assert ours.labels == theirs.labels == made_networks.LABELS
  facts = dataclasses.replace(theirs.info, source=ours.info.source)
  assert facts == ours.info
  described = json.loads((out / 'config.json').read_text())
  assert described['created'] == '2026-11-30T12:00:00+00:00'
  card = (out / 'README.md').read_text()
  assert '# my model' in card and 'With ONNX' in card


def test_what_differs_is_not_kept(source, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(network_function, 'temperature', lambda trained: 3.0)
  out = tmp_path / 'out'
  with pytest.raises(SystemExit) as ended:
    export.main([f'--model={source}', f'--out={out}', '--onnx'])
  assert ended.value.code == 1
  assert 'model.onnx was not kept: it differs' in capsys.readouterr().out
  assert listed(out) == PLAIN
  assert 'With ONNX' not in (out / 'README.md').read_text()
  assert stclr_jax.load(out).labels == made_networks.LABELS


def test_no_number_is_no_agreement(source, tmp_path, monkeypatch):
  nothing = agreement.Tried({}, {})
  monkeypatch.setattr(agreement, 'try_ours', lambda _: nothing)
  monkeypatch.setattr(agreement, 'largest_difference', lambda *_: np.nan)
  monkeypatch.setattr(network_onnx, 'run', lambda *_: {})
  options = hub_folder.Options(onnx=True)
  written = hub_folder.write(source, tmp_path / 'out', options)
  assert set(written.refused) == {'model.onnx'}


def test_folders_of_others_are_left_alone(source, tmp_path, subtests):
  out = tmp_path / 'out'
  plain = hub_folder.Options()
  hub_folder.write(source, out, plain)
  (out / '.gitattributes').touch()  # a hub's own
  (out / 'model.onnx').touch()  # of another network
  before = {path: path.read_bytes() for path in out.iterdir()}
  with pytest.raises(ValueError, match='earlier export.*--overwrite'):
    hub_folder.write(source, out, plain)
  with pytest.raises(ValueError, match='another folder than `model`'):
    hub_folder.write(out, out, hub_folder.Options(overwrite=True))
  (out / 'thesis.txt').touch()
  with pytest.raises(ValueError, match='holds thesis.txt'):
    hub_folder.write(source, out, hub_folder.Options(overwrite=True))
  with pytest.raises(ValueError, match='must be a folder'):
    hub_folder.write(source, out / 'thesis.txt', plain)
  (out / 'thesis.txt').unlink()
  assert before == {path: path.read_bytes() for path in out.iterdir()}
  hub_folder.write(source, out, hub_folder.Options(overwrite=True))
  assert listed(out) == PLAIN | {'.gitattributes'}


def test_a_refusal_leaves_what_was_there(source, tmp_path, subtests):
  out = tmp_path / 'out'
  hub_folder.write(source, out, hub_folder.Options())
  before = {path: path.read_bytes() for path in out.iterdir()}
  for words, changes in (
    ('exported folder; give the workdir', {'projection_head': True}),
    ('license.*identifier', {'license': 'MINE: all\nrights'}),
    ('license_file', {'license_file': str(tmp_path / 'nowhere')}),
    ('license_file.*a folder', {'license_file': str(tmp_path)}),
  ):
    with subtests.test(words):
      options = hub_folder.Options(overwrite=True, **changes)
      with pytest.raises(ValueError, match=words):
        hub_folder.write(source, out, options)
      assert before == {path: path.read_bytes() for path in out.iterdir()}
  with pytest.raises(FileNotFoundError, match='nowhere'):
    hub_folder.write(tmp_path / 'nowhere', tmp_path / 'b', hub_folder.Options())
  assert not (tmp_path / 'b').exists()


def test_a_folder_that_was_not_finished_is_none(source, tmp_path, monkeypatch):
  out = tmp_path / 'out'
  hub_folder.write(source, out, hub_folder.Options())

  def interrupt(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(safetensors_files, 'write', interrupt)
  with pytest.raises(KeyboardInterrupt):
    hub_folder.write(source, out, hub_folder.Options(overwrite=True))
  with pytest.raises(FileNotFoundError, match='out'):
    stclr_jax.load(out)


def test_a_licence_is_the_owners_words(source, tmp_path):
  text = tmp_path / 'my licence.txt'
  text.write_text('For research.')
  out = tmp_path / 'out'
  options = hub_folder.Options(
    license='cc-by-nc-4.0', license_file=str(text), name='Faces & more'
  )
  hub_folder.write(source, out, options)
  assert (out / 'LICENSE').read_text() == 'For research.'
  card = (out / 'README.md').read_text()
  assert 'license: "cc-by-nc-4.0"\nlicense_link: "LICENSE"' in card
  assert '# Faces & more' in card


def test_arguments_are_checked_before_anything(capsys):
  for given in (['--out=x'], ['--model=x'], ['--model=x', '--out=y', '--onx']):
    with pytest.raises(SystemExit) as ended:
      export.main(given)
    assert ended.value.code == 2
  with pytest.raises(SystemExit) as ended:
    export.main(['--model=nowhere', '--out=y'])
  assert 'nowhere' in str(ended.value.code)
  capsys.readouterr()
