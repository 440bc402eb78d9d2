"""The report of a reproduction's tree: everything that has been found in it."""

import shlex
from typing import Any
from typing import NamedTuple

from stclr_jax.evaluation import protocol
from stclr_jax.reports import notices
from stclr_jax.reports import pages
from stclr_jax.reports import report_parts
from stclr_jax.reports import text_table

_NOT_OULU = (
  'These are not the videos that the paper tested, so its numbers are left '
  'out; only the direction of an effect can be compared.'
)
_READING = (
  'Accuracy is correct / total over all folds, each video tested once. The '
  'first interval and the first test count people as the units, which is '
  'what varies together; Wilson and McNemar take all videos for independent. '
  'p-values are corrected over all tests of a table (Holm), those of rows '
  'marked "also" among them. None of them covers training '
  'noise: another seed trains another network, and its spread is apart.'
)


class Headline(NamedTuple):
  """The fine-tunings whose mistakes and curves are shown.

  Attributes:
    name: of what was run.
    summary: their `PooledSummary`.
    folds: {fold: path of its fine-tuning}.
  """

  name: str
  summary: Any
  folds: dict


def write(config, workdir, *, tables, headline, conditions, noted):
  """Writes `report.html` and `report.md`.

  Args:
    config: of the reproduction.
    workdir: path of its tree.
    tables: a `TableFigures` each.
    headline: a `Headline`; None to leave it out.
    conditions: the `ConditionsTable`; None without.
    noted: `NotedRuns`.
  """
  smoke = config.preset == 'smoke'
  blocks = [pages.Heading('ST-CLR: the tables and figures again', 1)]
  if notice := notices.notice(config):
    blocks.append(pages.Text(notice, warning=True))
  blocks.append(pages.Text(_READING))
  for table in tables:
    blocks += _table_blocks(workdir, table)
  if headline is not None:
    blocks += report_parts.result_blocks(
      workdir,
      headline.folds,
      headline.summary,
      with_faces=config.recipe.data.with_faces,
      name=headline.name,
    )
  if conditions is not None:
    blocks += _conditions_blocks(conditions)
  blocks += report_parts.ledger_blocks()
  blocks += _origin_blocks(workdir, noted)
  pages.write(workdir, blocks, watermark='SMOKE RUN' if smoke else '')


def table_lines(table):
  """Returns a table as lines for a terminal.

  Args:
    table: `TableFigures`.
  """
  return [
    table.title,
    *_beyond(table),
    *text_table.to_lines(*_cells(table)),
    *_remarks(table),
  ]


def _beyond(table):
  return protocol.describe_beyond(table.beyond_paper)


def _table_blocks(workdir, table):
  header, rows = _cells(table)
  blocks = [
    pages.Heading(table.title),
    *(pages.Text(line, warning=True) for line in _beyond(table)),
    pages.Table(header, rows),
    pages.Image(
      report_parts.save_intervals(workdir, table),
      'Accuracy and its 95 % interval from resampling people.',
    ),
  ]
  if table.costs:
    blocks.append(_costs_table(table))
  blocks += [pages.Text(line) for line in _remarks(table)]
  if table.earlier:
    blocks.append(pages.Heading('Earlier methods, as published', 3))
    blocks.append(
      pages.Text(
        'What others printed for Oulu-CASIA, each under a protocol of its '
        'own (frames or clips, other folds, faces pretrained on); no test is '
        'possible against a bare number.'
      )
    )
    blocks.append(
      pages.Table(
        ('method', 'accuracy in %', 'source', 'note'),
        [
          (one.name, one.percent, one.source, one.note) for one in table.earlier
        ],
      )
    )
  return [*blocks, pages.Code(table.protocol.describe())]


