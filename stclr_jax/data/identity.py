"""Who is who: people by their numbers in the data set that numbers them.

A number alone names nobody. Oulu-CASIA and the drawn faces number their people
for good, alike in every condition; an imported data set numbers its people
from 1, and anew whenever it is imported.
"""

import dataclasses

from stclr_jax.data import folds

# Their names begin so; no imported data set's may (`imported.RESERVED`).
NUMBERED_FOR_GOOD = ('oulu_casia', 'synthetic')


@dataclasses.dataclass(frozen=True)
class People:
  """People whose videos something was trained on.

  Attributes:
    data: the data set that numbers them, such as 'oulu_casia:vl_strong'; ''
      for nobody.
    numbers: theirs in it.
    listing: `hash_people` of the data set at that time; None where it was not
      noted, as by earlier versions.
  """

  data: str
  numbers: frozenset[int]
  listing: str | None

  def among(self, store):
    """Returns the numbers that these people have in a data set.

    Args:
      store: a `VideoStore`; see `renumbered_in` for one that was imported
        anew.

    Returns:
      A set of ints; empty if the data set is of other people.
    """
    return set(self.numbers) if same_people(self.data, store.name) else set()

  def renumbered_in(self, store):
    """Whether a data set is theirs, but numbers people anew.

    Args:
      store: a `VideoStore`.

    Returns:
      Whether it was imported again with other videos or people, so that
      nobody can tell who these people are in it.
    """
    return (
      self.listing is not None
      and same_people(self.data, store.name)
      and not self.data.startswith(NUMBERED_FOR_GOOD)
      and self.listing != hash_people(store)
    )


def trained_on(notes):
  """Returns the `People` that a checkpoint was trained on, by its notes."""
  return People(
    notes['data'],
    frozenset(notes['subjects_seen']),
    notes.get('people_hash'),
  )


def pretrained_on(notes):
  """Returns the `People` that a fine-tuned encoder was pretrained on.

  Args:
    notes: of the fine-tuning's checkpoint. Those of earlier versions do not
      name the data, which then counts as the fine-tuning's own.
  """
  return People(
    notes.get('data_pretrained', notes['data']),
    frozenset(notes['subjects_pretrained']),
    notes.get('people_hash_pretrained'),
  )


def same_people(name, other):
  """Whether a number stands for the same person in two data sets.

  Args:
    name: such as 'oulu_casia:vl_strong'.
    other: another.

  Returns:
    Whether both are conditions, or sizes, of one set.
  """
  first, second = (
    next(
      (family for family in NUMBERED_FOR_GOOD if one.startswith(family)),
      one.partition(':')[0],
    )
    for one in (name, other)
  )
  return first == second


def hash_people(store):
  """Fingerprint of who is in which video, whatever the labels.

  Args:
    store: a `VideoStore`.

  Returns:
    SHA-256 in hexadecimal of a line 'id TAB person' a video, sorted.
  """
  return folds.hash_ids(
    f'{video}\t{int(person)}'
    for video, person in zip(store.video_id, store.subject, strict=True)
  )
