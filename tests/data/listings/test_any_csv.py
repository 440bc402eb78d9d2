"""CSV files of anything: listed, with problems by line, or refused in words."""

import contextlib
import string

import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st

from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings.listing import Listing
from stclr_jax.errors import UserError

pytestmark = pytest.mark.properties

CELLS = st.one_of(
  st.text(max_size=12),
  st.sampled_from(
    ['a.mp4', '../a.mp4', '/etc/passwd', '~', '.', '..', '"', '=1+1', '\0']
  ),
  st.text(string.digits + '.-+eE, \t', max_size=8),
)
HEADERS = st.lists(
  st.sampled_from([*listing_csv.COLUMNS, 'other', '', 'PATH']), max_size=6
)
GOOD = (
  b'path,label,subject,start,end\n'
  b'a.mp4,Happiness,anna,0,2.5\n'
  b'"b, c.mp4",Anger,bert,1,\n'
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A folder with a file that the table names."""
  made = tmp_path_factory.mktemp('any_csv')
  (made / 'a.mp4').write_bytes(b'no video')
  return made


def is_listed_or_refused(folder, content):
  file = folder / 'videos.csv'
  file.write_bytes(content)
  with contextlib.suppress(UserError, FileNotFoundError):
    found = listing_csv.list_csv(file)
    assert isinstance(found, Listing)
    for item in found.items:
      assert item.video_id
      assert item.start >= 0 and (item.end is None or item.end > item.start)
    for problem in found.problems:
      assert 'line' in problem.name and problem.reason
    ids = [item.video_id for item in found.items]
    assert len(ids) == len(set(ids))


@given(
  header=HEADERS,
  rows=st.lists(st.lists(CELLS, max_size=6), max_size=4),
  delimiter=st.sampled_from(',;\t'),
)
def test_tables_of_anything(header, rows, delimiter, folder):
  text = '\n'.join(delimiter.join(row) for row in [header, *rows])
  is_listed_or_refused(folder, text.encode('utf-8', 'surrogatepass'))


@given(content=damaged(GOOD))
def test_damaged_tables(content, folder):
  is_listed_or_refused(folder, content)


@given(content=st.binary(max_size=200))
def test_bytes_that_are_no_table(content, folder):
  is_listed_or_refused(folder, content)
