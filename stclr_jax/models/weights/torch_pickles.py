"""Reads the pickles in torch's files: of tensors, which they only describe.

A pickle is a program. The C unpickler grows its memo to whatever index it is
told and the numbers after an opcode say how much to allocate, so that 255
bytes can take gigabytes. Here Python's own unpickler is used, whose memo is a
dict; of its opcodes only those that a dict of tensors needs; and a file that
gives no more bytes than it has.
"""

import pickle
from typing import NamedTuple

from stclr_jax.errors import UserError

# chosen: a video network's is 50 kB, one of ten thousand tensors 3 MB.
MAX_PICKLE_BYTES = 16 << 20

# torch names the type of a storage by a class.
STORAGE_DTYPES = {
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

# What protocols 0 to 4 write for dicts, tuples, lists, numbers and text, and
# for classes and their arguments. Source: pickletools.opcodes.
_OPCODES = (
  *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP),
  *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.FLOAT),
  *(pickle.BINFLOAT, pickle.INT, pickle.BININT, pickle.BININT1),
  *(pickle.BININT2, pickle.LONG, pickle.LONG1, pickle.STRING),
  *(pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.UNICODE),
  *(pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.EMPTY_TUPLE),
  *(pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
  *(pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS),
  *(pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS),
  *(pickle.GET, pickle.BINGET, pickle.LONG_BINGET, pickle.PUT),
  *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE, pickle.GLOBAL),
  *(pickle.STACK_GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.BINPERSID),
)


class UnsafeName(Exception):
  """A pickle asks for a name that is not one of a tensor's."""


class Storage(NamedTuple):
  """Numbers that tensors are views of, not read yet."""

  key: str
  dtype: str
  size: int


class Tensor(NamedTuple):
  """A view of a storage; offset and strides count numbers."""

  storage: Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


class BoundedFile:
  """A file that is asked for no more than it has."""

  def __init__(self, file, size):
    """Wraps a file.

    Args:
      file: open for reading bytes, at its beginning.
      size: its length in bytes.
    """
    self._file, self._left = file, size

  def read(self, size):
    """Reads at most `size` bytes, and allocates no more than are left."""
    read = self._file.read(max(0, min(size, self._left)))
    self._left -= len(read)
    return read

  def readline(self):
    """Reads a line of what is left."""
    read = self._file.readline(self._left)
    self._left -= len(read)
    return read


class Unpickler(pickle._Unpickler):
  """Loads dicts and plain values, and notes where tensors' numbers are."""

  dispatch = {
    opcode[0]: pickle._Unpickler.dispatch[opcode[0]] for opcode in _OPCODES
  }

  def __init__(self, file):
    """See `pickle.Unpickler`.

    Args:
      file: a `BoundedFile`.
    """
    super().__init__(_Pickle(file), encoding='utf-8')
    self.storages = {}

  def load(self):
    """Loads one object."""
    try:
      return super().load()
    except KeyError as error:
      raise UserError(f'its pickle has no such step: {error}') from error

  def find_class(self, module, name):
    """Gives what a tensor needs in the place of torch's names."""
    # What is returned has no state that a pickle could change for others.
    if (module, name) == ('collections', 'OrderedDict'):
      return lambda items=(): _Named(items)
    if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
      return lambda storage, offset, shape, strides, *_: _make_tensor(
        storage, offset, shape, strides
      )
    if (module, name) == ('torch._utils', '_rebuild_parameter'):
      return lambda tensor, *_: tensor
    if module == 'torch' and name in STORAGE_DTYPES:
      return STORAGE_DTYPES[name]
    raise UnsafeName(f'{module}.{name}')

  def persistent_load(self, pid):
    """Notes a storage."""
    kind, dtype, key, _, size, *view = pid
    if (
      not all(isinstance(text, str) for text in (kind, dtype, key))
      or kind != 'storage'
      or dtype not in STORAGE_DTYPES.values()
      or any(part is not None for part in view)
    ):
      raise UserError('it has an unknown kind of storage')
    if not _is_count(size):
      raise UserError(f'its storage {key[:20]!r} has no size')
    storage = Storage(key, dtype, size)
    self.storages[key] = storage
    return storage

  # To pyright, Python's own unpickler is the one in C, which has no stack.

  def load_dict(self):
    """Makes a dict of what lies on the stack."""
    items = self.pop_mark()  # pyright: ignore[reportAttributeAccessIssue]
    made = _Named(zip(items[::2], items[1::2], strict=True))
    self.append(made)  # pyright: ignore[reportAttributeAccessIssue]

  def load_empty_dict(self):
    """Makes a dict."""
    self.append(_Named())  # pyright: ignore[reportAttributeAccessIssue]

  dispatch[pickle.DICT[0]] = load_dict  # pyright: ignore[reportArgumentType]
  dispatch[pickle.EMPTY_DICT[0]] = load_empty_dict  # pyright: ignore[reportArgumentType]


class _Pickle:
  """A file's bytes, as many of one pickle as are allowed."""

  def __init__(self, file):
    self._file, self._left = file, MAX_PICKLE_BYTES

  def read(self, size):
    return self._count(self._file.read(min(size, self._left + 1)))

  def readline(self):
    return self._count(self._file.readline())

  def _count(self, read):
    self._left -= len(read)
    if self._left < 0:
      raise UserError(
        f'its pickle has more than {MAX_PICKLE_BYTES >> 20} MB, which no dict '
        'of tensors needs'
      )
    return read


class _Named(dict):
  """A dict by name or number: what else is hashed may take for ever."""

  def __init__(self, items=()):
    super().__init__()
    for key, value in items:
      self[key] = value

  def __setitem__(self, key, value):
    if not isinstance(key, str | int | float | None):
      raise UserError(f'its entries are named by a {type(key).__name__}')
    super().__setitem__(key, value)


def _make_tensor(storage, offset, shape, strides):
  if (
    not isinstance(storage, Storage)
    or not isinstance(offset, int)
    or not all(isinstance(numbers, tuple) for numbers in (shape, strides))
    or not all(isinstance(n, int) for n in (*shape, *strides))
    or len(shape) != len(strides)
    or len(shape) > 64  # dimensions that NumPy can have
  ):
    raise UserError('one of its tensors has no storage, shape or strides')
  return Tensor(storage, offset, shape, strides)


def _is_count(number):
  return type(number) is int and number >= 0  # a bool is an int as well
