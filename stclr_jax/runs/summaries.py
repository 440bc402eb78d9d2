"""Summaries of finished runs, what `summary.json` holds."""

import dataclasses
import pathlib
from typing import Any
from typing import ClassVar

from stclr_jax.evaluation.audits.audit import Audit
from stclr_jax.evaluation.calibration import Calibration
from stclr_jax.evaluation.comparison import Accuracy
from stclr_jax.evaluation.metrics import PeopleCounts
from stclr_jax.evaluation.protocol import Protocol
from stclr_jax.evaluation.recording_sites import Sites
from stclr_jax.evaluation.transfer_protocol import TransferProtocol
from stclr_jax.files import json_records
from stclr_jax.runs import workdirs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary(json_records.Document):
  """Fields of the summary of every workflow.

  Attributes:
    preset: of the config.
    data: which data, such as 'oulu_casia:vl_strong'.
    synthetic: whether its faces are drawn.
    seconds: that the run took, over all its sessions.
  """

  preset: str
  data: str
  synthetic: bool
  seconds: float


@dataclasses.dataclass(frozen=True)
class FineTuningPlan(json_records.Record):
  """Needs of a fine-tuning on the data of a pretraining.

  Attributes:
    changes: settings that it needs beside the user's own, by key.
    hindrance: why there can be none; ''.
  """

  changes: dict[str, Any]
  hindrance: str


@dataclasses.dataclass(frozen=True)
class WeightsReport(json_records.Record):
  """Account of the arrays of `init_weights`.

  Attributes:
    path: of the file.
    loaded: how many of its arrays the encoder took.
    skipped: names of the others.
    fresh: parts of the network that stay as they were initialised.
  """

  path: str
  loaded: int
  skipped: tuple[str, ...]
  fresh: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainSummary(Summary):
  """Summary of a pretraining.

  Attributes:
    init: 'scratch' or 'kinetics400'.
    init_weights: a `WeightsReport`, or None.
    loss: mean of the last epoch.
    contrastive_accuracy: of the last epoch, in [0, 1].
    alignment: mean squared distance of the two embeddings of a pair on the unit
      sphere, of the last epoch, in [0, 4].
    gradient_norm: mean of the last epoch.
    knn_accuracy: by neighbours, none of the same person; None where labels
      cannot tell anything apart.
    knn_accuracy_of_change: of the change of h from the first frame to the last;
      None also where nothing changes.
    spread: of h, as are the next two, see `collapse.Use`; None without labels.
    effective_rank: of h.
    uniformity: of h.
    loss_at_chance: of random embeddings.
    knn_accuracy_at_chance: one by the number of classes, or None.
    views_per_second: through the encoder, in the last session, compiling left
      out; None if it had no step to time.
    epochs: of the run.
    steps: of the run.
    audit: what the encoder holds; None without.
    fine_tuning: a `FineTuningPlan`.
  """

  workflow: ClassVar[str] = 'pretrain'
  init: str
  init_weights: WeightsReport | None
  loss: float
  contrastive_accuracy: float
  alignment: float
  gradient_norm: float
  knn_accuracy: float | None
  knn_accuracy_of_change: float | None
  spread: float | None
  effective_rank: float | None
  uniformity: float | None
  loss_at_chance: float
  knn_accuracy_at_chance: float | None
  views_per_second: float | None
  epochs: int
  steps: int
  audit: Audit | None
  fine_tuning: FineTuningPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classified:
  """Figures of a classifier on the videos tested.

  Attributes:
    accuracy: `correct` / `total`.
    uar: unweighted average recall, in [0, 1].
    macro_f1: mean F1 of the classes that occur, in [0, 1]; one that is only
      predicted does not count, where scikit-learn's default counts it.
    correct: number of videos named rightly.
    total: number of videos.
    confusion: counts of videos; rows true, columns predicted.
    labels: names of the classes, in order.
    accuracy_at_chance: one by their number.
    untrained: videos tested of classes that no training video shows, by class.
  """

  accuracy: float
  uar: float
  macro_f1: float
  correct: int
  total: int
  confusion: tuple[tuple[int, ...], ...]
  labels: tuple[str, ...]
  accuracy_at_chance: float
  untrained: dict[str, int]

  def __post_init__(self):
    rows = tuple(map(tuple, self.confusion))
    object.__setattr__(self, 'confusion', rows)
    object.__setattr__(self, 'labels', tuple(self.labels))


