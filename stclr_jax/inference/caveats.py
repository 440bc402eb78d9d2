"""Sentences that must stand beside whatever a network says."""

from stclr_jax.models import heads

NOT_FELT = 'It names the expression shown, not the emotion felt.'
# Its videos, and so the drawn ones, begin at rest and end at the apex.
_FROM_REST = 'oulu_casia'
_NOT_HELD = (
  'Its videos went from rest to the apex: an expression that is held, or '
  'fades, was never shown to it, and may be named as another.'
)
_NEUTRAL = ('neutral', 'rest', 'calm', 'none', 'no_expression')


def of_network(trained):
  """Says what a trained network cannot know.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    A tuple of sentences.
  """
  found = []
  facts = trained.trained_on
  if trained.labels is not None:
    found.append(NOT_FELT)
    if not has_neutral(trained.labels):
      found.append(
        'It has no neutral class: a face at rest is given one of '
        f'{", ".join(trained.labels)} as well.'
      )
    shown = facts.labels_trained or trained.labels
    if missing := [name for name in trained.labels if name not in shown]:
      found.append(
        f'No video trained on shows {", ".join(missing)}, so that it cannot '
        'name that.'
      )
    if facts.synthetic or facts.data.partition(':')[0] == _FROM_REST:
      found.append(_NOT_HELD)
    if trained.rest == heads.PERSON_MEAN:
      found.append(
        'It compares with the mean over the windows of a face in a recording, '
        'which is that face at rest only if they show all expressions about '
        'equally.'
      )
    elif trained.input != 'clip':
      found.append(
        'It compares with the first frame of each window, as if the face were '
        'at rest there.'
      )
    if trained.calibration is None:
      found.append(
        'Its confidence is not calibrated: 0.8 need not be right 8 times of '
        '10. Fine-tune with --config.selection=inner_validation, where other '
        'people calibrate it.'
      )
  if facts.synthetic:
    found.append(
      f'It was trained on drawn faces alone ({facts.data}): of real ones it '
      'knows nothing.'
    )
  return tuple(found)


def has_neutral(labels):
  """Says whether one of some classes is a face without expression."""
  return any(label.strip().lower() in _NEUTRAL for label in labels)
