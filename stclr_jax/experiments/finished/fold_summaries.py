"""Summaries of several folds: what `summary.json` holds above one run."""

import dataclasses
from typing import ClassVar

from stclr_jax.evaluation.comparison import Accuracy
from stclr_jax.evaluation.metrics import Counts
from stclr_jax.evaluation.protocol import Protocol
from stclr_jax.evaluation.recording_sites import Sites
from stclr_jax.evaluation.statistics import Interval
from stclr_jax.files import json_records
from stclr_jax.runs.summaries import Classified
from stclr_jax.runs.summaries import Summary


@dataclasses.dataclass(frozen=True)
class FoldCounts(Counts):
  """Figures of the test videos of a fold.

  Attributes:
    fold: its number.
    labelled_videos: how many were trained on.
  """

  fold: int
  labelled_videos: int


@dataclasses.dataclass(frozen=True)
class PooledOracle(Counts, json_records.Record):
  """The best epoch of each fold on its test videos: a leak, no result.

  Attributes:
    epochs: the best one of each fold, epochs done.
  """

  epochs: tuple[int, ...]

  def describe(self):
    """Returns one line."""
    return (
      'With the best epoch on the test people of each fold it would be '
      f'{self.correct}/{self.total} = {self.share:.2%}: a test oracle, not a '
      'result.'
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PooledSummary(Classified, Summary):
  """Pooled figures of one recipe's fine-tunings, each video once.

  Attributes:
    init: 'pretrained', 'scratch' or 'kinetics400'.
    people: how many the videos tested show.
    by_people: interval of the accuracy, from resampling people.
    wilson: the one that takes all videos for independent.
    description: the accuracy in one line.
    test_oracle: None where a fold did not look at its test videos.
    by_subject: `Counts` of each person.
    by_expression: `Counts` of each class.
    sites: see `recording_sites.count`.
    folds: `FoldCounts`, by number.
    steps_per_fold: of fine-tuning.
    protocol: how the figure comes about.
  """

  workflow: ClassVar[str] = 'pooled'
  init: str
  people: int
  by_people: Interval
  wilson: Interval
  description: str
  test_oracle: PooledOracle | None
  by_subject: dict[str, Counts]
  by_expression: dict[str, Counts]
  sites: Sites | None
  folds: tuple[FoldCounts, ...]
  steps_per_fold: int
  protocol: Protocol


@dataclasses.dataclass(frozen=True)
class Validated(Counts):
  """Figures of fine-tunings whose epoch the next fold's people chose.

  Attributes:
    description: the accuracy in one line.
    protocol: how it comes about.
  """

  description: str
  protocol: Protocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossvalSummary(PooledSummary):
  """Figures of a cross-validation.

  Attributes:
    complete: whether all folds are finished.
    inner_validation: of the second fine-tunings; None without.
    remarks: sentences on classes that were not trained.
  """

  workflow: ClassVar[str] = 'crossval'
  complete: bool
  inner_validation: Validated | None
  remarks: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaselineSummary(Classified, Summary):
  """Figures of a simple method on one fold.

  Attributes:
    method: its name.
    fold: which one is tested.
  """

  workflow: ClassVar[str] = 'baseline'
  method: str
  fold: int


@dataclasses.dataclass(frozen=True)
class MethodAccuracy(Accuracy):
  """Figures of a simple method on several folds.

  Attributes:
    title: of the method.
  """

  title: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaselinesSummary(Summary):
  """Figures of simple methods.

  Attributes:
    folds: numbers of the folds.
    accuracy_at_chance: one by the number of classes.
    methods: `MethodAccuracy` of each, by name.
  """

  workflow: ClassVar[str] = 'baselines'
  folds: tuple[int, ...]
  accuracy_at_chance: float
  methods: dict[str, MethodAccuracy]
