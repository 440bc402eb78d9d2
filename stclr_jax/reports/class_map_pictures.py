"""Pictures of class maps: over a clip's frames, and what each moment adds."""

from typing import NamedTuple

import numpy as np

from stclr_jax.reports import figures

_MOST_FRAMES = (
  8  # of a clip; chosen: faces can be told, and a page is not wider
)
_STRENGTH = (
  0.7  # of the strongest colour over a frame; chosen: it stays in sight
)


class Example(NamedTuple):
  """A video, and what speaks for some classes in it.

  Attributes:
    title: says which video, and what it was named.
    frames: of the clip, float [t, size, size, 3] in [0, 1]; None where they
      must not be shown.
    numbers: of the frames in their video, int [t].
    names: of the classes.
    heats: for each class what each place adds to it, float [t, size, size].
    moments: the same of each frame, float [t].
    beginnings: probability of each class if only some share is seen, from the
      beginning on, float [number of shares].
  """

  title: str
  frames: np.ndarray | None
  numbers: np.ndarray
  names: list
  heats: list
  moments: list
  beginnings: list


def save(path, examples, shares, *, title):
  """Draws videos one below the other, with the maps of some classes each.

  Args:
    path: PNG file to write.
    examples: a list of `Example`.
    shares: of the videos, for `beginnings`.
    title: says of what.
  """
  most = max(len(one.numbers) for one in examples)
  columns = min(most, _MOST_FRAMES)
  strips = [_make_strips(one, columns) for one in examples]
  rows = sum(map(len, strips))
  with figures.drawn(
    path, figsize=(columns + 5, 1.2 * rows + 0.5 * len(examples) + 0.4)
  ) as figure:
    grid = figure.add_gridspec(
      rows, columns + 2, width_ratios=[1.0] * columns + [2.2, 2.2]
    )
    top = 0
    for one, of_one in zip(examples, strips, strict=True):
      bottom = top + len(of_one)
      for row, (caption, pictures) in enumerate(of_one, top):
        _draw_strip(figure, grid, row, caption, pictures)
      _draw_moments(figure.add_subplot(grid[top:bottom, columns]), one)
      _draw_beginnings(
        figure.add_subplot(grid[top:bottom, columns + 1]), one, shares
      )
      top = bottom
    figure.suptitle(title, fontsize=9)


def _make_strips(one, columns):
  """Lists (caption, pictures) of an example, one below the other."""
  last = len(one.numbers) - 1
  chosen = np.linspace(0, last, min(columns, last + 1)).round().astype(int)
  numbers = ' '.join(map(str, one.numbers[chosen]))
  strips = []
  if one.frames is not None:
    strips.append((f'{one.title}; frames {numbers}', one.frames[chosen]))
  limit = max(np.abs(heat).max() for heat in one.heats) or 1
  for name, heat in zip(one.names, one.heats, strict=True):
    caption = f'what speaks for {name}'
    if not strips:
      caption = f'{one.title}; frames {numbers}; {caption}'
    under = None if one.frames is None else one.frames[chosen]
    strips.append((caption, color(heat[chosen] / limit, under)))
  return strips


def color(heat, frames=None):
  """Colours what speaks for a class red, and what speaks against it blue.

  Args:
    heat: float [..., h, w] in [-1, 1].
    frames: float [..., h, w, 3] in [0, 1] to lay it over; None for white.

  Returns:
    float [..., h, w, 3] in [0, 1].
  """
  import matplotlib

  colors = matplotlib.colormaps['RdBu_r'](0.5 + heat / 2)[..., :3]
  if frames is None:
    return colors
  # Of a grey face, so that no colour but the map's is seen.
  grey = np.repeat(frames.mean(-1, keepdims=True), 3, axis=-1)
  strength = _STRENGTH * np.abs(heat)[..., None]
  return (1 - strength) * grey + strength * colors


def _draw_strip(figure, grid, row, caption, pictures):
  for column, picture in enumerate(pictures):
    axes = figure.add_subplot(grid[row, column])
    axes.imshow(picture, vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])
    if not column:
      title = axes.set_title(caption, fontsize=7, loc='left')
      title.set_in_layout(False)  # it reaches over its neighbours


def _draw_moments(axes, one):
  for name, moments in zip(one.names, one.moments, strict=True):
    axes.plot(one.numbers, moments, 'o-', markersize=3, label=name)
  axes.axhline(0, color='grey', linewidth=0.8)
  axes.legend(fontsize=6, framealpha=0.6)
  axes.set_title('what each moment adds', fontsize=7)
  axes.set_xlabel('frame', fontsize=7)
  axes.tick_params(labelsize=6)


def _draw_beginnings(axes, one, shares):
  for name, probabilities in zip(one.names, one.beginnings, strict=True):
    axes.plot(
      100 * np.asarray(shares),
      100 * np.asarray(probabilities),
      'o-',
      markersize=3,
      label=name,
    )
  axes.set_ylim(-3, 103)
  axes.set_title('probability, %', fontsize=7)
  axes.set_xlabel('share of the video seen, %', fontsize=7)
  axes.tick_params(labelsize=6)
