"""The rows of our recipe for getting at the expression, beside the paper's."""

from stclr_jax.evaluation import paper_results as paper
from stclr_jax.experiments import baseline_methods
from stclr_jax.experiments.finished.table_layout import Reading
from stclr_jax.experiments.finished.table_layout import Row
from stclr_jax.experiments.finished.table_layout import Table
from stclr_jax.runs.checks import config_checks

# Of frozen encoders: the clip, as the paper's method has it, its changes, and
# no movement at all.
_FROZEN = (
  'linear_probe',
  'change_of_clip_probe',
  'change_probe',
  'last_frame_probe',
)
_LBP = 'lbp_top'


def make(config):
  """Makes the table: beginnings by two classifiers, and what is simpler.

  Args:
    config: as `configs/reproduce.py` gives it; `expression` has the shares of
      the labels and what our rows change.

  Returns:
    A `table_layout.Table`. Of each share the first row is the paper's. Where
    our pretraining is the paper's, it has no rows of its own.
  """
  usual = dict(config_checks.flatten(config.recipe))
  pretraining, classifier = (
    {
      f'{run}.{key}': value
      for key, value in config_checks.flatten(config.expression[run])
      if f'{run}.{key}' not in usual or usual[f'{run}.{key}'] != value
    }
    for run in ('pretrain', 'finetune')
  )
  pretrained = {"the paper's pretraining": {}}
  if pretraining:
    pretrained['our pretraining'] = pretraining
  begun = pretrained | {'from scratch': {'init': 'scratch'}}
  read = {"the paper's classifier": {}, 'our classifier': classifier}
  rows, with_all = [], None
  for share in config.expression.labelled_fractions:
    if share == 1:
      with_all = len(rows)
    rows += _of_share(config, share, begun, read, first=len(rows))
  return Table(
    'expression',
    "The expression under the person: the paper's recipe and ours",
    rows,
    tuple(_readings(list(pretrained), number=len(rows), with_all=with_all)),
    notes=(
      'Shares are of the labels of the training people. A row stands against '
      "the paper's pretraining and classifier with as many labels, LBP-TOP "
      'against them with all labels; the probes, which read frozen encoders '
      "and have all labels, against the linear probe of the paper's encoder.",
      f'Pretrainings have {config.recipe.pretrain.num_epochs} epochs. '
      'Folds, seeds, labelled videos and steps of fine-tuning are the same in '
      'all rows of a share.',
      'A change from the first frame on takes for granted that videos begin '
      'at rest; the audit of a pretraining says where they do not.',
    ),
    beyond_paper=(
      *_differences('our pretraining', pretraining),
      *_differences('our classifier', classifier),
    ),
  )


def _differences(name, changes):
  """Says what of ours is not the paper's."""
  changed = [
    f'{key.partition(".")[2]}={value}' for key, value in changes.items()
  ]
  return [f'{name} has {", ".join(changed)}'] if changed else []


def _of_share(config, share, begun, read, *, first):
  """The rows of a share of the labels; `first` is the index of the paper's."""
  percent = f'{100 * share:g}'
  rows = []
  for reader, after in read.items():
    for beginning, before in begun.items():
      rows.append(
        Row(
          f'{percent} %: {beginning}, {reader}',
          {'data.labelled_fraction': share} | before | after,
          draws=tuple(config.rows.labelled_draws) if share < 1 else (0,),
          against=first if rows else None,
          published=None if rows else paper.BY_SHARE.get(f'{percent}%'),
        )
      )
  return rows


def _readings(beginnings, *, number, with_all):
  """LBP-TOP and the probes of each encoder, below as many rows as `number`."""
  titles = baseline_methods.TITLES
  yield Reading(titles[_LBP], _LBP, against=with_all)
  first = number + 1
  for i, beginning in enumerate(beginnings):
    for j, method in enumerate(_FROZEN):
      yield Reading(
        f'{titles[method]} ({beginning})',
        method,
        encoder_of=i,
        against=first if i or j else None,
      )
