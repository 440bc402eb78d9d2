"""Numbers in the names of pictures, and which names differ in one of them.

Numbers are whole unless reading them as decimals makes sense of them, '-' is a
separator unless the same text is there without it, and a date with a time is
one number.
"""

import collections
import fractions
import itertools
import re
from typing import NamedTuple

from stclr_jax.files.file_names import natural_key

# 2024-01-31T12-30-05.250, 2024-01-31 at 12.30.05 and 20240131_123005: one
# number, not six.
_CLOCK = (
  r'(?<!\d)(?:19|20)\d\d([-_.]?)[01]\d\1[0-3]\d(?:[T_ -]| at )?'
  r'[0-2]\d([-_.:]?)[0-5]\d\2[0-5]\d(?:[.,]\d{1,9}|[_-]\d{3}(?:\d{3})?)?(?!\d)'
)
_WHOLE = re.compile(rf'{_CLOCK}|\d+')
_DECIMAL = re.compile(rf'{_CLOCK}|\d+(?:[.,]\d+)?')
_SIGNS = {'-': -1, '−': -1, '+': 1}
# chosen: numbers of so many names do not rise together by chance (1 in 24).
_TOGETHER = 4
# chosen: decimal steps differ by no more where the fractions are a measure.
_EVEN = fractions.Fraction(3, 2)


class Name(NamedTuple):
  """A file's name, taken apart.

  Attributes:
    name: as it is.
    suffix: with its dot.
    texts: around the numbers, in lower case: one more than there are.
    numbers: int or Fraction.
    spans: (first, last) of each in the name, a sign included.
  """

  name: str
  suffix: str
  texts: tuple
  numbers: tuple
  spans: tuple

  def around(self, index):
    """The text before and behind a number, as it is written."""
    first, last = self.spans[index]
    return self.name[:first], self.name[last : -len(self.suffix) or None]


class Group(NamedTuple):
  """Names that differ in the counting number, or in their suffix, alone.

  Attributes:
    members: dict from number, ascending, to the `Name`s that have it.
    before: the first one's text before the number.
    behind: and behind it, without the suffix.
  """

  members: dict
  before: str
  behind: str


def group(names):
  """Puts names that differ in the counting number alone together.

  Args:
    names: of files, with suffixes, in natural order.

  Returns:
    (list of `Group`s, in natural order; list of notes on how numbers were
    read). Names without a number are in none.
  """
  found, signed = _read(names, _WHOLE)
  notes = []
  if _are_decimals(names):
    as_decimals, also_signed = _read(names, _DECIMAL)
    if _order(as_decimals) != _order(found):
      found, signed = as_decimals, also_signed
      notes.append('numbers read as decimals')
  return found, ['numbers read with their signs'] * signed + notes


def _read(names, pattern):
  parsed, signed = _join_signs([_parse(name, pattern) for name in names])
  return _collect(parsed), signed


def _order(groups):
  return [
    [[name.name for name in members] for members in group.members.values()]
    for group in groups
  ]


def _parse(name, pattern):
  stem, dot, suffix = name.rpartition('.')
  stem, suffix = (stem, dot + suffix) if stem else (name, '')
  matches = list(pattern.finditer(stem))
  ends = [0, *(match.end() for match in matches)]
  starts = [*(match.start() for match in matches), len(stem)]
  texts = (stem[a:b].lower() for a, b in zip(ends, starts, strict=True))
  return Name(
    name,
    suffix,
    tuple(texts),
    tuple(map(_value, matches)),
    tuple(match.span() for match in matches),
  )


def _value(match):
  if match[1] is None:  # no clock
    text = match[0].replace(',', '.')
    return fractions.Fraction(text) if '.' in text else int(text)
  whole = re.match(r'.*?(?=[.,]\d+$|[_-]\d{3}(?:\d{3})?$|$)', match[0])[0]
  digits = ''.join(c for c in whole if c.isdecimal())
  fraction = ''.join(c for c in match[0][len(whole) :] if c.isdecimal())
  return int(digits) + fractions.Fraction(f'0.{fraction or 0}')


def _are_decimals(names):
  """Says whether 1.25 is a number, and not the 25th picture of scene 1."""
  parsed = [_parse(name, _DECIMAL) for name in names]
  if parsed == [_parse(name, _WHOLE) for name in names]:
    return False
  for group in _collect(parsed):
    if any(len({n.suffix for n in m}) < len(m) for m in group.members.values()):
      return False  # 1.1 and 1.10
    values = list(group.members)
    steps = [b - a for a, b in itertools.pairwise(values)]
    if not steps or max(steps) <= _EVEN * min(steps):
      continue
    scenes = collections.defaultdict(list)
    for members in group.members.values():
      for number in re.findall(r'\d+[.,]\d+', members[0].name)[-1:]:
        scene, picture = re.split('[.,]', number)
        scenes[int(scene)].append(int(picture))
    if scenes and all(
      sorted(pictures)
      == list(range(min(pictures), min(pictures) + len(pictures)))
      for pictures in scenes.values()
    ):
      return False  # each counts its own pictures
  return True


def _join_signs(parsed):
  """Joins f-2 and f2: a '-' is a sign where the same text is without it."""
  shapes = {name.texts for name in parsed}
  joined, signed = [], False
  for name in parsed:
    for index in reversed(range(len(name.numbers))):
      text = name.texts[index]
      if text[-1:] not in _SIGNS:
        continue
      bare = name._replace(
        texts=(*name.texts[:index], text[:-1], *name.texts[index + 1 :])
      ).texts
      others = {
        (*bare[:index], bare[index] + sign, *bare[index + 1 :])
        for sign in ('', *_SIGNS)
      }
      if not (shapes & others) - {name.texts}:
        continue
      numbers, spans = list(name.numbers), list(name.spans)
      numbers[index] *= _SIGNS[text[-1]]
      spans[index] = spans[index][0] - 1, spans[index][1]
      name = name._replace(
        texts=bare, numbers=tuple(numbers), spans=tuple(spans)
      )
      signed = True
      break
    joined.append(name)
  return joined, signed


def _collect(parsed):
  """Puts names that differ in the counting number alone together."""
  shapes = collections.defaultdict(list)
  for name in parsed:
    if name.numbers:
      shapes[name.texts].append(name)
  groups = []
  for names in shapes.values():
    columns = list(zip(*(name.numbers for name in names), strict=True))
    varying = [i for i, c in enumerate(columns) if len(set(c)) > 1]
    counting = varying[-1] if varying else len(columns) - 1
    together = len(varying) > 1 and _rise_together(names, varying)
    by_rest = collections.defaultdict(list)
    for name in names:
      rest = (*name.numbers[:counting], *name.numbers[counting + 1 :])
      by_rest[() if together else rest].append(name)
    for members in by_rest.values():
      by_number = collections.defaultdict(list)
      for name in sorted(members, key=lambda name: name.numbers[counting]):
        by_number[name.numbers[counting]].append(name)
      around = members[0].around(varying[0] if together else counting)
      groups.append(Group(dict(by_number), *around))
  return sorted(groups, key=lambda g: natural_key(f'{g.before}0{g.behind}'))


def _rise_together(names, varying):
  rows = sorted({tuple(name.numbers[i] for i in varying) for name in names})
  return len(rows) >= _TOGETHER and all(
    all(a < b for a, b in itertools.pairwise(column))
    for column in zip(*rows, strict=True)
  )
