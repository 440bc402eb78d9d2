"""Parts that the reports of runs, cross-validations and trees share.

And their pictures, drawn from finished runs.
"""

import json
import pathlib
import shutil
import textwrap

from stclr_jax.evaluation import paper_results
from stclr_jax.evaluation.audits import audit
from stclr_jax.reports import figures
from stclr_jax.reports import notices
from stclr_jax.reports import pages
from stclr_jax.reports import run_pictures
from stclr_jax.runs import journal
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

_PRETRAINING_CURVES = pathlib.Path(workdirs.FIGURES, 'pretraining.png')
_LEDGER = pathlib.Path(__file__).parents[2] / 'docs' / 'fidelity.md'


def result_blocks(workdir, folds, summary, *, name='ST-CLR'):
  """Shows what was mistaken for what, by whom, and how it was learned.

  Args:
    workdir: path of the report; pictures go to its `figures/`.
    folds: {fold: path of its fine-tuning}.
    summary: their `PooledSummary`.
    name: of what was run.

  Returns:
    A list of blocks.
  """
  directory = pathlib.Path(workdir, workdirs.FIGURES)
  blocks = [
    pages.Heading(f'Figure 6: what is taken for what ({name})'),
    pages.Image(
      _save_confusion(directory, summary), 'Rows: true. Columns: predicted.'
    ),
    pages.Heading('By expression', 3),
    _groups_table('expression', summary.by_expression),
    pages.Heading('By person', 3),
    pages.Text(_people_line(summary.by_subject)),
    pages.Image(
      _save_people(directory, summary), 'Videos of each person named rightly.'
    ),
  ]
  if summary.sites:
    blocks += [
      pages.Heading('By site', 3),
      _groups_table('site', summary.sites.by_site),
      pages.Text(summary.sites.confounding),
    ]
  blocks += _audit_blocks(workdir, folds)
  first, folder = next(iter(folds.items()))
  before = _begun_with(folder)
  if views := _copy_views(directory, before):
    blocks.append(
      pages.Heading('Figure 2: a video, its two views, and each operation')
    )
    blocks += [
      pages.Image(
        path,
        f'{path.stem}: frames, and the positive pair'
        if path.stem.startswith('views')
        else f'{path.stem}: each spatial operation alone on the last frame, as '
        'drawn for the first view; flip and colour even if that view has none',
      )
      for path in views
    ]
  blocks.append(pages.Heading('Curves'))
  # A fold may come from another machine, without its pretraining.
  if before and (before / _PRETRAINING_CURVES).exists():
    path = directory / 'curves_pretraining.png'
    shutil.copyfile(before / _PRETRAINING_CURVES, path)
    blocks.append(pages.Image(path, f'Fold {first}, pretraining'))
  for fold, folder in folds.items():
    path = directory / f'curves_{fold}.png'
    _save_finetuning_curves(path, folder)
    blocks.append(pages.Image(path, f'Fold {fold}'))
  return blocks


def write_run(config, workdir, title, lines):
  """Writes the report of one run: what it says at its end, and its pictures.

  Args:
    config: of the run.
    workdir: its path.
    title: of the page.
    lines: what it has found.
  """
  blocks = [pages.Heading(title, 1)]
  if notice := notices.notice(config):
    blocks.append(pages.Text(notice, warning=True))
  blocks.append(pages.Code('\n'.join(lines)))
  blocks += [
    pages.Image(path, path.stem.replace('_', ' '))
    for path in sorted(pathlib.Path(workdir, workdirs.FIGURES).glob('*.png'))
  ]
  pages.write(workdir, [*blocks, *environment_blocks(workdir)])


