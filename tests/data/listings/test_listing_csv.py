import pytest

from stclr_jax.data.listings import csv_rows
from stclr_jax.data.listings import listing_csv


def touch(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x')


def read(tmp_path, text):
  (tmp_path / 'v.csv').write_bytes(text.encode())
  return listing_csv.list_csv(tmp_path / 'v.csv')


def test_the_line_that_names_the_delimiter(subtests, tmp_path):
  for first in ['sep=;', 'SEP=;\r', '"sep=;"', 'sep=;;;']:
    with subtests.test(first=first):
      touch(tmp_path, 'a,b.mp4')
      found = read(tmp_path, f'\ufeff{first}\npath;label\na,b.mp4;x\ngone;y\n')
      assert [(i.path.name, i.label) for i in found.items] == [('a,b.mp4', 'x')]
      assert 'line 4 (gone)' in found.problems[0].name
      found = read(tmp_path, 'sep=\t\npath\tlabel\na,b.mp4\tx\n')
      assert [i.label for i in found.items] == ['x']


def test_blanks_of_any_kind_around_cells(tmp_path):
  touch(tmp_path, 'a.mp4')
  found = read(
    tmp_path, 'path,label,subject\n\xa0a.mp4\u2009,\u3000x ,\u200b\n'
  )
  (item,) = found.items
  assert item.label == 'x' and item.subject is None


HINTS = {
  'videos\\a.mp4': 'and there is videos/a.mp4',
  'videos\\b.mp4': 'separated by / here)',
  'C:\\Users\\Anna\\a.mp4': 'a path of a Windows machine',
  '\\\\server\\share\\a.mp4': 'a path of a Windows machine',
  'x' * 5000: 'name too long',
  'a\x00b': 'no name of a file',
}


def test_paths_of_other_systems_get_a_hint(tmp_path):
  touch(tmp_path, 'videos/a.mp4')
  rows = ''.join(f'{path}\n' for path in HINTS)
  found = read(tmp_path, f'path\n{rows}')
  assert not found.items
  for problem, words in zip(found.problems, HINTS.values(), strict=True):
    assert words in problem.reason
    assert problem.name.isprintable() and len(problem.name) < 300


def test_the_home_folder_is_known(tmp_path, monkeypatch):
  touch(tmp_path, 'home/a.mp4')
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  monkeypatch.setenv('USERPROFILE', str(tmp_path / 'home'))
  (item,) = read(tmp_path, 'path\n~/a.mp4\n').items
  assert item.path == tmp_path / 'home' / 'a.mp4'


def test_what_is_no_csv_is_named_with_its_line(tmp_path, monkeypatch):
  touch(tmp_path, 'a.mp4', 'b.mp4')
  for text, line in {
    'path,label\na.mp4,x\nb.mp4,"y\na.mp4,z\n': 3,  # never closed
    'path,label\na.mp4,"x"y\n': 2,
    f'path,label\na.mp4,{"x" * 2**18}\n': 2,
  }.items():
    with pytest.raises(ValueError, match=rf'v\.csv, line {line}: '):
      read(tmp_path, text)
  # Closed by the next one, which swallows a row.
  found = read(tmp_path, 'path,label\na.mp4,"x\nb.mp4,"\nb.mp4,y\n')
  assert [item.video_id for item in found.items] == ['b']
  assert 'line 2 ' in found.problems[0].name
  assert 'a line break in a cell' in found.problems[0].reason
  monkeypatch.setattr(csv_rows, 'MAX_BYTES', 2**20)
  with pytest.raises(ValueError, match='more than 1 MiB'):
    read(tmp_path, 'path\n' + 'a.mp4\n' * 2**18)


def test_one_row_is_one_sequence_of_a_folder(tmp_path):
  names = [f'f/cam{c}_{i:03d}.png' for c in (1, 2) for i in range(3)]
  touch(tmp_path, *names, 'g/onset.png', 'g/apex.png')
  found = read(tmp_path, 'path,label\nf,x\nf/cam1,y\nf/cam2,z\ng,x\nf/cam3,x\n')
  assert [(i.video_id, i.label) for i in found.items] == [
    ('f/cam1', 'y'), ('f/cam2', 'z'),
  ]  # fmt: skip
  assert [f.name for f in found.items[1].frames] == [
    f'cam2_{i:03d}.png' for i in range(3)
  ]
  assert '2 sequences' in str(found.items[0].notes)
  reasons = [problem.reason for problem in found.problems]
  for reason, words in zip(
    reasons,
    ('f/cam1, f/cam2', 'an order would be invented', 'there is no'),
    strict=True,
  ):
    assert words in reason
