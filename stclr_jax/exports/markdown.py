"""Markdown of text that others chose: data sets, classes, people."""

import re
import textwrap

_WIDTH = 80
# What would begin a tag, a link, a code or a cell of its own.
_SPECIAL = re.compile(r'([\\`*_\[\]<>|#~$])')


def plain(text):
  """Makes one line of text, whatever cannot be shown a question mark.

  Args:
    text: anything.
  """
  line = ' '.join(str(text).split())
  return ''.join(one if one.isprintable() else '?' for one in line)


def escape(text):
  """Makes text that shows as it is, in one line.

  Args:
    text: anything.
  """
  return _SPECIAL.sub(r'\\\1', plain(text))


def paragraph(text):
  """Wraps a paragraph, Markdown already."""
  return textwrap.fill(
    text, _WIDTH, break_long_words=False, break_on_hyphens=False
  )


def bullets(texts):
  """Lists texts, Markdown already."""
  return '\n'.join(f'- {text}' for text in texts)


def table(header, rows):
  """Lays out a table.

  Args:
    header: names of the columns.
    rows: of as many cells, whose text is escaped.
  """
  lines = [header, ['---'] * len(header), *rows]
  cells = [
    lines[1] if line is lines[1] else [escape(cell) for cell in line]
    for line in lines
  ]
  return '\n'.join(f'| {" | ".join(line)} |' for line in cells)


def code(text, language=''):
  """Shows lines of code, whatever is in them."""
  shown = ''.join(
    one if one.isprintable() or one == '\n' else '?' for one in text.strip()
  )
  # A longer fence than any inside.
  longest = max(map(len, re.findall('`+', shown)), default=0)
  fence = '`' * max(3, longest + 1)
  return f'{fence}{language}\n{shown}\n{fence}'