def save_intervals(workdir, table):
  """Draws the rows of a table with their intervals over people.

  Args:
    workdir: path of a reproduction's tree; figures go to its `figures/`.
    table: `TableFigures`.

  Returns:
    The path of the picture.
  """
  rows = []
  for row in table.rows:
    percent = row.published and row.published.percent
    share = None if percent is None else float(percent) / 100
    interval = row.by_people
    rows.append((row.name, row.accuracy, interval.low, interval.high, share))
  path = pathlib.Path(workdir, workdirs.FIGURES) / f'{table.name}_intervals.png'
  paper = ' (diamonds: the paper)' if table.beside_paper else ''
  figures.save_intervals(
    path,
    rows,
    title=f'{table.data}: 95 % over people{paper}; dashed: chance',
    chance=table.accuracy_at_chance,
  )
  return path


def _begun_with(folder):
  """The pretraining of a fine-tuning, or None."""
  begun = workdirs.read_config(folder)['init_from']
  return pathlib.Path(begun) if begun else None


def _save_confusion(directory, summary):
  path = directory / 'figure6.png'
  outlined, findings = _papers_findings(summary)
  figures.save_confusion_matrix(
    path,
    summary.confusion,
    summary.labels,
    title=f'{summary.data}: {summary.correct} of {summary.total} '
    f'videos{findings}',
    outlined=outlined,
  )
  return path


def _save_people(directory, summary):
  path = directory / 'people.png'
  figures.save_people(
    path,
    {
      person: (count.correct, count.total)
      for person, count in summary.by_subject.items()
    },
    title=f'{summary.data}: videos of each person named rightly (blue)',
  )
  return path


def _copy_views(directory, pretraining):
  """Takes over the pictures of both halves of Figure 2, of a pretraining."""
  if pretraining is None:
    return []
  figures_of = pathlib.Path(pretraining, workdirs.FIGURES)
  drawn = sorted(figures_of.glob('views_*.png'))[:2]
  drawn += sorted(figures_of.glob('operations_*.png'))
  return [shutil.copyfile(path, directory / path.name) for path in drawn]


def _papers_findings(summary):
  """The paper's Figure 6 as (cells, words), if it is of our data."""
  found = paper_results.FIGURE_6
  beside = paper_results.stands_beside(summary.data)
  if not beside or not found.is_about(summary.labels):
    return (), ''
  words = f'{found.describe()}; outlined: its usual mistakes'
  return found.confused, f'\n{textwrap.fill(words, 64)}'


def _save_finetuning_curves(path, workdir):
  lines = journal.read_lines(workdir)
  curves = []
  for name in ('loss', 'accuracy', 'oracle_test_correct'):
    points = [(line['epoch'], line[name]) for line in lines if name in line]
    if points:
      curves.append((name, *zip(*points, strict=True), None))
  figures.save_curves(
    path, curves, title='Fine-tuning (the oracle is looked at, not used)'
  )


def _audit_blocks(workdir, folds):
  """Expression or person: what each fold's pretraining has learned."""
  blocks = []
  for fold, folder in folds.items():
    begun = _begun_with(folder)
    before = begun and summaries.read(begun, summaries.PretrainSummary)
    if before and before.audit:
      path = run_pictures.save_expression(
        workdir, before.audit, before.data, name=f'expression_{fold}'
      )
      blocks += [
        pages.Code(f'Fold {fold}\n{audit.describe(before.audit)}'),
        pages.Image(path, f'Fold {fold}: where the expression is'),
      ]
  if blocks:
    blocks.insert(0, pages.Heading('Shortcut audit of the pretrainings'))
  return blocks


def _groups_table(name, groups):
  return pages.Table(
    (name, 'correct', 'accuracy'),
    [
      (
        group,
        f'{count.correct}/{count.total}',
        f'{100 * count.share:.1f} %',
      )
      for group, count in groups.items()
    ],
  )


def _people_line(groups):
  shares = [one.share for one in groups.values()]
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
  environment = workdirs.read_json(workdir / workdirs.ENVIRONMENT)
  return [
    pages.Heading('Where it comes from'),
    pages.Code(
      f'{environment["command"]}\n\n{json.dumps(environment, indent=2)}'
    ),
  ]
