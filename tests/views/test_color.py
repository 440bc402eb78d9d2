"""Colour distortion against torchvision, and one way against the other.

The constants were computed once, with torch 2.13.0 and torchvision 0.28.0 on a
CPU, from `make_clip(2, 6, 8) / 255` as a float tensor [t, 3, h, w], with the
four `adjust_...` of `torchvision.transforms.functional`. Kept is every
`COLOR_STEP`-th value of the result as [t, h, w, 3].
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from made_clips import draw_many
from made_clips import make_clip

from stclr_jax.views import color

STRENGTHS = (0.4, 0.4, 0.4, 0.1)
TOLERANCE = 2e-3 / 255
COLOR_STEP = 37

apply_on_cpu = jax.jit(lambda *inputs: color.apply_color(*inputs, target='cpu'))


def apply_on_gpu(clip, distortion):
  """Operation by operation: a CPU is slow at the kernels for an accelerator."""
  with jax.disable_jit():
    return color.apply_color(clip, distortion, target='gpu')


def distort(clip, order=(0, 1, 2, 3), *, values=(1, 1, 1, 0)):
  distortion = color.ColorDistortion(
    jnp.array(order, jnp.int32), *map(jnp.float32, values)
  )
  on_cpu, on_gpu = (
    np.asarray(apply(clip, distortion))
    for apply in (apply_on_cpu, apply_on_gpu)
  )
  if values == (1, 1, 1, 0):
    np.testing.assert_array_equal(on_gpu, clip)
  np.testing.assert_allclose(on_gpu, on_cpu, rtol=0, atol=2e-6)
  return on_cpu


@pytest.mark.parametrize(
  'name, value, expected',
  [
    (
      'brightness',
      0.6,
      [0.0, 0.381176, 0.294118, 0.049412]
      + [0.362353, 0.305882, 0.508235, 0.009412],
    ),
    (
      'brightness',
      1.4,
      [0.0, 0.889412, 0.686275, 0.115294, 0.84549, 0.713726, 1.0, 0.021961],
    ),
    (
      'contrast',
      0.6,
      [0.186234, 0.567411, 0.480352, 0.235646]
      + [0.565159, 0.508689, 0.711042, 0.212218],
    ),
    (
      'contrast',
      1.4,
      [0.0, 0.703178, 0.50004, 0.0, 0.642684, 0.510919, 0.983076, 0.0],
    ),
    (
      'saturation',
      0.6,
      [0.039631, 0.611196, 0.432563, 0.205079]
      + [0.591136, 0.451396, 0.638396, 0.1041],
    ),
    (
      'saturation',
      1.4,
      [0.0, 0.659393, 0.54783, 0.0, 0.616707, 0.568212, 1.0, 0.0],
    ),
    (
      'hue',
      -0.1,
      [0.0, 0.960784, 0.465882, 0.082353]
      + [0.776471, 0.760784, 0.847059, 0.015686],
    ),
    (
      'hue',
      0.07,
      [0.0, 0.361883, 0.490196, 0.082353]
      + [0.458981, 0.246275, 0.847059, 0.015686],
    ),
    (
      'hue',
      0.5,
      [0.243137, 0.635294, 0.247059, 0.835294]
      + [0.603921, 0.384314, 0.066667, 0.592157],
    ),
  ],
)
def test_color_operation_is_torchvisions(name, value, expected):
  values = [1.0, 1.0, 1.0, 0.0]
  values[color.NAMES.index(name)] = value
  clip = make_clip(2, 6, 8).astype(np.float32) / 255
  # The order is irrelevant to one operation alone.
  for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
    changed = distort(clip, order, values=values).ravel()[::COLOR_STEP]
    np.testing.assert_allclose(changed, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
  'order, expected',
  [
    (
      (0, 1, 2, 3),
      [0.142546, 0.942905, 0.666071, 0.153721, 0.94742, 1.0, 1.0, 0.132054],
    ),
    (
      (3, 2, 1, 0),
      [0.216005, 1.0, 0.686155, 0.216005, 0.953813, 1.0, 1.0, 0.221535],
    ),
    (
      (1, 3, 0, 2),
      [0.128209, 1.0, 0.651734, 0.091236, 0.930021, 1.0, 1.0, 0.148363],
    ),
    (
      (2, 0, 3, 1),
      [0.19496, 0.89496, 0.686929, 0.19496]
      + [0.891341, 0.891341, 0.891341, 0.191341],
    ),
  ],
)
def test_color_operations_in_order_are_torchvisions(order, expected):
  clip = make_clip(2, 6, 8).astype(np.float32) / 255
  changed = distort(clip, order, values=(1.3, 0.7, 1.35, -0.08))
  np.testing.assert_allclose(
    changed.ravel()[::COLOR_STEP], expected, rtol=0, atol=TOLERANCE
  )


def test_every_order_is_its_operations_one_by_one():
  clip = make_clip(2, 6, 8).astype(np.float32) / 255
  values = (1.3, 0.7, 1.35, -0.08)
  neutral = (1, 1, 1, 0)
  for order in itertools.permutations(range(4)):
    expected = clip
    for operation in order:
      alone = [values[i] if i == operation else neutral[i] for i in range(4)]
      expected = distort(expected, values=alone)
    np.testing.assert_allclose(
      distort(clip, order, values=values), expected, atol=1e-5
    )


def test_neutral_color_keeps_every_bit():
  clip = make_clip(2, 24, 32).astype(np.float32) / 255
  for order in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)):
    np.testing.assert_array_equal(distort(clip, order), clip)


def test_the_ways_of_a_cpu_and_of_accelerators_agree():
  distortions = draw_many(
    color.draw_color, 96, strengths=(0.8, 0.8, 0.8, 0.5), probability=1
  )
  orders = {tuple(order) for order in np.asarray(distortions.order).tolist()}
  assert len(orders) > 20
  clip = make_clip(2, 6, 8).astype(np.float32) / 255
  on_cpu, on_gpu = (
    jax.vmap(functools.partial(apply, clip))(distortions)
    for apply in (apply_on_cpu, apply_on_gpu)
  )
  np.testing.assert_allclose(on_gpu, on_cpu, rtol=0, atol=2e-6)


def test_black_white_and_grey_have_no_hue():
  clip = np.zeros((3, 2, 2, 3), np.float32)
  clip[1], clip[2] = 1.0, 0.3
  np.testing.assert_array_equal(distort(clip, values=(1, 1, 1, 0.3)), clip)


def test_color_strength_zero_is_the_identity():
  distortion = color.draw_color(
    jax.random.key(0), strengths=(0, 0, 0, 0), probability=1
  )
  clip = make_clip(2, 6, 8).astype(np.float32) / 255
  np.testing.assert_array_equal(apply_on_cpu(clip, distortion), clip)


@pytest.mark.parametrize('switched_off', range(4))
def test_each_color_operation_can_be_switched_off_alone(switched_off):
  strengths = list(STRENGTHS)
  strengths[switched_off] = 0
  drawn = draw_many(color.draw_color, 50, strengths=strengths, probability=1.0)
  for i, values in enumerate(drawn[1:]):
    if i == switched_off:
      assert (values == (0 if i == color.HUE else 1)).all()
    else:
      assert len(set(values.tolist())) > 40


def test_color_parameters_are_uniform_in_their_ranges():
  drawn = draw_many(
    color.draw_color, 4800, strengths=(0.4, 0.2, 1.5, 0.1), probability=1.0
  )
  ranges = [(0.6, 1.4), (0.8, 1.2), (0.0, 2.5), (-0.1, 0.1)]
  for values, (low, high) in zip(drawn[1:], ranges, strict=True):
    assert low <= values.min() and values.max() <= high
    uniform = scipy.stats.uniform(low, high - low)
    assert scipy.stats.kstest(values, uniform.cdf).pvalue > 0.01
  orders, counts = np.unique(drawn.order, axis=0, return_counts=True)
  assert len(orders) == 24
  assert scipy.stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize('probability', [0.0, 0.8, 1.0])
def test_color_is_applied_as_often_as_asked(probability):
  drawn = draw_many(
    color.draw_color, 2000, strengths=STRENGTHS, probability=probability
  )
  changed = np.stack(drawn[1:], axis=1) != np.float32([1, 1, 1, 0])
  assert (changed.all(1) | ~changed.any(1)).all()  # all of it or nothing
  assert changed.all(1).mean() == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize(
  'strengths, message',
  [
    ((0.4, 0.4, 0.4), 'must be 4 numbers'),
    ((0.4, -0.1, 0.4, 0.1), r'`contrast` \(=-0.1\)'),
    ((0.4, 0.4, 0.4, 0.6), r'`hue` \(=0.6\).*at most 0.5'),
  ],
)
def test_color_errors_name_the_rule(strengths, message):
  with pytest.raises(ValueError, match=message):
    color.draw_color(jax.random.key(0), strengths=strengths, probability=1)
