import dataclasses
import json
import os
import struct

import jax
import jax.numpy as jnp
import made_networks
import numpy as np
import pytest

from stclr_jax.errors import UserError
from stclr_jax.inference import exported_description
from stclr_jax.inference import exported_folder
from stclr_jax.models import architectures
from stclr_jax.models.weights import safetensors_files

CREATED = '2026-11-30T00:00:00+00:00'


def write(folder, trained):
  """An exported folder of a network, without its model card."""
  folder.mkdir(exist_ok=True)
  described = exported_description.describe(trained, created=CREATED)
  exported_description.write(folder / exported_folder.CONFIG, described)
  safetensors_files.write(
    folder / exported_folder.WEIGHTS, exported_folder.arrays(trained)
  )
  return folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return write(tmp_path_factory.mktemp('exported'), made_networks.make())


@pytest.fixture
def spoiled(folder, tmp_path):
  """Makes a folder of which one field of the description is another."""

  def spoil(**changes):
    written = json.loads((folder / 'config.json').read_text())
    for name, value in changes.items():
      *path, last = name.split('__')
      place = written
      for part in path:
        place = place[part]
      if value is KeyError:
        del place[last]
      else:
        place[last] = value
    (tmp_path / 'config.json').write_text(json.dumps(written))
    weights = tmp_path / 'model.safetensors'
    if not weights.exists():
      weights.symlink_to(folder / 'model.safetensors')
    return tmp_path

  return spoil


def equal(ours, read):
  leaves, tree = jax.tree.flatten(ours)
  others, other_tree = jax.tree.flatten(read)
  assert tree == other_tree
  return all(
    one.dtype == other.dtype and one.tobytes() == other.tobytes()
    for one, other in zip(leaves, others, strict=True)
  )


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_a_network_is_read_as_it_was_bit_for_bit(architecture, tmp_path):
  trained = made_networks.make(architecture, width=1 / 8)
  # Bits that arithmetic would not keep.
  stem = trained.variables['batch_stats']['encoder']['stem_norm']['mean']
  stem[:4] = -0.0, 1e-45, np.finfo(np.float32).max, np.nextafter(1, 2)
  read = exported_folder.read(write(tmp_path, trained))
  assert equal(trained.variables, read.variables)
  assert read.checksum == trained.checksum
  for field in dataclasses.fields(trained):
    if field.name not in ('source', 'variables', 'view_options'):
      ours = getattr(trained, field.name)
      assert getattr(read, field.name) == ours, field.name
  assert read.view_options == trained.view_options


@pytest.mark.parametrize(
  ('what', 'rest', 'name'),
  [
    ('change', 'first_frame', 'classifier_of_change'),
    ('both', 'person_mean', 'classifier_of_both'),
    (None, 'first_frame', None),
  ],
)
def test_what_torchvision_would_misread_has_another_name(
  what, rest, name, tmp_path, shallow_encoder
):
  options = {'labels': None} if what is None else {'what': what, 'rest': rest}
  trained = made_networks.make(**options)
  arrays = exported_folder.arrays(trained)
  heads = {n.split('.')[0] for n in arrays} - {'stem', 'layer1', 'layer2'}
  assert heads == ({name} if name else set())
  read = exported_folder.read(write(tmp_path, trained))
  assert equal(trained.variables, read.variables)
  assert (read.labels, read.rest) == (trained.labels, trained.rest)


def test_half_precision_is_a_setting_not_of_the_arrays(
  tmp_path, shallow_encoder
):
  trained = made_networks.make(dtype=jnp.bfloat16)
  read = exported_folder.read(write(tmp_path, trained))
  assert read.encoder == trained.encoder
  assert equal(trained.variables, read.variables)


def test_other_descriptions_are_refused(spoiled, subtests):
  for words, changes in (
    ('surprising', {'surprising': 1}),
    ('kind', {'kind': KeyError}),
    ('`kind`', {'kind': 'detector'}),
    ('`architecture`', {'architecture': '../../etc/passwd'}),
    ('`architecture`', {'architecture': ['r2plus1d_18']}),
    ('`width`', {'width': 1e9}),
    ('`width`', {'width': 0}),
    ('`width`', {'width': '1'}),
    ('`width`', {'width': None}),
    ('`width`', {'width': float('nan')}),
    ('`epsilon`', {'epsilon': True}),
    ('`epsilon`', {'epsilon': -1}),
    ('`dtype`', {'dtype': 'object'}),
    ('`num_frames`', {'views__num_frames': 1 << 40}),
    ('`num_frames`', {'views__num_frames': 4.0}),
    ('`size`', {'views__size': 8}),
    ('`mean`', {'views__mean': [0.5]}),
    ('`std`', {'views__std': [1, 1, 0]}),
    ('`labels`', {'labels': None}),
    ('`labels`', {'labels': []}),
    ('`labels`', {'labels': ['a', 'a', 'b']}),
    ('`labels`', {'labels': ['a\x1b[2J', 'b', 'c']}),
    ('`labels`', {'labels': ['a' * 1000, 'b', 'c']}),
    ('abc', {'labels': 'abc'}),
    ('str', {'labels': [1, 2, 3]}),
    ('input', {'input': 'sound'}),
    ('rest', {'rest': 'person_mean'}),
    ('`temperature`', {'calibration__temperature': 0}),
    ('`unsure_below`', {'calibration__unsure_below': 2}),
    ('`fps`', {'video__fps': '25'}),
    ('`fps`', {'video__fps': 0}),
    ('`framing`', {'video__framing': '/etc/passwd'}),
    ('`margin`', {'video__face_crop__margin': 1e30}),
    ('`smoothing`', {'video__face_crop__smoothing': 1 << 60}),
    ('`clip_frames`', {'video__clip_frames': -1}),
    ('`correct`', {'trained_on__correct': 21}),
    ('`total`|`correct`', {'trained_on__total': None}),
    ('`data`', {'trained_on__data': 'a\x1b[2J'}),
    ('path', {'video__path': '/etc/passwd'}),
    ('`people`', {'trained_on__people': {}}),
    ('TrainedOn', {'trained_on': None}),
    ('format_version', {'format_version': 2}),
    ('format_version', {'format_version': KeyError}),
    ('format_version', {'format_version': True}),
  ):
    with subtests.test(changes=str(changes)[:60]):
      with pytest.raises(ValueError, match=words) as refused:
        exported_folder.read(spoiled(**changes))
      assert 'config.json' in str(refused.value)
      assert len(str(refused.value)) < 800


