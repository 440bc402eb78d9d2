"""ST-CLR: spatiotemporal contrastive learning of facial expressions in videos.

`load_encoder` and `load_classifier` are all that a user of trained networks
needs. They are imported on first use, so that importing the package is free.
"""

import importlib

_LAZY = {
  'load_encoder': 'stclr_jax.inference',
  'load_classifier': 'stclr_jax.inference',
}

__all__ = ['load_classifier', 'load_encoder']


def __getattr__(name):
  if name not in _LAZY:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(_LAZY[name]), name)
