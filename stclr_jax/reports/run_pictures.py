"""The pictures that a run leaves in its folder."""

import pathlib
import re

import numpy as np

from stclr_jax.evaluation.audits import under_the_person
from stclr_jax.learning import steps
from stclr_jax.learning.running import compilation
from stclr_jax.reports import figures
from stclr_jax.runs import selection
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import journal
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
      _picture_of(workdir, f'views_{row + 1}', store, i),
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
    _picture_of(workdir, 'operations', store, index),
    frame,
    zip(alone.list_operations(options), made, strict=True),
    title=f'{store.video_id[index]} of {store.name}: each operation alone',
  )


def _picture_of(workdir, kind, store, index):
  # Ids are the users' own: of any length, with any characters.
  name = re.sub(r'[^\w.-]', '_', store.video_id[index])[-60:]
  return folder_of_faces(workdir, store.synthetic) / f'{kind}_{name}.png'


def folder_of_faces(workdir, drawn):
  """Says where pictures that show faces are.

  Args:
    workdir: path of the run or tree.
    drawn: whether the faces are.

  Returns:
    A path: of people in a folder of its own, which no other page shows.
  """
  return pathlib.Path(workdir, workdirs.FIGURES if drawn else workdirs.FACES)


def save_pretraining_curves(workdir, chance):
  """Draws loss, contrastive and kNN accuracies from metrics.jsonl.

  Args:
    workdir: path of the run.
    chance: the value at chance of some of the metrics.

  Returns:
    The path of the picture.
  """
  curves = _read_curves(workdir, _CURVES, chance)
  path = pathlib.Path(workdir, workdirs.FIGURES) / 'pretraining.png'
  figures.save_curves(path, curves, title='Pretraining (dashed: chance)')
  return path


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


def save_finetuning_curves(path, workdir):
  """Draws loss, accuracy and looks of a fine-tuning from metrics.jsonl.

  Args:
    path: PNG file to write.
    workdir: path of the run.

  Returns:
    The path of the picture.
  """
  names = ('loss', 'accuracy', selection.ORACLE, selection.VALIDATION)
  curves = _read_curves(workdir, names, {})
  figures.save_curves(
    path, curves, title='Fine-tuning (the oracle is looked at, not used)'
  )
  return path


def _read_curves(workdir, names, chance):
  """Reads what `figures.save_curves` draws, steps as parts of epochs."""
  lines, curves = journal.read_lines(workdir), []
  for name in names:
    found = [line for line in lines if line.get(name) is not None]
    if found:
      # A run's last line is of the end of its last epoch.
      per_step = lines[-1]['epoch'] / lines[-1]['step']
      epochs = tuple(line['step'] * per_step for line in found)
      values = tuple(line[name] for line in found)
      curves.append((name, epochs, values, chance.get(name)))
  return curves


def save_map(workdir, store, found, *, tested=()):
  """Draws where videos lie, by expression, person and light.

  Args:
    workdir: path of the run.
    store: the `VideoStore`.
    found: a `representations.Map`.
    tested: videos that were not trained on, int [n]; outlined.

  Returns:
    The path of the picture.
  """
  path = pathlib.Path(workdir, workdirs.FIGURES) / 'map.png'
  people, person = np.unique(store.subject[found.video], return_inverse=True)
  figures.save_map(
    path,
    found.places,
    [
      ('expression', store.label[found.video], store.label_names),
      (f'person ({len(people)})', person, ()),
      ('light', found.light, ('dark', 'middle', 'bright')),
    ],
    title=f'{store.name}: h of {len(found.video)} videos, by t-SNE'
    f'{"; outlined: tested" if len(tested) else " (which pretraining saw)"}',
    outlined=np.isin(found.video, tested),
  )
  return path


def save_confusion(workdir, summary):
  """Draws the confusion matrix of a test on folds.

  Args:
    workdir: path of the run.
    summary: a `summaries.Classified` with `data` and `protocol`.

  Returns:
    The path of the picture.
  """
  path = pathlib.Path(workdir, workdirs.FIGURES) / 'confusion_matrix.png'
  figures.save_confusion_matrix(
    path,
    summary.confusion,
    summary.labels,
    title=f'{summary.data}: {summary.correct} of {summary.total} videos of '
    f'{summary.protocol.people_tested}',
  )
  return path