def test_other_weights_than_described_are_refused(spoiled, subtests):
  for words, changes in (
    ('shape|Other', {'width': 0.5}),
    ('Missing', {'architecture': 'r3d_18'}),
    ('fc.weight F32', {'labels': ['a', 'b']}),
    ('classifier_of_change', {'input': 'change'}),
    ('Not wanted: .*fc', {'kind': 'encoder', 'labels': None}),
  ):
    with subtests.test(changes=str(changes)):
      with pytest.raises(ValueError, match=words):
        exported_folder.read(spoiled(**changes))


def test_weights_that_are_not_finite_are_refused(tmp_path, subtests):
  trained = made_networks.make()
  good = exported_folder.arrays(trained)
  for name, value in (
    ('fc.weight', np.nan),
    ('stem.0.weight', np.inf),
    ('stem.1.running_var', -1.0),
  ):
    with subtests.test(name=name):
      folder = write(tmp_path, trained)
      array = good[name].copy()
      array.flat[0] = value
      safetensors_files.write(
        folder / exported_folder.WEIGHTS, good | {name: array}
      )
      with pytest.raises(UserError, match=rf'{name} \(1 of {array.size} '):
        exported_folder.read(folder)


def test_a_description_that_is_no_json_is_refused(spoiled, subtests):
  folder = spoiled()
  for text in (
    b'',
    b'[]',
    b'{"kind":',
    b'\xff\xfe',
    b'[' * 200_000,
    b' ' * (2 << 20),
  ):
    with subtests.test(text=text[:10]):
      (folder / 'config.json').write_bytes(text)
      with pytest.raises(ValueError, match='must be a JSON object'):
        exported_folder.read(folder)


def header(described, data=b''):
  text = described if isinstance(described, bytes) else json.dumps(described)
  text = text if isinstance(text, bytes) else text.encode()
  return struct.pack('<Q', len(text)) + text + data


def test_hostile_weights_are_refused(folder, spoiled, subtests):
  whole = (folder / 'model.safetensors').read_bytes()
  one = {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 4]}
  weights = spoiled() / 'model.safetensors'
  for name, written in {
    'empty': b'',
    'cut': whole[:-1],
    'longer': whole + b'\0',
    'cut in the header': whole[:100],
    'a header of exabytes': struct.pack('<Q', 1 << 62) + b'{}',
    'an array of exabytes': header(
      {'a': {'dtype': 'F32', 'shape': [1 << 60], 'data_offsets': [0, 4]}}
    ),
    'overlapping': header({'a': one, 'b': one}, b'1234'),
    'no kind of number': header({'a': one | {'dtype': 'O'}}, b'1234'),
    'deep': header(b'[' * 100_000),
    'a pickle': b'\x80\x04\x95' + b'0' * 50,
    'an array that nobody knows': header({'a\x1b[2J' * 90: one}, b'1234'),
    'half precision': header(
      {'fc.bias': {'dtype': 'BF16', 'shape': [2], 'data_offsets': [0, 4]}},
      b'1234',
    ),
  }.items():
    with subtests.test(name):
      weights.unlink()
      weights.write_bytes(written)
      with pytest.raises(ValueError, match='model.safetensors') as refused:
        exported_folder.read(weights.parent)
      assert '\x1b' not in str(refused.value)
      assert len(str(refused.value)) < 2000


def test_a_clone_without_large_files_is_named(spoiled):
  weights = spoiled() / 'model.safetensors'
  weights.unlink()
  weights.write_text(
    'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 125\n'
  )
  with pytest.raises(ValueError, match='git lfs pull'):
    exported_folder.read(weights.parent)


def test_what_is_no_file_is_not_waited_for(spoiled, subtests):
  folder = spoiled()
  for name in ('model.safetensors', 'config.json'):
    with subtests.test(name):
      path = folder / name
      path.unlink()
      os.mkfifo(path)
      with pytest.raises(ValueError, match=f'{name} .*a named pipe'):
        exported_folder.read(folder)
      path.unlink()
      with pytest.raises(FileNotFoundError, match=name):
        exported_folder.read(folder)
