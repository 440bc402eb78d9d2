import dataclasses
import functools
import itertools
import json

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from benchmarks.pipeline import torch_views
from configs import common
from stclr_jax.errors import UserError
from stclr_jax.runs import build
from stclr_jax.views import augmentations
from stclr_jax.views import color
from stclr_jax.views import spatial
from stclr_jax.views import temporal
from stclr_jax.views import view_parameters
from stclr_jax.views import views

LENGTHS = np.array([9, 21, 1, 6, 30, 16, 8, 7], np.int32)
FIRST = np.concatenate([[0], np.cumsum(LENGTHS)[:-1]]).astype(np.int32)
FRAME_SIZE = (24, 32)
OPTIONS = views.ViewOptions(num_frames=8, size=16)
WHERE = {'seed': 3, 'epoch': 5, 'view': 1}
OFF = views.ViewOptions(
  num_frames=8,
  size=16,
  temporal=augmentations.Temporal(enabled=False),
  crop=augmentations.Crop(enabled=False),
  flip=augmentations.Flip(enabled=False),
  color=augmentations.Color(enabled=False),
)
# A thousandth of a grey level, in normalised units.
PIXEL_TOLERANCE = 1e-3 / 255 / min(OPTIONS.std)


@pytest.fixture(scope='module')
def frames():
  rng = np.random.default_rng(0)
  shape = (LENGTHS.sum(), *FRAME_SIZE, 3)
  return rng.integers(0, 256, shape, dtype=np.uint8)


# Compiled once for a shape of batch; compiling is what these tests spend.
draw_views = jax.jit(views.draw_views, static_argnames=('seed', 'options'))
take_views = jax.jit(views.evaluation_views, static_argnames='options')


@jax.jit
def draw_parameters(videos):
  def draw(video):
    key = view_parameters.view_key(
      WHERE['seed'], WHERE['epoch'], video, WHERE['view']
    )
    length = jnp.asarray(LENGTHS)[video]
    return view_parameters.draw_parameters(
      key, length, FRAME_SIZE, options=OPTIONS
    )

  return jax.vmap(draw)(videos)


@pytest.fixture(scope='module')
def draw_some(frames):
  def draw(videos, **where):
    where = WHERE | {'options': OPTIONS} | where
    return draw_views(views.Frames(frames, FIRST, LENGTHS), videos, **where)

  return draw


def assert_bits_equal(tree_1, tree_2):
  jax.tree.map(np.testing.assert_array_equal, tree_1, tree_2)


def test_parameters_do_not_depend_on_the_batch():
  together = draw_parameters(np.arange(8))
  for batch in ([5], [6, 5, 4, 3, 2, 1, 0, 7, 0, 3, 5]):
    assert_bits_equal(
      draw_parameters(np.array(batch)),
      jax.tree.map(lambda x, b=batch: x[np.array(b)], together),
    )


def test_parameters_do_not_depend_on_the_devices():
  together = draw_parameters(np.arange(8))
  spread = jax.pmap(draw_parameters)(np.arange(8).reshape(4, 2))
  spread = jax.tree.map(lambda x: x.reshape(8, *x.shape[2:]), spread)
  assert_bits_equal(spread, together)


def test_pixels_do_not_depend_on_batch_or_devices(draw_some):
  together = np.asarray(draw_some(np.arange(8)))
  one_by_one = [draw_some(np.array([i]))[0] for i in range(8)]
  np.testing.assert_allclose(together, one_by_one, rtol=0, atol=PIXEL_TOLERANCE)
  spread = jax.pmap(draw_some)(np.arange(8).reshape(8, 1))
  np.testing.assert_allclose(
    together, spread[:, 0], rtol=0, atol=PIXEL_TOLERANCE
  )


def test_views_are_the_same_in_a_sharded_program(draw_some):
  mesh = jax.sharding.Mesh(np.asarray(jax.devices()), ('devices',))
  sharding = jax.sharding.NamedSharding(
    mesh, jax.sharding.PartitionSpec('devices')
  )
  videos = jax.device_put(np.arange(8), sharding)
  assert_bits_equal(draw_parameters(videos), draw_parameters(np.arange(8)))
  np.testing.assert_allclose(
    draw_some(videos),
    draw_some(np.arange(8)),
    rtol=0,
    atol=PIXEL_TOLERANCE,
  )


