"""The runs that a recipe is made of: a pretraining and a fine-tuning a fold.

A recipe is the config of a cross-validation, `configs/crossval.py`.
"""

import copy
import hashlib
import json
import pathlib

import ml_collections

from stclr_jax.runs import build
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain

# Settings that change nothing of what a run finds, and those of its data.
_NO_MATTER = ('preset',)
_NO_MATTER_OF_DATA = ('data_dir', *workdirs.WITHOUT_EFFECT)


def pretrain_config(recipe, fold):
  """Makes the config of a recipe's pretraining.

  Args:
    recipe: a ConfigDict.
    fold: which one is held out.

  Returns:
    As `configs/pretrain.py` gives it.
  """
  config = _stage_config(recipe, 'pretrain', fold)
  # Pretraining knows no labels, so it is the same whatever share is known.
  for name in ('labelled_fraction', 'labelled_unit', 'labelled_draw'):
    del config.data[name]
  if recipe.pretrain_scope == 'all_unlabelled':
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
  config = _stage_config(recipe, 'finetune', fold)
  config.init = recipe.init
  config.init_weights = recipe.init_weights
  # Absolute: a run can be resumed from another folder.
  config.init_from = (
    str(pathlib.Path(init_from).absolute()) if init_from else ''
  )
  config.selection = selection
  return config


def pretraining_fold(recipe, fold):
  """Says which fold's pretraining a fold uses.

  Args:
    recipe: a ConfigDict.
    fold: which one is tested.

  Returns:
    Its own number; where everybody is pretrained on, the same for all folds.
  """
  return pretrain_config(recipe, fold).data.fold


def has_pretraining(recipe):
  """Whether a recipe begins with a pretraining of its own."""
  return recipe.init == 'pretrained'


def run_fold(recipe, fold, *, pretraining, finetuning):
  """Pretrains, unless the recipe does not, and fine-tunes and tests.

  Args:
    recipe: a ConfigDict.
    fold: which one is tested.
    pretraining: workdir of the pretraining; no matter without one.
    finetuning: workdir of the fine-tuning.
  """
  if has_pretraining(recipe):
    run(pretrain_config(recipe, fold), pretraining)
  else:
    pretraining = None
  run(finetune_config(recipe, fold, init_from=pretraining), finetuning)


def run(config, workdir):
  """Runs a stage, unless it is finished.

  Args:
    config: of `pretrain_config` or `finetune_config`.
    workdir: path.

  Returns:
    Its summary.
  """
  # Not even opened when finished: its data need not be there any more.
  if (summary := workdirs.read_summary(workdir)) is not None:
    return summary
  workflow = {'pretrain': pretrain, 'finetune': finetune}[config.workflow]
  print(f'--- {workdir}', flush=True)
  return workflow.run(config, workdir)


def check_folds(recipe, folds, *, validation=False):
  """Refuses folds that have nothing to learn, before any of them is run.

  Args:
    recipe: a ConfigDict.
    folds: their numbers.
    validation: whether the next fold's people are left out of training, too.

  Raises:
    ValueError: if all labelled training videos of a fold are of one class.
  """
  if not folds:
    return
  store = build.load_videos(recipe.data)
  dealt = build.make_folds(store, recipe.data)
  for fold in folds:
    class_checks.check_trained(
      store,
      dealt.fold(fold, validation=validation).train,
      where=f'of fold {fold}',
    )


def finished_folds(folders):
  """Lists the folds that are finished in each of some folders.

  Args:
    folders: paths, each with `fold_N/summary.json` where fold N is finished,
      in whichever call or on whichever machine.

  Returns:
    A sorted list of ints.
  """
  finished = [
    {
      int(path.parent.name.removeprefix('fold_'))
      for path in pathlib.Path(folder).glob(f'fold_*/{workdirs.SUMMARY}')
    }
    for folder in folders
  ]
  return sorted(set.intersection(*finished))


def address(*configs):
  """Fingerprint of what a run is, for the name of its folder.

  Args:
    *configs: ConfigDicts.

  Returns:
    Ten hexadecimal digits, the same for runs that find the same.
  """
  kept = []
  for config in configs:
    described = workdirs.as_json(config)
    for name in _NO_MATTER:
      described.pop(name, None)
    for name in _NO_MATTER_OF_DATA:
      described['data'].pop(name, None)
    kept.append(described)
  text = json.dumps(kept, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:10]


def _stage_config(recipe, stage, fold):
  config = ml_collections.ConfigDict(copy.deepcopy(recipe[stage].to_dict()))
  config.workflow = stage
  config.preset = recipe.preset
  for name in ('seed', 'pretrain_scope'):
    config[name] = recipe[name]
  for name in ('data', 'encoder', 'batch_norm'):
    config[name] = ml_collections.ConfigDict(recipe[name].to_dict())
  config.data.fold = fold
  return config
