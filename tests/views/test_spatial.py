"""Crop and flip against torchvision, and what a clip must keep.

The constants were computed once, with torch 2.13.0 and torchvision 0.28.0 on a
CPU, from `make_clip(2, 24, 32) / 255` as a float tensor [t, 3, h, w], with
`resized_crop(x, top, left, height, width, [size, size], antialias=True)` of
`torchvision.transforms.functional`. Kept is every `step`-th value of the result
as [t, h, w, 3]. The moments of crops are those of 20,000 calls of
`RandomResizedCrop.get_params(x, [0.2, 1], [3 / 4, 4 / 3])`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_clips import draw_many
from made_clips import make_clip

from stclr_jax.views import color
from stclr_jax.views import spatial

# As in the constants above.
CROP = {'area': (0.2, 1.0), 'aspect': (3 / 4, 4 / 3)}
TOLERANCE = 2e-3 / 255  # torch rounds its resize weights more than we do


def as_box(*numbers):
  return spatial.Box(*(jnp.int32(number) for number in numbers))


# Smaller, larger, the whole frame, and smaller one way but larger the other.
@pytest.mark.parametrize(
  'box, size, step, expected',
  [
    (
      (3, 5, 17, 22),
      8,
      49,
      [0.43662, 0.468781, 0.48672, 0.585243]
      + [0.448416, 0.5039, 0.484128, 0.469317],
    ),
    (
      (9, 11, 5, 4),
      8,
      49,
      [0.709804, 0.171078, 0.543137, 0.515012]
      + [0.587255, 0.301777, 0.767341, 0.337194],
    ),
    (
      (0, 0, 24, 32),
      40,
      1201,
      [0.0, 0.246274, 0.254902, 0.448627]
      + [0.573333, 0.734118, 0.715294, 0.543922],
    ),
    (
      (2, 0, 22, 9),
      12,
      109,
      [0.196863, 0.646102, 0.647059, 0.522645]
      + [0.74063, 0.520815, 0.384314, 0.658692],
    ),
  ],
)
def test_resized_crop_is_torchvisions(box, size, step, expected):
  clip = spatial.apply_crop(make_clip(2, 24, 32), as_box(*box), size=size)
  values = np.asarray(clip).ravel()[::step] / 255
  np.testing.assert_allclose(values, expected, rtol=0, atol=TOLERANCE)


def test_crop_of_the_same_size_copies_every_bit():
  clip = make_clip(2, 24, 32)
  cropped = spatial.apply_crop(clip, as_box(4, 7, 16, 16), size=16)
  np.testing.assert_array_equal(cropped, clip[:, 4:20, 7:23])


@pytest.mark.parametrize('size', [16, 40])
def test_crop_in_half_precision_is_off_by_less_than_half_a_grey_level(size):
  clip = make_clip(2, 48, 64)
  crop = functools.partial(
    spatial.apply_crop, clip, spatial.Box(3, 5, 37, 29), size=size
  )
  exact, half = crop(dtype=jnp.float32), crop(dtype=jnp.float16)
  assert half.dtype == jnp.float32
  assert 0 < np.abs(half - exact).max() < 1 / 3
  # Where nothing is resized, nothing is rounded.
  crop = functools.partial(
    spatial.apply_crop, clip, spatial.Box(3, 5, 20, 20), size=20
  )
  np.testing.assert_array_equal(crop(dtype=jnp.float16), clip[:, 3:23, 5:25])


def test_crop_sees_nothing_outside_of_its_box():
  clip = make_clip(2, 24, 32)
  blackened = np.zeros_like(clip)
  blackened[:, 3:20, 5:27] = clip[:, 3:20, 5:27]
  box = as_box(3, 5, 17, 22)
  np.testing.assert_array_equal(
    spatial.apply_crop(clip, box, size=8),
    spatial.apply_crop(blackened, box, size=8),
  )


def test_crop_keeps_a_constant_and_halves_a_ramp():
  ramp = np.broadcast_to(
    np.arange(32, dtype=np.float32)[:, None], (1, 16, 32, 3)
  )
  constant = np.full_like(ramp, 200.0)
  box = as_box(0, 0, 16, 32)
  kept = spatial.apply_crop(constant, box, size=16)
  np.testing.assert_allclose(kept, 200.0, rtol=1e-6)
  halved = spatial.apply_crop(ramp, box, size=16)
  inside = np.arange(16)[1:-1] * 2 + 0.5  # at the ends the triangle is cut
  np.testing.assert_allclose(halved[0, 3, 1:-1, 0], inside, rtol=1e-6)


def test_flip_within_the_crop_is_the_flip_after_it():
  clip, box = make_clip(2, 24, 32), as_box(3, 5, 17, 22)
  plain = spatial.apply_crop(clip, box, size=8, flip=jnp.bool_(False))
  flipped = spatial.apply_crop(clip, box, size=8, flip=jnp.bool_(True))
  np.testing.assert_allclose(flipped, plain[:, :, ::-1], atol=1e-4)


@pytest.mark.parametrize(
  'frame_size, mean, std, area, fallback',
  [
    (
      (240, 320),
      (26.144, 61.224, 187.948, 197.063),
      (25.088, 44.168, 33.867, 45.759),
      0.49677,
      None,
    ),
    # So wide that one crop in nine is the fallback.
    (
      (20, 60),
      (0.929, 20.002, 18.139, 20.1),
      (1.26, 11.514, 1.72, 3.756),
      0.30638,
      ((0, 16, 20, 27), 0.11385),
    ),
  ],
)
def test_crops_are_distributed_as_torchvisions(
  frame_size, mean, std, area, fallback
):
  count = 20000
  box = draw_many(lambda key: spatial.draw_crop(key, frame_size, **CROP), count)
  drawn = np.stack(box, axis=1)
  # Four and a half errors of the difference of two means of 20,000.
  error = 4.5 * np.asarray(std) * np.sqrt(2 / count)
  assert (np.abs(drawn.mean(0) - mean) < error).all()
  np.testing.assert_allclose(drawn.std(0), std, rtol=0.03)
  share = (box.height * box.width).mean() / np.prod(frame_size)
  assert share == pytest.approx(area, rel=0.015)
  if fallback is not None:
    expected, frequency = fallback
    seen = (drawn == np.asarray(expected)).all(1).mean()
    assert seen == pytest.approx(frequency, abs=0.015)


def test_crops_fit_and_keep_to_their_ranges():
  box = draw_many(
    lambda key: spatial.draw_crop(
      key, (480, 640), area=(0.3, 0.6), aspect=(0.8, 1.25)
    ),
    4000,
  )
  assert box.top.min() == 0 and (box.top + box.height).max() == 480
  assert box.left.min() == 0 and (box.left + box.width).max() == 640
  # Up to the rounding to whole pixels.
  area = box.height * box.width / (480 * 640)
  assert area.min() == pytest.approx(0.3, abs=0.003)
  assert area.max() == pytest.approx(0.6, abs=0.003)
  aspect = box.width / box.height
  assert aspect.min() == pytest.approx(0.8, abs=0.005)
  assert aspect.max() == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize('frame_size', [(32, 32), (24, 32), (32, 24)])
def test_least_crop_is_the_whole_square(frame_size):
  box = spatial.draw_crop(
    jax.random.key(0), frame_size, area=(1, 1), aspect=(1, 1)
  )
  assert box == spatial.centre_square(frame_size)
  clip = make_clip(1, *frame_size)
  side = min(frame_size)
  top, left = (frame_size[0] - side) // 2, (frame_size[1] - side) // 2
  np.testing.assert_array_equal(
    spatial.apply_crop(clip, box, size=side),
    clip[:, top : top + side, left : left + side],
  )


def test_flips_are_as_probable_as_asked():
  for probability in (0.0, 0.3, 1.0):
    flips = draw_many(spatial.draw_flip, 2000, probability=probability)
    assert flips.mean() == pytest.approx(probability, abs=0.04)
    assert probability not in (0, 1) or (flips == probability).all()


def test_all_frames_of_a_clip_are_treated_alike():
  # Four times the same frame must give four times the same.
  clip = np.repeat(make_clip(1, 24, 32), 4, axis=0)
  for seed in range(3):
    key_crop, key_flip, key_color = jax.random.split(jax.random.key(seed), 3)
    box = spatial.draw_crop(key_crop, (24, 32), **CROP)
    flip = spatial.draw_flip(key_flip, probability=0.5)
    view = spatial.apply_crop(clip, box, size=12, flip=flip) / 255
    distortion = color.draw_color(
      key_color, strengths=(0.4, 0.4, 0.4, 0.1), probability=1.0
    )
    view = np.asarray(color.apply_color(view, distortion))
    np.testing.assert_allclose(view, view[[0] * 4], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
  'options, message',
  [
    ({'area': (0, 1)}, r'`area` \(=\(0, 1\)\).*above 0'),
    ({'area': (0.5, 0.2)}, 'smallest and a largest'),
    ({'area': (0.5, 1.2)}, 'up to 1'),
    ({'aspect': (2, 1)}, r'`aspect` \(=\(2, 1\)\)'),
  ],
)
def test_crop_errors_name_the_rule(options, message):
  with pytest.raises(ValueError, match=message):
    spatial.draw_crop(jax.random.key(0), (24, 32), **CROP | options)