def test_every_seed_epoch_video_and_view_has_its_key():
  numbers = itertools.product(range(3), repeat=4)
  keys = {
    tuple(jax.random.key_data(view_parameters.view_key(*four)).tolist())
    for four in numbers
  }
  assert len(keys) == 3**4


def test_key_ignores_the_default_generator():
  expected = view_parameters.view_key(0, 1, 2, 3)
  with jax.default_prng_impl('rbg'):
    assert view_parameters.view_key(0, 1, 2, 3) == expected


def test_two_views_and_two_epochs_differ(draw_some):
  videos = np.array([1])
  view = np.asarray(draw_some(videos))
  assert np.abs(view - draw_some(videos, view=2)).mean() > 0.1
  assert np.abs(view - draw_some(videos, epoch=6)).mean() > 0.1
  np.testing.assert_array_equal(view, draw_some(videos))


def test_a_view_is_its_parameters_applied_in_order(frames, draw_some):
  video = 4
  parameters = jax.tree.map(lambda x: x[0], draw_parameters(np.array([video])))
  start = FIRST[video]
  clip = frames[start : start + LENGTHS[video]][np.asarray(parameters.indices)]
  clip = spatial.apply_crop(clip, parameters.box, size=OPTIONS.size) / 255
  clip = clip[:, :, ::-1] if parameters.flip else clip
  distortion, *_ = parameters.pixels  # no other is on
  clip = color.apply_color(jnp.clip(clip, 0, 1), distortion)
  expected = (np.asarray(clip) - OPTIONS.mean) / np.asarray(OPTIONS.std)
  np.testing.assert_allclose(
    draw_some(np.array([video]))[0], expected, rtol=0, atol=PIXEL_TOLERANCE
  )


def test_views_are_normalised_float32_of_their_size(draw_some):
  clips = draw_some(np.arange(8))
  assert clips.shape == (8, 8, 16, 16, 3) and clips.dtype == jnp.float32
  pixels = np.asarray(clips) * OPTIONS.std + np.asarray(OPTIONS.mean)
  assert pixels.min() > -1e-6 and pixels.max() < 1 + 1e-6


def draw_one(video, options):
  key = view_parameters.view_key(0, 0, video, 0)
  return view_parameters.draw_parameters(
    key, LENGTHS[video], FRAME_SIZE, options=options
  )


@pytest.mark.parametrize(
  'part, name',
  [
    ('indices', 'temporal'),
    ('box', 'crop'),
    ('flip', 'flip'),
    ('pixels', 'color'),
  ],
)
def test_each_augmentation_can_be_switched_off_alone(part, name):
  on = dataclasses.replace(
    OPTIONS,
    flip=augmentations.Flip(probability=1),
    color=augmentations.Color(probability=1),
  )
  without = draw_one(4, dataclasses.replace(on, **{name: getattr(OFF, name)}))
  assert_bits_equal(getattr(without, part), getattr(draw_one(4, OFF), part))
  drawn = draw_one(4, on)
  for other in drawn._fields:
    if other != part:
      assert_bits_equal(getattr(without, other), getattr(drawn, other))


@dataclasses.dataclass(frozen=True)
class Noise(augmentations.PixelAugmentation):
  """Adds one number to all pixels of a clip."""

  enabled: bool = True
  strength: float = 0.1

  def draw(self, key):
    return jax.random.uniform(key, minval=0, maxval=self.strength)

  def apply(self, clip, drawn):
    return clip + drawn

  def describe(self, drawn):
    return f'{float(drawn):+.3f}'


@dataclasses.dataclass(frozen=True)
class NoisyOptions(views.ViewOptions):
  first: Noise = Noise()
  second: Noise = Noise()


