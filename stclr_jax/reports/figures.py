"""Pictures of results and of what the network sees."""

import contextlib
import pathlib

import numpy as np

_NAME_LENGTH = 16  # chosen: letters of a name that the picture has place for


@contextlib.contextmanager
def drawn(path, **options):
  """Draws on a figure without a screen and saves it as PNG.

  Args:
    path: of the file; its folder is made.
    **options: of matplotlib's `Figure`.

  Yields:
    The figure.
  """
  import matplotlib
  from matplotlib.backends.backend_agg import FigureCanvasAgg
  from matplotlib.figure import Figure

  # Names of classes, people and data are no formulas, whatever is in them.
  with matplotlib.rc_context({'text.parse_math': False}):
    figure = Figure(layout='constrained', **options)
    FigureCanvasAgg(figure)
    yield figure
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def save_confusion_matrix(path, confusion, label_names, *, title, outlined=()):
  """Draws a confusion matrix with the paper's axes (Figure 6).

  Args:
    path: PNG file to write.
    confusion: counts [num_classes, num_classes], rows true.
    label_names: names of the classes.
    title: says what was tested.
    outlined: pairs of names, (true, predicted), whose cells stand out.
  """
  from matplotlib.patches import Rectangle
  from sklearn.metrics import ConfusionMatrixDisplay

  with drawn(path, figsize=(6, 5.4)) as figure:
    axes = figure.subplots()
    ConfusionMatrixDisplay(
      np.asarray(confusion), display_labels=label_names
    ).plot(ax=axes, cmap='Blues', colorbar=False, xticks_rotation=30)
    names = list(label_names)
    for true, predicted in outlined:
      corner = names.index(predicted) - 0.47, names.index(true) - 0.47
      axes.add_patch(
        Rectangle(corner, 0.94, 0.94, fill=False, color='tab:orange', lw=2)
      )
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
  with drawn(path, figsize=(columns, 1.25 * len(rows))) as figure:
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, (caption, clip) in zip(grid, rows, strict=True):
      for axes, frame in zip(axes_row, clip, strict=False):
        axes.imshow(frame)
      for axes in axes_row:
        axes.set_axis_off()
      axes_row[0].set_title(caption, fontsize=8, loc='left')
    figure.suptitle(title, fontsize=9)


def save_operations(path, original, made, *, title):
  """Draws a frame beside what each operation makes of it (Figure 2, below).

  Args:
    path: PNG file to write.
    original: the frame, uint8 [h, w, 3].
    made: pairs (caption, frame), frame float [s, s, 3] in [0, 1].
    title: says which video.
  """
  shown = [('frame', original), *made]
  with drawn(path, figsize=(1.5 * len(shown), 2.1)) as figure:
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (caption, frame) in zip(grid, shown, strict=True):
      axes.imshow(frame)
      axes.set_axis_off()
      axes.set_title(caption, fontsize=8)
    figure.suptitle(title, fontsize=9)


def save_curves(path, curves, *, title):
  """Draws one small panel per curve over epochs.

  Args:
    path: PNG file to write.
    curves: list of (name, epochs, values, level or None); a level is drawn as
      a dashed line, for the value at chance. Without any the picture says
      that nothing was logged: reports show it all the same.
    title: says which run.
  """
  number = max(1, len(curves))
  with drawn(path, figsize=(4 * number, 3)) as figure:
    panels = figure.subplots(1, number, squeeze=False)[0]
    if not curves:
      panels[0].set_axis_off()
      panels[0].text(0.5, 0.5, 'nothing was logged', ha='center')
    for axes, curve in zip(panels, curves, strict=False):
      name, epochs, values, level = curve
      axes.plot(epochs, values)
      if level is not None:
        axes.axhline(level, linestyle='--', color='grey', linewidth=1)
      axes.set_title(name, fontsize=9)
      axes.set_xlabel('epoch', fontsize=8)
    figure.suptitle(title, fontsize=10)


def save_intervals(path, rows, *, title, chance=None):
  """Draws accuracies with their intervals, one row below the other.

  Args:
    path: PNG file to write.
    rows: list of (name, accuracy, low, high, published or None), shares of 1.
    title: says which table, and of which data.
    chance: drawn as a dashed line, or None.
  """
  with drawn(path, figsize=(7, 1 + 0.42 * len(rows))) as figure:
    axes = figure.subplots()
    for y, (_, accuracy, low, high, published) in enumerate(rows):
      axes.plot([100 * low, 100 * high], [y, y], color='tab:blue', linewidth=2)
      axes.plot(100 * accuracy, y, 'o', color='tab:blue')
      if published is not None:
        axes.plot(100 * published, y, 'D', color='tab:orange', markersize=5)
    if chance is not None:
      axes.axvline(100 * chance, linestyle='--', color='grey', linewidth=1)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    axes.set_xlabel('accuracy, %', fontsize=8)
    axes.grid(axis='x', alpha=0.3)
    figure.suptitle(title, fontsize=9)  # wider than axes beside long names


