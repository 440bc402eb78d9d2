"""torchvision's video networks as encoders, such as those of Kinetics-400.

The paper does not say what its encoder was initialised with; the first
author's loader normalises by Kinetics' statistics, which points to these
weights. They come from a file of the user's, see `torch_files`:
torchvision.models.video's `r2plus1d_18`, `r3d_18` and `mc3_18` are this
project's encoders channel for channel, so that every array has one place.
"""

import dataclasses

import jax
import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.models.weights import sound_arrays
from stclr_jax.models.weights import torch_files
from stclr_jax.models.weights.torchvision_names import torchvision_name

_SHOWN = 6  # names that a message lists


@dataclasses.dataclass(frozen=True)
class Report:
  """Account of the arrays of a file and of an encoder.

  Attributes:
    path: of the file.
    loaded: names in the file that found their place.
    skipped: names in the file that have none, such as 'fc.weight'.
    fresh: parts of the network that are not in the file and stay as they were
      initialised, such as 'classifier'.
  """

  path: str
  loaded: tuple[str, ...]
  skipped: tuple[str, ...]
  fresh: tuple[str, ...]

  def describe(self):
    """Returns one line a side."""
    return (
      f'Weights from {self.path}: {len(self.loaded)} arrays loaded, the whole '
      f'encoder.\n  Skipped, in the file only: {_listing(self.skipped)}\n'
      f'  Fresh, in the network only: {_listing(self.fresh)}'
    )

  def as_dict(self):
    """Returns what JSON can hold: of those loaded, their number."""
    return {
      'path': self.path,
      'loaded': len(self.loaded),
      'skipped': list(self.skipped),
      'fresh': list(self.fresh),
    }


def load_encoder(variables, path, architecture):
  """Puts the weights of a file into a network's encoder.

  Args:
    variables: {'params': {'encoder': ..., head: ...}, 'batch_stats':
      {'encoder': ...}} of the network.
    path: of a `.pth` or `.safetensors` file with a state dict of
      torchvision's network of that name.
    architecture: of the encoder.

  Returns:
    (variables, report): the variables with every array of the encoder
    replaced, and a `Report`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if it cannot be read, see `torch_files.read_tensors`, or if
      any array of the encoder is not in it or has another shape (a half loaded
      encoder would be no one's) or holds what is not finite.
  """
  found = torch_files.read_tensors(path)
  loaded, missing = {}, []

  def place(key_path, ours):
    name = torchvision_name([key.key for key in key_path], architecture)
    theirs = found.get(name)
    if theirs is not None and theirs.ndim == 5:
      theirs = theirs.transpose(2, 3, 4, 1, 0)  # [n, c, t, h, w]
    if theirs is None or theirs.shape != ours.shape:
      has = 'none' if theirs is None else f'{list(theirs.shape)}'
      missing.append(f'{name} {list(ours.shape)} ({has} in the file)')
      return ours
    with np.errstate(over='ignore'):  # refused below, by name
      loaded[name] = np.asarray(theirs, ours.dtype)
    return loaded[name]

  replaced = {
    collection: jax.tree_util.tree_map_with_path(
      place, variables[collection]['encoder']
    )
    for collection in ('params', 'batch_stats')
  }
  skipped = tuple(sorted(found.keys() - set(loaded)))
  if missing:
    matched = f'{len(loaded)} of {len(loaded) + len(missing)}'
    raise UserError(
      f'`init_weights` (={path}) has {matched} arrays of an {architecture} '
      'encoder; it must have all.\n'
      f'  Wanted and not found: {_listing(missing)}\n'
      f'  In the file only:     {_listing(skipped)}\n'
      "Give the state dict of torchvision's network of that name, or set "
      '`encoder.architecture` to that of the file; `encoder.width` must be 1.'
    )
  sound_arrays.refuse_unsound(
    f'`init_weights` (={path})',
    loaded,
    'fetch the file again, or take a checkpoint from before it went wrong',
  )
  report = Report(
    path=str(path),
    loaded=tuple(sorted(loaded)),
    skipped=skipped,
    fresh=tuple(sorted(variables['params'].keys() - {'encoder'})),
  )
  variables = variables | {
    collection: variables[collection] | {'encoder': encoder}
    for collection, encoder in replaced.items()
  }
  return variables, report


def _listing(names):
  shown = ', '.join(names[:_SHOWN]) or 'nothing'
  more = len(names) - _SHOWN
  return f'{shown}, and {more} more' if more > 0 else shown
