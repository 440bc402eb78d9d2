"""Notices for the reader of a run whose figures are no findings.

Words are no part of a config: told otherwise, a run is still the same run.
"""

from stclr_jax import oulu_casia
from stclr_jax import programs
from stclr_jax.evaluation import protocol
from stclr_jax.runs import provenance

DEMO = (
  'This is the demo: a small encoder and, unless you name others, drawn faces, '
  'to show that everything runs. Its figures say nothing about Oulu-CASIA.\n'
  "The paper's recipe: {training} --config=configs/{recipe}"
)
SMOKE = (
  'SMOKE RUN: a few epochs of a tiny encoder on drawn faces, to see whether '
  'everything runs. No figure of it means anything.'
)
DRAWN = 'These faces are drawn. Figures on them say nothing about Oulu-CASIA.'
FACES_SHOWN = (
  'People can be recognised on this page, because --with_faces asked for it: '
  'who may see their videos may see it.'
)
# A page is passed on more easily than the videos it is of.
FACES_LEFT_OUT = (
  'Pictures on which people could be recognised are left out; --with_faces '
  '{how}.'
)


def notice(config):
  """Says how a run's figures must not be read.

  Args:
    config: of a workflow, with `workflow`, `preset` and `data.name`; of a
      reproduction with `recipe.data.name` and `table`.

  Returns:
    Lines for the terminal and for the head of a report; '' where there is
    nothing to say.
  """
  beyond = protocol.describe_beyond(
    (*provenance.beyond_paper(config), *_read_beyond(config))
  )
  return '\n'.join([*beyond, *_of_data(config)])


def faces(drawn, with_faces, how):
  """Says whether people can be recognised in what was made of videos.

  Args:
    drawn: whether their faces are drawn.
    with_faces: whether the user has asked to see people.
    how: goes on after '--with_faces' where they have not.

  Returns:
    A sentence; '' where there is nobody to recognise.
  """
  if drawn:
    return ''
  return FACES_SHOWN if with_faces else FACES_LEFT_OUT.format(how=how)


def _read_beyond(config):
  """Words for what a classifier reads besides the clip; none for the paper's.

  Where a number comes of it, its protocol says so with the view.
  """
  if config.workflow != 'finetune' or config.classifier.input == 'clip':
    return ()
  beside = (
    'the clip and its change'
    if config.classifier.input == 'both'
    else (config.classifier.input.replace('_', ' '))
  )
  return (f'the classifier reads {beside}',)


def _of_data(config):
  """Lines on what the figures are of."""
  if config.preset == 'smoke':
    return [SMOKE]
  if config.preset == 'demo':
    recipe = f'{config.workflow}.py:paper'
    if config.workflow == 'reproduce':
      recipe = f'reproduce.py:{config.table},paper'
    return [DEMO.format(training=programs.training(), recipe=recipe)]
  # Else the name of an import, which may not begin so, or of Oulu-CASIA.
  data = config.recipe.data if 'recipe' in config else config.data
  drawn = oulu_casia.family(data.name) == oulu_casia.DRAWN
  return [DRAWN] if drawn else []
