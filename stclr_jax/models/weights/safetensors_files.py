"""Safetensors files of arrays that are known beforehand, written and read.

Such a file cannot hold code: a header of names, kinds of numbers, shapes and
places, then the numbers. What a file claims is compared with what is wanted
before any array is read, so that a hostile one takes no memory.
"""

import pathlib
from collections.abc import Mapping

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.files import regular_files
from stclr_jax.files import whole
from stclr_jax.models.weights import sound_arrays

# safetensors' words for the kinds of numbers that our networks hold.
_DTYPES = {np.dtype(np.float32): 'F32', np.dtype(np.int64): 'I64'}
_POINTER = b'version https://git-lfs'  # Source: git-lfs, docs/spec.md
_SHOWN = 4  # differences that a message lists
_SHOWN_LETTERS = 80  # of a name that somebody else chose

# torch users' tools ask for 'pt'; the layout of the arrays is theirs.
METADATA = {'format': 'pt', 'library': 'stclr_jax'}


def dump(arrays: Mapping[str, np.ndarray]) -> bytes:
  """Makes the content of a file; the same arrays make the same bytes.

  Args:
    arrays: float32 or int64, by name.

  Returns:
    bytes.
  """
  from safetensors import numpy as safetensors

  # The library writes the memory as it lies, whatever the strides.
  arrays = {
    name: np.asarray(a, order='C') for name, a in sorted(arrays.items())
  }
  return safetensors.save(arrays, METADATA)


def write(path, arrays: Mapping[str, np.ndarray]):
  """Writes a file, whole or not at all.

  Args:
    path: of the file.
    arrays: see `dump`.
  """
  content = dump(arrays)
  with whole.writing(path, 'wb') as file:
    file.write(content)


def read(path, wanted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Reads exactly the arrays that are wanted.

  Args:
    path: of the file.
    wanted: arrays of the shapes and dtypes that the file must hold, by name.

  Returns:
    Arrays by name.

  Raises:
    FileNotFoundError: if there is no such file.
    UserError: if it is no file of this kind, or damaged, or if any array is
      missing, is there beside them, has another shape or dtype, or holds what
      is not finite.
  """
  import safetensors

  path = pathlib.Path(path)
  if fault := regular_files.find_fault(path):
    kind = FileNotFoundError if fault == 'not there' else UserError
    raise kind(
      f'{path} must be a .safetensors file of weights, and is {fault}; give '
      'the whole folder that stclr_jax.export wrote.'
    )
  try:
    with safetensors.safe_open(path, framework='numpy') as file:
      _check(path, file, wanted)
      found = {name: file.get_tensor(name) for name in wanted}
  # The first of a damaged header, the others of names, kinds and a disk.
  except (safetensors.SafetensorError, OSError, TypeError) as error:
    remedy = 'it is damaged or no .safetensors file: export it, or fetch it'
    if _is_pointer(path):
      remedy = (
        'it only says where Git LFS keeps them: git lfs pull, or fetch it'
      )
    raise UserError(
      f'{path} cannot be read as weights ({str(error)[:200]}); {remedy} again.'
    ) from error
  sound_arrays.refuse_unsound(path, found, 'export it, or fetch it, again')
  return found


def _is_pointer(path):
  """Says whether a hub's repository was cloned without its large files."""
  with path.open('rb') as file:
    return file.read(len(_POINTER)) == _POINTER


def _check(path, file, wanted):
  claimed = {}
  for name in file.keys():  # noqa: SIM118, no dict
    part = file.get_slice(name)
    claimed[name] = (part.get_dtype(), tuple(part.get_shape()))
  needed = {
    name: (_DTYPES[array.dtype], array.shape) for name, array in wanted.items()
  }
  if claimed == needed:
    return
  both = claimed.keys() & needed.keys()
  missing = [_describe(n, needed[n]) for n in needed.keys() - both]
  extra = [_describe(n, claimed[n]) for n in claimed.keys() - both]
  other = [
    f'{_describe(name, claimed[name])} for {_describe("", needed[name])}'
    for name in both
    if claimed[name] != needed[name]
  ]
  raise UserError(
    f'{path} must hold the arrays of the network that is described beside it, '
    'and no others.\n'
    f'  Missing:    {_listing(missing)}\n'
    f'  Not wanted: {_listing(extra)}\n'
    f'  Other:      {_listing(other)}\n'
    'Give a folder as stclr_jax.export wrote it.'
  )


def _describe(name, claimed):
  dtype, shape = claimed
  if not name.isprintable() or len(name) > _SHOWN_LETTERS:
    name = ascii(name)[:_SHOWN_LETTERS]
  return f'{name} {dtype} {list(shape)}'.strip()


def _listing(described):
  described = sorted(described)
  shown = ', '.join(described[:_SHOWN]) or 'nothing'
  more = len(described) - _SHOWN
  return f'{shown}, and {more} more' if more > 0 else shown