def test_another_augmentation_is_found_and_leaves_the_others_as_drawn(frames):
  noisy = NoisyOptions(num_frames=8, size=16)
  plain, drawn = draw_one(4, OPTIONS), draw_one(4, noisy)
  assert_bits_equal(drawn[:3], plain[:3])
  assert_bits_equal(drawn.pixels[:-2], plain.pixels)
  *_, first, second = drawn.pixels
  assert first != second  # each has a key of its own
  without = draw_one(4, dataclasses.replace(noisy, first=Noise(enabled=False)))
  assert without.pixels[-2] is None and without.pixels[-1] == second

  clip = frames[:8]
  apply = view_parameters.apply_parameters
  added = apply(clip, drawn, options=noisy) - apply(
    clip, plain, options=OPTIONS
  )
  np.testing.assert_allclose(added, first + second, rtol=1e-4)

  drawn = jax.tree.map(np.asarray, drawn)
  where = LENGTHS[4], FRAME_SIZE
  said = view_parameters.describe_parameters(drawn, *where, options=noisy)
  plainly = view_parameters.describe_parameters(
    jax.tree.map(np.asarray, plain), *where, options=OPTIONS
  )
  assert said == f'{plainly}; {float(first):+.3f}; {float(second):+.3f}'


def only_color(*distortion):
  """What is drawn for pixels where only colours are distorted."""
  others = len(OPTIONS.pixel_augmentations) - 1
  return (color.ColorDistortion(*distortion), *(None,) * others)


def test_what_was_drawn_is_said():
  drawn = view_parameters.ViewParameters(
    indices=np.arange(3, 11),
    box=spatial.Box(top=2, left=4, height=12, width=16),
    flip=np.bool_(True),
    pixels=only_color(np.array([3, 1, 0, 2]), 1.1, 0.5, 1, -0.25),
  )
  say = functools.partial(
    view_parameters.describe_parameters,
    num_video_frames=21,
    frame_size=FRAME_SIZE,
    options=OPTIONS,
  )
  assert say(drawn) == (
    'frames 3 4 5 6 7 8 9 10 (consecutive); '
    'crop 16 x 12 at (4, 2), 25% of the frame; mirrored; '
    'hue -90°, contrast x0.50, brightness x1.10, saturation x1.00'
  )
  neutral = only_color(np.arange(4), 1, 1, 1, 0)
  others = {
    'irregular': {'indices': np.array([0, 0, 1, 2, 5, 9, 9, 20])},
    'at equal distances': {
      'indices': np.asarray(temporal.sample_uniform(21, num_frames=8))
    },
    '; not mirrored; ': {'flip': np.bool_(False)},
    'colours as they are': {'pixels': neutral},
  }
  for words, change in others.items():
    assert words in say(drawn._replace(**change))
  nothing = (None,) * len(drawn.pixels)
  assert say(drawn._replace(pixels=nothing)).endswith('; mirrored')


def test_everything_switched_off_is_the_evaluations_view(frames):
  videos = np.arange(8)
  np.testing.assert_allclose(
    draw_views(
      views.Frames(frames, FIRST, LENGTHS), videos, **WHERE, options=OFF
    ),
    take_views(views.Frames(frames, FIRST, LENGTHS), videos, options=OPTIONS),
    rtol=0,
    atol=PIXEL_TOLERANCE,
  )


def test_evaluation_takes_uniform_frames_and_the_centre_square(frames):
  options = dataclasses.replace(OPTIONS, size=24)  # no resizing
  clips = take_views(
    views.Frames(frames, FIRST, LENGTHS), np.arange(8), options=options
  )
  for video, clip in enumerate(clips):
    indices = temporal.sample_uniform(LENGTHS[video], num_frames=8)
    expected = frames[FIRST[video] + np.asarray(indices), :, 4:28] / 255
    expected = (expected - OPTIONS.mean) / np.asarray(OPTIONS.std)
    np.testing.assert_allclose(clip, expected, atol=1e-5)


