"""When two spellings may be of one name, of a class or of a person."""

import collections
import csv
import decimal
import io
import re
import shlex
import unicodedata

from stclr_jax.errors import UserError

# What tables have in the place of a name that is not there. Source: the texts
# that pandas reads as missing, errors of spreadsheets, and marks that people
# make by hand.
MISSING = frozenset(
  ('', '-', '--', '–', '—', '.', '?', 'n/a', 'n.a.', '#n/a', '#n/a n/a', '#na',
   'na', '<na>', 'nan', '-nan', '1.#qnan', '-1.#qnan', '1.#ind', '-1.#ind',
   'nat', 'nil', 'none', 'null', '#null!', '#ref!', '#value!')
)  # fmt: skip
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?', re.ASCII)


def strip(name):
  """Takes off what nobody sees at a name's ends, blanks of any kind.

  Args:
    name: text.

  Returns:
    The rest, '' where there is none.
  """
  seen = [i for i, c in enumerate(name) if not _is_blank(c)]
  return name[seen[0] : seen[-1] + 1] if seen else ''


def compose(name):
  """Writes letters in one form; a Mac writes an accent as one of its own."""
  return unicodedata.normalize('NFC', name)


def key(name):
  """Finds what all spellings of a name have in common.

  Args:
    name: text.

  Returns:
    Text; the same of names that differ only in capitals, blanks, zeros before
    a number (and behind its point) or forms of Unicode.
  """
  text = unicodedata.normalize('NFKC', name).casefold()
  text = unicodedata.normalize('NFKC', text)
  # What takes no place is nothing between letters, and a blank elsewhere.
  text = ''.join(c for c in text if unicodedata.category(c) != 'Cf')
  text = ' '.join(''.join(' ' if _is_blank(c) else c for c in text).split())
  digits = ''.join(
    str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text
  )
  if (number := as_number(digits)) is not None:
    return f'{number.normalize() + 0:f}'
  return re.sub(r'(?<![\d.])0+(?=\d)', '', digits)


def is_missing(name):
  """Says whether a name stands for none, such as 'NaN' or 'n/a'."""
  return strip(name).casefold() in MISSING


def as_number(name):
  """Reads a name that is a number.

  Args:
    name: text.

  Returns:
    A `decimal.Decimal`, or None.
  """
  if not _NUMBER.fullmatch(name.casefold()):
    return None
  with decimal.localcontext(prec=max(28, len(name))):
    return +decimal.Decimal(name)


def sort_key(name):
  """Sorts numbers by what they are, and words behind them."""
  number = as_number(name)
  return (number is None, number or 0, name)


def find_alike(names):
  """Groups names that are spelled alike.

  Args:
    names: strings.

  Returns:
    A sorted list of sorted lists, each of different spellings with one `key`.
  """
  groups = collections.defaultdict(set)
  for name in names:
    groups[key(name)].add(name)
  return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def quote(names):
  """Puts names into words, so that also what nobody sees can be told apart.

  Args:
    names: strings.

  Returns:
    Such as "'anna', 'Anna'"; letters that look like others as their numbers.
  """
  names = list(names)
  forms = {unicodedata.normalize('NFKC', name) for name in names}
  as_is = len(forms) == len(names) and all(n.isprintable() for n in names)
  return ', '.join(map(repr if as_is else ascii, names))


def parse_list(text, option):
  """Reads names as they are written on the command line.

  Args:
    text: comma separated; a name with a comma in it is put into double quotes.
    option: its name, for messages.

  Returns:
    The names, stripped.

  Raises:
    ValueError: for quotes that do not end.
  """
  try:
    rows = list(csv.reader([text], skipinitialspace=True, strict=True))
  except csv.Error as error:
    raise UserError(
      f'`{option}` (={text}) cannot be read: {error}; a name with a comma in '
      'it is put into double quotes, all of it.'
    ) from error
  return [strip(name) for row in rows for name in row]


def parse_map(text, option):
  """Reads 'this=that,other=' as it is written on the command line.

  Args:
    text: comma separated, see `parse_list`.
    option: its name, for messages.

  Returns:
    A list of pairs (source, target), stripped; target None without an '='.

  Raises:
    ValueError: for quotes that do not end, or '=that'.
  """
  pairs = []
  for entry in filter(None, parse_list(text, option)):
    source, equals, target = entry.partition('=')
    source, target = strip(source), strip(target)
    if equals and not source:
      raise UserError(
        f'`{option}` (={text}): {entry!r} names nothing before the "="; as in '
        'this=that.'
      )
    pairs.append((source, target if equals else None))
  return pairs


def write_map(option, *pairs):
  """Writes what `parse_map` reads, as it is typed in a shell.

  Args:
    option: such as '--label_map'.
    *pairs: (source, target).

  Returns:
    The option with its value.
  """
  text = io.StringIO()
  entries = [f'{source}={target}' for source, target in pairs]
  csv.writer(text, lineterminator='').writerow(entries)
  return shlex.quote(f'{option}={text.getvalue()}')


def _is_blank(character):
  # Blanks, line ends, controls, and what has no width, as a byte order mark.
  return character.isspace() or unicodedata.category(character) in ('Cc', 'Cf')
