"""The layout of a table: its rows, and which stands against which."""

import dataclasses
from typing import Any

from stclr_jax.evaluation import paper_results as paper


@dataclasses.dataclass(frozen=True)
class Row:
  """A row of a table.

  Attributes:
    name: what it shows.
    changes: of the recipe, by flattened key.
    draws: labelled subsets to run, each a run of its own.
    against: index of the row it is compared with; None of the first, and of
      whatever is compared with none.
    also: indices of further rows that it is compared with.
    published: the paper's own row, or None.
    oracle: whether it is tested at the epoch best for the test people.
  """

  name: str
  changes: dict[str, Any] = dataclasses.field(default_factory=dict)
  draws: tuple[int, ...] = (0,)
  against: int | None = 0
  also: tuple[int, ...] = ()
  published: paper.Row | None = None
  oracle: bool = False


@dataclasses.dataclass(frozen=True)
class Reading:
  """A row, below the others, of a method that trains no network.

  Attributes:
    name: what it shows.
    method: name of the method, see `configs/baselines.py`.
    encoder_of: index of the row whose pretraining it reads; None of frames.
    against: index of the row it is compared with, those of readings following
      on the others'; None of none.
  """

  name: str
  method: str
  encoder_of: int | None = None
  against: int | None = 0


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of the paper, or one beside them.

  Attributes:
    name: such as 'table3'.
    title: as a heading.
    rows: list of `Row`, compared with the first unless they say otherwise.
    readings: a `Reading` each.
    notes: sentences to stand below.
    costs: whether parameters, GFLOP, step time and loss are shown.
    beyond_paper: what some rows do that the paper's method does not, in words.
  """

  name: str
  title: str
  rows: list[Row]
  readings: tuple[Reading, ...] = ()
  notes: tuple[str, ...] = ()
  costs: bool = False
  beyond_paper: tuple[str, ...] = ()
