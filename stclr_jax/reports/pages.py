"""A report as one self-contained HTML page, and the same as Markdown.

A report is a list of blocks; both forms are made of the same ones.
"""

import base64
import dataclasses
import html
import pathlib

from stclr_jax.errors import UserError
from stclr_jax.files import whole
from stclr_jax.reports import text_table
from stclr_jax.runs import workdirs


@dataclasses.dataclass(frozen=True)
class Heading:
  """A heading.

  Attributes:
    text: of one line.
    level: 1 is the report's own.
  """

  text: str
  level: int = 2


@dataclasses.dataclass(frozen=True)
class Text:
  """A paragraph.

  Attributes:
    text: without markup.
    warning: whether it must not be overlooked.
  """

  text: str
  warning: bool = False


@dataclasses.dataclass(frozen=True)
class Bar:
  """A cell of a table: a bar as long as a number is large.

  Attributes:
    share: of the longest bar, in [0, 1].
  """

  share: float

  def __str__(self):
    return '█' * round(20 * self.share)


@dataclasses.dataclass(frozen=True)
class Table:
  """A table.

  Attributes:
    header: names of the columns.
    rows: strings or `Bar`s, as many a row as there are columns.
  """

  header: tuple[str, ...]
  rows: list[tuple[str | Bar, ...]]

  def __post_init__(self):
    for row in self.rows:
      if len(row) != len(self.header):
        raise UserError(
          f'The row {row} (of {len(row)} cells) must have one for each of the '
          f'{len(self.header)} columns {self.header}.'
        )


@dataclasses.dataclass(frozen=True)
class Image:
  """A picture.

  Attributes:
    path: PNG file in the report's folder or below.
    caption: what it shows.
  """

  path: pathlib.Path
  caption: str


@dataclasses.dataclass(frozen=True)
class InlineImage:
  """A picture that is no file; Markdown, which needs one, has its caption.

  Attributes:
    jpeg: its encoded bytes.
    caption: what it shows.
  """

  jpeg: bytes
  caption: str


@dataclasses.dataclass(frozen=True)
class Code:
  """Lines to be shown as they are.

  Attributes:
    text: the lines.
  """

  text: str


@dataclasses.dataclass(frozen=True)
class Details:
  """Blocks that a reader can fold away.

  Attributes:
    title: stays when they are.
    blocks: list of blocks.
  """

  title: str
  blocks: list


def write(directory, blocks, *, watermark=''):
  """Writes `report.html` and `report.md`.

  Args:
    directory: path; pictures must lie in it, for the Markdown.
    blocks: list of blocks, a `Heading` first.
    watermark: words across every page of the HTML, such as 'SMOKE RUN'.
  """
  directory = pathlib.Path(directory)
  pages = {
    workdirs.REPORT: to_html(blocks, watermark=watermark),
    workdirs.REPORT_TEXT: to_markdown(blocks, directory),
  }
  for name, page in pages.items():
    whole.write_text(directory / name, page)


def to_markdown(blocks, directory):
  """Returns the report as Markdown.

  Args:
    blocks: list of blocks.
    directory: folder that the pictures' paths are relative to.
  """
  parts = []
  for block in blocks:
    match block:
      case Heading(text, level):
        parts.append(f'{"#" * level} {text}')
      case Text(text, warning):
        line = ' '.join(text.split('\n'))
        parts.append(f'> **{line}**' if warning else line)
      case Table(header, rows):
        rows = [tuple(map(str, row)) for row in rows]
        parts.append('\n'.join(text_table.to_markdown(header, rows)))
      case Image(path, caption):
        relative = pathlib.Path(path).relative_to(directory).as_posix()
        parts.append(f'![{caption}]({relative})\n\n{caption}')
      case InlineImage(_, caption):
        parts.append(caption)
      case Code(text):
        parts.append(f'```\n{text}\n```')
      case Details(title, inner):
        parts.append(f'**{title}**\n\n{to_markdown(inner, directory).rstrip()}')
  return '\n\n'.join(parts) + '\n'


def to_html(blocks, *, watermark=''):
  """Returns the report as one page that needs no other file.

  Args:
    blocks: list of blocks, a `Heading` first.
    watermark: see `write`.
  """
  body = '\n'.join(_html_block(block) for block in blocks)
  over = ''
  if watermark:
    words = html.escape(watermark)
    over = f'<div class="watermark" aria-hidden="true">{words}</div>'
  return _PAGE.format(title=html.escape(blocks[0].text), over=over, body=body)


def _html_block(block):
  match block:
    case Heading(text, level):
      return f'<h{level}>{html.escape(text)}</h{level}>'
    case Text(text, warning):
      kind = ' class="warning"' if warning else ''
      return f'<p{kind}>{html.escape(text)}</p>'
    case Table(header, rows):
      head = ''.join(f'<th>{html.escape(cell)}</th>' for cell in header)
      lines = [
        '<tr>'
        + ''.join(f'<td>{_html_cell(cell)}</td>' for cell in row)
        + '</tr>'
        for row in rows
      ]
      return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table></div>'
      )
    case Image(path, caption):
      return _figure(pathlib.Path(path).read_bytes(), 'png', caption)
    case InlineImage(jpeg, caption):
      return _figure(jpeg, 'jpeg', caption)
    case Code(text):
      return f'<pre>{html.escape(text)}</pre>'
    case Details(title, inner):
      return (
        f'<details open><summary>{html.escape(title)}</summary>'
        f'{"".join(map(_html_block, inner))}</details>'
      )


def _html_cell(cell):
  if isinstance(cell, Bar):
    return f'<span class="bar" style="width:{10 * cell.share:.2f}rem"></span>'
  return html.escape(cell)


def _figure(encoded, kind, caption):
  data = base64.b64encode(encoded).decode()
  words = html.escape(caption)
  return (
    f'<figure><img alt="{words}" src="data:image/{kind};base64,{data}">'
    f'<figcaption>{words}</figcaption></figure>'
  )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem;
  margin: 2rem auto; padding: 0 1rem; color: #1c2430; }}
h1, h2, h3 {{ line-height: 1.2; }} h2 {{ margin-top: 2.5rem;
  border-bottom: 1px solid #ccd3dc; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .7rem; text-align: left; border-bottom: 1px solid
  #e3e7ed; vertical-align: top; }}
th {{ border-bottom: 2px solid #8793a3; }}
pre {{ background: #f3f5f8; padding: .8rem; overflow-x: auto; font-size: 13px;
  white-space: pre-wrap; }}
.bar {{ background: #88aabb; height: .7em; display: inline-block; }}
summary {{ font-weight: 600; cursor: pointer; }}
figure {{ margin: 1rem 0; }} img {{ max-width: 100%; }}
figcaption {{ color: #55606e; font-size: 13px; }}
.warning {{ background: #fff2d6; border-left: 4px solid #d08b00;
  padding: .6rem 1rem; font-weight: 600; }}
.watermark {{ position: fixed; top: 45%; left: 0; right: 0; text-align: center;
  font-size: 9vw; font-weight: 800; color: #c00; opacity: .10;
  transform: rotate(-25deg); pointer-events: none; }}
</style></head><body>{over}
{body}
</body></html>
"""
