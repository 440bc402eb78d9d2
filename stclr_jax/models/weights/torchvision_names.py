"""Names that torchvision's video networks give our variables.

Apart from what reads files, for a Python that has torch and no JAX.
"""

import re

from stclr_jax.models import architectures

_INNER = {'conv': '', 'spatial': '.0', 'norm': '.1', 'temporal': '.3'}
_LEAF = {
  'kernel': 'weight',
  'scale': 'weight',
  'bias': 'bias',
  'mean': 'running_mean',
  'var': 'running_var',
}


def torchvision_name(path, architecture):
  """Translates the name of one of an encoder's variables.

  Args:
    path: such as ['layer1_0', 'conv1', 'spatial', 'kernel'].
    architecture: of the encoder.

  Returns:
    torchvision's name of it, such as 'layer1.0.conv1.0.0.weight'.
  """
  *path, leaf = path
  leaf = _LEAF[leaf]
  # A sequence of convolution, batch norm and ReLU, once or twice.
  for i, part in enumerate(architectures.find(architecture).stem):
    if path[0] in (part.name, part.norm):
      return f'stem.{3 * i + (path[0] == part.norm)}.{leaf}'
  block = path[0].replace('_', '.')
  if path[1].startswith('downsample'):
    return f'{block}.downsample.{int(path[1].endswith("norm"))}.{leaf}'
  if number := re.fullmatch(r'norm(\d)', path[1]):
    return f'{block}.conv{number[1]}.1.{leaf}'
  return f'{block}.{path[1]}.0{_INNER[path[2]]}.{leaf}'
