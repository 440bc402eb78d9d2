"""The runs of a recipe: a pretraining and a fine-tuning a fold.

A recipe is what `configs/crossval.py` gives as such: settings that both share,
and those of one under its name.
"""

import hashlib
import json
import pathlib

import ml_collections

from stclr_jax.errors import UserError
from stclr_jax.runs import build
from stclr_jax.runs import run_videos
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain

WORKFLOWS = {'pretrain': pretrain, 'finetune': finetune}
_SHARED = ('preset', 'seed', 'pretrain_scope', 'data', 'encoder', 'batch_norm')
# Of `data`: where it lies and where its frames live changes no run.
_PLACES = ('data_dir', *workdirs.WITHOUT_EFFECT)


def chosen_folds(folds, num_folds):
  """Returns the folds that a config asks for.

  Args:
    folds: `config.folds`: numbers, one number, or () for all of them.
    num_folds: `data.num_folds`.

  Returns:
    A tuple of ints.

  Raises:
    UserError: if there is no such fold.
  """
  folds = (folds,) if isinstance(folds, int) else tuple(folds)
  folds = folds or tuple(range(num_folds))
  for fold in folds:
    if not 0 <= fold < num_folds:
      raise UserError(
        f'`folds` (={folds}) must be of the {num_folds} folds, 0 to '
        f'{num_folds - 1}.'
      )
  return folds


def pretrain_config(recipe, fold):
  """Makes the config of a recipe's pretraining.

  Args:
    recipe: a ConfigDict.
    fold: which one is held out.

  Returns:
    As `configs/pretrain.py` gives it.
  """
  config = _run_config(recipe, 'pretrain', fold)
  # Pretraining knows no labels and tests nobody, so it is the same whatever
  # share is known, and whoever has the same name.
  own = ('labelled_fraction', 'labelled_unit', 'labelled_draw', 'same_names')
  for name in own:
    del config.data[name]
  if sees_everybody(recipe):
    config.data.fold = 0  # the same videos whichever fold is tested
  return config


def finetune_config(recipe, fold, *, init_from, selection='last'):
  """Makes the config of a recipe's fine-tuning.

  Args:
    recipe: a ConfigDict.
    fold: which one is tested.
    init_from: workdir of its pretraining; None without one.
    selection: see `configs/finetune.py`.

  Returns:
    As `configs/finetune.py` gives it.
  """
  config = _run_config(recipe, 'finetune', fold)
  config.init = recipe.init
  config.init_weights = recipe.init_weights
  # Absolute: a run can be resumed from another folder.
  config.init_from = (
    str(pathlib.Path(init_from).absolute()) if init_from else ''
  )
  config.selection = selection
  return config


def has_pretraining(recipe):
  """Says whether a recipe begins with a pretraining of its own."""
  return recipe.init == 'pretrained'


def sees_everybody(recipe):
  """Says whether pretraining takes all videos, and so is one for all folds."""
  return recipe.pretrain_scope == 'all_unlabelled'


def pretraining_dir(recipe, fold, tree, run=''):
  """Says which pretraining a fold uses: its own, or one that fits all folds.

  Whoever pretrains on all videos does the same in every fold. The first to be
  finished then serves all that have none; folds that other machines run at the
  same time get in nobody's way.

  Args:
    recipe: a ConfigDict.
    fold: which one is tested.
    tree: folder of the folds of the pretraining.
    run: the pretraining's folder in that of a fold, '' where it is the same.

  Returns:
    The path of its workdir.
  """
  own = workdirs.fold_dir(tree, fold, run)
  if not sees_everybody(recipe) or summaries.is_finished(own):
    return own
  return min(
    workdirs.folds_with(tree, run).values(),
    key=lambda path: (path / workdirs.SUMMARY).stat().st_mtime,
    default=own,
  )


def run_fold(recipe, fold, *, pretraining, finetuning, store=None):
  """Pretrains, unless the recipe does not, and fine-tunes and tests.

  Args:
    recipe: a ConfigDict.
    fold: which one is tested.
    pretraining: workdir of the pretraining; no matter without one.
    finetuning: workdir of the fine-tuning.
    store: the `VideoStore` to read in place of the recipe's.
  """
  if has_pretraining(recipe):
    run(pretrain_config(recipe, fold), pretraining, store)
  else:
    pretraining = None
  run(finetune_config(recipe, fold, init_from=pretraining), finetuning, store)


def run(config, workdir, store=None):
  """Runs a pretraining or fine-tuning, unless it is finished.

  Args:
    config: of `pretrain_config` or `finetune_config`.
    workdir: path.
    store: the `VideoStore` to read in place of `config.data`'s.
  """
  # Not even opened when finished: its data need not be there any more.
  if not summaries.is_finished(workdir):
    print(f'--- {workdir}', flush=True)
    WORKFLOWS[config.workflow].run(config, workdir, store=store)


def check_folds(recipe, folds, *, validation=False, store=None):
  """Refuses folds that have nothing to learn, before any of them is run.

  Args:
    recipe: a ConfigDict.
    folds: their numbers.
    validation: whether the next fold's people are left out of training, too.
    store: the `VideoStore` to read in place of the recipe's.

  Raises:
    UserError: if all labelled training videos of a fold are of one class, or
      the share of labels that is known leaves a class none.
  """
  if not folds:
    return
  store = store or run_videos.load_videos(recipe.data)
  dealt = build.make_folds(store, recipe.data)
  for fold in folds:
    trained = dealt.fold(fold, validation=validation).train
    class_checks.check_trained(store, trained, where=f'of fold {fold}')
    build.select_labelled(store, trained, recipe.data)


def finished_folds(folders):
  """Lists the folds that are finished in each of some folders.

  Args:
    folders: paths; it does not matter in which call or on which machine a fold
      was finished.

  Returns:
    A sorted list of ints.
  """
  return sorted(
    set.intersection(*(set(workdirs.folds_with(one)) for one in folders))
  )


def address(*configs):
  """Fingerprint of what a run is, for the name of its folder.

  Args:
    *configs: ConfigDicts.

  Returns:
    Ten hexadecimal digits, the same for runs that find the same.
  """
  kept = [workdirs.as_json(config) for config in configs]
  for config in kept:
    config['data'] = {
      name: value
      for name, value in config['data'].items()
      if name not in _PLACES
    }
  text = json.dumps(kept, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:10]


def _run_config(recipe, workflow, fold):
  """Merges settings that both runs share with one's own."""
  written = recipe.to_dict()
  config = ml_collections.ConfigDict(
    {
      **{name: written[name] for name in _SHARED},
      **written[workflow],
      'workflow': workflow,
    }
  )
  config.data.fold = fold
  return config
