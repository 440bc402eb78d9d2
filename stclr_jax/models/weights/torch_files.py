"""Reads tensors from torch's files as data: without torch, running nothing.

A `.pth` file holds pickles, and a pickle can run any code when it is loaded.
This reader knows the few names that a dict of tensors needs and refuses every
other one, as `torch.load(weights_only=True)` does; and it checks all sizes
before it allocates anything, so that a file takes about as much memory as it
has bytes. Both formats are read: the zip archive that torch 1.6 and newer
write, and the sequence of pickles before it, in which torchvision's video
networks were published. `.safetensors` files cannot hold code; their own
library reads them.
"""

import math
import pathlib
import zipfile

import ml_dtypes
import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.models.weights import torch_pickles

# Of the format before zip archives. Source: torch/serialization.py.
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001

# Where training scripts put the network among other things.
_NESTED = ('state_dict', 'model')


def read_tensors(path):
  """Reads the state dict in a file.

  Args:
    path: of a `.safetensors` file, or of one that `torch.save` wrote: a dict
      of tensors, or a dict that holds one as 'state_dict' or 'model'.

  Returns:
    NumPy arrays by name, not to be written to; 'module.' of a data-parallel
    network is taken off.

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
  except torch_pickles.UnsafeName as error:
    raise UserError(
      f'{path} asks for {error}, which a dict of tensors does not need and '
      'which could run code, so it was not read. Give a file that holds a '
      'state dict only: torch.save(network.state_dict(), PATH).'
    ) from None
  except Exception as error:  # a broken pickle can raise anything
    raise UserError(
      f'{path} cannot be read as a dict of tensors '
      f'({type(error).__name__}: {error}); give a .safetensors file or one '
      'that torch.save(network.state_dict(), PATH) wrote.'
    ) from error
  return {name.removeprefix('module.'): a for name, a in found.items()}


def _read(path):
  if path.suffix == '.safetensors':
    from safetensors import numpy as safetensors

    found = safetensors.load_file(path)
  else:
    found = _read_torch(path)
  for name in found:
    if not isinstance(name, str) or not name.isprintable() or len(name) > 300:
      raise UserError(f'{str(name)[:60]!r} is no name of a tensor')
  return found


def _read_torch(path):
  if zipfile.is_zipfile(path):
    loaded, bytes_of = _read_archive(path)
  else:
    loaded, bytes_of = _read_sequence(path)
  for name in _NESTED:
    if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
      loaded = loaded[name]
  if not isinstance(loaded, dict):
    raise UserError(f'it holds a {type(loaded).__name__}')
  tensors = {
    name: value
    for name, value in loaded.items()
    if isinstance(value, torch_pickles.Tensor)
  }
  if not tensors:
    raise UserError('none of its entries is a tensor')
  return {name: _view(tensor, bytes_of) for name, tensor in tensors.items()}


def _read_archive(path):
  """Reads the pickle of a zip archive, and all its storages' bytes."""
  with zipfile.ZipFile(path) as archive:
    members = {info.filename: info for info in archive.infolist()}
    _check_members(archive.infolist(), path.stat().st_size)
    (pickled,) = [name for name in members if name.endswith('/data.pkl')]
    root = pickled.removesuffix('data.pkl')
    order = f'{root}byteorder'
    if order in members and archive.read(order) != b'little':
      raise UserError('its numbers are big-endian')
    with archive.open(pickled) as file:
      bounded = torch_pickles.BoundedFile(file, members[pickled].file_size)
      loaded = torch_pickles.Unpickler(bounded).load()
    bytes_of = {
      name.removeprefix(f'{root}data/'): archive.read(name)
      for name in members
      if name.startswith(f'{root}data/')
    }
  return loaded, bytes_of


def _check_members(members, size):
  """Refuses an archive that would take more memory than it has bytes."""
  end = 0
  for member in sorted(members, key=lambda member: member.header_offset):
    name = member.filename[:60]
    if member.compress_type != zipfile.ZIP_STORED:
      raise UserError(f'{name!r} is compressed, which torch never does')
    if member.file_size != member.compress_size:
      raise UserError(f'{name!r} has two sizes')
    if member.header_offset < end:
      raise UserError(f'{name!r} overlaps another part of the archive')
    end = member.header_offset + member.file_size
    if end > size:
      raise UserError(f'{name!r} is larger than the archive')


def _read_sequence(path):
  """Reads the pickles before zip archives, and the bytes behind them."""
  with path.open('rb') as opened:
    file = torch_pickles.BoundedFile(opened, path.stat().st_size)
    if torch_pickles.Unpickler(file).load() != _MAGIC_NUMBER:
      raise UserError('it does not begin as torch files do')
    version = torch_pickles.Unpickler(file).load()
    system = torch_pickles.Unpickler(file).load()
    if version != _PROTOCOL_VERSION or system['little_endian'] is not True:
      raise UserError('it is of another version, or big-endian')
    unpickler = torch_pickles.Unpickler(file)
    loaded = unpickler.load()
    keys = torch_pickles.Unpickler(file).load()
    if not all(isinstance(key, str) for key in keys):
      raise UserError('its storages have no names')
    bytes_of = {}
    for key in keys:
      storage = unpickler.storages[key]
      size = int.from_bytes(file.read(8), 'little', signed=True)
      if size != storage.size:
        raise UserError(f'storage {key[:20]!r} has {size} numbers')
      wanted = size * _dtype(storage).itemsize
      bytes_of[key] = file.read(wanted)
      if len(bytes_of[key]) < wanted:
        raise UserError(f'storage {key[:20]!r} is cut')
  return loaded, bytes_of


def _view(tensor, bytes_of):
  """Finds the numbers of a tensor in its storage.

  Nothing is copied: any number of tensors may share a storage.
  """
  storage, offset, shape, strides = tensor
  dtype = _dtype(storage)
  numbers = np.frombuffer(bytes_of[storage.key], dtype)
  size = math.prod(shape)
  last = offset + sum(
    (n - 1) * stride for n, stride in zip(shape, strides, strict=True)
  )
  if min((offset, *shape, *strides)) < 0 or size > len(numbers):
    raise UserError(f'a tensor of shape {shape} is larger than its storage')
  if size and last >= len(numbers):
    raise UserError(f'a tensor of shape {shape} lies outside its storage')
  if not size:
    return np.empty(shape, dtype)
  return np.lib.stride_tricks.as_strided(
    numbers[offset:],
    shape,
    [stride * dtype.itemsize for stride in strides],
    writeable=False,
  )


def _dtype(storage):
  # NumPy knows bfloat16 from this package only.
  return np.dtype(getattr(ml_dtypes, storage.dtype, storage.dtype))
