"""Each spatial operation of a view by itself, on one frame (Figure 2, below).

A view is what all of them do together (Sec. III.A.1); what one does is seen
only where the others do nothing.
"""

import dataclasses
from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array
from jaxtyping import Bool
from jaxtyping import Float32
from jaxtyping import Key
from jaxtyping import UInt8

from stclr_jax.views import augmentations
from stclr_jax.views import spatial
from stclr_jax.views import view_parameters

TOGETHER = 'all together'


class _Picture(NamedTuple):
  """One frame to make.

  Attributes:
    box: a `spatial.Box`.
    flip: whether it is mirrored.
    pixels: what each pixel augmentation drew, as in `ViewParameters`.
    on: whether each of them is applied.
  """

  box: spatial.Box
  flip: Bool[Array, '']
  pixels: tuple[Any, ...]
  on: tuple[Bool[Array, ''], ...]


def list_operations(options: augmentations.ViewOptions) -> list[str]:
  """Lists the operations that are switched on, by their names in the config.

  Args:
    options: a `ViewOptions`.

  Returns:
    Names, the parts of an operation after it, and `TOGETHER` at the end.
  """
  key, frame = jax.random.key(0), jax.ShapeDtypeStruct((8, 8, 3), jnp.uint8)
  names: list[str] = []

  def note(frame):
    names.extend(_make_pictures(key, frame.shape[:2], options))

  jax.eval_shape(note, frame)  # names only; nothing is computed
  return names


def apply_alone(
  frame: UInt8[Array, 'h w 3'],
  key: Key[Array, ''],
  *,
  options: augmentations.ViewOptions,
) -> Float32[Array, 'k size size 3']:
  """Applies each operation to a frame by itself, and then all of them.

  What is drawn is what the view of that key has, but for the chance of doing
  nothing at all (of flip and colour), which would show nothing. But for the
  crop, and all together, the frame's largest centred square is shown.

  Args:
    frame: uint8 [h, w, 3].
    key: see `view_parameters.view_key`.
    options: a `ViewOptions`.

  Returns:
    float32 [k, size, size, 3] in [0, 1], in the order of `list_operations`.
  """
  pictures = _make_pictures(key, frame.shape[:2], options)
  stacked = jax.tree.map(lambda *x: jnp.stack(x), *pictures.values())

  def make(picture):
    plain = view_parameters.ViewParameters(
      indices=jnp.zeros(1, jnp.int32),
      box=picture.box,
      flip=picture.flip,
      pixels=(None,) * len(picture.pixels),
    )
    made = view_parameters.apply_parameters(frame[None], plain, options=options)
    for one, drawn, on in zip(
      options.pixel_augmentations, picture.pixels, picture.on, strict=True
    ):
      if drawn is not None:
        made = jnp.where(on, one.apply(made, drawn), made)
    return made[0]

  return jax.vmap(make)(stacked)


def _make_pictures(key, frame_size, options):
  """Makes a `_Picture` of each operation, by its name."""
  drawn = view_parameters.draw_parameters(
    key, 1, frame_size, options=_certain(options)
  )
  number = len(drawn.pixels)
  whole = spatial.Box(*map(jnp.int32, spatial.centre_square(frame_size)))
  plain = _Picture(
    whole, jnp.array(False), drawn.pixels, (jnp.array(False),) * number
  )
  pictures = {}
  if options.crop.enabled:
    pictures['crop'] = plain._replace(box=drawn.box)
  if options.flip.enabled:
    pictures['flip'] = plain._replace(flip=jnp.array(True))
  names = {one: name for name, one in vars(options).items()}
  for i, one in enumerate(options.pixel_augmentations):
    if drawn.pixels[i] is None:
      continue
    alone = plain._replace(on=_put(plain.on, i, jnp.array(True)))
    pictures[names[one]] = alone
    for part, value in one.parts(drawn.pixels[i]):
      pictures[part] = alone._replace(pixels=_put(drawn.pixels, i, value))
  pictures[TOGETHER] = _Picture(
    spatial.Box(*map(jnp.int32, drawn.box)),
    jnp.array(options.flip.enabled),
    drawn.pixels,
    (jnp.array(True),) * number,
  )
  return pictures


def _certain(options):
  """The same options without the chance that an operation does nothing."""
  certain = {
    name: dataclasses.replace(one, probability=1.0)
    for name, one in vars(options).items()
    if hasattr(one, 'probability')
  }
  return dataclasses.replace(options, **certain)


def _put(values, i, value):
  return (*values[:i], value, *values[i + 1 :])
