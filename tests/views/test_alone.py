"""Figure 2's lower half: each operation alone is what it is in a view."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from made_clips import make_clip

from stclr_jax.views import alone
from stclr_jax.views import augmentations
from stclr_jax.views import view_parameters

OPTIONS = augmentations.ViewOptions(num_frames=2, size=12)
CERTAIN = dataclasses.replace(
  OPTIONS,
  flip=augmentations.Flip(probability=1.0),
  color=augmentations.Color(probability=1.0),
)
FRAME = make_clip(1, 20, 16)[0]
KEY = view_parameters.view_key(0, 0, 3, 0)
GREY = np.array([0.2989, 0.587, 0.114])


@functools.cache
def drawn():
  return view_parameters.draw_parameters(KEY, 1, (20, 16), options=CERTAIN)


@pytest.fixture(scope='module')
def made():
  images = jax.jit(lambda x: alone.apply_alone(x, KEY, options=OPTIONS))(FRAME)
  names = alone.list_operations(OPTIONS)
  return dict(zip(names, np.asarray(images), strict=True))


@pytest.fixture(scope='module')
def plain():
  """The largest centred square, with nothing done to it."""
  parameters = view_parameters.evaluation_parameters(
    1, (20, 16), options=OPTIONS
  )
  image = view_parameters.apply_parameters(
    FRAME[None], parameters, options=OPTIONS
  )
  return np.asarray(image[0])


def test_every_operation_has_its_picture(made):
  assert list(made) == [
    'crop', 'flip', 'color', 'brightness', 'contrast', 'saturation', 'hue',
    alone.TOGETHER,
  ]  # fmt: skip
  for image in made.values():
    assert image.shape == (12, 12, 3) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1


def test_each_operation_does_what_it_does_and_nothing_else(made, plain):
  close = functools.partial(np.testing.assert_allclose, rtol=0, atol=1e-5)
  close(made['flip'], plain[:, ::-1])
  factors = drawn().pixels[0]
  close(made['brightness'], np.clip(plain * factors.brightness, 0, 1))
  grey = plain @ GREY
  for name, reference in (
    ('contrast', grey.mean()), ('saturation', grey[..., None]),
  ):  # fmt: skip
    factor = np.asarray(getattr(factors, name))
    mixed = factor * plain + (1 - factor) * reference
    close(made[name], np.clip(mixed, 0, 1))
  # A turn of the hue keeps the largest and the smallest channel.
  close(made['hue'].max(-1), plain.max(-1))
  close(made['hue'].min(-1), plain.min(-1))
  assert np.abs(made['hue'] - plain).max() > 0.01


def test_the_crop_and_all_together_are_the_views_own(made):
  view = functools.partial(
    view_parameters.apply_parameters, FRAME[None], options=CERTAIN
  )
  cropped = view(drawn()._replace(flip=False, pixels=(None,)))
  np.testing.assert_allclose(made['crop'], cropped[0], atol=1e-5)
  np.testing.assert_allclose(made[alone.TOGETHER], view(drawn())[0], atol=1e-5)


def test_what_is_switched_off_is_not_shown():
  less = dataclasses.replace(
    OPTIONS,
    crop=augmentations.Crop(enabled=False),
    color=augmentations.Color(hue=0.0),
  )
  assert alone.list_operations(less) == [
    'flip', 'color', 'brightness', 'contrast', 'saturation', alone.TOGETHER,
  ]  # fmt: skip
  nothing = dataclasses.replace(
    less,
    flip=augmentations.Flip(enabled=False),
    color=augmentations.Color(enabled=False),
  )
  assert alone.list_operations(nothing) == [alone.TOGETHER]
