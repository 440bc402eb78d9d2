"""A network as a function of clips: compiled once, in batches of one size.

Frames are chosen on the host, so that one program serves clips of any length;
everything behind that happens in one program, and is what evaluation does.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax import targets
from stclr_jax.errors import UserError
from stclr_jax.views import view_parameters
from stclr_jax.views import views

# chosen: clips at a time. More make a CPU no faster, and what is left of the
# last batch is computed in vain.
_BATCH_SIZES = {'cpu': 4}
_LARGE_BATCH = 32


class ClipFunction:
  """A network applied to clips, as evaluation looks at them.

  Attributes:
    options: `views.ViewOptions` of the clips that the network sees.
    batch_size: clips at a time.
  """

  def __init__(self, network, variables, options, *, features, batch_size):
    """Compiles nothing yet.

    Args:
      network: `network(variables, clips) -> float32 [b, features]` of
        normalised clips, float [b, t, h, w, 3].
      variables: of the network, on the device.
      options: `views.ViewOptions`.
      features: how many it gives.
      batch_size: clips at a time; None for what this device likes.

    Raises:
      UserError: if `batch_size` is not positive.
    """
    if batch_size is None:
      batch_size = _BATCH_SIZES.get(targets.platform(), _LARGE_BATCH)
    if batch_size < 1:
      raise UserError(f'`batch_size` (={batch_size}) must be 1 or more.')
    self.options = options
    self._features = features
    self.batch_size = batch_size

    @jax.jit
    def view_and_apply(variables, taken):
      of_each = jnp.arange(len(taken))
      length = jnp.full(len(taken), taken.shape[1])
      shown = views.evaluation_views(
        views.Frames(None, of_each, length), of_each, taken, options=options
      )
      return network(variables, shown)

    self._of_batch = functools.partial(view_and_apply, variables)

  def __call__(self, clips, name='clips'):
    """Applies the network.

    Args:
      clips: uint8 RGB [b, t, h, w, 3], any b, t, h and w. Each is looked at as
        in evaluation: frames at equal distances from first to last, the
        largest centred square.
      name: of the argument, for messages.

    Returns:
      float32 [b, features].

    Raises:
      UserError: for clips of another kind.
    """
    _check(clips, name)
    clips = np.asarray(clips)
    return self.of_taken(clips[:, self.indices(clips.shape[1])])

  def indices(self, num_frames):
    """Says which frames of a clip the network sees.

    Args:
      num_frames: of the clip, above 0.

    Returns:
      int [options.frames_taken].
    """
    return _indices(num_frames, self.options)

  def of_taken(self, taken):
    """Applies the network to clips of which nothing else is to be taken.

    Args:
      taken: uint8 [b, options.frames_taken, h, w, 3], see `indices`.

    Returns:
      float32 [b, features].
    """
    size = self.batch_size
    outputs = [np.zeros((0, self._features), np.float32)]
    for start in range(0, len(taken), size):
      batch = taken[start : start + size]
      padded = np.resize(batch, (size, *batch.shape[1:]))
      outputs.append(np.asarray(self._of_batch(padded))[: len(batch)])
    return np.concatenate(outputs)


@functools.lru_cache(maxsize=1024)
def _indices(num_frames, options):
  taken = view_parameters.evaluation_indices(num_frames, options=options)
  return np.asarray(taken)


def _check(clips, name):
  shape, dtype = np.shape(clips), getattr(clips, 'dtype', None)
  if len(shape) != 5 or shape[-1] != 3 or not shape[1] or dtype != np.uint8:
    raise UserError(
      f'`{name}` (of shape {shape}, {dtype}) must be uint8 RGB [b, t, h, w, 3].'
    )
