"""Names of files: in the order people number them, and safe to print."""

import re
import unicodedata


def natural_key(name):
  """Sorts names as people number them: 'f2', 'f10', 'f010b'.

  Args:
    name: of a file or a person.

  Returns:
    A key for `sorted`.
  """
  parts = re.split(r'(\d+)', str(name))
  # Odd parts are digits; the name itself decides between '1' and '01'.
  keys = [_by_value(p) if i % 2 else p.lower() for i, p in enumerate(parts)]
  return keys, str(name)


def _by_value(digits):
  """Sorts digits, of any script and number, as the numbers that they are.

  Python refuses to make an `int` of more than some thousand of them.
  """
  if not digits.isascii():
    digits = ''.join(str(unicodedata.decimal(digit)) for digit in digits)
  digits = digits.lstrip('0')
  return len(digits), digits


# Source: Unicode's Bidi_Control, which turn the text behind them around.
_TURNING = frozenset(
  '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'
)


def to_printable(name):
  """Makes a file's name text that can be printed and stored anywhere.

  Args:
    name: as the operating system gave it, or any text.

  Returns:
    The same, where needed with the escapes of undecodable bytes, and of
    characters that command a terminal, break a line or turn text around. Text
    that was made printable stays as it is.
  """
  name = name.encode('utf-8', 'surrogateescape').decode(
    'utf-8', 'backslashreplace'
  )
  if name.isprintable() and name.isascii():
    return name
  return ''.join(_escape(c) if _commands(c) else c for c in name)


def _commands(character):
  return (
    unicodedata.category(character) in ('Cc', 'Cs', 'Zl', 'Zp')
    or character in _TURNING
  )


def _escape(character):
  return character.encode('unicode_escape').decode()
