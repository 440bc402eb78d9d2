"""Parts that the reports of a cross-validation and of a tree share."""

import json
import pathlib

from stclr_jax.evaluation import audit
from stclr_jax.evaluation import recording_sites
from stclr_jax.reports import pages
from stclr_jax.reports import tables_pictures
from stclr_jax.runs import workdirs

_LEDGER = pathlib.Path(__file__).parents[2] / 'docs' / 'fidelity.md'


def result_blocks(workdir, folds, summary, *, name='ST-CLR'):
  """Shows what was mistaken for what, by whom, and how it was learned.

  Args:
    workdir: path of the report.
    folds: {fold: path of its fine-tuning}.
    summary: pooled, of all of them.
    name: of what was run.

  Returns:
    A list of blocks.
  """
  drawn = tables_pictures.save(workdir, folds, summary)
  blocks = [
    pages.Heading(f'Figure 6: what is taken for what ({name})'),
    pages.Image(drawn['confusion'], 'Rows: true. Columns: predicted.'),
    pages.Heading('By expression', 3),
    _groups_table('expression', summary['by_expression']),
    pages.Heading('By person', 3),
    pages.Text(_people_line(summary['by_subject'])),
    pages.Image(drawn['people'], 'Videos of each person named rightly.'),
  ]
  if summary['by_site']:
    blocks += [
      pages.Heading('By site', 3),
      _groups_table('site', summary['by_site']),
      pages.Text(recording_sites.CONFOUNDING),
    ]
  blocks += _audit_blocks(folds)
  if drawn['views']:
    blocks.append(pages.Heading('Figure 2: a video and its two views'))
    blocks += [
      pages.Image(path, f'{path.stem}: frames, and the positive pair')
      for path in drawn['views']
    ]
  blocks.append(pages.Heading('Curves'))
  blocks += [
    pages.Image(path, f'Fold {fold}') for fold, path in drawn['curves']
  ]
  return blocks


def _audit_blocks(folds):
  """Expression or person: what each fold's pretraining has learned."""
  blocks = []
  for fold, folder in folds.items():
    begun = workdirs.read_json(folder / workdirs.CONFIG)['init_from']
    before = workdirs.read_summary(begun) if begun else None
    if before and before['audit']:
      blocks.append(
        pages.Code(f'Fold {fold}\n{audit.describe(before["audit"])}')
      )
  if blocks:
    blocks.insert(0, pages.Heading('Shortcut audit of the pretrainings'))
  return blocks


def _groups_table(name, groups):
  return pages.Table(
    (name, 'correct', 'accuracy'),
    [
      (
        group,
        f'{count["correct"]}/{count["total"]}',
        f'{100 * count["correct"] / count["total"]:.1f} %',
      )
      for group, count in groups.items()
    ],
  )


def _people_line(groups):
  shares = [one['correct'] / one['total'] for one in groups.values()]
  perfect = sum(share == 1 for share in shares)
  none = sum(share == 0 for share in shares)
  return (
    f'Of {len(shares)} people {perfect} have all videos named rightly and '
    f'{none} have none.'
  )


def ledger_blocks():
  """Returns the fidelity ledger, `docs/fidelity.md`, as blocks."""
  if not _LEDGER.exists():
    return []
  title, _, text = _LEDGER.read_text(encoding='utf-8').partition('\n')
  blocks = [pages.Heading(title.lstrip('# '))]
  for part in text.strip().split('\n\n'):
    lines = part.splitlines()
    if lines[0].startswith('#'):
      blocks.append(pages.Heading(lines[0].lstrip('# '), 3))
      lines = lines[1:]
    if lines and all(line.startswith('|') for line in lines):
      rows = [_split_row(line) for line in lines]
      blocks.append(pages.Table(rows[0], rows[2:]))
    elif lines:
      blocks.append(pages.Text(' '.join(lines)))
  return blocks


def _split_row(line):
  return tuple(cell.strip() for cell in line.strip().strip('|').split('|'))


def environment_blocks(workdir):
  """Says with what command and on what a run was begun.

  Args:
    workdir: path of the run.

  Returns:
    A list of blocks.
  """
  environment = workdirs.read_json(workdir / 'environment.json')
  return [
    pages.Heading('Where it comes from'),
    pages.Code(
      f'{environment["command"]}\n\n{json.dumps(environment, indent=2)}'
    ),
  ]
