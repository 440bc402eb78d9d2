"""ST-CLR: spatiotemporal contrastive learning of facial expressions in videos.

`load` is all that a user of trained networks needs; `load_encoder` and
`load_classifier` give its two functions alone. They are imported on first use,
so that importing the package is free.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
  from stclr_jax.inference.loading import load as load
  from stclr_jax.inference.loading import load_classifier as load_classifier
  from stclr_jax.inference.loading import load_encoder as load_encoder

_LAZY = {
  'load': 'stclr_jax.inference.loading',
  'load_classifier': 'stclr_jax.inference.loading',
  'load_encoder': 'stclr_jax.inference.loading',
}

__all__ = ['load', 'load_classifier', 'load_encoder']


def __getattr__(name):
  if name not in _LAZY:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(_LAZY[name]), name)
