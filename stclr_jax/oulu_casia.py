"""Names of Oulu-CASIA, and of the drawn set in its shape: classes, lights.

For all rooms, as `errors` is. People of both are called P001 to P080 for good.
"""

# No name of another data set begins with one of these.
LICENSED, DRAWN = FAMILIES = ('oulu_casia', 'synthetic')
# Configs of the builder; a licensed one of the user's own is oulu_casia_...
DRAWN_SETS = ('synthetic', 'synthetic_demo')
BUILT_SETS = (LICENSED, *DRAWN_SETS)

NUM_PEOPLE = 80
# Zhao et al. 2011; the drawn set moves at the same rate.
FPS = 25.0
EXPRESSIONS = ('Anger', 'Disgust', 'Fear', 'Happiness', 'Sadness', 'Surprise')
# The configs' default condition, and the one that the builder draws.
DEFAULT_CONDITION = 'vl_strong'
DRAWN_CONDITIONS = (DEFAULT_CONDITION, 'vl_weak', 'vl_dark', 'ni_strong')
CROPPED = '_cropped'  # ends a condition whose faces its authors cut out


def family(name):
  """Finds the family of a data set.

  Args:
    name: such as 'oulu_casia:vl_strong' or 'synthetic_demo'.

  Returns:
    One of FAMILIES; None for a data set of other people.
  """
  name = f'{name.partition(":")[0]}_'
  return next((one for one in FAMILIES if name.startswith(f'{one}_')), None)


def is_built(name):
  """Says whether the builder makes a data set of this name.

  Args:
    name: without condition; of a licensed one, also a user's own config.
  """
  return name in DRAWN_SETS or family(name) == LICENSED
