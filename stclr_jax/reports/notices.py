"""Notices for the reader of a run whose figures are no findings.

Words are no part of a config: told otherwise, a run is still the same run.
"""

from stclr_jax import oulu_casia
from stclr_jax.evaluation import protocol
from stclr_jax.runs import provenance

DEMO = (
  'This is the demo: a small encoder and, unless you name others, drawn faces, '
  'to show that everything runs. Its figures say nothing about Oulu-CASIA.\n'
  "The paper's recipe: python main.py --config=configs/{recipe}"
)
SMOKE = (
  'SMOKE RUN: a few epochs of a tiny encoder on drawn faces, to see whether '
  'everything runs. No figure of it means anything.'
)
DRAWN = 'These faces are drawn. Figures on them say nothing about Oulu-CASIA.'


def notice(config):
  """Says how a run's figures must not be read.

  Args:
    config: of a workflow, with `workflow`, `preset` and `data.name`; of a
      reproduction with `recipe.data.name` and `table`.

  Returns:
    Lines for the terminal and for the head of a report; '' where there is
    nothing to say.
  """
  beyond = protocol.describe_beyond(provenance.beyond_paper(config))
  return '\n'.join([*beyond, *_of_data(config)])


def _of_data(config):
  """Lines on what the figures are of."""
  if config.preset == 'smoke':
    return [SMOKE]
  if config.preset == 'demo':
    recipe = f'{config.workflow}.py:paper'
    if config.workflow == 'reproduce':
      recipe = f'reproduce.py:{config.table},paper'
    return [DEMO.format(recipe=recipe)]
  # Else the name of an import, which may not begin so, or of Oulu-CASIA.
  data = config.recipe.data if 'recipe' in config else config.data
  drawn = oulu_casia.family(data.name) == oulu_casia.DRAWN
  return [DRAWN] if drawn else []
