"""People of whom a run cannot compute a mean: refused, by name.

The mean over a person's only video is that video, and nothing is left of it.
"""

import numpy as np

from stclr_jax.data.people import identity
from stclr_jax.errors import UserError


def check_means(store, videos, *, setting, where):
  """Refuses videos whose people's means are no rest to compare with.

  Args:
    store: a `VideoStore`.
    videos: of which each person's mean is taken, int [n].
    setting: what needs it, such as "`classifier.rest` (='person_mean')".
    where: names the videos, such as 'test videos of fold 0'.

  Raises:
    UserError: if somebody has one of these videos, or nobody knows who is in
      any.
  """
  people, number = np.unique(store.subject[videos], return_counts=True)
  alone = people[number == 1]
  if not len(alone):
    return
  if len(np.unique(store.subject)) == store.num_videos:
    raise UserError(
      f'{setting} needs to know who is in a video, and the {store.num_videos} '
      f'videos of {store.name} are, as far as is known, of as many people. Say '
      'who is in which (docs/own_videos.md), or leave the setting out.'
    )
  raise UserError(
    f"{setting} compares a video with the mean over its person's videos, and "
    f'has one of {identity.describe_people(store, alone)} among the {where}: '
    'their mean is the video itself. Each needs two or more; import more, '
    'leave these people out, or leave the setting out.'
  )
