"""Reads tensors from torch's files as data: without torch, running nothing.

A `.pth` file holds pickles, and a pickle can run any code when it is loaded.
This reader knows the few names that a dict of tensors needs and refuses every
other one, as `torch.load(weights_only=True)` does. Both formats are read: the
zip archive that torch 1.6 and newer write, and the sequence of pickles before
it, in which torchvision's video networks were published. `.safetensors` files
cannot hold code; their own library reads them.
"""

import collections
import math
import pathlib
import pickle
import zipfile
from typing import NamedTuple

import ml_dtypes
import numpy as np

# Of the format before zip archives. Source: torch/serialization.py.
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001

# torch names the type of a storage by a class.
_STORAGE_DTYPES = {
  'DoubleStorage': 'float64',
  'FloatStorage': 'float32',
  'HalfStorage': 'float16',
  'BFloat16Storage': 'bfloat16',
  'LongStorage': 'int64',
  'IntStorage': 'int32',
  'ShortStorage': 'int16',
  'CharStorage': 'int8',
  'ByteStorage': 'uint8',
  'BoolStorage': 'bool',
}

# Where training scripts put the network among other things.
_NESTED = ('state_dict', 'model')


def read_tensors(path):
  """Reads the state dict in a file.

  Args:
    path: of a `.safetensors` file, or of one that `torch.save` wrote: a dict
      of tensors, or a dict that holds one as 'state_dict' or 'model'.

  Returns:
    NumPy arrays by name; 'module.' of a data-parallel network is taken off.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if it is of another format, broken, or holds anything but
      tensors and plain values.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(
      f'There is no file {path} to read weights from; give the path of a .pth '
      'or .safetensors file.'
    )
  try:
    found = _read(path)
  except UnsafeName as error:
    raise ValueError(
      f'{path} asks for {error}, which a dict of tensors does not need and '
      'which could run code, so it was not read. Give a file that holds a '
      'state dict only: torch.save(network.state_dict(), PATH).'
    ) from None
  except Exception as error:  # a broken pickle can raise anything
    raise ValueError(
      f'{path} cannot be read as a dict of tensors '
      f'({type(error).__name__}: {error}); give a .safetensors file or one '
      'that torch.save(network.state_dict(), PATH) wrote.'
    ) from error
  return {str(name).removeprefix('module.'): a for name, a in found.items()}


class UnsafeName(Exception):
  """A pickle asks for a name that is not one of a tensor's."""


class _Storage(NamedTuple):
  """Numbers that tensors are views of, not read yet."""

  key: str
  dtype: str
  size: int


class _Tensor(NamedTuple):
  """A view of a storage; offset and strides count numbers."""

  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


def _read(path):
  if path.suffix == '.safetensors':
    from safetensors import numpy as safetensors

    return safetensors.load_file(path)
  if zipfile.is_zipfile(path):
    loaded, bytes_of = _read_archive(path)
  else:
    loaded, bytes_of = _read_sequence(path)
  for name in _NESTED:
    if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
      loaded = loaded[name]
  if not isinstance(loaded, dict):
    raise ValueError(f'it holds a {type(loaded).__name__}')
  tensors = {
    name: value for name, value in loaded.items() if isinstance(value, _Tensor)
  }
  if not tensors:
    raise ValueError('none of its entries is a tensor')
  return {name: _view(tensor, bytes_of) for name, tensor in tensors.items()}


def _read_archive(path):
  """Reads the pickle of a zip archive, and all its storages' bytes."""
  with zipfile.ZipFile(path) as archive:
    members = {info.filename: info for info in archive.infolist()}
    (pickled,) = [name for name in members if name.endswith('/data.pkl')]
    root = pickled.removesuffix('data.pkl')
    order = f'{root}byteorder'
    if order in members and archive.read(order) != b'little':
      raise ValueError('its numbers are big-endian')
    with archive.open(pickled) as file:
      loaded = _Unpickler(file).load()
    bytes_of = {}
    for name, info in members.items():
      if name.startswith(f'{root}data/'):
        if info.compress_type != zipfile.ZIP_STORED:
          raise ValueError(f'{name} is compressed, which torch never does')
        bytes_of[name.removeprefix(f'{root}data/')] = archive.read(name)
  return loaded, bytes_of


def _read_sequence(path):
  """Reads the pickles before zip archives, and the bytes behind them."""
  with path.open('rb') as file:
    if _Unpickler(file).load() != _MAGIC_NUMBER:
      raise ValueError('it does not begin as torch files do')
    version, system = _Unpickler(file).load(), _Unpickler(file).load()
    if version != _PROTOCOL_VERSION or not system['little_endian']:
      raise ValueError(f'it is of version {version}, or big-endian')
    unpickler = _Unpickler(file)
    loaded = unpickler.load()
    bytes_of = {}
    for key in _Unpickler(file).load():
      storage = unpickler.storages[key]
      size = int.from_bytes(file.read(8), 'little', signed=True)
      if size != storage.size:
        raise ValueError(f'storage {key} has {size} numbers')
      bytes_of[key] = file.read(size * np.dtype(storage.dtype).itemsize)
  return loaded, bytes_of


class _Unpickler(pickle.Unpickler):
  """Loads dicts and plain values, and notes where tensors' numbers are."""

  def __init__(self, file):
    super().__init__(file, encoding='utf-8')
    self.storages = {}

  def find_class(self, module, name):
    # What is returned has no state that a pickle could change for others.
    if (module, name) == ('collections', 'OrderedDict'):
      return collections.OrderedDict
    if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
      return lambda storage, offset, shape, strides, *_: _Tensor(
        storage, offset, shape, strides
      )
    if (module, name) == ('torch._utils', '_rebuild_parameter'):
      return lambda tensor, *_: tensor
    if module == 'torch' and name in _STORAGE_DTYPES:
      return _STORAGE_DTYPES[name]
    raise UnsafeName(f'{module}.{name}')

  def persistent_load(self, pid):
    kind, dtype, key, _, size, *view = pid
    if kind != 'storage' or dtype not in _STORAGE_DTYPES.values() or any(view):
      raise ValueError(f'an unknown kind of storage, {kind} of {dtype}')
    storage = _Storage(key, dtype, size)
    self.storages[key] = storage
    return storage


def _view(tensor, bytes_of):
  """Copies the numbers of a tensor out of its storage."""
  storage, offset, shape, strides = tensor
  # NumPy knows bfloat16 from this package only.
  dtype = np.dtype(getattr(ml_dtypes, storage.dtype, storage.dtype))
  numbers = np.frombuffer(bytes_of[storage.key], dtype)
  size = math.prod(shape)
  last = offset + sum(
    (n - 1) * stride for n, stride in zip(shape, strides, strict=True)
  )
  if min((offset, *shape, *strides)) < 0 or size > len(numbers):
    raise ValueError(f'a tensor of shape {shape} is larger than its storage')
  if size and last >= len(numbers):
    raise ValueError(f'a tensor of shape {shape} lies outside its storage')
  if not size:
    return np.empty(shape, dtype)
  return np.lib.stride_tricks.as_strided(
    numbers[offset:], shape, [stride * dtype.itemsize for stride in strides]
  ).copy()
