"""Sequences among the pictures of a folder, by their names.

The rule. A name is text, a number and text, `cam1_` `0007` ``; of several
numbers the last that varies counts, unless all that vary rise together, as an
index beside a clock does. Pictures whose other text and numbers agree are one
sequence, in the order of the number. Several sequences are several videos. What
fits none (no number; alone with its text) is left out where two or more
sequences' pictures outnumber it, and otherwise the folder is refused: an order
would be invented.
"""

import collections
import itertools
from typing import NamedTuple

from stclr_jax.data.pictures import picture_names
from stclr_jax.files.file_names import natural_key

_SEPARATORS = ' _-.,+'
_NAMED = 4  # chosen: names or numbers that a note lists


class Sequence(NamedTuple):
  """Pictures of one video.

  Attributes:
    part: what tells it from the others of its folder, such as 'cam1', or
      'img#_left' where text follows the number; '' for the only one.
    names: of the files, in order.
    notes: what the user should know, a line each.
  """

  part: str
  names: tuple[str, ...]
  notes: tuple[str, ...]


class Sequences(NamedTuple):
  """Videos and single pictures among the pictures of a folder.

  Attributes:
    found: list of `Sequence`; empty if they are refused.
    problem: why they are refused, with the remedy; or None.
    left_out: number of pictures in no sequence; notes name some.
  """

  found: list
  problem: str | None
  left_out: int


def find_sequences(names, are_same=lambda a, b: False):
  """Finds the sequences among the pictures of a folder.

  Args:
    names: of the files, with suffixes, all different.
    are_same: says of two names whether the files' bytes are the same; asked
      where a name looks like that of a copy, or two have one number.

  Returns:
    A `Sequences`.
  """
  names = sorted(names, key=natural_key)
  if len(names) == 1:
    return Sequences([Sequence('', tuple(names), ())], None, 0)
  groups, readings = picture_names.group(names)
  groups, copies = _without_copies(groups, names, are_same)
  large = [group for group in groups if len(group.members) > 1]
  in_large = sum(len(m) for g in large for m in g.members.values())
  stray = sorted(set(names) - copies - _names_of(large), key=natural_key)
  if not large and len(stray) == 1:  # beside copies of it
    notes = _tell(
      copies, 'picture{s} passed over,', 'the same to the last byte as another'
    )
    return Sequences([Sequence('', tuple(stray), notes)], None, len(copies))
  if not large or len(stray) > in_large:
    return Sequences([], _refuse(stray, len(names)), 0)
  found, problems, left_out = [], [], len(stray) + len(copies)
  common = (
    *_tell(
      copies, 'picture{s} passed over,', 'the same to the last byte as another'
    ),
    *_tell(stray, 'picture{s} of no numbered sequence', 'left out'),
    *readings,
  )
  parts = _name_parts(large)
  for group, part in zip(large, parts, strict=True):
    members, notes, over = _choose(group, are_same, problems)
    left_out += over
    if len(large) > 1:
      notes.append(
        f'one folder, {len(large)} sequences: split by the text around the '
        f'number; this is {group.before}#{group.behind}'
      )
    notes = (*notes, *common, *describe_gaps(list(members)))
    found.append(Sequence(part, tuple(members.values()), notes))
  if problems:
    return Sequences([], '; '.join(problems[:_NAMED]), 0)
  return Sequences(found, None, left_out)


def describe_gaps(numbers):
  """Looks for numbers that are missing. They are counted, not listed: a clock
  of nanoseconds leaves thousands of millions out between two pictures.

  Args:
    numbers: in ascending order, all different.

  Returns:
    A tuple of one note, or of none where nothing is missing, or the numbers do
    not count pictures one by one.
  """
  if len(numbers) < 2 or any(number != int(number) for number in numbers):
    return ()
  numbers = [int(number) for number in numbers]
  pairs = list(itertools.pairwise(numbers))
  # Every second or fifth frame is a choice, not a loss.
  ((step, often),) = collections.Counter(b - a for a, b in pairs).most_common(1)
  regular = 2 * often > len(pairs)
  step = step if regular else 1
  missing = sum((b - a) // step - 1 for a, b in pairs)
  if not missing or (missing >= len(numbers) and not regular):
    return ()
  holes = (hole for a, b in pairs for hole in range(a + step, b, step))
  shown = list(itertools.islice(holes, 2 * _NAMED))
  more = ', …' if missing > len(shown) else ''
  plural = '' if missing == 1 else 's'
  return (
    f'{missing} frame number{plural} missing: '
    f'{", ".join(map(str, shown))}{more}',
  )


def _names_of(groups):
  return {n.name for g in groups for m in g.members.values() for n in m}


def _without_copies(groups, names, are_same):
  """Leaves out the groups of which each picture is a copy of another's, as
  'img1 - Copy.jpg' and 'img1 (1).jpg' are; and says which those are."""
  there = set(names)

  def is_copy(name):
    stem, dot, suffix = name.rpartition('.')
    cuts = [i for i, c in enumerate(stem) if not c.isalnum()]
    originals = {stem[:i].rstrip() for i in cuts}
    originals |= {stem[i + 1 :].lstrip() for i in cuts}
    originals = {original + dot + suffix for original in originals}
    return any(are_same(name, o) for o in sorted(originals & there))

  kept, copies = [], set()
  for group in groups:
    members = _names_of([group])
    if all(map(is_copy, members)):
      copies |= members
    else:
      kept.append(group)
  grouped = _names_of(groups)
  copies |= {n for n in names if n not in grouped and is_copy(n)}
  return kept, copies


def _choose(group, are_same, problems):
  """Takes one picture of each number: a dict from number to name."""
  counts = collections.Counter(
    n.suffix.lower() for members in group.members.values() for n in members
  )
  chosen, over = {}, []
  for number, members in group.members.items():
    # PNG first of as many: nothing was lost in it.
    members = sorted(
      members,
      key=lambda n: (-counts[n.suffix.lower()], n.suffix.lower() != '.png'),
    )
    first, *others = members
    chosen[number] = first.name
    over += [n.name for n in others]
    problems += [
      f'{first.name} and {other.name} have one number and differ: rename or '
      'remove one'
      for other in others
      if other.suffix.lower() == first.suffix.lower()
      and not are_same(first.name, other.name)
    ]
  notes = list(
    _tell(over, 'picture{s} passed over,', 'as their number is there')
  )
  return chosen, notes, len(over)


def _name_parts(groups):
  """Names groups by the text around their numbers, each in its own way."""
  if len(groups) == 1:
    return ['']
  short = [
    f'{g.before}#{g.behind}'
    if g.behind
    else g.before.rstrip(_SEPARATORS) or '#'
    for g in groups
  ]
  counts = collections.Counter(part.lower() for part in short)
  return [
    part if counts[part.lower()] == 1 else f'{g.before}#{g.behind}'
    for part, g in zip(short, groups, strict=True)
  ]


def _tell(names, what, fate):
  if not names:
    return ()
  names = sorted(names, key=natural_key)
  more = ', …' if len(names) > _NAMED else ''
  plural = '' if len(names) == 1 else 's'
  what = what.format(s=plural)
  return (f'{len(names)} {what} {fate}: {", ".join(names[:_NAMED])}{more}',)


def _refuse(stray, total):
  more = ', …' if len(stray) > _NAMED else ''
  return (
    f'{len(stray)} of its {total} pictures are in no numbered sequence '
    f'({", ".join(stray[:_NAMED])}{more}): an order would be invented; number '
    'the pictures of one video alike (frame_001, frame_002), and put other '
    'pictures elsewhere'
  )
