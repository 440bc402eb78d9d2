"""The report of a cross-validation."""

import shlex

from stclr_jax.reports import notices
from stclr_jax.reports import pages
from stclr_jax.reports import report_parts

_READING = (
  'Correct / total counts each video once, in the fold that tests it. The '
  'first interval resamples people, whose videos succeed and fail together; '
  "Wilson's takes all videos for independent. Neither covers training noise: "
  'another seed trains another network.'
)


def write(config, workdir, summary, folds):
  """Writes `report.html` and `report.md`.

  Args:
    config: of the cross-validation.
    workdir: its path.
    summary: its `CrossvalSummary`.
    folds: {fold: path of its fine-tuning}, those that are finished.
  """
  blocks = [pages.Heading('ST-CLR: cross-validation', 1)]
  if notice := notices.notice(config):
    blocks.append(pages.Text(notice, warning=True))
  if not summary.complete:
    blocks.append(
      pages.Text(
        f'Not complete: only {len(folds)} of {config.data.num_folds} folds '
        'are finished.',
        warning=True,
      )
    )
  blocks += [
    pages.Text(summary.description),
    pages.Text(_READING),
    *_protocol_blocks(summary.protocol),
    *_selection_blocks(summary),
    _folds_table(summary.folds),
    *report_parts.result_blocks(
      workdir, folds, summary, with_faces=config.data.with_faces
    ),
    *report_parts.ledger_blocks(),
    *report_parts.environment_blocks(workdir),
    pages.Text('To compare it with another run of the same videos:'),
    pages.Code(
      f'python -m stclr_jax.compare {shlex.quote(str(workdir))} OTHER_WORKDIR'
    ),
  ]
  pages.write(workdir, blocks)


def _protocol_blocks(kept):
  leaks = [pages.Text(f'LEAK: {leak}', warning=True) for leak in kept.leaks]
  return [pages.Code(kept.describe()), *leaks]


def _selection_blocks(summary):
  rows = [('last epoch', _counted(summary), 'the result')]
  if oracle := summary.test_oracle:
    epochs = ', '.join(map(str, oracle.epochs))
    rows.append(
      (
        'best epoch on the test people',
        _counted(oracle),
        f'no result: a test oracle (epochs {epochs})',
      )
    )
  inner = summary.inner_validation
  if inner:
    rows.append(
      (
        "best epoch on the next fold's people",
        _counted(inner),
        'a second fine-tuning, without those people',
      )
    )
  blocks = [
    pages.Heading('Which epoch is tested'),
    pages.Table(('epoch', 'correct', 'what it is'), rows),
  ]
  if inner:
    blocks += _protocol_blocks(inner.protocol)
  return blocks


def _folds_table(folds):
  return pages.Table(
    ('fold', 'correct', 'accuracy', 'labelled training videos'),
    [
      (
        str(fold.fold),
        f'{fold.correct}/{fold.total}',
        f'{100 * fold.share:.1f} %',
        str(fold.labelled_videos),
      )
      for fold in folds
    ],
  )


def _counted(found):
  share = found.correct / found.total
  return f'{found.correct}/{found.total} = {100 * share:.2f} %'
