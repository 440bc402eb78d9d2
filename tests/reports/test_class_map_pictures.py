import cv2
import numpy as np
import pytest

from stclr_jax.reports import class_map_pictures


def test_red_speaks_for_a_class_and_blue_against_it():
  white = class_map_pictures.color(np.array([[-1.0, 0.0, 1.0]]))[0]
  assert white[0, 2] > white[0, 0] + 0.2 and white[2, 0] > white[2, 2] + 0.2
  assert white[1].min() > 0.9 and np.ptp(white[1]) < 0.01


def test_where_nothing_speaks_the_frame_is_seen_in_grey():
  frame = np.random.default_rng(0).uniform(size=(4, 4, 3))
  heat = np.zeros((4, 4))
  heat[0, 0] = 1
  over = class_map_pictures.color(heat, frame)
  grey = np.repeat(frame.mean(-1, keepdims=True), 3, -1)
  heated = np.zeros((4, 4), bool)
  heated[0, 0] = True
  np.testing.assert_allclose(over[~heated], grey[~heated])
  assert over[0, 0, 0] > over[0, 0, 2]


def make_example(frames, *, names, shown):
  random = np.random.default_rng(0)
  return class_map_pictures.Example(
    title='$P001/Anger$: Anger, named Fear at 80 %',  # no formula
    frames=random.uniform(size=(frames, 32, 32, 3)) if shown else None,
    numbers=np.arange(frames),
    names=names,
    heats=[random.normal(size=(frames, 32, 32)) for _ in names],
    moments=[random.normal(size=frames) for _ in names],
    beginnings=[np.linspace(0, 1, 10) for _ in names],
  )


@pytest.mark.parametrize('shown', [False, True])
def test_a_row_for_the_frames_and_one_for_each_class(tmp_path, shown):
  shares = np.linspace(0.1, 1, 10)
  heights = []
  for names in (['Fear'], ['Fear', 'Anger']):
    path = tmp_path / 'faces' / f'{len(names)}.png'
    class_map_pictures.save(
      path,
      [make_example(16, names=names, shown=shown)],
      shares,
      title='mine: named wrongly',
    )
    heights.append(cv2.imread(str(path)).shape[0])
  one_row = 1.2 * 120  # pixels of an inch
  assert heights[1] - heights[0] == pytest.approx(one_row, abs=2)
  rows = 2 if shown else 1
  assert heights[0] == pytest.approx((rows * 1.2 + 0.9) * 120, abs=2)


def test_a_map_without_any_heat_is_drawn(tmp_path):
  still = make_example(1, names=['Fear'], shown=False)
  still = still._replace(heats=[np.zeros((1, 32, 32))])
  path = tmp_path / 'still.png'
  shares = np.linspace(0.1, 1, 10)
  class_map_pictures.save(path, [still], shares, title='still')
  assert path.exists()
