"""The report of a fine-tuning: how its classifier does, and where it fails."""

import csv
import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

from stclr_jax.evaluation import calibration
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import metrics
from stclr_jax.files import whole
from stclr_jax.reports import figures
from stclr_jax.reports import report_parts
from stclr_jax.reports import run_pictures
from stclr_jax.runs import build
from stclr_jax.runs import representations
from stclr_jax.runs import workdirs
from stclr_jax.workflows import finetune_maps

# chosen: a tenth of three seconds is what changes from one to the next.
SHARES = tuple(tenth / 10 for tenth in range(1, 11))


@dataclasses.dataclass(frozen=True)
class Options:
  """Parts of the report of a fine-tuning.

  Attributes:
    enabled: whether there is one.
    map_videos: most videos on its map; 0 for none.
    with_faces: whether it may show people.
  """

  enabled: bool
  map_videos: int
  # Of `config.data`: who is seen is no matter of the report alone.
  with_faces: bool = dataclasses.field(
    default=False, metadata={'config': False}
  )


def read_options(config):
  """Reads the `Options` of a config."""
  options = build.read_options(Options, config.report)
  return dataclasses.replace(options, with_faces=config.data.with_faces)


class Classifier(NamedTuple):
  """The classifier that was tested, and its videos.

  Attributes:
    network: a `ClassifierNetwork`.
    variables: of the epoch that was tested.
    videos: `run_videos.PlacedVideos`.
    view_options: a `views.ViewOptions`.
    batch_size: videos at a time.
    make_classify: `make_classify(network, videos, view_options, batch_size)`,
      see `finetune.make_classify`.
  """

  network: Any
  variables: Any
  videos: Any
  view_options: Any
  batch_size: int
  make_classify: Callable


class Fold(NamedTuple):
  """The videos of a fold that have labels.

  Attributes:
    trained: int [n].
    tested: int [m].
  """

  trained: np.ndarray
  tested: np.ndarray


def look_at_beginnings(classifier, tested):
  """Classifies more and more of each video, from its first frame on.

  Args:
    classifier: a `Classifier`.
    tested: videos, int [m].

  Returns:
    Probabilities, float [number of `SHARES`, m, num_classes].
  """
  network, variables, videos, view_options, batch_size, make = classifier
  found = []
  for share in SHARES:
    short = videos.beginnings(share)
    classify = make(network, short, view_options, batch_size)
    found.append(classify(variables, tested))
  return np.stack(found)


def write(config, options, workdir, classifier, fold, probabilities, summary):
  """Draws the pictures of a fine-tuning and writes `report.html`.

  Args:
    config: of the run.
    options: an `Options`.
    workdir: path of the run.
    classifier: a `Classifier`.
    fold: a `Fold`.
    probabilities: of the videos tested, float [m, num_classes].
    summary: the `FinetuneSummary`.

  Returns:
    Paths of the pictures.
  """
  store, tested = classifier.videos.store, fold.tested
  drawn = pathlib.Path(workdir, workdirs.FIGURES)
  right = probabilities.argmax(1) == store.label[tested]
  names = np.array(store.subject_name)[tested]
  people = {
    str(name): metrics.count(right[names == name], names[names == name])
    for name in np.unique(names)
  }
  figures.save_people(
    drawn / 'people.png',
    {name: (one.correct, one.total) for name, one in people.items()},
    title=f'{summary.data}: named rightly (blue)',
  )
  beginnings = look_at_beginnings(classifier, tested)
  sections = [
    report_parts.Section(
      'What is taken for what',
      run_pictures.save_confusion(workdir, summary),
      'Rows: true. Columns: predicted.',
    ),
    report_parts.Section(
      'By person', drawn / 'people.png', report_parts.people_line(people)
    ),
    _draw_reliability(drawn, store.label[tested], probabilities, summary),
    _draw_beginnings(workdir, classifier, tested, beginnings, summary),
    *finetune_maps.draw(
      workdir,
      classifier,
      finetune_maps.Tested(tested, probabilities, SHARES, beginnings),
      with_faces=options.with_faces,
    ),
    report_parts.Section(
      'Curves',
      run_pictures.save_finetuning_curves(drawn / 'curves.png', workdir),
      'By epoch.',
    ),
    *_draw_map(workdir, classifier, fold, options.map_videos),
  ]
  lines = [
    f'{summary.data}: {summary.correct} of {summary.total} videos named '
    f'rightly, {summary.accuracy:.1%} (chance '
    f'{summary.accuracy_at_chance:.1%}); unweighted average recall '
    f'{summary.uar:.1%}, macro-F1 {summary.macro_f1:.1%}.',
    *(f'Note: {remark}' for remark in summary.remarks),
    summary.protocol.describe(),
  ]
  report_parts.write_run(
    config,
    workdir,
    'ST-CLR: fine-tuning',
    lines,
    sections,
    drawn=summary.synthetic,
  )
  return [section.picture for section in sections]


def _draw_reliability(drawn, label, probabilities, summary):
  bins = calibration.reliability(probabilities, label)
  gap = summary.calibration.calibration_error
  panels = [(f'as it comes: error {gap:.1%}', bins)]
  if chosen := summary.validation:
    calibrated = calibration.apply_temperature(
      probabilities, chosen.temperature
    )
    error = chosen.calibration.calibration_error
    panels.append(
      (
        f'at temperature {chosen.temperature:.2f}: error {error:.1%}',
        calibration.reliability(calibrated, label),
      )
    )
  path = drawn / 'reliability.png'
  figures.save_reliability(
    path, panels, title=f'{summary.data}: {len(label)} videos tested'
  )
  return report_parts.Section(
    'How sure, and how often right',
    path,
    'Below the dashed line it is surer than it is right. Numbers: videos. The '
    'error is the mean distance from the line; with few videos chance alone '
    'makes one.',
  )


def _draw_beginnings(workdir, classifier, tested, beginnings, summary):
  store = classifier.videos.store
  found = [
    comparison.accuracy(right, store.subject[tested])
    for right in beginnings.argmax(-1) == store.label[tested]
  ]
  path = pathlib.Path(workdir, workdirs.SHARE_SEEN)
  with whole.writing(path, newline='', encoding='utf-8') as file:
    rows = csv.writer(file)
    rows.writerow(('share_seen', 'correct', 'total'))
    rows.writerows(
      (share, one.correct, one.total)
      for share, one in zip(SHARES, found, strict=True)
    )
  path = pathlib.Path(workdir, workdirs.FIGURES) / 'share_seen.png'
  figures.save_share_seen(
    path,
    SHARES,
    [(one.accuracy, one.by_people.low, one.by_people.high) for one in found],
    title=f'{summary.data}: from onset to apex; 95 % over people; dashed: '
    'chance',
    chance=summary.accuracy_at_chance,
  )
  return report_parts.Section(
    'From onset to apex',
    path,
    'The same classifier shown only the beginning of each video. What it names '
    'at a tenth, before the expression has come, it reads off something else.',
  )


def _draw_map(workdir, classifier, fold, most):
  """A section with the map; none without videos to show on it."""
  found = representations.make_map(
    classifier.network,
    classifier.variables,
    classifier.videos,
    np.concatenate([fold.tested, fold.trained]),
    most=most,
    view_options=classifier.view_options,
    batch_size=classifier.batch_size,
  )
  if found is None:
    return []
  picture = run_pictures.save_map(
    workdir, classifier.videos.store, found, tested=fold.tested
  )
  return [
    report_parts.Section(
      'Where the videos lie',
      picture,
      report_parts.CAPTIONS['map'],
    )
  ]
