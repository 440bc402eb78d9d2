"""Classes that a run cannot learn or be tested on: refused or said, not hidden.

A classifier of one class is always right, and one that was never shown a class
is always wrong about it; neither says anything of a network.
"""

import numpy as np

from stclr_jax.data import folds
from stclr_jax.errors import UserError

_SHOWN = 6  # names that a line lists


def check_trained(store, trained, *, where):
  """Refuses to train a classifier that has nothing to tell apart.

  Args:
    store: a `VideoStore`.
    trained: labelled training videos, int [n].
    where: names the training videos, such as 'of fold 0'.

  Raises:
    ValueError: unless they are of at least two classes.
  """
  if len(shown := names(store, trained)) < 2:
    only = f'all are {shown[0]!r}' if shown else 'there is none'
    raise UserError(
      f'The {len(trained)} labelled training videos {where} must be of at '
      f'least two classes, and {only}, so that there is nothing to tell apart. '
      'Import videos of other classes as well, or deal other folds '
      "(--config.data.num_folds, --config.data.fold_assignment='shuffled')."
    )


def can_tell_apart(store, videos):
  """Says whether labelled videos show two people and two classes at least.

  Neighbours of other people can only then be right or wrong.

  Args:
    store: a `VideoStore`.
    videos: labelled ones, int [n].
  """
  people = np.unique(store.subject[videos])
  return len(people) > 1 and len(names(store, videos)) > 1


def remarks(store, *, trained, tested):
  """Says which classes a figure is silent or hopeless about.

  Args:
    store: a `VideoStore`.
    trained: labelled training videos, int [n].
    tested: test videos, int [m].

  Returns:
    Sentences, none where every class is trained and tested.
  """
  known, asked = names(store, trained), names(store, tested)
  said = []
  if lost := untrained(store, known, tested):
    number = sum(lost.values())
    said.append(
      f'No training video shows {_listing(lost)}, so that {number} of the '
      f'{len(tested)} test videos cannot be named rightly: at most '
      f'{1 - number / len(tested):.1%} can be.'
    )
  if missing := [name for name in known if name not in asked]:
    said.append(
      f'No test video shows {_listing(missing)}: nothing here says how well '
      'it is recognised, and the average recall leaves it out.'
    )
  nowhere = [n for n in store.label_names if n not in (*known, *asked)]
  if nowhere:
    said.append(
      f'No training or test video shows {_listing(nowhere)}, which chance '
      'counts as a class all the same.'
    )
  return said


def untrained(store, known, tested):
  """Counts test videos of classes that nobody who is trained on shows.

  Args:
    store: a `VideoStore`.
    known: names of the classes that training videos show.
    tested: test videos, int [m].

  Returns:
    A dict: how many, by class; without classes that have none.
  """
  shown = [store.label_names[i] for i in store.label[tested]]
  return {
    name: shown.count(name)
    for name in store.label_names
    if name in shown and name not in known
  }


def remarks_over_folds(summaries):
  """Says in how many folds classes are tested that were never trained.

  That a fold tests no video of a class is nothing to say: others do.

  Args:
    summaries: `FinetuneSummary`s, one a fold.

  Returns:
    Sentences, none where every class tested was trained.
  """
  lost = {
    summary.fold: summary.untrained
    for summary in summaries
    if summary.untrained
  }
  if not lost:
    return []
  number = sum(sum(counts.values()) for counts in lost.values())
  total = sum(summary.total for summary in summaries)
  shown = sorted({name for counts in lost.values() for name in counts})
  return [
    f'In {len(lost)} of {len(summaries)} folds (such as fold {min(lost)}) '
    f'nobody who is trained on shows {_listing(shown)}: {number} of the '
    f'{total} test videos cannot be named rightly.'
  ]


def names(store, videos):
  """Lists the classes of some videos.

  Args:
    store: a `VideoStore`.
    videos: which, int [n].

  Returns:
    A list of names, in the order of the classes.
  """
  found = np.unique(store.label[videos])
  return [store.label_names[i] for i in found if i != folds.UNLABELLED]


def _listing(names):
  names = list(names)
  shown = ', '.join(repr(name) for name in names[:_SHOWN])
  more = len(names) - _SHOWN
  return f'{shown} and {more} more' if more > 0 else shown
