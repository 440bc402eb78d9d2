"""The report of a reproduction's tree: everything that has been found in it."""

import shlex

from stclr_jax.evaluation import protocol
from stclr_jax.reports import notices
from stclr_jax.reports import pages
from stclr_jax.reports import report_parts
from stclr_jax.reports import tables_pictures
from stclr_jax.runs import workdirs

_NOT_OULU = (
  'These are not the videos that the paper tested, so its numbers are left '
  'out; only the direction of an effect can be compared.'
)
_READING = (
  'Accuracy is correct / total over all folds, each video tested once. The '
  'first interval and the first test count people as the units, which is '
  'what varies together; Wilson and McNemar take all videos for independent. '
  'p-values are corrected over the rows (Holm). None of them covers training '
  'noise: another seed trains another network, and its spread is apart.'
)


def write(config, workdir, headline):
  """Writes `report.html` and `report.md`.

  Args:
    config: of the reproduction.
    workdir: path of its tree.
    headline: the folder of pooled fine-tunings whose mistakes and curves are
      shown, and its name; None to leave them out.
  """
  smoke = config.preset == 'smoke'
  blocks = [pages.Heading('ST-CLR: the tables and figures again', 1)]
  if notice := notices.notice(config):
    blocks.append(pages.Text(notice, warning=True))
  blocks.append(pages.Text(_READING))
  for path in sorted((workdir / 'tables').glob('*.json')):
    blocks += _table_blocks(workdir, workdirs.read_json(path))
  if headline is not None:
    folder, name = headline
    summary = workdirs.read_summary(folder)
    folds = [one['fold'] for one in summary['folds']]
    blocks += report_parts.result_blocks(
      workdir,
      {str(fold): folder / f'fold_{fold}' for fold in folds},
      summary,
      name=name,
    )
  blocks += _conditions_blocks(workdir)
  blocks += report_parts.ledger_blocks()
  blocks += _origin_blocks(workdir)
  pages.write(workdir, blocks, watermark='SMOKE RUN' if smoke else '')


def table_lines(table):
  """Returns a table as lines for a terminal.

  Args:
    table: of `results.table_results`.
  """
  header, rows = _cells(table)
  widths = [
    max(len(row[i]) for row in [header, *rows]) for i in range(len(header))
  ]
  lines = [
    '  '.join(
      cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    )
    for row in [header, *rows]
  ]
  return [table['title'], *(line.rstrip() for line in lines), *_remarks(table)]


def _table_blocks(workdir, table):
  header, rows = _cells(table)
  blocks = [
    pages.Heading(table['title']),
    pages.Table(header, rows),
    pages.Image(
      tables_pictures.save_intervals(workdir, table),
      'Accuracy and its 95 % interval from resampling people.',
    ),
  ]
  if table['costs']:
    blocks.append(_costs_table(table))
  blocks += [pages.Text(line) for line in _remarks(table)]
  if table['earlier']:
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
          (one['name'], one['percent'], one['source'], one['note'])
          for one in table['earlier']
        ],
      )
    )
  kept = protocol.Protocol.from_dict(table['protocol'])
  blocks.append(pages.Code(kept.describe()))
  return blocks


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
  if table['beside_paper']:
    header.append('paper')
  rows = []
  for row in table['rows']:
    cells = [
      row['name'],
      f'{row["correct"]}/{row["total"]}',
      f'{100 * row["accuracy"]:.2f} %',
      _interval(row['by_people']),
      _interval(row['wilson']),
      *_comparison(row),
      _spread(row),
    ]
    if table['beside_paper']:
      paper = row['published']
      cells.append(f'{paper["percent"]} %' if paper else '')
    rows.append(tuple(cells))
  return tuple(header), rows


def _spread(row):
  if row['protocol'] is None:  # of a baseline, which is run once
    return ''
  if row['spread']['deviation'] is None:
    return '1 run: unknown'
  return row['spread']['text']


def _comparison(row):
  found = row['comparison']
  if found is None:
    return ['', '', '', '']
  low, high = found['by_people']['low'], found['by_people']['high']
  return [
    row['against'],
    f'{100 * found["difference"]:+.2f} ({100 * low:+.1f} to {100 * high:+.1f})',
    f'{found["sign_flip_p_holm"]:.2g}',
    f'{found["mcnemar_p_holm"]:.2g}',
  ]


def _interval(found):
  return f'{100 * found["low"]:.1f} to {100 * found["high"]:.1f}'


def _remarks(table):
  lines = [
    f'A comparison of {table["rows"][0]["total"]} videos is likely (80 %) to '
    f'find a difference of {100 * table["detectable"]:.1f} points or more.'
  ]
  same = table['directions']
  if same['total']:
    lines.append(
      f'{same["same"]} of {same["total"]} effects point the way the paper '
      'reports; by chance half of them would.'
    )
  if not table['beside_paper']:
    lines.append(_NOT_OULU)
  for row in table['rows']:
    for leak in row['leaks']:
      lines.append(f'LEAK in "{row["name"]}": {leak}')
    labelled = row['labelled_videos']
    if table['name'] == 'table6' and labelled:
      least, most = min(labelled), max(labelled)
      number = f'{least}' if least == most else f'{least} to {most}'
      lines.append(
        f'"{row["name"]}": {number} labelled videos and '
        f'{row["steps_per_fold"]} steps a fold.'
      )
  oracle = table['rows'][0]['test_oracle']
  if oracle:
    lines.append(
      f'The first row with the best epoch on the test people of each fold: '
      f'{oracle["correct"]}/{oracle["total"]} = '
      f'{100 * oracle["accuracy"]:.2f} %, a test oracle and no result.'
    )
  return lines + table['notes']


def _costs_table(table):
  rows = []
  for row in table['rows']:
    cost = row['cost']
    step = cost['step_ms']
    rows.append(
      (
        row['name'],
        f'{cost["parameters"]:,}',
        f'{cost["gflop"]:.3g}',
        'not timed' if step is None else f'{step:.0f} ms',
        'none' if cost['loss'] is None else f'{cost["loss"]:.4f}',
      )
    )
  header = ('', 'parameters', 'GFLOP', 'step', 'final pretraining loss')
  return pages.Table(header, rows)


def _conditions_blocks(workdir):
  path = workdir / 'conditions' / 'conditions.json'
  if not path.exists():
    return []
  found = workdirs.read_json(path)
  names = found['conditions']
  return [
    pages.Heading('Trained under one light, tested under another'),
    pages.Table(
      ('trained under', *(f'tested under {name}' for name in names)),
      [
        (
          trained,
          *(
            f'{100 * found["cells"][trained][tested]["accuracy"]:.1f} % '
            f'({_interval(found["cells"][trained][tested]["by_people"])})'
            for tested in names
          ),
        )
        for trained in names
      ],
    ),
    pages.Code(found['protocol']),
  ]


def _origin_blocks(workdir):
  path = workdir / 'runs.json'
  if not path.exists():  # a tree of conditions only, whose runs say it by name
    return report_parts.environment_blocks(workdir)
  runs = workdirs.read_json(path)
  rows = []
  for table, noted in runs.items():
    for row in noted:
      for one in row['runs']:
        rows.append((table, row['row'], one['finetuning']))
  folder = shlex.quote(str(workdir))
  return [
    *report_parts.environment_blocks(workdir),
    pages.Text('Which folder holds which row; two of them compare by'),
    pages.Code(
      f'python -m stclr_jax.compare {folder}/FOLDER_A {folder}/FOLDER_B'
    ),
    pages.Table(('table', 'row', 'folder'), rows),
  ]
