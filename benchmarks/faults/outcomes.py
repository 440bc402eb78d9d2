"""The outcome of a run: what it has come to, and where two of them differ."""

import json
import pathlib

import numpy as np
from jax import tree

from stclr_jax.learning.saved import checkpoints
from stclr_jax.runs.training import journal

# Of a summary: what is different each time.
TIMES = ('seconds', 'views_per_second', 'clips_per_second')


def read(workdir):
  """Gathers what a run has come to.

  Args:
    workdir: of a run or of a tree of runs.

  Returns:
    A dict by name, of arrays, lines, figures; see `compare`.
  """
  found = {}
  for summary in sorted(pathlib.Path(workdir).rglob('summary.json')):
    run = summary.parent
    name = run.relative_to(workdir)
    figures = json.loads(summary.read_text())
    found[f'{name} figures'] = {
      key: value for key, value in figures.items() if key not in TIMES
    }
    for file in ('predictions.csv', 'oracle_predictions.csv'):
      if (run / file).exists():
        found[f'{name} {file}'] = (run / file).read_text()
    if (run / journal.METRICS).exists():
      found[f'{name} metrics'] = journal.read_lines(run)
      found[f'{name} state'] = [
        np.asarray(leaf) for leaf in tree.leaves(checkpoints.read(run).state)
      ]
  return found


def compare(found, whole):
  """Compares what a run has come to with what it should have.

  Args:
    found: a dict by name: lists of arrays under names that end in ' state',
      else what JSON can hold.
    whole: the same, of an undisturbed run.

  Returns:
    Where they differ first, in words; '' where they do not.
  """
  for name, expected in whole.items():
    if name not in found:
      return f'{name}: missing'
    same = (
      all(map(np.array_equal, found[name], expected))
      if name.endswith(' state')
      else found[name] == expected
    )
    if not same:
      return f'{name}: differs'
  return ''
