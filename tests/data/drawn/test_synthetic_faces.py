"""The drawn faces: who does what when, and that a picture shows it."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from scipy import stats

from stclr_jax import oulu_casia
from stclr_jax.data.drawn import face_drawing
from stclr_jax.data.drawn import face_shape
from stclr_jax.data.drawn import performances
from stclr_jax.data.drawn import synthetic_faces

SMALL = {'height': 32, 'width': 40, 'framing': 'face'}
UNITS = performances.UNITS


def middling(table):
  return {name: (low + high) / 2 for name, (low, high) in table.items()}


IDENTITY = middling(performances.IDENTITY) | {'age': 0.0, 'glasses': 0.0}
DAY = middling(performances.DAY)


@pytest.fixture(scope='module')
def all_performances():
  return [
    performances.draw_performance(subject, label)
    for subject in range(1, 81)
    for label in range(6)
  ]


def raise_units(**levels):
  """Units of one frame, both sides: `raise_units(au12=1.0)`."""
  units = np.zeros([1, 2, len(UNITS)])
  for name, level in levels.items():
    units[..., UNITS.index(int(name[2:]))] = level
  return units


def shape(**levels):
  curves, creases = face_shape.shape_face(
    IDENTITY, raise_units(**levels), np.zeros(1)
  )
  return {name: points[0] for name, points in curves.items()}, creases


PERSON = performances.Person(IDENTITY, DAY, None, None, 1.0)
STILL_LIGHT = {'light_angle': 0.0, 'light_level': 0.0}


def draw(units, *, pose=None, height=96, width=96, condition='vl_strong'):
  pose = np.zeros([len(units), 6]) if pose is None else pose
  return face_drawing.draw_frames(
    np.random.default_rng(0),
    PERSON,
    performances.Motion(units, np.zeros(len(units)), pose),
    clip=STILL_LIGHT,
    frame_format=face_drawing.FrameFormat(height, width, 'face'),
    condition=condition,
  )


# The set.


def test_content_is_the_one_measured():
  # benchmarks/results/data_hardness_*.json hold for this hash. Where it is
  # changed on purpose, raise VERSION and measure again.
  assert synthetic_faces.VERSION == '1.0.0'
  assert synthetic_faces.content_hash() == '3a35026b31c90760'
  assert synthetic_faces.content_hash(seed=1) != '3a35026b31c90760'


def test_videos_are_deterministic_and_do_not_depend_on_how_many():
  one = list(synthetic_faces.draw_videos(**SMALL, num_subjects=1))
  two = list(synthetic_faces.draw_videos(**SMALL, num_subjects=2))
  assert len(one) == 6 and len(two) == 12
  for first, second in zip(one, two, strict=False):
    assert first[:3] == second[:3]
    np.testing.assert_array_equal(first.frames, second.frames)


def test_videos_come_in_the_order_of_their_ids():
  videos = list(synthetic_faces.draw_videos(**SMALL, num_subjects=2))
  ids = [video.video_id for video in videos]
  assert ids == sorted(ids) and ids[0] == 'P001/Anger'
  for video in videos:
    expression = oulu_casia.EXPRESSIONS[video.label]
    assert video.video_id == f'P{video.subject:03}/{expression}'
    length = performances.draw_performance(
      video.subject, video.label
    ).num_frames
    assert video.frames.shape == (length, 32, 40, 3)
    assert video.frames.dtype == np.uint8


def test_seeds_give_other_people():
  first = next(iter(synthetic_faces.draw_videos(**SMALL, seed=0)))
  second = next(iter(synthetic_faces.draw_videos(**SMALL, seed=1)))
  assert not np.array_equal(first.frames[0], second.frames[0])


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'condition': 'ni_dark'}, r'`condition` \(=.ni_dark.\) must be one of'),
    ({'framing': 'close'}, r'`framing` \(=.close.\) must be one of'),
    ({'height': 31}, r'`height` and `width` \(=31, 40\) must be 32 or more'),
    ({'num_subjects': 81}, r'`num_subjects` \(=81\) must be 1 to 80'),
    ({'num_subjects': 0}, r'`num_subjects` \(=0\) must be 1 to 80'),
    ({'seed': -1}, r'`seed` \(=-1\) must be 0 or more'),
  ],
)
def test_bad_arguments_are_named_at_once(change, message):
  with pytest.raises(ValueError, match=message):
    synthetic_faces.draw_videos(**SMALL | change)


def test_folder_is_laid_out_as_oulu_casia(tmp_path):
  synthetic_faces.write_folder(
    tmp_path, **SMALL, num_subjects=1, conditions=('vl_strong', 'ni_strong')
  )
  clips = sorted(p for p in tmp_path.glob('*/*/*/*/*') if p.is_dir())
  names = [clip.relative_to(tmp_path).as_posix() for clip in clips]
  assert len(names) == 12
  assert names[0] == 'OriginalImg/NI/Strong/P001/Anger'
  assert names[-1] == 'OriginalImg/VL/Strong/P001/Surprise'
  video = next(iter(synthetic_faces.draw_videos(**SMALL)))
  files = sorted((tmp_path / 'OriginalImg/VL/Strong/P001/Anger').iterdir())
  assert [f.name for f in files] == [
    f'{index:03}.jpeg' for index in range(len(video.frames))
  ]
  frame = cv2.imread(str(files[-1]))[..., ::-1]
  assert np.abs(frame.astype(int) - video.frames[-1]).mean() < 4


@pytest.mark.parametrize('quality', [0, 101])
def test_jpeg_quality_is_checked(tmp_path, quality):
  with pytest.raises(ValueError, match='`jpeg_quality`'):
    synthetic_faces.write_folder(tmp_path, **SMALL, jpeg_quality=quality)


def test_importing_the_set_needs_no_opencv():
  code = (
    'import sys; from stclr_jax.data.drawn import synthetic_faces; '
    "assert not {'cv2', 'jax', 'tensorflow_datasets'} & set(sys.modules)"
  )
  subprocess.run([sys.executable, '-c', code], check=True)


# Performances.


def test_lengths_are_the_real_ones(all_performances):
  lengths = [p.num_frames for p in all_performances]
  assert set(lengths) <= set(performances.LENGTHS)
  assert sum(performances.LENGTHS.values()) == 480
  assert np.median(lengths) == 21
  real = np.repeat(
    list(performances.LENGTHS), list(performances.LENGTHS.values())
  )
  assert stats.ks_2samp(lengths, real).pvalue > 0.01


def test_timing_does_not_tell_the_label(all_performances):
  for measure in (
    lambda p: p.num_frames,
    lambda p: p.starts.min(),
    lambda p: len(p.blinks),
    lambda p: np.abs(p.drift[0]).sum(),
    lambda p: p.clip['x'],
  ):
    groups = [
      [measure(p) for p in all_performances if p.label == label]
      for label in range(6)
    ]
    assert stats.kruskal(*groups).pvalue > 0.01


def test_units_rise_from_rest_to_apex(all_performances):
  for performance in all_performances:
    units = performances.trace_units(performance)
    assert units.shape == (performance.num_frames, len(UNITS))
    assert not units[0].any()
    assert (units[-1] >= 0.9 * performance.apex).all()
    assert (np.diff(units, axis=0) >= 0).all()


def test_every_clip_shows_something_and_a_dropped_jaw_parts_the_lips(
  all_performances,
):
  for performance in all_performances:
    shown = {u for u, a in zip(UNITS, performance.apex, strict=True) if a > 0}
    assert shown
    assert 26 not in shown or 25 in shown


def test_units_are_as_frequent_as_published():
  random = np.random.default_rng(0)
  drawn = [performances.draw_units(random, 'Sadness') for _ in range(2000)]
  share = dict(zip(UNITS, np.mean(drawn, axis=0), strict=True))
  # Tolerance: four standard errors, and the rare redraw of an empty clip.
  for unit, expected in {4: 0.85, 15: 0.85, 1: 0.60, 6: 0.50, 17: 0.67,
                         11: 0.26, 12: 0.0}.items():  # fmt: skip
    assert share[unit] == pytest.approx(expected, abs=0.045)


def test_people_rest_differently():
  rests = [performances.draw_person(subject).rest for subject in range(1, 81)]
  assert len({tuple(np.round(rest, 3)) for rest in rests}) == 80
  assert {int((rest > 0).sum()) for rest in rests} == {4}
  assert np.max(rests) <= 0.5


# Shape and pictures.


def inner_brow(curves):
  return curves['brow1'][np.argmin(curves['brow1'][:, 0])]


def mouth_width(curves):
  return np.ptp(curves['lips'][:, 0])


def corner_height(curves):
  return -curves['lips'][np.argmax(curves['lips'][:, 0]), 1]


def lip_thickness(curves):
  lips = np.ptp(curves['lips'][:, 1])
  return lips - np.ptp(curves['mouth'][:, 1])


# What each unit changes, as a measure that grows with it.
MEASURES = {
  1: lambda c: -inner_brow(c)[1],
  2: lambda c: -np.sort(c['brow1'][c['brow1'][:, 0] > 0.7, 1]).mean(),
  4: lambda c: inner_brow(c)[1] - inner_brow(c)[0],
  5: lambda c: -c['lash1'][8, 1],
  6: lambda c: -c['lid1'][8, 1],
  7: lambda c: -np.ptp(c['eye1'][:, 1]),
  9: lambda c: -c['nostril1'][:, 1].mean(),
  10: lambda c: -c['lips'][:, 1].min(),
  12: corner_height,
  15: lambda c: -corner_height(c),
  17: lambda c: -c['seam'][15, 1],
  20: mouth_width,
  23: lambda c: -mouth_width(c) - lip_thickness(c),
  24: lambda c: -lip_thickness(c),
  25: lambda c: np.ptp(c['mouth'][:, 1]),
  26: lambda c: c['head'][:, 1].max(),
}


@pytest.mark.parametrize('unit', MEASURES)
def test_unit_moves_what_its_muscle_moves(unit):
  at_rest, half, full = (
    MEASURES[unit](shape(**{f'au{unit}': level})[0]) for level in (0, 0.5, 1)
  )
  assert at_rest + 0.01 < half < full - 0.01


def test_nasolabial_unit_deepens_only_creases():
  curves, creases = shape()
  curves_11, creases_11 = shape(au11=1.0)
  for name in curves:
    np.testing.assert_array_equal(curves[name], curves_11[name])
  deeper = [
    np.max(b) - np.max(a)
    for (_, a), (_, b) in zip(creases, creases_11, strict=True)
  ]
  assert sum(d > 0.5 for d in deeper) == 2  # one a side


# Rows of the 96 that hold most of what a unit changes.
ROWS = {'brows': (5, 46), 'eyes': (22, 52), 'nose': (28, 70), 'mouth': (50, 96)}
REGION = {1: 'brows', 2: 'brows', 4: 'brows', 5: 'eyes', 6: 'eyes', 7: 'eyes',
          9: 'nose', 10: 'mouth', 11: 'mouth', 12: 'mouth', 15: 'mouth',
          17: 'mouth', 20: 'mouth', 23: 'mouth', 24: 'mouth', 25: 'mouth',
          26: 'mouth'}  # fmt: skip


@pytest.mark.parametrize('unit', UNITS)
def test_unit_changes_the_picture_where_it_should(unit):
  # The noise is the same in both: what differs is the unit.
  before = draw(raise_units(au25=float(unit == 26))).astype(float)
  after = draw(raise_units(**{f'au{unit}': 1.0} | (
    {'au25': 1.0} if unit == 26 else {}))).astype(float)  # fmt: skip
  change = np.abs(after - before)[0].mean(-1)
  first, last = ROWS[REGION[unit]]
  assert change.max() > 15
  assert change[first:last].sum() > 0.7 * change.sum()


def test_closed_mouth_shows_no_teeth_whatever_else_moves():
  for level in (0.0, 1.0):
    curves, _ = shape(au10=level, au9=level, au17=level, au12=level)
    middle = curves['mouth'][np.abs(curves['mouth'][:, 0]) < 0.1, 1]
    assert len(middle) > 2 and np.ptp(middle) < 0.02


def test_blink_closes_the_eyes():
  open_eyes = face_shape.shape_face(IDENTITY, raise_units(), np.zeros(1))[0]
  blinking = face_shape.shape_face(IDENTITY, raise_units(), np.ones(1))[0]
  assert np.ptp(open_eyes['iris0'][0, :, 1]) > 0.15
  assert np.ptp(blinking['iris0'][0, :, 1]) < 0.05


def test_noise_is_fresh_in_every_frame():
  frames = draw(np.repeat(raise_units(), 3, axis=0)).astype(float)
  noise = frames[:-1] - frames[1:]
  # Two draws of standard deviation 4 differ by 4 * sqrt(2).
  assert noise.std() == pytest.approx(4 * 2**0.5, rel=0.15)
  corners = noise[:, :20, :10].reshape(2, -1)
  assert abs(np.corrcoef(corners)[0, 1] + 0.5) < 0.1  # a - b, b - c


@pytest.mark.parametrize('size', [32, 48, 64, 112])
def test_face_fills_the_small_frame(size):
  curves, _ = shape()
  # Hairline to chin, in pixels of the frame.
  length = curves['head'][:, 1].max() - IDENTITY['hairline_y']
  assert 0.295 * length >= 0.70
  assert draw(raise_units(), height=size, width=size).shape[1:3] == (size, size)


def test_conditions_change_light_not_performance():
  bright = {
    condition: draw(raise_units(), condition=condition).mean()
    for condition in oulu_casia.DRAWN_CONDITIONS
  }
  assert bright['vl_strong'] > 2 * bright['vl_weak'] > 4 * bright['vl_dark']
  infrared = draw(raise_units(), condition='ni_strong')
  assert (infrared == infrared[..., :1]).all()
  skin = np.s_[0, 48:56, 22:28]
  assert infrared[skin].mean() > draw(raise_units())[skin].mean()