def test_no_view_shows_another_video():
  # Every frame is as grey as its video's number.
  videos = np.arange(8)
  grey = np.repeat(videos * 30, LENGTHS).astype(np.uint8)
  frames = np.broadcast_to(
    grey[:, None, None, None], (len(grey), *FRAME_SIZE, 3)
  )
  options = dataclasses.replace(
    OPTIONS, color=OFF.color, mean=(0, 0, 0), std=(1, 1, 1)
  )
  clips = draw_views(
    views.Frames(frames, FIRST, LENGTHS), videos, **WHERE, options=options
  )
  shown = np.asarray(clips).reshape(8, -1) * 255
  np.testing.assert_allclose(
    shown, np.broadcast_to(videos[:, None] * 30, shown.shape), atol=1e-3
  )


def test_normalize_uses_the_constants_of_kinetics():
  clip = jnp.broadcast_to(jnp.array(augmentations.KINETICS_MEAN), (2, 4, 4, 3))
  normalize = views.normalize
  zero = normalize(
    clip, augmentations.KINETICS_MEAN, augmentations.KINETICS_STD
  )
  np.testing.assert_array_equal(zero, 0)
  one = normalize(jnp.ones((1, 1, 1, 3)), (0.5,) * 3, (0.25,) * 3)
  np.testing.assert_array_equal(one, 2)


def test_the_papers_config_is_the_default_of_the_views():
  # Configs import nothing of ours, and torch's side of a benchmark no JAX.
  assert build.make_view_options(common.views()) == views.ViewOptions()
  found = torch_views.MEAN, torch_views.STD
  assert found == (augmentations.KINETICS_MEAN, augmentations.KINETICS_STD)


def test_settings_of_the_config_are_those_of_the_options(subtests):
  node = common.views()
  assert set(node) == {
    field.name for field in dataclasses.fields(views.ViewOptions)
  } - {'rest'}  # follows from what the network reads
  for field in dataclasses.fields(views.ViewOptions):
    if dataclasses.is_dataclass(field.type):
      with subtests.test(node=field.name):
        names = {setting.name for setting in dataclasses.fields(field.type)}
        assert set(node[field.name]) == names


def test_the_frame_at_rest_is_treated_as_the_clip(draw_some):
  resting = dataclasses.replace(OPTIONS, rest=True)
  still = dataclasses.replace(OFF, rest=True)
  videos = np.arange(8)
  np.testing.assert_allclose(
    draw_some(videos, options=resting)[:, 1:],
    draw_some(videos),
    atol=PIXEL_TOLERANCE,
  )
  shown = draw_some(videos, options=still)
  assert shown.shape[1] == 9
  # Uniform clips begin with the same frame.
  np.testing.assert_array_equal(shown[:, 0], shown[:, 1])


def test_options_are_hashable_also_when_made_of_lists():
  # As JSON has them.
  node = json.loads(common.views().to_json())
  made = build.make_view_options(ml_collections.ConfigDict(node))
  assert made == views.ViewOptions() and hash(made) == hash(views.ViewOptions())


@pytest.mark.parametrize(
  'make, message',
  [
    (lambda: views.ViewOptions(num_frames=0), r'`num_frames` \(=0\)'),
    (lambda: views.ViewOptions(size=0), r'`size` \(=0\)'),
    (lambda: views.ViewOptions(std=(1, 0, 1)), '`std`'),
    (lambda: augmentations.Flip(probability=1.2), r'`flip.pro.*` \(=1.2\)'),
    (lambda: augmentations.Color(probability=-1), r'`color.pro.*` \(=-1\)'),
    (lambda: augmentations.Color(hue=1), '`hue`'),
    (lambda: augmentations.Temporal(variant='mine'), "'mine'"),
    (lambda: augmentations.Temporal(probabilities=(1, 1, 1)), 'sum'),
    (lambda: augmentations.Crop(area=(0, 1)), '`area`'),
  ],
)
def test_wrong_options_fail_when_made(make, message):
  with pytest.raises(UserError, match=message):
    make()


def test_frames_must_come_from_somewhere():
  with pytest.raises(ValueError, match='`clip` .=None. must be the frames'):
    take_views(views.Frames(None, FIRST, LENGTHS), np.arange(2), options=OFF)
