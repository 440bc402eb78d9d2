"""Parts that the reports of runs, cross-validations and trees share.

And their pictures, drawn from finished runs.
"""

import json
import pathlib
import shutil
import textwrap
from typing import NamedTuple

from stclr_jax.evaluation import paper_results
from stclr_jax.evaluation.audits import audit
from stclr_jax.reports import figures
from stclr_jax.reports import notices
from stclr_jax.reports import pages
from stclr_jax.reports import run_pictures
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

_PRETRAINING_CURVES = pathlib.Path(workdirs.FIGURES, 'pretraining.png')
# Of pictures of a run, by the first word of their names.
CAPTIONS = {
  'expression': 'The expression, read off by a linear probe',
  'map': 'Videos of like representation lie near each other (t-SNE): those of '
  'one expression, one person or one light do, whichever the encoder tells '
  'apart. Distances between clusters and their sizes mean nothing.',
  'operations': 'Each spatial operation alone on the last frame, as drawn for '
  'the first view; flip and colour even if that view has none',
  'pretraining': 'By epoch',
  'views': 'Frames, and the positive pair',
}
_IN_A_NEW_RUN = (
  'shows them in a new run, and with `python -m stclr_jax.browse` the videos '
  'and their views at once'
)
_LEDGER = pathlib.Path(__file__).parents[2] / 'docs' / 'fidelity.md'


def result_blocks(workdir, folds, summary, *, with_faces, name='ST-CLR'):
  """Shows what was mistaken for what, by whom, and how it was learned.

  Args:
    workdir: path of the report; pictures go to its `figures/`.
    folds: {fold: path of its fine-tuning}.
    summary: their `PooledSummary`.
    with_faces: whether pictures may show people.
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
    pages.Text(people_line(summary.by_subject)),
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
  if before:
    notice = notices.faces(summary.synthetic, with_faces, _IN_A_NEW_RUN)
    views = _copy_views(workdir, before, summary.synthetic, with_faces)
    if notice or views:
      blocks.append(
        pages.Heading('Figure 2: a video, its two views, and each operation')
      )
    if notice:
      blocks.append(pages.Text(notice))
    blocks += [pages.Image(path, _caption(path)) for path in views]
  blocks.append(pages.Heading('Curves'))
  # A fold may come from another machine, without its pretraining.
  if before and (before / _PRETRAINING_CURVES).exists():
    path = directory / 'curves_pretraining.png'
    shutil.copyfile(before / _PRETRAINING_CURVES, path)
    blocks.append(pages.Image(path, f'Fold {first}, pretraining'))
  for fold, folder in folds.items():
    path = directory / f'curves_{fold}.png'
    run_pictures.save_finetuning_curves(path, folder)
    blocks.append(pages.Image(path, f'Fold {fold}'))
  return blocks


class Section(NamedTuple):
  """A picture of a run, under a heading of its own.

  Attributes:
    heading: of one line.
    picture: path of a PNG file in the workdir.
    caption: what it shows, and how it is to be read.
  """

  heading: str
  picture: pathlib.Path
  caption: str


def write_run(config, workdir, title, lines, sections=(), *, drawn):
  """Writes the report of one run: what it says at its end, and its pictures.

  Args:
    config: of the run.
    workdir: its path.
    title: of the page.
    lines: what it has found.
    sections: a `Section` for each picture that has one; all others of the run
      come after them, by their names.
    drawn: whether the faces are; those of people are shown if the config says
      so.
  """
  blocks = [pages.Heading(title, 1)]
  if notice := notices.notice(config):
    blocks.append(pages.Text(notice, warning=True))
  blocks.append(pages.Code('\n'.join(lines)))
  with_faces = config.data.with_faces
  if notice := notices.faces(drawn, with_faces, _IN_A_NEW_RUN):
    blocks.append(pages.Text(notice))
  for heading, path, caption in sections:
    blocks += [pages.Heading(heading), pages.Image(path, caption)]
  described = {section.picture for section in sections}
  folders = [workdirs.FIGURES, *([workdirs.FACES] if with_faces else [])]
  blocks += [
    pages.Image(path, _caption(path))
    for folder in folders
    for path in sorted(pathlib.Path(workdir, folder).glob('*.png'))
    if path not in described
  ]
  pages.write(workdir, [*blocks, *environment_blocks(workdir)])


def _caption(path):
  """Says what a picture shows that every run has; else its name."""
  kind, _, video = path.stem.partition('_')
  if kind not in CAPTIONS:
    return path.stem.replace('_', ' ')
  return f'{CAPTIONS[kind]}{f" ({video})" if video else ""}'


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


def _copy_views(workdir, pretraining, drawn, with_faces):
  """Takes over the pictures of both halves of Figure 2, of a pretraining."""
  if not (drawn or with_faces):
    return []
  source = run_pictures.folder_of_faces(pretraining, drawn)
  target = run_pictures.folder_of_faces(workdir, drawn)
  found = sorted(source.glob('views_*.png'))[:2]
  found += sorted(source.glob('operations_*.png'))
  if found:
    target.mkdir(parents=True, exist_ok=True)
  return [shutil.copyfile(path, target / path.name) for path in found]


def _papers_findings(summary):
  """The paper's Figure 6 as (cells, words), if it is of our data."""
  found = paper_results.FIGURE_6
  beside = paper_results.stands_beside(summary.data)
  if not beside or not found.is_about(summary.labels):
    return (), ''
  words = f'{found.describe()}; outlined: its usual mistakes'
  return found.confused, f'\n{textwrap.fill(words, 64)}'


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


def people_line(groups):
  """Says of how many people all videos were named rightly, of how many none.

  Args:
    groups: `metrics.Counts` by person.
  """
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
