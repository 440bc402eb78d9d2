"""Trained under one light, tested under another: all pairs, the same folds.

A data set such as Oulu-CASIA shows the same performances in several
conditions. Each condition's fold is pretrained and fine-tuned once, then
tested on the fold's people in every condition. All runs are resumable ones in
one tree:

    train_vl_strong/fold_0/{pretrain,finetune}
    train_vl_strong_test_ni_strong/fold_0

`python -m stclr_jax.compare` takes two of the latter, without the fold.
"""

import copy
import pathlib

from stclr_jax.errors import UserError
from stclr_jax.experiments import pooling
from stclr_jax.experiments import recipe_runs
from stclr_jax.files import whole
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import workdirs
from stclr_jax.workflows import evaluate

TABLE = 'conditions.json'


def run(recipe, evaluation, workdir, *, conditions, folds):
  """Trains under each condition and tests under all.

  Args:
    recipe: as `configs/crossval.py` gives it; conditions and folds are set
      here.
    evaluation: as `configs/evaluate.py` gives it, but for its data, classifier
      and `people_seen`, which are set here.
    workdir: path of the tree; finished runs in it are not run again.
    conditions: splits of the data set, such as ('vl_strong', 'ni_strong').
    folds: which folds to run.

  Returns:
    A JSON-able dict, also written to `conditions.json`: 'conditions', 'folds'
    (all that are finished in every cell), 'synthetic', 'data', 'protocol' (a
    line), and 'cells': by the condition trained under, by the one tested
    under, the fields of a `comparison.Accuracy` over the folds' pooled videos.

  Raises:
    ValueError: if there is no condition, or none of a name in the data, before
      anything is trained; or a run refuses its config.
  """
  if not conditions or len(set(conditions)) < len(conditions):
    raise UserError(
      f'`conditions` (={tuple(conditions)}) must name each split of the data '
      "once, and at least one, such as ('vl_strong', 'ni_strong')."
    )
  recipes = {name: _under(recipe, name) for name in conditions}
  for one in recipes.values():
    build.check_videos(one.data)
  workdir = pathlib.Path(workdir).absolute()  # runs can go on from elsewhere
  for trained, one in recipes.items():
    for fold in folds:
      _train(one, workdir / f'train_{trained}', fold)
    # Light by light, so that each is read once for all folds.
    for tested in conditions:
      for fold in folds:
        print(f'\nFold {fold}: trained under {trained}, tested under {tested}')
        classifier = workdir / f'train_{trained}' / f'fold_{fold}' / 'finetune'
        evaluate.run(
          _evaluation_config(evaluation, recipes[tested], classifier),
          _cell_dir(workdir, trained, tested) / f'fold_{fold}',
        )
  with owners.in_turn(workdir):
    return _make_table(recipe, workdir, conditions)


def _make_table(recipe, workdir, conditions):
  """Makes the table of all folds that are finished in every cell."""
  cells = {
    (trained, tested): _cell_dir(workdir, trained, tested)
    for trained in conditions
    for tested in conditions
  }
  done = recipe_runs.finished_folds(cells.values())
  last = workdirs.read_summary(next(iter(cells.values())) / f'fold_{done[0]}')
  found = {
    cell: pooling.pool_predictions([folder / f'fold_{fold}' for fold in done])
    for cell, folder in cells.items()
  }
  table = {
    'conditions': list(conditions),
    'folds': done,
    'data': recipe.data.name,
    'synthetic': last['synthetic'],
    'protocol': _protocol(recipe, last, done),
    'cells': {
      trained: {tested: found[trained, tested].summary for tested in conditions}
      for trained in conditions
    },
  }
  workdirs.write_json(workdir / TABLE, table)
  whole.write_text(workdir / 'conditions.md', describe(table) + '\n')
  return table


def describe(table):
  """Returns the table as Markdown, with its protocol.

  Args:
    table: as `run` returns it.

  Returns:
    Lines of text.
  """
  conditions = table['conditions']
  drawn = ' (drawn faces, not Oulu-CASIA)' if table['synthetic'] else ''
  lines = [
    f'{table["data"]}{drawn}: rows trained under, columns tested under; '
    'correct/total, accuracy, 95 % interval over people.',
    '',
    '| trained \\ tested | ' + ' | '.join(conditions) + ' |',
    '|---' * (len(conditions) + 1) + '|',
  ]
  for trained in conditions:
    cells = [
      f'{cell["correct"]}/{cell["total"]} = {cell["accuracy"]:.1%} '
      f'({cell["by_people"]["low"]:.1%} to {cell["by_people"]["high"]:.1%})'
      for cell in (table['cells'][trained][tested] for tested in conditions)
    ]
    lines.append(f'| {trained} | ' + ' | '.join(cells) + ' |')
  return '\n'.join([*lines, '', table['protocol']])


def _under(recipe, condition):
  """Returns the recipe for one light."""
  recipe = copy.deepcopy(recipe)
  recipe.data.split = condition
  return recipe


def _train(recipe, workdir, fold):
  held_out = recipe_runs.pretraining_fold(recipe, fold)
  recipe_runs.run_fold(
    recipe,
    fold,
    pretraining=workdir / f'fold_{held_out}' / 'pretrain',
    finetuning=workdir / f'fold_{fold}' / 'finetune',
  )


def _evaluation_config(evaluation, recipe, classifier):
  config = copy.deepcopy(evaluation)
  with config.unlocked():
    config.data = copy.deepcopy(recipe.data)
    config.classifier = str(classifier)
    config.people_seen = 'drop'  # what is left is the fold's test people
  return config


def _cell_dir(workdir, trained, tested):
  return workdir / f'train_{trained}_test_{tested}'


def _protocol(recipe, summary, folds):
  scope = (
    f'pretrained under the same condition ({recipe.pretrain_scope})'
    if recipe_runs.has_pretraining(recipe)
    else f'init {recipe.init}'
  )
  return (
    f'Folds {", ".join(map(str, folds))} of {recipe.data.num_folds} by person, '
    f'{recipe.data.fold_assignment}, the same people in every condition; '
    f'{scope}; last epoch; {summary["protocol"]["view"]}; seed {recipe.seed}.'
  )