def save_bars(path, bars, *, title, chance=None):
  """Draws shares as bars with their intervals, one below the other.

  Args:
    path: PNG file to write.
    bars: list of (name, (share, low, high)), shares of 1, or None for what is
      not known.
    title: says of what.
    chance: drawn as a dashed line, or None.
  """
  with drawn(path, figsize=(7, 1.3 + 0.42 * len(bars))) as figure:
    axes = figure.subplots()
    for y, (_, interval) in enumerate(bars):
      if interval is None:
        axes.text(1, y, 'unknown', va='center', fontsize=8)
        continue
      share, low, high = (100 * value for value in interval)
      axes.barh(y, share, height=0.6, color='tab:blue', alpha=0.6)
      axes.plot([low, high], [y, y], color='black', linewidth=1.5)
      axes.text(high + 1, y, f'{share:.0f} %', va='center', fontsize=8)
    if chance is not None:
      axes.axvline(100 * chance, linestyle='--', color='grey', linewidth=1)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.5, -0.5)  # the first bar on top
    # One scale for all runs, so that two pictures can be compared by eye.
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel('videos, %', fontsize=8)
    figure.suptitle(title, fontsize=9)  # wider than axes beside long names


def save_people(path, counts, *, title):
  """Draws how many of each person's videos were named rightly.

  Args:
    path: PNG file to write.
    counts: {person's name: (number right, number of videos)}.
    title: says what was tested.
  """
  people = list(counts)
  right, total = np.array([counts[person] for person in people]).T
  width = max(4.0, min(12.0, 1.5 + 0.14 * len(people)))
  with drawn(path, figsize=(width, 2.6)) as figure:
    axes = figure.subplots()
    places = np.arange(len(people))
    axes.bar(places, total, color='0.88', width=0.8)
    axes.bar(places, right, color='tab:blue', width=0.8)
    every = max(1, len(people) // 16)
    names = [_shorten(name) for name in people[::every]]
    upright = max(map(len, names)) > 3  # chosen: wider ones would touch
    axes.set_xticks(
      places[::every], names, fontsize=7, rotation=90 if upright else 0
    )
    axes.set_xlabel('person', fontsize=8)
    axes.set_ylabel('videos', fontsize=8)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_title(title, fontsize=9, loc='left')


def save_map(path, places, panels, *, title, outlined):
  """Draws points on a plane, once in the colours of each of some names.

  Args:
    path: PNG file to write.
    places: float [n, 2].
    panels: list of (name, values, names): values int [n], of which those below
      0 are drawn grey; names of the values, for a legend, () for none.
    title: says of what.
    outlined: which points stand out, bool [n].
  """
  import matplotlib

  with drawn(path, figsize=(4.2 * len(panels), 4.4)) as figure:
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, values, names) in zip(row, panels, strict=True):
      many = values.max(initial=0) >= 10
      colors = matplotlib.colormaps['tab20' if many else 'tab10']
      axes.scatter(
        *places.T,
        c=[colors(v % colors.N) if v >= 0 else '0.8' for v in values],
        s=14,
        edgecolors=['black' if one else 'none' for one in outlined],
        linewidths=0.8,
      )
      for value, label in enumerate(names):
        axes.scatter([], [], color=colors(value % colors.N), label=label)
      if len(names):
        axes.legend(fontsize=7, framealpha=0.6)
      axes.set_title(name, fontsize=9)
      axes.set_xticks([])
      axes.set_yticks([])
    figure.suptitle(title, fontsize=9)


def save_reliability(path, panels, *, title):
  """Draws how often a classifier is right over how sure it is.

  Args:
    path: PNG file to write.
    panels: list of (name, `calibration.Reliability`).
    title: says of what.
  """
  with drawn(path, figsize=(4.2 * len(panels), 3.9)) as figure:
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, bins) in zip(row, panels, strict=True):
      there = bins.count > 0
      axes.plot([0, 1], [0, 1], '--', color='grey', linewidth=1)
      axes.plot(
        bins.confidence[there],
        bins.accuracy[there],
        color='tab:blue',
        alpha=0.4,
      )
      # The area of a point goes with its videos.
      areas = 20 + 600 * bins.count[there] / bins.count.sum()
      axes.scatter(
        bins.confidence[there], bins.accuracy[there], s=areas, color='tab:blue'
      )
      for x, y, n, area in zip(
        bins.confidence[there],
        bins.accuracy[there],
        bins.count[there],
        areas,
        strict=True,
      ):
        axes.annotate(
          str(n), (x, y), xytext=(0, 3 + area**0.5 / 2),
          textcoords='offset points', ha='center', fontsize=7,
        )  # fmt: skip
      axes.set_xlim(0, 1.03)
      axes.set_ylim(-0.05, 1.12)
      axes.set_xlabel('how sure: probability of the class named', fontsize=8)
      axes.set_ylabel('how often right', fontsize=8)
      axes.set_title(name, fontsize=9)
    figure.suptitle(title, fontsize=9)


def save_share_seen(path, shares, accuracies, *, title, chance):
  """Draws accuracy over the share of each video that was seen.

  Args:
    path: PNG file to write.
    shares: of the frames, from the first on, in (0, 1].
    accuracies: list of (accuracy, low, high), shares of 1.
    title: says of what.
    chance: drawn as a dashed line.
  """
  percent, found = 100 * np.asarray(shares), 100 * np.asarray(accuracies)
  with drawn(path, figsize=(5.4, 3.6)) as figure:
    axes = figure.subplots()
    axes.fill_between(percent, found[:, 1], found[:, 2], alpha=0.2, linewidth=0)
    axes.plot(percent, found[:, 0], 'o-', color='tab:blue', markersize=4)
    axes.axhline(100 * chance, linestyle='--', color='grey', linewidth=1)
    axes.set_xlim(0, 103)
    axes.set_ylim(0, 104)
    axes.set_xlabel(
      'share of the video seen, from its beginning, %', fontsize=8
    )
    axes.set_ylabel('videos named rightly, %', fontsize=8)
    axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize=9)


def _shorten(name):
  return name if len(name) <= _NAME_LENGTH else f'{name[: _NAME_LENGTH - 1]}…'
