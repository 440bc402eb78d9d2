import pathlib
import pickle
import sys
import zipfile

import numpy as np
import pytest

from stclr_jax.models.weights import torch_files

FILES = pathlib.Path(__file__).parent / 'torchvision_files'


@pytest.mark.parametrize('name', ['archive.pth', 'sequence.pth'])
def test_both_formats_hold_what_torch_wrote(name):
  torch_is_there = 'torch' in sys.modules
  tensors = torch_files.read_tensors(FILES / name)
  assert ('torch' in sys.modules) == torch_is_there
  ramp = np.arange(24, dtype=np.float32)
  expected = {
    'matrix': ramp.reshape(4, 6),
    'transposed': ramp.reshape(4, 6).T,
    'part': ramp[10:14],
    'parameter': ramp[:3],
    'scalar': np.array(7),
    'empty': np.zeros((0, 3), np.float32),
    'half': ramp[:5].astype(np.float16),
    'double': ramp[:5].astype(np.float64),
    'flags': np.array([True, False]),
  }
  bfloat16 = tensors.pop('bfloat16')
  assert bfloat16.dtype.name == 'bfloat16'
  np.testing.assert_array_equal(bfloat16.astype(np.float32), ramp[:5])
  assert tensors.keys() == expected.keys()
  for name, array in expected.items():
    assert tensors[name].dtype == array.dtype, name
    np.testing.assert_array_equal(tensors[name], array)


class Harmful:
  """Creates a file when it is unpickled."""

  def __init__(self, path):
    self.path = str(path)

  def __reduce__(self):
    return open, (self.path, 'w')


def archive(path, pickled, **members):
  with zipfile.ZipFile(path, 'w') as file:
    file.writestr('archive/data.pkl', pickled)
    for name, data in members.items():
      file.writestr(f'archive/data/{name}', data)
  return path


@pytest.mark.parametrize('legacy', [False, True])
def test_code_is_not_run(legacy, tmp_path):
  harm = tmp_path / 'harm'
  pickled = pickle.dumps({'weight': Harmful(harm)})
  pickle.loads(pickled)['weight'].close()
  assert harm.exists()  # So it would run.
  harm.unlink()
  path = tmp_path / 'weights.pth'
  if legacy:
    start = (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True})
    path.write_bytes(b''.join(map(pickle.dumps, start)) + pickled)
  else:
    archive(path, pickled)
  with pytest.raises(ValueError, match='weights.pth asks for .*open.*run code'):
    torch_files.read_tensors(path)
  assert not harm.exists()


@pytest.mark.parametrize(
  'module,name',
  [
    ('os', 'system'),
    ('builtins', 'eval'),
    ('torch', 'load'),
    ('torch.serialization', '_get_layout'),
    ('collections', 'Counter'),
    ('torch._utils', '_rebuild_device_tensor_from_numpy'),
  ],
)
def test_other_names_are_refused(module, name, tmp_path):
  path = archive(tmp_path / 'w.pth', f'c{module}\n{name}\n.'.encode())
  with pytest.raises(ValueError, match=f'{module}.{name}'):
    torch_files.read_tensors(path)


def write_tensor(path, offset, shape, strides):
  """Writes a view of the numbers 0 to 3 as torch pickles it, in text."""

  def numbers(values):
    return '(' + ''.join(f'I{value}\n' for value in values) + 't'

  storage = "(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ"
  arguments = f'({storage}I{offset}\n{numbers(shape)}{numbers(strides)}I00\nNt'
  pickled = f"(dS'weight'\nctorch._utils\n_rebuild_tensor_v2\n{arguments}Rs."
  data = np.arange(4, dtype=np.float32).tobytes()
  return archive(path, pickled.encode(), **{'0': data})


def test_a_view_inside_its_storage_is_read(tmp_path):
  path = write_tensor(tmp_path / 'w.pth', 1, (3,), (1,))
  np.testing.assert_array_equal(
    torch_files.read_tensors(path)['weight'], [1, 2, 3]
  )


@pytest.mark.parametrize(
  'offset,shape,strides',
  [
    (2, (3,), (1,)),  # beyond the end
    (-1, (2,), (1,)),  # before the start
    (3, (2,), (-1,)),
    (0, (2, 2), (3, 1)),
    (0, (10**12,), (0,)),  # would fill the memory
  ],
)
def test_views_outside_their_storage_are_refused(
  offset, shape, strides, tmp_path
):
  path = write_tensor(tmp_path / 'w.pth', offset, shape, strides)
  with pytest.raises(ValueError, match='its storage'):
    torch_files.read_tensors(path)


@pytest.mark.parametrize(
  'content', [b'', b'\x80', b'not weights', pickle.dumps([1, 2])]
)
def test_other_files_are_refused(content, tmp_path):
  path = tmp_path / 'w.pth'
  path.write_bytes(content)
  with pytest.raises(ValueError, match='w.pth cannot be read.*torch.save'):
    torch_files.read_tensors(path)


def test_a_cut_file_is_refused(tmp_path):
  for name in ('archive.pth', 'sequence.pth'):
    whole = (FILES / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) - 40])
    with pytest.raises(ValueError, match='cannot be read'):
      torch_files.read_tensors(path)


def test_no_file_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match='no file .*none.pth'):
    torch_files.read_tensors(tmp_path / 'none.pth')
