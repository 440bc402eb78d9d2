"""Identity of people across data sets: by names, and by recordings.

A number names nobody, as an imported data set numbers its people anew whenever
it is imported, and its own name can be changed. People are known by the names
that they have where their set comes from, and by what their recordings hold.
"""

import dataclasses
import hashlib

import numpy as np

from stclr_jax import oulu_casia
from stclr_jax.data.people import recording_parts
from stclr_jax.data.people import spelling
from stclr_jax.files import json_records

# Values of `data.same_names`.
SAME_NAMES = ('same_people', 'other_people')
_SHOWN = 10  # chosen: names in a message


@dataclasses.dataclass(frozen=True)
class Who:
  """The people in the videos of a data set.

  Attributes:
    name: of each video's person, as the user calls them, n strings.
    named: whether somebody named that person, n booleans; else the name is
      the recording's.
    recordings: of each video, fingerprints of its recording, n tuples.
    space: where the names come from: a recipe, 'oulu_casia', 'synthetic', or
      '' for the user.
  """

  name: tuple[str, ...]
  named: tuple[bool, ...]
  recordings: tuple[tuple[str, ...], ...]
  space: str


@dataclasses.dataclass(frozen=True)
class Seen(json_records.Record):
  """Whom a run was trained on.

  Attributes:
    data: the data set, such as 'oulu_casia:vl_strong'; '' for nobody.
    labels: whether with their labels.
    names: of people whom somebody named.
    unnamed: names of the others' recordings.
    recordings: fingerprints of all theirs.
    space: see `Who`.
  """

  data: str
  labels: bool
  names: frozenset[str] = frozenset()
  unnamed: frozenset[str] = frozenset()
  recordings: frozenset[str] = frozenset()
  space: str = ''

  @property
  def num_people(self):
    """Number of names."""
    return len(self.names | self.unnamed)

  def among(self, store, *, same_names='same_people'):
    """Finds these people in a data set.

    Args:
      store: a `VideoStore`.
      same_names: 'same_people', or 'other_people' where people of other data
        sets may have the same names; their recordings are compared anyway.

    Returns:
      Their numbers in it, a set of ints.
    """
    here = same_set(self.data, store.name)
    parts = recording_parts.Parts(self.recordings)
    who = who_of(store)
    compared = here or (
      same_names == 'same_people' and _comparable(self.space, who.space)
    )
    keys = {spelling.key(name) for name in self.names} if compared else set()
    if here:  # elsewhere the name of a recording names nobody
      keys |= {spelling.key(name) for name in self.unnamed}
    return {
      int(person)
      for person, name, named, recordings in zip(
        store.subject, who.name, who.named, who.recordings, strict=True
      )
      if ((named or here) and spelling.key(name) in keys)
      or not self.recordings.isdisjoint(recordings)
      or any(map(parts.overlap, recordings))
    }


def see(store, videos, *, labels):
  """Says whom a run on some videos sees.

  Args:
    store: a `VideoStore`.
    videos: indices, int [n].
    labels: whether it learns from their labels.

  Returns:
    A `Seen`, with all names and recordings that these people have there.
  """
  who = who_of(store)
  people = np.unique(store.subject[videos])
  theirs = np.flatnonzero(np.isin(store.subject, people)).tolist()
  return Seen(
    data=store.name,
    labels=labels,
    names=frozenset(who.name[i] for i in theirs if who.named[i]),
    unnamed=frozenset(who.name[i] for i in theirs if not who.named[i]),
    recordings=frozenset(r for i in theirs for r in who.recordings[i]),
    space=who.space,
  )


def who_of(store):
  """Returns the `Who` of a store; P001 and so on where it does not tell."""
  if store.who is not None:
    return store.who
  names = tuple(f'P{number:03d}' for number in store.subject.tolist())
  nothing = ((),) * len(names)
  return Who(names, (True,) * len(names), nothing, _family(store.name))


def names_of(store, numbers):
  """Names people, each by the first of the names that they have.

  Args:
    store: a `VideoStore`.
    numbers: of people in it, iterable of ints.

  Returns:
    A list of strings, in the order of `numbers`.
  """
  first = {}
  for number, name in zip(
    store.subject.tolist(), who_of(store).name, strict=True
  ):
    first[number] = min(name, first.get(number, name))
  return [first[int(number)] for number in numbers]


def describe_people(store, numbers):
  """Names people for a message.

  Args:
    store: a `VideoStore`.
    numbers: of people in it.

  Returns:
    Such as 'P001, P002 and 3 more'.
  """
  names = names_of(store, sorted(numbers))
  more = len(names) - _SHOWN
  return ', '.join(names[:_SHOWN]) + (f' and {more} more' if more > 0 else '')


def shorten(checksums):
  """Returns what a checkpoint notes of checksums, without the empty ones."""
  return tuple(
    checksum[: recording_parts.HASH_LENGTH]
    for checksum in checksums
    if checksum
  )


def same_set(name, other):
  """Says whether two names are of one data set.

  Args:
    name: such as 'oulu_casia:vl_strong'.
    other: another.

  Returns:
    Whether both are conditions, or sizes, of one set.
  """
  return _family(name) == _family(other)


def _family(name):
  return oulu_casia.family(name) or name.partition(':')[0]


def _comparable(space, other):
  """Says whether a name in one space is that of a person in the other."""
  if oulu_casia.DRAWN in (space, other):  # drawn faces are nobody
    return space == other
  return space == other or '' in (space, other)


def hash_ids(ids):
  """Fingerprint of a set of videos, whatever their order.

  Args:
    ids: strings.

  Returns:
    SHA-256 in hexadecimal; what `LC_ALL=C sort FILE | sha256sum` prints of a
    file with an id a line.
  """
  lines = ''.join(f'{one}\n' for one in sorted(ids))
  return hashlib.sha256(lines.encode()).hexdigest()
