"""The videos that a folder's pictures are: sequences, and pictures that move.

`sequences` has the rule; here it meets the files.
"""

import filecmp
import functools
import pathlib
from typing import NamedTuple

from stclr_jax.data.listings.listing import as_text
from stclr_jax.data.pictures import animations
from stclr_jax.data.pictures import sequences


class Part(NamedTuple):
  """One video of a folder.

  Attributes:
    name: below the folder; '' if it is the folder's only one.
    path: the folder, or the file of an animation.
    frames: its pictures, in order; () for an animation.
    notes: what the user should know, a line each.
  """

  name: str
  path: pathlib.Path
  frames: tuple
  notes: tuple


class Parts(NamedTuple):
  """Videos among a folder's pictures.

  Attributes:
    found: list of `Part`.
    problem: why the pictures are refused, or None.
    left_out: number of pictures in no part.
  """

  found: list
  problem: str | None
  left_out: int


def split(folder, pictures):
  """Finds the videos among the pictures of a folder.

  Args:
    folder: `pathlib.Path`.
    pictures: paths of the pictures in it, at least one.

  Returns:
    A `Parts`.
  """
  moving = [path for path in pictures if animations.is_animation(path)]
  still = [path.name for path in pictures if path not in set(moving)]
  if not still:
    return Parts([Part(p.name, p, (), ()) for p in moving], None, 0)
  same = functools.partial(_are_same, folder)
  found, problem, left_out = sequences.find_sequences(still, same)
  mixed = ()
  if moving:
    mixed = ('still and animated pictures in one folder: each is a video',)
    if problem or len(still) == 1:
      found, problem, left_out = [], None, len(still)
      shown = ', '.join(still[:4]) + (', …' if len(still) > 4 else '')
      mixed = (f'still pictures beside animated ones left out: {shown}',)
  return Parts(
    [Part(p.name, p, (), tuple(map(as_text, mixed))) for p in moving]
    + [
      Part(
        sequence.part,
        folder,
        tuple(folder / name for name in sequence.names),
        tuple(map(as_text, (*sequence.notes, *mixed))),
      )
      for sequence in found
    ],
    problem,
    left_out,
  )


def _are_same(folder, name, other):
  try:
    return filecmp.cmp(folder / name, folder / other, shallow=False)
  except OSError:  # reading it will say why
    return False
