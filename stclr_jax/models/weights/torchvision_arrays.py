"""Our networks' arrays by torchvision's names, in its layout; and back.

`torch` reads them as they are, `load_state_dict(..., strict=True)` included,
and a file of them is what `stclr_jax.load` reads. One array has one place, and
is only turned: what is written and read again is the same bit for bit.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from stclr_jax.models import architectures
from stclr_jax.models.weights.torchvision_names import torchvision_name

_COUNT = 'num_batches_tracked'


def classifier_name(what: str) -> str:
  """Names the linear layer of a classifier.

  torchvision's networks apply `fc` to h of one clip. A layer that reads
  anything else would fit there and give other answers, unsaid; it gets a name
  that a strict loading refuses.

  Args:
    what: the layer reads, of `heads.INPUTS`.

  Returns:
    Such as 'fc' or 'classifier_of_change'.
  """
  return 'fc' if what == 'clip' else f'classifier_of_{what}'


def from_encoder(
  variables: Mapping[str, Any], architecture: str
) -> dict[str, np.ndarray]:
  """Names an encoder's arrays as torchvision does.

  Args:
    variables: {'params': ..., 'batch_stats': ...} of an `Encoder`.
    architecture: of the encoder, of `architectures.ARCHITECTURES`.

  Returns:
    Arrays by name, not copied; kernels [n, c, t, h, w]. For each batch norm
    also 'num_batches_tracked', int64 [], without which a strict loading fails:
    0, as torch reads it only where momentum is None.
  """
  found = {}
  for collection in ('params', 'batch_stats'):
    leaves, _ = jax.tree_util.tree_flatten_with_path(variables[collection])
    for key_path, leaf in leaves:
      name = torchvision_name([key.key for key in key_path], architecture)
      found[name] = to_layout(np.asarray(leaf))
      if name.endswith('running_mean'):
        counter = name.replace('running_mean', _COUNT)
        found[counter] = np.zeros((), np.int64)
  return found


def to_encoder(
  arrays: Mapping[str, np.ndarray],
  template: Mapping[str, Any],
  architecture: str,
) -> dict[str, Any]:
  """Puts arrays named by torchvision into an encoder's variables.

  Args:
    arrays: what `from_encoder` gave, shapes included.
    template: see `zeros`.
    architecture: of the encoder.

  Returns:
    {'params': ..., 'batch_stats': ...} of NumPy arrays.
  """

  def place(key_path, _):
    name = torchvision_name([key.key for key in key_path], architecture)
    return np.ascontiguousarray(from_layout(arrays[name]))

  return {
    collection: jax.tree_util.tree_map_with_path(place, template[collection])
    for collection in ('params', 'batch_stats')
  }


def to_layout(array: np.ndarray) -> np.ndarray:
  """Turns a kernel [t, h, w, c, n] to [n, c, t, h, w]; others stay."""
  return array.transpose(4, 3, 0, 1, 2) if array.ndim == 5 else array


def from_layout(array: np.ndarray) -> np.ndarray:
  """Turns a kernel [n, c, t, h, w] to [t, h, w, c, n]; others stay."""
  return array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array


def from_dense(layer: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
  """Names the arrays of a dense layer as torch's `nn.Linear` does.

  Args:
    layer: 'kernel' float [inputs, features] and 'bias' float [features].
    name: of the layer.

  Returns:
    `name`.weight [features, inputs] and `name`.bias, not copied.
  """
  kernel, bias = (np.asarray(layer[part]) for part in ('kernel', 'bias'))
  return {
    f'{name}.weight': kernel.T,
    f'{name}.bias': bias,
  }


def to_dense(
  arrays: Mapping[str, np.ndarray], name: str
) -> dict[str, np.ndarray]:
  """Undoes `from_dense`.

  Args:
    arrays: with `name`.weight and `name`.bias.
    name: of the layer.

  Returns:
    'kernel' and 'bias'.
  """
  return {
    'kernel': np.ascontiguousarray(arrays[f'{name}.weight'].T),
    'bias': arrays[f'{name}.bias'],
  }


def zeros(architecture: str, width: float) -> dict[str, Any]:
  """Makes variables of an encoder's shapes that take no memory.

  Nothing is traced, which would take longer than to read a file.

  Args:
    architecture: of the encoder, of `architectures.ARCHITECTURES`.
    width: of the encoder.

  Returns:
    {'params': ..., 'batch_stats': ...} of NumPy arrays, float32, not to be
    written to.
  """
  params, stats = {}, {}

  def add(path, norm, convolution, in_features):
    features = (convolution.features,)
    params[*path, convolution.name, 'kernel'] = _zero(
      (*convolution.kernel_size, in_features, *features)
    )
    for leaf in ('scale', 'bias'):
      params[*norm, leaf] = _zero(features)
    for leaf in ('mean', 'var'):
      stats[*norm, leaf] = _zero(features)

  def add_in_turn(path, convolutions, norm, in_features):
    for one in convolutions:
      add(path, (*path, one.norm) if one.norm else norm, one, in_features)
      in_features = one.features
    return in_features

  whole = architectures.find(architecture).scaled(width)
  before = add_in_turn((), whole.stem, None, 3)
  for block in whole.blocks():
    at = block.name
    if block.shortcut is not None:
      add_in_turn((at,), (block.shortcut,), None, before)
    for number, convolutions in ((1, block.conv1), (2, block.conv2)):
      path, norm = (at, f'conv{number}'), (at, f'norm{number}')
      before = add_in_turn(path, convolutions, norm, before)
  return {
    'params': traverse_util.unflatten_dict(params),
    'batch_stats': traverse_util.unflatten_dict(stats),
  }


def _zero(shape):
  return np.broadcast_to(np.zeros((), np.float32), shape)