def _cells(table):
  header = [
    '',
    'correct',
    'accuracy',
    '95 % over people',
    'Wilson',
    'against',
    'difference',
    'p (signs by person)',
    'p (McNemar)',
    'spread',
  ]
  if table.beside_paper:
    header.append('paper')
  rows = []
  for row in table.rows:
    cells = [
      row.name,
      f'{row.correct}/{row.total}',
      f'{100 * row.accuracy:.2f} %',
      _interval(row.by_people),
      _interval(row.wilson),
      *_comparison(row.against, row.comparison),
      _spread(row),
    ]
    if table.beside_paper:
      cells.append(f'{row.published.percent} %' if row.published else '')
    rows.append(tuple(cells))
    for one in row.further:
      cells = ['also', *[''] * 4, *_comparison(one.against, one.comparison)]
      rows.append((*cells, *[''] * (len(header) - len(cells))))
  return tuple(header), rows


def _spread(row):
  if row.spread is None:
    return ''
  if row.spread.deviation is None:
    return '1 run: unknown'
  return row.spread.describe(row.unit)


def _comparison(against, found):
  if found is None:
    return ['', '', '', '']
  low, high = found.by_people.low, found.by_people.high
  return [
    against,
    f'{100 * found.difference:+.2f} ({100 * low:+.1f} to {100 * high:+.1f})',
    f'{found.sign_flip_p_holm:.2g}',
    f'{found.mcnemar_p_holm:.2g}',
  ]


def _interval(found):
  return f'{100 * found.low:.1f} to {100 * found.high:.1f}'


def _remarks(table):
  first = table.rows[0]
  lines = [
    f'A comparison of {first.total} videos is likely (80 %) to find a '
    f'difference of {100 * table.detectable:.1f} points or more.'
  ]
  if table.directions.total:
    lines.append(
      f'{table.directions.same} of {table.directions.total} effects point the '
      'way the paper reports; by chance half of them would.'
    )
  if not table.beside_paper:
    lines.append(_NOT_OULU)
  for row in table.rows:
    for leak in row.protocol.leaks if row.protocol else ():
      lines.append(f'LEAK in "{row.name}": {leak}')
    if table.name in ('table6', 'expression') and row.labelled_videos:
      least, most = min(row.labelled_videos), max(row.labelled_videos)
      number = f'{least}' if least == most else f'{least} to {most}'
      lines.append(
        f'"{row.name}": {number} labelled videos and {row.steps_per_fold} '
        'steps a fold.'
      )
  if oracle := first.test_oracle:
    lines.append(
      f'The first row with the best epoch on the test people of each fold: '
      f'{oracle.correct}/{oracle.total} = {100 * oracle.share:.2f} %, a test '
      'oracle and no result.'
    )
  return [*lines, *table.notes]


def _costs_table(table):
  rows = [
    (
      row.name,
      f'{row.cost.parameters:,}',
      f'{row.cost.gflop:.3g}',
      'not timed' if row.cost.step_ms is None else f'{row.cost.step_ms:.0f} ms',
      'none' if row.cost.loss is None else f'{row.cost.loss:.4f}',
    )
    for row in table.rows
  ]
  header = ('', 'parameters', 'GFLOP', 'step', 'final pretraining loss')
  return pages.Table(header, rows)


def _conditions_blocks(table):
  names = table.conditions
  return [
    pages.Heading('Trained under one light, tested under another'),
    pages.Table(
      ('trained under', *(f'tested under {name}' for name in names)),
      [
        (
          trained,
          *(
            f'{100 * cell.accuracy:.1f} % ({_interval(cell.by_people)})'
            for cell in (table.cells[trained][tested] for tested in names)
          ),
        )
        for trained in names
      ],
    ),
    pages.Code(table.protocol),
  ]


def _origin_blocks(workdir, noted):
  blocks = report_parts.environment_blocks(workdir)
  rows = [
    (table, row.row, one.finetuning)
    for table, of_table in noted.tables.items()
    for row in of_table
    for one in row.runs
  ]
  if not rows:  # a tree of conditions only, whose runs say it by name
    return blocks
  folder = shlex.quote(str(workdir))
  return [
    *blocks,
    pages.Text('Which folder holds which row; two of them compare by'),
    pages.Code(
      f'python -m stclr_jax.compare {folder}/FOLDER_A {folder}/FOLDER_B'
    ),
    pages.Table(('table', 'row', 'folder'), rows),
  ]
