"""The figures of a table: counts, intervals, paired tests of its rows."""

import dataclasses

import numpy as np

from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import paper_results
from stclr_jax.evaluation import statistics
from stclr_jax.evaluation.comparison import Comparison
from stclr_jax.evaluation.protocol import Protocol
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.files import json_records


@dataclasses.dataclass(frozen=True)
class Cost:
  """Costs of a row's network.

  Attributes:
    parameters: of the encoder.
    gflop: of the encoder, one clip forward, 2 a multiply-add.
    step_ms: of a pretraining step on this machine; None if not timed.
    loss: of pretraining, its last epoch's mean over folds; None without one.
  """

  parameters: int
  gflop: float
  step_ms: float | None
  loss: float | None


@dataclasses.dataclass(frozen=True)
class Published:
  """The paper's figures of a row.

  Attributes:
    direction: sign of its difference from the row compared with; None where
      there is none.
    percent: accuracy as printed; None where the data is not the paper's.
    note: what to know of it.
  """

  direction: int | None
  percent: str | None = None
  note: str = ''


@dataclasses.dataclass(frozen=True)
class Further:
  """One more comparison of a row.

  Attributes:
    against: name of the row that it is with.
    comparison: of the two.
    direction: sign of the paper's difference; None where there is none.
  """

  against: str
  comparison: Comparison
  direction: int | None


@dataclasses.dataclass(frozen=True)
class Directions:
  """Number of effects that point to the paper's side.

  Attributes:
    same: those that do.
    total: those that the paper has as well.
  """

  same: int
  total: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowFigures(comparison.Accuracy):
  """Figures of a row, its first run standing for it.

  Attributes:
    name: of the row.
    spread: of the accuracy over its runs; None of a simple method, which is
      run once.
    unit: what those runs are, such as 'seeds'.
    labelled_videos: those trained on in each fold.
    steps_per_fold: of fine-tuning; None of a simple method, as the next two.
    test_oracle: None also where a fold did not look at its test videos.
    protocol: how the figure comes about.
    cost: None where the table shows none.
    comparison: with the row `against`; None where there is none.
    against: name of that row.
    further: a `Further` for each other row that it is compared with.
    published: None where the paper has no such row.
  """

  name: str
  spread: statistics.Spread | None = None
  unit: str = ''
  labelled_videos: tuple[int, ...] = ()
  steps_per_fold: int | None = None
  test_oracle: fold_summaries.PooledOracle | None = None
  protocol: Protocol | None = None
  cost: Cost | None = None
  comparison: Comparison | None = None
  against: str | None = None
  further: tuple[Further, ...] = ()
  published: Published | None = None


@dataclasses.dataclass(frozen=True)
class TableFigures(json_records.Record):
  """Figures of a table.

  Attributes:
    name: such as 'table3'.
    title: as a heading.
    notes: sentences to stand below.
    beyond_paper: what some rows do that the paper's method does not, in words.
    costs: whether rows have a `Cost`.
    data: which data.
    synthetic: whether its faces are drawn.
    protocol: of the first row.
    beside_paper: whether the paper's figures may stand beside.
    accuracy_at_chance: one by the number of classes.
    detectable: the difference that a comparison is likely to find.
    rows: `RowFigures`, those of simple methods last.
    directions: `Directions`.
    earlier: the paper's rows of others' methods, of Table II.
  """

  name: str
  title: str
  notes: tuple[str, ...]
  beyond_paper: tuple[str, ...]
  costs: bool
  data: str
  synthetic: bool
  protocol: Protocol
  beside_paper: bool
  accuracy_at_chance: float
  detectable: float
  rows: tuple[RowFigures, ...]
  directions: Directions
  earlier: tuple[paper_results.Row, ...]


