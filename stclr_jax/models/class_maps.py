"""Class maps: which places of a clip add how much to each class.

The representation h is the mean of the last block's activations over time and
space, and the classifier is linear in h. So a logit is the mean of what each
place adds, and nothing has to be approximated: the class activation maps of
Zhou et al. are what Grad-CAM gives for such a network (Selvaraju et al. 2017,
arXiv:1610.02391, Sec. 3.1), but for the ReLU behind it, which would hide what
speaks against a class.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.models import architectures
from stclr_jax.models import heads


def make_class_maps(
  network: heads.ClassifierNetwork,
  variables: Any,
  clips: Float[Array, 'b t h w 3'],
) -> Float[Array, 'b steps rows columns num_classes']:
  """Computes what each place adds to each class.

  Args:
    network: with an `Encoder`.
    variables: {'params': ..., 'batch_stats': ...}.
    clips: as the network takes them, see `heads.read`.

  Returns:
    float [b, steps, rows, columns, num_classes], at least float32: at full
    size 2 x 14 x 14 places of 16 frames of 224 pixels. The mean over the places
    and the bias make the logits. Where the classifier reads a change from the
    first frame, a place adds what it adds now less what the same place added
    at rest. Of a 'person_mean' the rest is missing: it is no place.

  Source: Zhou et al. 2016 (arXiv:1512.04150), eq. (2).
  """
  of_person = network.rest == heads.PERSON_MEAN
  if of_person:
    activations = _activations(network, variables, clips, method=network.encode)
    activations = heads.compare(activations, 0 * activations, network.input)
  else:
    activations = _activations(network, variables, clips, train=False)
    if heads.shows_first_frame(network.input):
      # In the order in which `heads.read` encodes them: a clip, then its rest.
      activations = heads.compare(
        activations[::2], activations[1::2], network.input
      )
  return activations @ variables['params']['classifier']['kernel']


def find_strides(
  architecture: str | architectures.Architecture,
) -> tuple[int, int, int]:
  """Says how far apart in a clip the places of its maps are.

  Args:
    architecture: of an `Encoder`.

  Returns:
    Frames, rows and columns from one place to the next. The first is at the
    clip's first frame and corner: convolutions of odd size, padded by half of
    it, begin there.
  """
  whole = architectures.find(architecture)
  in_turn = [*whole.stem, *(c for block in whole.blocks() for c in block.conv1)]
  t, h, w = np.prod([one.strides for one in in_turn], axis=0).tolist()
  return t, h, w


def spread(maps, sizes, strides):
  """Spreads maps over the clip, in straight lines from place to place.

  Args:
    maps: float [b, steps, rows, columns, num_classes], NumPy.
    sizes: of the clip: frames, rows, columns.
    strides: see `find_strides`.

  Returns:
    float [b, *sizes, num_classes]; beyond the last place as there.
  """
  for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True), 1):
    number = maps.shape[axis]
    where = np.arange(size) / stride
    weights = [np.interp(where, range(number), one) for one in np.eye(number)]
    spread_out = np.tensordot(maps, np.stack(weights), (axis, 0))
    maps = np.moveaxis(spread_out, -1, axis)
  return maps


def _activations(network, variables, clips, **options):
  """Returns what the encoder takes the mean of, [n, t, h, w, c]."""
  encoder = network.encoder
  last = architectures.find(encoder.architecture).blocks()[-1].name
  _, state = network.apply(
    variables,
    clips,
    capture_intermediates=lambda module, method: (
      (module.name, method) == (last, '__call__')
    ),
    mutable=['intermediates'],
    **options,
  )
  (found,) = state['intermediates']['encoder'][last]['__call__']
  return found.astype(jnp.promote_types(jnp.float32, found.dtype))
