import base64
import html.parser
import re

import numpy as np
import pytest

from stclr_jax.reports import figures
from stclr_jax.reports import pages


class Page(html.parser.HTMLParser):
  """Collects the cells of a page's tables, its text and what it would load."""

  def __init__(self, page):
    super().__init__()
    self.cells, self.words, self.loaded, self.open = [], [], [], []
    self.feed(page)

  def handle_starttag(self, tag, attributes):
    named = dict(attributes)
    self.loaded += [named[k] for k in ('src', 'href') if k in named]
    if tag not in ('meta', 'img', 'br'):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag  # what is opened is closed, in order

  def handle_data(self, data):
    if self.open and self.open[-1] in ('td', 'th'):
      self.cells.append(data)
    self.words.append(data)


@pytest.fixture
def picture(tmp_path):
  path = tmp_path / 'figures' / 'confusion.png'
  figures.save_confusion_matrix(path, np.eye(2), ['a', 'b'], title='t')
  return path


def make_blocks(picture):
  return [
    pages.Heading('Title & more', 1),
    pages.Text('1 < 2\n2 < 3', warning=True),
    pages.Table(('row', 'x|y'), [('<b>', '1'), ('R(2+1)D', '2')]),
    pages.Image(picture, 'who is "who"'),
    pages.InlineImage(b'as it is', 'seen <here>'),
    pages.Code('python main.py --config=a && b'),
    pages.Details('What <else>', [pages.Code('</pre> & more')]),
  ]


def test_page_needs_no_other_file(picture):
  page = pages.to_html(make_blocks(picture))
  parsed = Page(page)
  assert not parsed.open
  loaded = [source.split(',') for source in parsed.loaded]
  assert [(kind, base64.b64decode(data)) for kind, data in loaded] == [
    ('data:image/png;base64', picture.read_bytes()),
    ('data:image/jpeg;base64', b'as it is'),
  ]
  assert 'http' not in page and '<script' not in page and 'url(' not in page


def test_page_shows_text_as_it_is_written(picture):
  parsed = Page(pages.to_html(make_blocks(picture)))
  assert parsed.cells == ['row', 'x|y', '<b>', '1', 'R(2+1)D', '2']
  for words in (
    'Title & more',
    '1 < 2\n2 < 3',
    'python main.py --config=a && b',
    'What <else>',
    '</pre> & more',
  ):
    assert words in parsed.words


def test_bars_are_as_long_as_their_shares(tmp_path):
  rows = [('a', pages.Bar(1.0)), ('b', pages.Bar(0.25)), ('c', pages.Bar(0.0))]
  blocks = [pages.Heading('t'), pages.Table(('class', ''), rows)]
  widths = re.findall(
    r'class="bar" style="width:([\d.]+)rem', pages.to_html(blocks)
  )
  longest, quarter, none = map(float, widths)
  assert longest == 4 * quarter > 0 == none
  text = pages.to_markdown(blocks, tmp_path).splitlines()[-3:]
  longest, quarter, none = (line.count('█') for line in text)
  assert longest == 4 * quarter > 0 == none


def test_markdown_has_the_same_cells_and_relative_pictures(picture, tmp_path):
  text = pages.to_markdown(make_blocks(picture), tmp_path)
  rows = [line for line in text.splitlines() if line.startswith('|')]
  cells = [re.split(r'(?<!\\)\|', row)[1:-1] for row in rows]
  cells = [[cell.strip().replace('\\|', '|') for cell in row] for row in cells]
  assert cells == [
    ['row', 'x|y'],
    ['---', '---'],
    ['<b>', '1'],
    ['R(2+1)D', '2'],
  ]
  assert '(figures/confusion.png)' in text and '\nseen <here>\n' in text
  assert '> **1 < 2 2 < 3**' in text
  assert '**What <else>**\n\n```\n</pre> & more\n```' in text


def test_watermark_only_where_asked_for(picture):
  blocks = make_blocks(picture)
  assert 'SMOKE RUN' in Page(pages.to_html(blocks, watermark='SMOKE RUN')).words
  assert 'class="watermark"' not in pages.to_html(blocks)


def test_row_of_another_length_is_refused():
  with pytest.raises(ValueError, match='2 columns'):
    pages.Table(('a', 'b'), [('1',)])


def test_write_leaves_no_partial_file(picture, tmp_path):
  pages.write(tmp_path, make_blocks(picture))
  assert sorted(path.name for path in tmp_path.iterdir()) == [
    'figures',
    'report.html',
    'report.md',
  ]


def read_rows(path):
  """Heights of a picture's rows that hold an interval's colour."""
  from PIL import Image

  pixels = np.asarray(Image.open(path).convert('RGB')).astype(int)
  blue = (np.abs(pixels - [31, 119, 180]).sum(-1) < 30).sum(1)
  return blue


def test_interval_is_drawn_as_wide_as_it_is(tmp_path):
  def draw(low, high):
    path = tmp_path / 'intervals.png'
    figures.save_intervals(
      path,
      [('one', 0.5, 0.0, 1.0, None), ('two', 0.5, low, high, 0.6)],
      title='t',
    )
    rows = read_rows(path)
    return rows[len(rows) // 2 :].max() / rows[: len(rows) // 2].max()

  assert draw(0.25, 0.75) == pytest.approx(0.5, abs=0.05)
  assert draw(0.0, 1.0) == pytest.approx(1.0, abs=0.05)


def test_people_are_drawn_by_how_many_are_right(tmp_path):
  def blue(right):
    path = tmp_path / 'people.png'
    figures.save_people(path, {'a': (right, 6), 'b': (6, 6)}, title='t')
    return read_rows(path).sum()

  assert blue(0) == pytest.approx(blue(6) / 2, rel=0.05)
