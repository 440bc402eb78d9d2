"""Names and numbers for the people of a listing, named or not."""

import collections
import dataclasses
import difflib

from stclr_jax.data.people import spelling
from stclr_jax.errors import UserError
from stclr_jax.files import file_names

_SHOWN = 10  # chosen: groups of names that a message still tells apart


def person_of(item):
  """Returns the name that an item's person has in the data set.

  Args:
    item: a `listing.Item`; who has no person's name is called by the video.
  """
  return item.subject or item.recording or item.video_id


def apply_map(listing, text):
  """Gives people the names that a data set is to have for them.

  Args:
    listing: a `listing.Listing`; changed in place, and noted what was done.
    text: 'anna=Anna,07=7' renames those spelled exactly so; 'x=' makes every
      recording of theirs a person of its own. '' for nothing.

  Raises:
    ValueError: for an entry without '=', twice, or of somebody who is not
      there; if people are left whose names are spelled alike.
  """
  names = {}
  for source, target in spelling.parse_map(text, '--subject_map'):
    if target is None or names.get(source, target) != target:
      what = 'has no "="' if target is None else 'is given two names'
      raise UserError(
        f'`--subject_map` (={text}): {source!r} {what}; as in anna=Anna,07=7.'
      )
    names[source] = target
  given = {
    spelling.strip(item.subject) for item in listing.items if item.subject
  }
  for source in names:
    if source not in given:
      near = difflib.get_close_matches(source, sorted(given), n=1)
      hint = f'; did it mean {near[0]!r}?' if near else '.'
      raise UserError(
        f'`--subject_map` (={text}): nobody is called {source!r}{hint}'
      )
  unknown = collections.Counter()
  for i, item in enumerate(listing.items):
    if item.subject is None:
      continue
    name = spelling.strip(item.subject)
    if name in names:
      name = names[name] or None
    elif spelling.is_missing(name):
      unknown[name] += 1
      name = None
    listing.items[i] = dataclasses.replace(item, subject=name)
  listing.notes += [
    f'{count} {"recording" if count == 1 else "recordings"} of a person called '
    f'{name!r}: taken for nobody named, and each recording for a person of its '
    'own; if somebody is called so: '
    + spelling.write_map('--subject_map', (name, 'NAME'))
    for name, count in unknown.items()
  ]
  _refuse_alike({item.subject for item in listing.items if item.subject})
  for i, item in enumerate(listing.items):
    if item.subject:
      named = spelling.compose(item.subject)
      listing.items[i] = dataclasses.replace(item, subject=named)


def number_people(items, same=()):
  """Numbers the people, from 1, in the natural order of their names.

  Args:
    items: list of `listing.Item`.
    same: pairs of names (see `person_of`) that are of one person.

  Returns:
    A dict from name to number, which people of one recording share.
  """
  first = {person_of(item): person_of(item) for item in items}

  def find(name):
    while first[name] != name:
      name = first[name]
    return name

  ordered = sorted(first, key=file_names.natural_key)
  place = {name: i for i, name in enumerate(ordered)}
  for a, b in same:
    a, b = sorted((find(a), find(b)), key=place.get)
    first[b] = a
  numbers = {}
  for name in ordered:
    numbers.setdefault(find(name), len(numbers) + 1)
  return {name: numbers[find(name)] for name in ordered}


def _refuse_alike(names):
  alike = spelling.find_alike(names)
  if not alike:
    return
  listed = '; '.join(spelling.quote(group) for group in alike[:_SHOWN])
  if len(alike) > _SHOWN:
    listed += f'; and {len(alike) - _SHOWN} more such groups'
  first, second = alike[0][:2]
  one = spelling.write_map(
    '--subject_map', *((name, first) for name in alike[0][1:])
  )
  two = spelling.write_map(
    '--subject_map', (first, f'{first} A'), (second, f'{second} B')
  )
  raise UserError(
    f'These people differ only in capitals, blanks, zeros or the form of '
    f'letters: {listed}. If they are one person, give one name: {one}; if they '
    f'are two, two names that differ: {two}. Or mend the names where they come '
    'from.'
  )
