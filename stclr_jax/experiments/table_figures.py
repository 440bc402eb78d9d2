"""From finished runs to a table: counts, intervals, paired tests."""

import dataclasses

import numpy as np

from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import paper_results
from stclr_jax.evaluation import statistics


def table_results(table, pooled, costs, *, baselines=()):
  """Makes the figures of a table.

  Args:
    table: a `table_rows.Table`.
    pooled: for each row the `pooling.Pooled` of its runs: seeds, and draws of
      each; the first stands for the row in counts, intervals and tests.
    costs: for each row a dict of costs, or None.
    baselines: pairs (name, `pooling.Pooled`) of further rows, compared with
      the first.

  Returns:
    A JSON-able dict: 'name', 'title', 'notes', 'data', 'synthetic',
    'protocol', 'beside_paper' (whether the paper's figures may stand beside),
    'detectable', 'rows' and, of table2, 'earlier'.
  """
  rows = [
    _row(row, runs, cost)
    for row, runs, cost in zip(table.rows, pooled, costs, strict=True)
  ]
  against = [row.against for row in table.rows] + [0] * len(baselines)
  rows += [_baseline_row(name, found) for name, found in baselines]
  firsts = [runs[0] for runs in pooled] + [found for _, found in baselines]
  compared = [
    i
    for i, other in enumerate(against)
    if other is not None and firsts[other].video_id == firsts[i].video_id
  ]
  found = comparison.correct_for_number(
    [
      comparison.compare(
        firsts[against[i]].correct, firsts[i].correct, firsts[i].subject
      )
      for i in compared
    ]
  )
  for i, one in zip(compared, found, strict=True):
    rows[i]['comparison'] = dataclasses.asdict(one)
    rows[i]['against'] = rows[against[i]]['name']
  first = firsts[0]
  beside = paper_results.stands_beside(first.summary['data'])
  for row, of in zip(rows, table.rows, strict=False):
    if of.published is not None:
      row['published'] = _published(of, table, beside)
  return {
    'name': table.name,
    'title': table.title,
    'notes': [*table.notes, *_unpaired(rows, against, compared)],
    'costs': table.costs,
    'data': first.summary['data'],
    'synthetic': first.summary['synthetic'],
    'protocol': first.summary['protocol'],
    'beside_paper': beside,
    'accuracy_at_chance': first.summary['accuracy_at_chance'],
    'detectable': statistics.smallest_detectable_difference(
      len(first.correct),
      design_effect=statistics.design_effect(first.correct, first.subject),
    ),
    'rows': rows,
    'directions': _directions(rows),
    'earlier': [dataclasses.asdict(row) for row in paper_results.TABLE_2[:-1]]
    if table.name == 'table2'
    else [],
  }


def _row(row, runs, cost):
  summary = runs[0].summary
  accuracies = [run.summary['accuracy'] for run in runs]
  spread = statistics.over_seeds(accuracies)
  names = ('correct', 'total', 'people', 'accuracy', 'by_people', 'wilson')
  return {
    'name': row.name,
    **{name: summary[name] for name in names},
    'spread': {
      **dataclasses.asdict(spread),
      'text': spread.describe(_unit(row, runs)),
    },
    'labelled_videos': [f['labelled_videos'] for f in summary['folds']],
    'steps_per_fold': summary['steps_per_fold'],
    'test_oracle': summary['test_oracle'],
    'protocol': summary['protocol'],
    'leaks': summary['protocol']['leaks'],
    'cost': cost,
    'comparison': None,
    'against': None,
    'published': None,
  }


def _unit(row, runs):
  """What the runs of a row are: seeds, labelled subsets, or each with each."""
  draws = len(row.draws)
  seeds = len(runs) // draws
  if draws == 1:
    return 'seeds'
  if seeds == 1:
    return 'draws of labels'
  return f'runs, {seeds} seeds with {draws} draws of labels each'


def _baseline_row(name, found):
  return {
    'name': name,
    **found.summary,
    'spread': {'deviation': None, 'text': ''},
    'labelled_videos': [],
    'steps_per_fold': None,
    'test_oracle': None,
    'protocol': None,
    'leaks': [],
    'cost': None,
    'comparison': None,
    'against': None,
    'published': None,
  }


def _unpaired(rows, against, compared):
  """Names the rows that cannot be paired with the one they stand against.

  Folds of clips hold other videos than folds of people of the same number; all
  folds together hold the same.
  """
  return [
    f'"{rows[i]["name"]}" tested other videos than "{rows[other]["name"]}", so '
    'no test pairs them; all folds together would be the same ones.'
    for i, other in enumerate(against)
    if other is not None and i not in compared
  ]


def _published(row, table, beside):
  """The paper's own figure, and on which side of the row compared with."""
  one = row.published
  kept = {'direction': None}
  other = None if row.against is None else table.rows[row.against].published
  if other is not None and None not in (one.correct, other.correct):
    kept['direction'] = int(np.sign(one.correct - other.correct))
  # On other data the paper's numbers are absent, not merely unmarked.
  return kept | ({'percent': one.percent, 'note': one.note} if beside else {})


def _directions(rows):
  """How many effects point to the paper's side."""
  sides = [
    (row['published']['direction'], np.sign(row['comparison']['difference']))
    for row in rows
    if row['comparison'] and row['published'] and row['published']['direction']
  ]
  return {
    'same': sum(int(ours == theirs) for theirs, ours in sides),
    'total': len(sides),
  }
