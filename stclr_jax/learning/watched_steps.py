"""One step, looked at from within: each layer's numbers, there and back.

The step is the one that trains; its layers are asked for their numbers while it
is traced, so that nothing of it has to know.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax.learning import parallel

CLIPS = 'clips'  # what the network is given


class Numbers(NamedTuple):
  """Numbers said of an array, over all devices.

  Attributes:
    largest: absolute value of those that are finite, at least 0.
    not_finite: share that is NaN or infinite, in [0, 1], of the device where
      it is largest.
  """

  largest: float
  not_finite: float


class Layer(NamedTuple):
  """A layer of a network in one step.

  Attributes:
    name: of its module, such as 'encoder/stem/conv'; `CLIPS` for what the
      network is given.
    dtype: of its output.
    output: what came out of it.
    gradient: of the loss by its output; None where the step asks for none.
  """

  name: str
  dtype: str
  output: Numbers
  gradient: Numbers | None


class Watched(NamedTuple):
  """A step that was looked at.

  Attributes:
    layers: `Layer`s in the order in which they end.
    metrics: of the step, float by name.
    wrong_before: names of parameters and statistics that were not finite as it
      began.
    wrong_after: of those that it has made so.
  """

  layers: tuple[Layer, ...]
  metrics: dict[str, float]
  wrong_before: tuple[str, ...]
  wrong_after: tuple[str, ...]

  @property
  def first_wrong(self) -> tuple[str, str] | None:
    """Place where a number was first not finite, and what it is of.

    Returns:
      (what, name): 'state' and an array, 'output' or 'gradient' and a layer,
      'metric' and its name, 'update' and an array; None where all are finite.
    """
    if self.wrong_before:
      return 'state', self.wrong_before[0]
    for layer in self.layers:
      if layer.output.not_finite:
        return 'output', layer.name
    if not np.isfinite(self.metrics['loss']):
      return 'metric', 'loss'
    for layer in reversed(self.layers):
      if layer.gradient and layer.gradient.not_finite:
        return 'gradient', layer.name
    if self.wrong_after:
      return 'update', self.wrong_after[0]
    for name, value in self.metrics.items():
      if not np.isfinite(value):
        return 'metric', name
    return None


def watch(step: Callable, *arguments: Any) -> Watched:
  """Takes a step on all devices and looks at every layer.

  Args:
    step: of one device, of `steps.make_pretrain_step` or `make_finetune_step`,
      with `axis_name` = `parallel.DEVICE_AXIS`, `non_finite` = 'stop' and an
      encoder without `remat`, which would be gone through twice.
    *arguments: of the step, as `parallel.parallelize_training` takes them; the
      state among them is used up.

  Returns:
    A `Watched`.

  Numbers are those of this program: to look at a layer keeps XLA from joining
  it with the next, which rounds otherwise in the last digits.
  """
  before = _wrong(arguments[0])
  seen = _Seen()
  on_all = parallel.parallelize_training(step, num_scalars=2)
  with nn.intercept_methods(seen.look):
    state, metrics = on_all(*arguments)
  jax.block_until_ready(state)
  jax.effects_barrier()
  return Watched(
    seen.layers(),
    {name: float(value) for name, value in metrics.items()},
    before,
    tuple(name for name in _wrong(state) if name not in before),
  )


class _Seen:
  """All that the layers of a step have told."""

  def __init__(self):
    self._dtypes = {}  # by name, in the order in which layers end
    self._told = {}
    self._lock = threading.Lock()

  def look(self, run, args, kwargs, context):
    """Runs a method of a module, and looks at what comes out."""
    if context.method_name != '__call__':
      return run(*args, **kwargs)
    path = context.module.path
    if not path:
      args = jax.tree.map(lambda x: self._watch(CLIPS, x), args)
    out = run(*args, **kwargs)
    name = '/'.join(path) or type(context.module).__name__
    return jax.tree.map(lambda x: self._watch(name, x), out)

  def layers(self):
    """Lists what was told, in the order in which layers end."""
    return tuple(
      Layer(
        name,
        dtype,
        self._told['output', name],
        self._told.get(('gradient', name)),
      )
      for name, dtype in self._dtypes.items()
    )

  def _watch(self, name, x):
    if not isinstance(x, jax.Array) or not jnp.issubdtype(
      x.dtype, jnp.floating
    ):
      return x
    while name in self._dtypes:  # a module that is called again
      name += "'"
    self._dtypes[name] = str(x.dtype)
    return _watched(x, functools.partial(self._tell, name))

  def _tell(self, name, what, largest, not_finite):
    """Takes what one device tells."""
    with self._lock:  # each device has a thread
      told = self._told.get((what, name), (0.0, 0.0))
      self._told[what, name] = Numbers(
        max(told[0], float(largest)), max(told[1], float(not_finite))
      )


def _watched(x, tell):
  """Returns x; tells of it as it passes, and of its gradient as that does."""

  def say(what, array):
    array = array.astype(jnp.promote_types(array.dtype, jnp.float32))
    finite = jnp.isfinite(array)
    jax.debug.callback(
      functools.partial(tell, what),
      jnp.where(finite, jnp.abs(array), 0).max(initial=0),
      # Not 1 - finite.mean(), which rounding can leave above 0.
      (~finite).mean(),
    )

  @jax.custom_vjp
  def passing(x):
    say('output', x)
    return x

  def there(x):
    return passing(x), None

  def back(_, gradient):
    say('gradient', gradient)
    return (gradient,)

  passing.defvjp(there, back)
  return passing(x)


def _wrong(state):
  """Names the arrays of a network that hold NaN or infinity."""
  found, _ = jax.tree_util.tree_flatten_with_path(
    {'params': state.params, 'batch_stats': state.batch_stats}
  )
  return tuple(
    '/'.join(str(key.key) for key in path)
    for path, leaf in found
    if not np.isfinite(parallel.own_copy(leaf)).all()
  )
