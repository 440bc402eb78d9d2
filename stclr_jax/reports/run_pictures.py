"""The pictures that a run leaves in its folder."""

import pathlib
import re

import numpy as np

from stclr_jax.evaluation.audits import under_the_person
from stclr_jax.learning import compilation
from stclr_jax.learning import steps
from stclr_jax.reports import figures
from stclr_jax.runs import journal
from stclr_jax.runs import workdirs
from stclr_jax.views import alone
from stclr_jax.views import view_parameters
from stclr_jax.views import views

_CURVES = (
  'loss',
  'contrastive_accuracy',
  'knn_accuracy',
  'knn_accuracy_of_change',
)


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
    figures.save_views(
      _picture_of(workdir, f'views_{row + 1}', store.video_id[i]),
      original,
      shown,
      title=f'{store.video_id[i]} of {store.name}',
    )


def save_operations(workdir, store, index, options, seed):
  """Draws what each spatial operation by itself makes of a video's last frame.

  Args:
    workdir: path of the run.
    store: a `VideoStore`.
    index: of the video.
    options: a `views.ViewOptions`.
    seed: int, of the views; what is drawn is the first view's.

  Source: ST-CLR Fig. 2, the lower half.
  """
  store = store.only([index])
  frame = store.frames[-1]
  key = view_parameters.view_key(seed, 0, index, steps.PRETRAIN_VIEWS[0])

  def make(frame):
    return alone.apply_alone(frame, key, options=options)

  made = np.asarray(compilation.run_once(make, frame))
  figures.save_operations(
    _picture_of(workdir, 'operations', store.video_id[index]),
    frame,
    zip(alone.list_operations(options), made, strict=True),
    title=f'{store.video_id[index]} of {store.name}: each operation alone',
  )


def _picture_of(workdir, kind, video_id):
  # Ids are the users' own: of any length, with any characters.
  name = re.sub(r'[^\w.-]', '_', video_id)[-60:]
  return pathlib.Path(workdir, workdirs.FIGURES) / f'{kind}_{name}.png'


def save_pretraining_curves(workdir, chance):
  """Draws loss, contrastive and kNN accuracies from metrics.jsonl.

  Args:
    workdir: path of the run.
    chance: the value at chance of some of the metrics.
  """
  lines = journal.read_lines(workdir)
  curves = []
  for name in _CURVES:
    points = [(line['epoch'], line[name]) for line in lines if name in line]
    if points:
      curves.append((name, *zip(*points, strict=True), chance.get(name)))
  figures.save_curves(
    pathlib.Path(workdir, workdirs.FIGURES) / 'pretraining.png',
    curves,
    title='Pretraining (dashed: chance)',
  )


def expression_path(workdir, name='expression'):
  """Says where `save_expression` draws; a path."""
  return pathlib.Path(workdir, workdirs.FIGURES, f'{name}.png')


def save_expression(workdir, found, data, *, name='expression'):
  """Draws how often the expression is read off h and off what lies under it.

  Args:
    workdir: path of the run.
    found: the `Audit`.
    data: name of the data.
    name: of the picture, without '.png'.

  Returns:
    The path of the picture.
  """
  bars = []
  for kind, reading in found.readings.items():
    share = reading.probes.expression
    interval = share and (share.share, share.interval.low, share.interval.high)
    bars.append((under_the_person.NAMES[kind], interval))
  path = expression_path(workdir, name)
  figures.save_bars(
    path,
    bars,
    title=f'{data}: expression named by a linear probe, people held out\n'
    f'{found.videos} videos of {found.people} people that pretraining saw; '
    '95 % over people; dashed: chance',
    chance=found.expression.chance,
  )
  return path


def save_confusion(workdir, summary):
  """Draws the confusion matrix of a test on folds.

  Args:
    workdir: path of the run.
    summary: a `summaries.Classified` with `data` and `protocol`.
  """
  figures.save_confusion_matrix(
    pathlib.Path(workdir, workdirs.FIGURES) / 'confusion_matrix.png',
    summary.confusion,
    summary.labels,
    title=f'{summary.data}: {summary.correct} of {summary.total} videos of '
    f'{summary.protocol.people_tested}',
  )