@dataclasses.dataclass(frozen=True)
class Oracle(json_records.Record):
  """The best epoch on the test videos: a leak, no result.

  Attributes:
    epoch: epochs done.
    correct: number of test videos named rightly.
    total: number of test videos.
  """

  epoch: int
  correct: int
  total: int

  @property
  def accuracy(self):
    """`correct` / `total`."""
    return self.correct / self.total

  def as_dict(self):
    """Returns what JSON holds, the leak and the accuracy spelled out."""
    return {
      'leak': 'The epoch was chosen by the test result.',
      **super().as_dict(),
      'accuracy': self.accuracy,
    }

  @classmethod
  def from_dict(cls, written):
    """Reads what `as_dict` wrote."""
    return super().from_dict(
      {k: v for k, v in written.items() if k not in ('leak', 'accuracy')}
    )


@dataclasses.dataclass(frozen=True)
class Validation(json_records.Record):
  """Figures of the people who choose the epoch.

  Attributes:
    correct: how many of their videos are named rightly in the epoch chosen.
    total: how many there are.
    temperature: of the calibration, fitted to them.
    calibration: of the test videos with that temperature.
    unsure_below: confidence so calibrated below which a class had better not be
      named, fitted to them as well, see `calibration.fit_threshold`.
  """

  correct: int
  total: int
  temperature: float
  calibration: Calibration
  unsure_below: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuneSummary(Classified, Summary):
  """Summary of a fine-tuning.

  Attributes:
    init: 'pretrained', 'scratch' or 'kinetics400'.
    init_epoch: of the checkpoint that it began with, or None.
    init_weights: a `WeightsReport`, or None.
    fold: which one is tested.
    labelled_videos: how many were trained on.
    pretraining_videos: how many a pretraining for this fold may see.
    remarks: sentences on classes that are not trained or not tested.
    training_loss: mean of the last epoch.
    training_accuracy: of the last epoch, in [0, 1].
    epoch_tested: epochs done before the test.
    calibration: of the test videos.
    test_oracle: the best look at the test videos; None if nobody looked.
    validation: with `selection` = 'inner_validation', else None.
    protocol: how the figure comes about.
    clips_per_second: as `PretrainSummary.views_per_second`.
    epochs: of the run.
    steps: of the run.
  """

  workflow: ClassVar[str] = 'finetune'
  init: str
  init_epoch: int | None
  init_weights: WeightsReport | None
  fold: int
  labelled_videos: int
  pretraining_videos: int
  remarks: tuple[str, ...]
  training_loss: float
  training_accuracy: float
  epoch_tested: int
  calibration: Calibration
  test_oracle: Oracle | None
  validation: Validation | None
  protocol: Protocol
  clips_per_second: float | None
  epochs: int
  steps: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateSummary(Classified, Summary):
  """Summary of the test of a classifier.

  Attributes:
    accuracy_ci: the accuracy with its intervals.
    seen: of people whom the classifier was trained on.
    unseen: of all others.
    sites: see `recording_sites.count`; None without.
    unlabelled: videos without one of the classifier's classes, by the label
      that they have.
    protocol: how the figure comes about, see `transfer_protocol`.
  """

  workflow: ClassVar[str] = 'evaluate'
  accuracy_ci: Accuracy
  seen: PeopleCounts
  unseen: PeopleCounts
  sites: Sites | None
  unlabelled: dict[str, int]
  protocol: TransferProtocol


KINDS = (PretrainSummary, FinetuneSummary, EvaluateSummary)


def read(workdir, *kinds):
  """Reads the summary of a run.

  Args:
    workdir: path.
    *kinds: `Summary` classes, one of which it must be; without, those of one
      run.

  Returns:
    A `Summary`; None if the run is not finished.

  Raises:
    UserError: if it is of another format, or of another workflow.
  """
  path = pathlib.Path(workdir) / workdirs.SUMMARY
  if not path.exists():
    return None
  return json_records.read_document(
    workdirs.read_json(path),
    kinds or KINDS,
    source=path,
    remedy=workdirs.RUN_ANEW,
  )


def is_finished(workdir):
  """Says whether a run has written its summary."""
  return (pathlib.Path(workdir) / workdirs.SUMMARY).exists()


def write(summary, workdir):
  """Writes `summary.json`, whole or not at all.

  Args:
    summary: a `Summary`.
    workdir: path.
  """
  path = pathlib.Path(workdir) / workdirs.SUMMARY
  workdirs.write_json(path, summary.as_dict())