def make(table, pooled, costs, *, readings=()):
  """Makes the figures of a table.

  Args:
    table: a `table_layout.Table`.
    pooled: for each row the `pooling.Pooled` of its runs: seeds, and draws of
      each; the first stands for the row in counts, intervals and tests.
    costs: for each row a `Cost`, or None.
    readings: the `pooling.Tested` of each of its readings.

  Returns:
    `TableFigures`.
  """
  tested = [runs[0].tested for runs in pooled]
  pairs = [
    (i, other)
    for i, row in enumerate(table.rows)
    for other in (row.against, *row.also)
    if other is not None
  ]
  summary = pooled[0][0].summary
  beside = paper_results.stands_beside(summary.data)
  rows = [
    _make_row(row, runs, cost, _publish(i, table, beside))
    for i, (row, runs, cost) in enumerate(
      zip(table.rows, pooled, costs, strict=True)
    )
  ]
  for reading, found in zip(table.readings, readings, strict=True):
    rows.append(RowFigures(**vars(found.accuracy), name=reading.name))
    tested.append(found)
    if reading.against is not None:
      pairs.append((len(tested) - 1, reading.against))
  compared = [
    (i, j) for i, j in pairs if tested[i].video_id == tested[j].video_id
  ]
  found = comparison.correct_for_number(
    [
      comparison.compare(
        tested[j].correct, tested[i].correct, tested[i].subject
      )
      for i, j in compared
    ]
  )
  for (i, j), one in zip(compared, found, strict=True):
    rows[i] = _put(rows[i], one, rows[j].name, _direction(table, i, j))
  first = tested[0]
  return TableFigures(
    name=table.name,
    title=table.title,
    notes=(*table.notes, *_unpaired(rows, pairs, compared)),
    beyond_paper=table.beyond_paper,
    costs=table.costs,
    data=summary.data,
    synthetic=summary.synthetic,
    protocol=summary.protocol,
    beside_paper=beside,
    accuracy_at_chance=summary.accuracy_at_chance,
    detectable=statistics.smallest_detectable_difference(
      len(first.correct),
      design_effect=statistics.design_effect(first.correct, first.subject),
    ),
    rows=tuple(rows),
    directions=_count_directions(rows),
    earlier=paper_results.TABLE_2[:-1] if table.name == 'table2' else (),
  )


def _make_row(row, runs, cost, published):
  first = runs[0].summary
  return RowFigures(
    **vars(runs[0].tested.accuracy),
    name=row.name,
    spread=statistics.over_seeds([run.summary.accuracy for run in runs]),
    unit=_unit(row, runs),
    labelled_videos=tuple(fold.labelled_videos for fold in first.folds),
    steps_per_fold=first.steps_per_fold,
    test_oracle=first.test_oracle,
    protocol=first.protocol,
    cost=cost,
    published=published,
  )


def _unit(row, runs):
  """Names a row's runs: seeds, labelled subsets, or each with each."""
  draws = len(row.draws)
  seeds = len(runs) // draws
  if draws == 1:
    return 'seeds'
  if seeds == 1:
    return 'draws of labels'
  return f'runs, {seeds} seeds with {draws} draws of labels each'


def _put(row, found, against, direction):
  """Adds a comparison to a row, the first one as its own."""
  if row.comparison is None:
    return dataclasses.replace(row, comparison=found, against=against)
  more = Further(against=against, comparison=found, direction=direction)
  return dataclasses.replace(row, further=(*row.further, more))


def _direction(table, i, j):
  """Sign of the paper's difference between two rows; None without one."""
  if max(i, j) >= len(table.rows):
    return None
  one, other = table.rows[i].published, table.rows[j].published
  if None in (one, other) or None in (one.correct, other.correct):
    return None
  return int(np.sign(one.correct - other.correct))


def _unpaired(rows, pairs, compared):
  """Names the rows that cannot be paired with the one they stand against.

  Folds of clips hold other videos than folds of people of the same number; all
  folds together hold the same.
  """
  return [
    f'"{rows[i].name}" tested other videos than "{rows[other].name}", so no '
    'test pairs them; all folds together would be the same ones.'
    for i, other in pairs
    if (i, other) not in compared
  ]


def _publish(i, table, beside):
  """The paper's own figure, and on which side of the row compared with."""
  one, against = table.rows[i].published, table.rows[i].against
  if one is None:
    return None
  direction = None if against is None else _direction(table, i, against)
  # On other data the paper's numbers are absent, not merely unmarked.
  if not beside:
    return Published(direction)
  return Published(direction, one.percent, one.note)


def _count_directions(rows):
  """Number of effects that point to the paper's side."""
  sides = [
    (row.published.direction, np.sign(row.comparison.difference))
    for row in rows
    if row.comparison and row.published and row.published.direction
  ] + [
    (one.direction, np.sign(one.comparison.difference))
    for row in rows
    for one in row.further
    if one.direction
  ]
  return Directions(
    same=sum(int(ours == theirs) for theirs, ours in sides), total=len(sides)
  )
