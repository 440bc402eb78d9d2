"""The pictures of a report, drawn from finished runs."""

import json
import pathlib
import shutil

from stclr_jax.evaluation import figures


def save(workdir, headline, summary):
  """Draws what a report shows of the run that stands first in it.

  Args:
    workdir: path of a reproduction's tree; figures go to its `figures/`.
    headline: folder of the fine-tunings, with `fold_*/`.
    summary: pooled, of all folds.

  Returns:
    A dict of paths: 'confusion'; 'views', a list; 'curves', a list of (fold,
    path).
  """
  directory = pathlib.Path(workdir) / 'figures'
  folds = sorted(pathlib.Path(headline).glob('fold_*'), key=lambda p: p.name)
  confusion = directory / 'figure6.png'
  figures.save_confusion_matrix(
    confusion,
    summary['confusion'],
    summary['labels'],
    title=f'{summary["data"]}: {summary["correct"]} of {summary["total"]} '
    'videos',
  )
  curves = []
  for fold in folds:
    path = directory / f'curves_{fold.name}.png'
    _save_finetuning_curves(path, fold)
    curves.append((fold.name.removeprefix('fold_'), path))
  begun = json.loads((folds[0] / 'config.json').read_text())['init_from']
  views = []
  if begun:
    for found in sorted(pathlib.Path(begun).glob('figures/views_*.png'))[:2]:
      views.append(directory / found.name)
      shutil.copyfile(found, views[-1])
    path = directory / 'curves_pretraining.png'
    shutil.copyfile(pathlib.Path(begun) / 'figures' / 'pretraining.png', path)
    curves.insert(0, ('0, pretraining', path))
  return {'confusion': confusion, 'views': views, 'curves': curves}


def _save_finetuning_curves(path, workdir):
  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  lines = [json.loads(line) for line in lines]
  curves = []
  for name in ('loss', 'accuracy', 'oracle_test_correct'):
    points = [(line['epoch'], line[name]) for line in lines if name in line]
    if points:
      curves.append((name, *zip(*points, strict=True), None))
  figures.save_curves(
    path, curves, title='Fine-tuning (the oracle is looked at, not used)'
  )
