"""A look at weights from elsewhere: a network of them must have answers.

A single NaN spreads to every output, and no file format says that there is one.
"""

from collections.abc import Mapping

import numpy as np

from stclr_jax.errors import UserError

_SHOWN = 4  # arrays that a message lists


def refuse_unsound(path, arrays: Mapping[str, np.ndarray], remedy: str):
  """Refuses weights that no network can compute with.

  Args:
    path: of their file, for the message.
    arrays: by torchvision's names, of the dtype that is computed with: what is
      beyond it is infinite there.
    remedy: what to do then, a part of a sentence.

  Raises:
    UserError: if any number is NaN or infinite, or any running variance is
      negative, of which batch norm takes the root.
  """
  faults = {name: _describe(name, array) for name, array in arrays.items()}
  faults = sorted(f'{name} {fault}' for name, fault in faults.items() if fault)
  if not faults:
    return
  more = len(faults) - _SHOWN
  listed = ', '.join(faults[:_SHOWN]) + (f', and {more} more' * (more > 0))
  raise UserError(
    f'{path} must hold finite weights, and variances of 0 or more; it has '
    f'{listed}: {remedy}.'
  )


def _describe(name, array):
  """Says what is wrong, such as '(2 of 64 not finite)'; '' if nothing is."""
  number = array.size - np.count_nonzero(np.isfinite(array))
  if number:
    return f'({number} of {array.size} not finite)'
  if name.endswith('running_var') and (number := np.count_nonzero(array < 0)):
    return f'({number} of {array.size} negative)'
  return ''
