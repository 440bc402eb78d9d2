"""Tables as lines of text: for a terminal, and as Markdown."""


def to_lines(header, rows):
  """Sets a table in columns.

  Args:
    header: names of the columns.
    rows: strings, as many a row as there are columns.

  Returns:
    Lines, the header first.
  """
  table = [header, *rows]
  widths = [max(map(len, column)) for column in zip(*table, strict=True)]
  return [
    '  '.join(
      cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    ).rstrip()
    for row in table
  ]


def to_markdown(header, rows):
  """Writes a table as Markdown.

  Args:
    header: names of the columns.
    rows: strings, as many a row as there are columns.

  Returns:
    Lines, the header first.
  """
  return [_row(row) for row in (header, ['---'] * len(header), *rows)]


def _row(cells):
  escaped = (cell.replace('|', '\\|') for cell in cells)
  return f'| {" | ".join(escaped)} |'
