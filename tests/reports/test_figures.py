import numpy as np
from PIL import Image

from stclr_jax.reports import figures


def read(path):
  with Image.open(path) as image:
    return np.asarray(image.convert('RGB')).astype(int)


def count_orange(path):
  return (np.abs(read(path) - [255, 127, 14]).sum(-1) < 30).sum()


def test_cells_are_outlined_where_told(tmp_path):
  def orange(outlined):
    path = tmp_path / 'confusion.png'
    figures.save_confusion_matrix(
      path, np.eye(3), ['a', 'b', 'c'], title='t', outlined=outlined
    )
    return count_orange(path)

  one = orange([('a', 'b')])
  assert orange([]) == 0 < one
  np.testing.assert_allclose(
    orange([('a', 'b'), ('c', 'a')]), 2 * one, rtol=0.1
  )


def test_no_curves_are_a_picture_all_the_same(tmp_path):
  figures.save_curves(tmp_path / 'nothing.png', [], title='t')
  figures.save_curves(
    tmp_path / 'one.png', [('loss', [1, 2], [3, 4], None)], title='t'
  )
  nothing, one = (read(tmp_path / name) for name in ('nothing.png', 'one.png'))
  assert nothing.shape == one.shape
  assert (nothing < 128).any()  # words


def test_any_name_can_be_a_title(tmp_path):
  frames = np.zeros((3, 8, 8, 3), np.uint8)
  clip = np.zeros((2, 8, 8, 3), np.float32)
  for title in ('a$x^$_{b', 'two\nlines', 'x' * 300):
    figures.save_views(
      tmp_path / 'views.png', frames, [('view', clip)], title=title
    )
    assert (tmp_path / 'views.png').stat().st_size


def test_no_name_is_a_formula(tmp_path):
  name = r'$\frac$ costs $5'
  figures.save_confusion_matrix(
    tmp_path / 'a.png', np.eye(2), [name, 'b'], title=name
  )
  figures.save_people(
    tmp_path / 'b.png', {name: (1, 2), 'x' * 99: (1, 1)}, title=name
  )
  assert (read(tmp_path / 'b.png') < 128).any()


def test_bars_are_as_long_as_shares_and_what_is_unknown_has_none(tmp_path):
  def count_bar(*intervals):
    path = tmp_path / 'bars.png'
    bars = [(f'bar {n}', interval) for n, interval in enumerate(intervals)]
    figures.save_bars(path, bars, title='t', chance=0.1)
    red, green, blue = np.moveaxis(read(path), -1, 0)
    return ((blue > red + 60) & (blue > green + 20)).sum()

  # Intervals drawn beside the bars, not over them.
  half, whole = (0.4, 0.9, 0.9), (0.8, 0.9, 0.9)
  assert count_bar(None) == 0
  np.testing.assert_allclose(
    count_bar(half, None), count_bar(whole, None) / 2, rtol=0.05
  )
  np.testing.assert_allclose(
    count_bar(half, half), 2 * count_bar(half, None), rtol=0.05
  )
