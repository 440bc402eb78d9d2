"""The part of a model card that says how well a network does, and by what."""

import dataclasses
import pathlib

import numpy as np

from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import predictions
from stclr_jax.exports import markdown
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

_KINDS = (summaries.PretrainSummary, summaries.FinetuneSummary)


@dataclasses.dataclass(frozen=True)
class Evaluated:
  """Figures of a network.

  Attributes:
    summary: of the run, `summaries.PretrainSummary` or `FinetuneSummary`; None
      where it is not finished, or there is no run.
    accuracy: a `comparison.Accuracy`, with intervals; None without predictions
      of the videos tested.
    shares: of the videos of each person tested named rightly, ascending;
      () likewise.
  """

  summary: summaries.Summary | None
  accuracy: comparison.Accuracy | None = None
  shares: tuple[float, ...] = ()


def read(directory):
  """Reads the figures of a run.

  Args:
    directory: of a run, or an exported folder, which has none beyond its
      `config.json`.

  Returns:
    An `Evaluated`.
  """
  summary = summaries.read(directory, *_KINDS)
  path = pathlib.Path(directory, workdirs.PREDICTIONS)
  if summary is None or not path.exists():
    return Evaluated(summary)
  rows = predictions.read_predictions(path)
  correct = np.asarray([row.label == row.prediction for row in rows])
  people = [row.subject for row in rows]
  _, subject = np.unique(people, return_inverse=True)
  shares = np.bincount(subject, correct) / np.bincount(subject)
  return Evaluated(
    summary,
    comparison.accuracy(correct, subject),
    tuple(sorted(shares.tolist())),
  )


def model_index(trained, evaluated):
  """Lists the results that a hub shows beside a model.

  Args:
    trained: a `trained_network.Trained`.
    evaluated: an `Evaluated`.

  Returns:
    Dicts of metrics, JSON-able; none where nobody tested, or the figure leaks.
  """
  facts, summary = trained.trained_on, evaluated.summary
  if trained.labels is None or not facts.total or facts.correct is None:
    return []
  if _leaks(summary) or 'LEAK' in facts.protocol:
    return []
  counts = f'{facts.correct} of {facts.total} videos'
  found = [
    {
      'type': 'accuracy',
      'value': round(facts.correct / facts.total, 4),
      'name': f'accuracy, {counts}',
    }
  ]
  if summary is not None:
    found += [
      {'type': 'recall', 'value': round(summary.uar, 4), 'name': 'UAR'},
      {'type': 'f1', 'value': round(summary.macro_f1, 4), 'name': 'macro F1'},
    ]
  return found


def section(trained, evaluated):
  """Says how well the network does.

  Args:
    trained: a `trained_network.Trained`.
    evaluated: an `Evaluated`.

  Returns:
    Blocks of Markdown.
  """
  if trained.labels is None:
    return _of_encoder(evaluated.summary)
  facts = trained.trained_on
  if not facts.total or facts.correct is None:
    return [
      'Nobody has tested it, as far as the run knows: no number says how often '
      'it is right.'
    ]
  summary, accuracy = evaluated.summary, evaluated.accuracy
  share = 100 * facts.correct / facts.total
  said = (
    f'{facts.correct} of {facts.total} videos named rightly = {share:.1f} %'
  )
  if accuracy is not None:
    said = markdown.escape(accuracy.describe())
  blocks = [f'**Accuracy: {said}**.', markdown.code(facts.protocol, 'text')]
  if facts.epoch_tested not in (None, facts.epochs):
    blocks.append(
      f'The figure is that of epoch {facts.epoch_tested}; the weights are of '
      f'epoch {facts.epochs}.'
    )
  if summary is not None:
    blocks += _of_classes(summary)
  if evaluated.shares:
    blocks.append(_of_people(evaluated.shares))
  blocks.append(_of_calibration(trained, summary))
  return blocks


def _leaks(summary):
  return getattr(getattr(summary, 'protocol', None), 'leaks', ())


def _of_classes(summary):
  """Recall and confusions of each class."""
  rows = [
    (label, f'{row[i]}/{sum(row)}', *row)
    for i, (label, row) in enumerate(
      zip(summary.labels, summary.confusion, strict=True)
    )
  ]
  header = ['shown', 'rightly', *(f'named {one}' for one in summary.labels)]
  chance = 100 * summary.accuracy_at_chance
  return [
    f'Mean recall of the classes (UAR) {100 * summary.uar:.1f} %, macro F1 '
    f'{100 * summary.macro_f1:.1f} %; chance is {chance:.1f} %.',
    markdown.table(header, rows),
  ]


def _of_people(shares):
  none, perfect = (sum(s == bound for s in shares) for bound in (0, 1))
  return (
    f'By person, the factor that is known: of {len(shares)} people tested, '
    f'{perfect} have all their videos named rightly and {none} none; the '
    f'shares run from {100 * shares[0]:.0f} to {100 * shares[-1]:.0f} %. By '
    'age, sex and skin tone nothing was measured, as the data does not say.'
  )


def _of_calibration(trained, summary):
  known = trained.calibration
  measured = getattr(summary, 'calibration', None)  # as it comes
  if known is None:
    said = (
      'Its confidence is not calibrated: no people were held out to fit it to.'
    )
    if measured:
      said += (
        ' Expected calibration error on the people tested: '
        f'{measured.calibration_error:.3f}.'
      )
    return said
  before = f' ({measured.calibration_error:.3f} without)' if measured else ''
  return (
    f'Confidence: logits are divided by {known.temperature:.3g}, fitted on '
    f'{markdown.escape(known.fitted_on)}. Expected calibration error on the '
    f'people tested: {known.calibration_error:.3f}{before}. Below a confidence '
    f'of {known.unsure_below:.2f} call it unsure.'
  )


def _of_encoder(summary):
  blocks = [
    'It is an encoder: it names nothing. What its representations are worth is '
    'what a classifier on top of them reaches, on people whom neither has seen.'
  ]
  if summary is None:
    return blocks
  rows = [
    ('contrastive accuracy in training', summary.contrastive_accuracy, None),
    (
      'nearest neighbours of other people show the same expression',
      summary.knn_accuracy,
      summary.knn_accuracy_at_chance,
    ),
    (
      'the same, of the change from first frame to last',
      summary.knn_accuracy_of_change,
      summary.knn_accuracy_at_chance,
    ),
  ]
  told = [
    (name, *(('' if x is None else f'{100 * x:.1f} %') for x in numbers))
    for name, *numbers in rows
    if numbers[0] is not None
  ]
  blocks.append(markdown.table(['', 'share', 'chance'], told))
  blocks.append('On the videos that it was pretrained on, not on others.')
  return blocks
