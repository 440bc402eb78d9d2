"""Contents of a contact sheet: counts, frames of videos, two views each."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from stclr_jax.data import sources
from stclr_jax.errors import UserError
from stclr_jax.learning import steps
from stclr_jax.runs import run_videos
from stclr_jax.views import spatial
from stclr_jax.views import view_parameters

UNLABELLED = 'unlabelled'


class Counts(NamedTuple):
  """Number of videos of something, and their lengths.

  Attributes:
    name: of what: a class, or all.
    videos: how many.
    subjects: of how many people.
    frames: all videos' together.
    shortest: frames of the shortest.
    median: frames of the middle one.
    longest: frames of the longest.
  """

  name: str
  videos: int
  subjects: int
  frames: int
  shortest: int
  median: float
  longest: int


@dataclasses.dataclass(frozen=True)
class View:
  """One drawn view.

  Attributes:
    number: 1 or 2.
    frames: uint8 [t, size, size, 3], not normalised.
    drawn: what was drawn, in words.
    box: its crop, of NumPy values.
  """

  number: int
  frames: np.ndarray
  drawn: str
  box: spatial.Box


@dataclasses.dataclass(frozen=True)
class Row:
  """One video of the sheet.

  Attributes:
    video_id: such as 'P001/Anger'.
    subject: its person's name.
    label: name of its class, or UNLABELLED.
    length: its frames.
    shown: numbers of the frames shown, int [n].
    frames: those frames, uint8 [n, h, w, 3].
    pair: its two views, as the first epoch of pretraining draws them.
  """

  video_id: str
  subject: str
  label: str
  length: int
  shown: np.ndarray
  frames: np.ndarray
  pair: tuple[View, View]


def open_videos(data):
  """Opens the data set of a config and leaves the frames where they are.

  Args:
    data: `config.data`.

  Returns:
    A `VideoStore`; of faces that are drawn when asked for, in memory.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the data set has not been built.
  """
  if sources.must_draw(data.name, data.split):
    return run_videos.load_videos(data)
  return run_videos.list_videos(data)


def count_videos(store):
  """Counts the videos, all and of each class.

  Args:
    store: a `VideoStore`.

  Returns:
    List of `Counts`: 'all', then the classes in order, also those without a
    video, then the unlabelled ones if there are any.
  """
  everything = np.ones(store.num_videos, bool)
  counts = [_count('all', store, everything)]
  for label, name in enumerate(store.label_names):
    counts.append(_count(name, store, store.label == label))
  if (store.label < 0).any():
    counts.append(_count(UNLABELLED, store, store.label < 0))
  return counts


def choose_videos(store, num_videos):
  """Chooses videos evenly from all classes and people.

  Args:
    store: a `VideoStore`.
    num_videos: how many; all of them where there are fewer.

  Returns:
    Indices, int [min(num_videos, store.num_videos)], class after class.

  Raises:
    ValueError: for a number below 1.
  """
  if num_videos < 1:
    raise UserError(
      f'`num_videos` (={num_videos}) must be at least 1; 24 is usual.'
    )
  # Classes lie beside each other: every so-and-so-many-th video is of all
  # classes as often as they occur, and moves on through the people. In the
  # order of ids, every sixth one would be of the same class.
  order = np.lexsort((np.arange(store.num_videos), store.subject, store.label))
  num_videos = min(num_videos, store.num_videos)
  return order[
    np.linspace(0, store.num_videos - 1, num_videos).round().astype(int)
  ]


def make_rows(store, indices, options, *, seed, num_shown) -> Iterator[Row]:
  """Reads videos one after another and draws their positive pairs.

  One video is decoded at a time.

  Args:
    store: a `VideoStore`.
    indices: which videos, int [n].
    options: a `views.ViewOptions`.
    seed: int, of the views; a run of this seed draws the same ones.
    num_shown: at most so many frames of a video, evenly spaced.

  Yields:
    A `Row` for each.
  """
  draw = jax.jit(
    functools.partial(_draw_parameters, seed=seed, options=options),
    static_argnums=2,
  )
  apply = jax.jit(
    functools.partial(view_parameters.apply_parameters, options=options)
  )
  for i in map(int, indices):
    length = int(store.length[i])
    frames = store.only([i]).frames
    pair = []
    for number in steps.PRETRAIN_VIEWS:
      parameters = draw(i, length, frames.shape[1:3], number)
      view = apply(frames[np.asarray(parameters.indices)], parameters)
      view = np.round(np.asarray(view) * 255).astype(np.uint8)
      parameters = jax.tree.map(np.asarray, parameters)
      words = view_parameters.describe_parameters(
        parameters, length, frames.shape[1:3], options=options
      )
      pair.append(View(number, view, words, parameters.box))
    shown = np.linspace(0, length - 1, min(num_shown, length))
    shown = shown.round().astype(int)
    label = int(store.label[i])
    yield Row(
      video_id=store.video_id[i],
      subject=store.subject_name[i],
      label=store.label_names[label] if label >= 0 else UNLABELLED,
      length=length,
      shown=shown,
      frames=frames[shown],
      pair=tuple(pair),
    )


def _draw_parameters(video, length, frame_size, view, *, seed, options):
  where = seed, 0, video, view
  return view_parameters.draw_parameters(
    view_parameters.view_key(*where),
    length,
    frame_size,
    options=options,
    partner=view_parameters.partner_key(*where, options=options),
  )


def _count(name, store, chosen):
  length = store.length[chosen]
  if not len(length):
    return Counts(name, 0, 0, 0, 0, 0.0, 0)
  return Counts(
    name,
    videos=len(length),
    subjects=len(np.unique(store.subject[chosen])),
    frames=int(length.sum()),
    shortest=int(length.min()),
    median=float(np.median(length)),
    longest=int(length.max()),
  )
