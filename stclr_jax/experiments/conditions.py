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
import dataclasses
import pathlib

import ml_collections

from stclr_jax.errors import UserError
from stclr_jax.evaluation.comparison import Accuracy
from stclr_jax.experiments import recipe_runs
from stclr_jax.experiments.finished import pooling
from stclr_jax.files import json_records
from stclr_jax.files import whole
from stclr_jax.reports import text_table
from stclr_jax.runs import owners
from stclr_jax.runs import run_videos
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.workflows import evaluate


@dataclasses.dataclass(frozen=True)
class ConditionsTable(json_records.Record):
  """Accuracies by the condition trained under and the one tested under.

  Attributes:
    conditions: names of the splits.
    folds: all that are finished in every cell.
    data: name of the data set, without the split.
    synthetic: whether its faces are drawn.
    protocol: a line.
    cells: by the condition trained under, by the one tested under, the
      `Accuracy` over the folds' pooled videos.
  """

  conditions: tuple[str, ...]
  folds: tuple[int, ...]
  data: str
  synthetic: bool
  protocol: str
  cells: dict[str, dict[str, Accuracy]]

  def describe(self):
    """Returns the table as Markdown, with its protocol."""
    drawn = ' (drawn faces, not Oulu-CASIA)' if self.synthetic else ''
    rows = [
      (
        trained,
        *(
          f'{cell.correct}/{cell.total} = {cell.accuracy:.1%} '
          f'({cell.by_people.low:.1%} to {cell.by_people.high:.1%})'
          for cell in (self.cells[trained][one] for one in self.conditions)
        ),
      )
      for trained in self.conditions
    ]
    return '\n'.join(
      [
        f'{self.data}{drawn}: rows trained under, columns tested under; '
        'correct/total, accuracy, 95 % interval over people.',
        '',
        *text_table.to_markdown(('trained \\ tested', *self.conditions), rows),
        '',
        self.protocol,
      ]
    )


def run(recipe, workdir, *, conditions, folds, batch_size, stores=None):
  """Trains under each condition and tests under all.

  Args:
    recipe: see `recipe_runs`; conditions and folds are set here.
    workdir: path of the tree; finished runs in it are not run again.
    conditions: splits of the data set, such as ('vl_strong', 'ni_strong').
    folds: which folds to run.
    batch_size: videos tested at a time.
    stores: by condition, the `VideoStore` to read in place of the recipe's.

  Returns:
    A `ConditionsTable`, also written to `conditions.json`.

  Raises:
    UserError: if there is no condition, or none of a name in the data, before
      anything is trained; or a run refuses its config.
  """
  if not conditions or len(set(conditions)) < len(conditions):
    raise UserError(
      f'`conditions` (={tuple(conditions)}) must name each split of the data '
      "once, and at least one, such as ('vl_strong', 'ni_strong')."
    )
  recipes = {name: _under(recipe, name) for name in conditions}
  stores = stores or {}
  for name, one in recipes.items():
    if name not in stores:
      run_videos.check_videos(one.data)
  workdir = pathlib.Path(workdir).absolute()  # runs can go on from elsewhere
  for trained, one in recipes.items():
    tree = _tree(workdir, trained)
    for fold in folds:
      recipe_runs.run_fold(
        one,
        fold,
        pretraining=recipe_runs.pretraining_dir(one, fold, tree, 'pretrain'),
        finetuning=workdirs.fold_dir(tree, fold, 'finetune'),
        store=stores.get(trained),
      )
    # Light by light, so that each is read once for all folds.
    for tested in conditions:
      for fold in folds:
        print(f'\nFold {fold}: trained under {trained}, tested under {tested}')
        evaluate.run(
          evaluation_config(
            recipes[tested],
            workdirs.fold_dir(tree, fold, 'finetune'),
            batch_size,
          ),
          workdirs.fold_dir(_tree(workdir, trained, tested), fold),
          store=stores.get(tested),
        )
  with owners.in_turn(workdir):
    return _make_table(recipe, workdir, conditions)


def read(workdir):
  """Reads the table that `run` wrote.

  Args:
    workdir: path of the tree.

  Returns:
    A `ConditionsTable`; None if there is none.
  """
  path = pathlib.Path(workdir, workdirs.CONDITIONS)
  if not path.exists():
    return None
  return json_records.read(path, ConditionsTable, remedy=workdirs.RUN_ANEW)


def _make_table(recipe, workdir, conditions):
  """Makes the table of all folds that are finished in every cell."""
  trees = {
    (trained, tested): _tree(workdir, trained, tested)
    for trained in conditions
    for tested in conditions
  }
  done = recipe_runs.finished_folds(trees.values())
  first = workdirs.fold_dir(next(iter(trees.values())), done[0])
  found = summaries.read(first, summaries.EvaluateSummary)
  pooled = {
    cell: pooling.pool_predictions(
      [workdirs.fold_dir(tree, fold) for fold in done]
    )
    for cell, tree in trees.items()
  }
  table = ConditionsTable(
    conditions=tuple(conditions),
    folds=tuple(done),
    data=recipe.data.name,
    synthetic=found.synthetic,
    protocol=_describe_protocol(recipe, found.protocol.view, done),
    cells={
      trained: {one: pooled[trained, one].accuracy for one in conditions}
      for trained in conditions
    },
  )
  json_records.write(workdir / workdirs.CONDITIONS, table)
  whole.write_text(workdir / workdirs.CONDITIONS_TEXT, table.describe() + '\n')
  return table


def _under(recipe, condition):
  """Returns the recipe for one light."""
  recipe = copy.deepcopy(recipe)
  recipe.data.split = condition
  return recipe


def evaluation_config(recipe, classifier, batch_size):
  """Makes the config by which a light is tested.

  Args:
    recipe: see `recipe_runs`, of the light.
    classifier: workdir of the fine-tuning.
    batch_size: videos at a time.

  Returns:
    As `configs/evaluate.py` gives it.
  """
  read = [one.name for one in dataclasses.fields(run_videos.DataOptions)]
  return ml_collections.ConfigDict(
    {
      'workflow': 'evaluate',
      'preset': recipe.preset,
      'classifier': str(classifier),
      'people_seen': 'drop',  # what is left is the fold's test people
      'label_map': '',
      'batch_size': batch_size,
      'data': {key: recipe.data[key] for key in (*read, 'same_names')},
    }
  )


def _tree(workdir, trained, tested=None):
  """The folder of the folds of a condition, or of a pair of conditions."""
  test = '' if tested is None else f'_test_{tested}'
  return workdir / f'train_{trained}{test}'


def _describe_protocol(recipe, view, folds):
  scope = (
    f'pretrained under the same condition ({recipe.pretrain_scope})'
    if recipe_runs.has_pretraining(recipe)
    else f'init {recipe.init}'
  )
  return (
    f'Folds {", ".join(map(str, folds))} of {recipe.data.num_folds} by person, '
    f'{recipe.data.fold_assignment}, the same people in every condition; '
    f'{scope}; last epoch; {view}; seed {recipe.seed}.'
  )
