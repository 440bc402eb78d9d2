"""Pictures of results and of what the network sees."""

import contextlib
import pathlib

import numpy as np


@contextlib.contextmanager
def _figure(path, **options):
  """Draws on a figure without a screen and saves it as PNG."""
  from matplotlib.backends.backend_agg import FigureCanvasAgg
  from matplotlib.figure import Figure

  figure = Figure(layout='constrained', **options)
  FigureCanvasAgg(figure)
  yield figure
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  figure.savefig(path, dpi=120)


def save_confusion_matrix(path, confusion, label_names, *, title):
  """Draws a confusion matrix with the paper's axes (Figure 6).

  Args:
    path: PNG file to write.
    confusion: counts [num_classes, num_classes], rows true.
    label_names: names of the classes.
    title: says what was tested.
  """
  from sklearn.metrics import ConfusionMatrixDisplay

  with _figure(path, figsize=(6, 5.4)) as figure:
    axes = figure.subplots()
    ConfusionMatrixDisplay(
      np.asarray(confusion), display_labels=label_names
    ).plot(ax=axes, cmap='Blues', colorbar=False, xticks_rotation=30)
    axes.set_title(title, fontsize=10)


def save_views(path, original, views, *, title):
  """Draws a video above views of it (Figure 2's analogue).

  Args:
    path: PNG file to write.
    original: frames of the video, uint8 [t, h, w, 3].
    views: pairs (caption, clip), clip float [n, s, s, 3] in [0, 1].
    title: says which video.
  """
  columns = max(len(clip) for _, clip in views)
  shown = np.linspace(0, len(original) - 1, columns).round().astype(int)
  rows = [(f'video, {len(original)} frames', original[shown]), *views]
  with _figure(path, figsize=(columns, 1.25 * len(rows))) as figure:
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, (caption, clip) in zip(grid, rows, strict=True):
      for axes, frame in zip(axes_row, clip, strict=False):
        axes.imshow(frame)
      for axes in axes_row:
        axes.set_axis_off()
      axes_row[0].set_title(caption, fontsize=8, loc='left')
    figure.suptitle(title, fontsize=9)


def save_curves(path, curves, *, title):
  """Draws one small panel per curve over epochs.

  Args:
    path: PNG file to write.
    curves: list of (name, epochs, values, level or None); a level is drawn as
      a dashed line, for the value at chance.
    title: says which run.
  """
  with _figure(path, figsize=(4 * len(curves), 3)) as figure:
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (name, epochs, values, level) in zip(panels, curves, strict=True):
      axes.plot(epochs, values)
      if level is not None:
        axes.axhline(level, linestyle='--', color='grey', linewidth=1)
      axes.set_title(name, fontsize=9)
      axes.set_xlabel('epoch', fontsize=8)
    figure.suptitle(title, fontsize=10)
