"""The pictures of a report, drawn from finished runs."""

import pathlib
import shutil
import textwrap

from stclr_jax.evaluation import paper_results
from stclr_jax.reports import figures
from stclr_jax.runs import journal
from stclr_jax.runs import workdirs


def save(workdir, folds, summary):
  """Draws what a report shows of the run that stands first in it.

  Args:
    workdir: path of a reproduction's tree; figures go to its `figures/`.
    folds: {fold: path of its fine-tuning}.
    summary: pooled, of all folds.

  Returns:
    A dict of paths: 'confusion'; 'people'; 'views', a list; 'curves', a list
    of (fold, path).
  """
  directory = pathlib.Path(workdir) / 'figures'
  confusion = directory / 'figure6.png'
  outlined, findings = _papers_findings(summary)
  figures.save_confusion_matrix(
    confusion,
    summary['confusion'],
    summary['labels'],
    title=f'{summary["data"]}: {summary["correct"]} of {summary["total"]} '
    f'videos{findings}',
    outlined=outlined,
  )
  people = directory / 'people.png'
  figures.save_people(
    people,
    {
      person: (count['correct'], count['total'])
      for person, count in summary['by_subject'].items()
    },
    title=f'{summary["data"]}: videos of each person named rightly (blue)',
  )
  curves = []
  for fold, folder in folds.items():
    path = directory / f'curves_fold_{fold}.png'
    _save_finetuning_curves(path, folder)
    curves.append((fold, path))
  first, folder = next(iter(folds.items()))
  begun = workdirs.read_json(folder / workdirs.CONFIG)['init_from']
  views = []
  if begun:
    for found in sorted(pathlib.Path(begun).glob('figures/views_*.png'))[:2]:
      views.append(directory / found.name)
      shutil.copyfile(found, views[-1])
    found = pathlib.Path(begun) / 'figures' / 'pretraining.png'
    if found.exists():  # a fold may come from another machine, without it
      path = directory / 'curves_pretraining.png'
      shutil.copyfile(found, path)
      curves.insert(0, (f'{first}, pretraining', path))
  return {
    'confusion': confusion,
    'people': people,
    'views': views,
    'curves': curves,
  }


def save_intervals(workdir, table):
  """Draws the rows of a table with their intervals over people.

  Args:
    workdir: path of a reproduction's tree; figures go to its `figures/`.
    table: of `results.table_results`.

  Returns:
    The path of the picture.
  """
  rows = []
  for row in table['rows']:
    percent = (row['published'] or {}).get('percent')
    low, high = row['by_people']['low'], row['by_people']['high']
    share = None if percent is None else float(percent) / 100
    rows.append((row['name'], row['accuracy'], low, high, share))
  path = pathlib.Path(workdir) / 'figures' / f'{table["name"]}_intervals.png'
  paper = ' (diamonds: the paper)' if table['beside_paper'] else ''
  figures.save_intervals(
    path,
    rows,
    title=f'{table["data"]}: 95 % over people{paper}; dashed: chance',
    chance=table['accuracy_at_chance'],
  )
  return path


def _papers_findings(summary):
  """What the paper says of its Figure 6: (cells, words), if of our data."""
  found = paper_results.FIGURE_6
  names = summary['labels']
  if not paper_results.stands_beside(summary['data']) or not found.is_about(
    names
  ):
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
