"""The pictures that a run leaves in its folder."""

import pathlib
import re

import numpy as np

from stclr_jax.learning import compilation
from stclr_jax.learning import steps
from stclr_jax.reports import figures
from stclr_jax.runs import journal
from stclr_jax.views import views


def save_view_pairs(workdir, store, indices, options, seed):
  """Draws some videos, each with the positive pair of its first epoch.

  Args:
    workdir: path of the run.
    store: a `VideoStore`.
    indices: of the videos to draw, int [n].
    options: a `views.ViewOptions`.
    seed: int, of the views.

  Source: ST-CLR Fig. 2.
  """
  store = store.only(indices)
  shown_frames = views.Frames(store.frames, store.first, store.length)

  def draw(shown_frames, indices):
    return [
      views.draw_views(
        shown_frames, indices, seed=seed, epoch=0, view=view, options=options
      )
      for view in steps.PRETRAIN_VIEWS
    ]

  # A picture has fewer levels than a bit more or less would show.
  drawn = compilation.run_once(draw, shown_frames, indices)
  pair = [np.asarray(clips) for clips in drawn]
  for row, i in enumerate(indices):
    original = store.frames[store.first[i] : store.first[i] + store.length[i]]
    shown = [
      (f'view {n}', np.clip(clips[row] * options.std + options.mean, 0, 1))
      for n, clips in enumerate(pair, start=1)
    ]
    # Ids are the users' own: of any length, with any characters.
    name = re.sub(r'[^\w.-]', '_', store.video_id[i])[-60:]
    figures.save_views(
      pathlib.Path(workdir) / 'figures' / f'views_{row + 1}_{name}.png',
      original,
      shown,
      title=f'{store.video_id[i]} of {store.name}',
    )


def save_pretraining_curves(workdir, chance):
  """Draws loss, contrastive accuracy and kNN accuracy from metrics.jsonl.

  Args:
    workdir: path of the run.
    chance: the value at chance of some of the metrics.
  """
  lines = journal.read_lines(workdir)
  curves = []
  for name in ('loss', 'contrastive_accuracy', 'knn_accuracy'):
    points = [(line['epoch'], line[name]) for line in lines if name in line]
    if points:
      curves.append((name, *zip(*points, strict=True), chance.get(name)))
  figures.save_curves(
    pathlib.Path(workdir) / 'figures' / 'pretraining.png',
    curves,
    title='Pretraining (dashed: chance)',
  )


def save_confusion(workdir, summary):
  """Draws the confusion matrix of a test on folds.

  Args:
    workdir: path of the run.
    summary: a `summaries.Classified` with `data` and `protocol`.
  """
  figures.save_confusion_matrix(
    pathlib.Path(workdir) / 'figures' / 'confusion_matrix.png',
    summary.confusion,
    summary.labels,
    title=f'{summary.data}: {summary.correct} of {summary.total} videos of '
    f'{summary.protocol.people_tested}',
  )
