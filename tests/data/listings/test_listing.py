import itertools
import os
import pathlib
import re

import pytest

from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings import listing_folder

NESTED = r'(?P<subject>[^/]+)/(?P<label>[^/]+)/'


def touch(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x')


def summary(listing):
  return [(i.video_id, i.label, i.subject) for i in listing.items]


def test_videos_and_frame_folders_are_found(tmp_path):
  touch(
    tmp_path, 'b.MP4', 'a 1.mov', 'über/c.v2.webm', 'x/f10.png', 'x/f9.JPG',
    'x/Thumbs.db', 'y.z/1.png', 'y.z/2.png', '.DS_Store', 'notes.txt',
    '__MACOSX/b.mp4', '._b.mp4', 'über/preview.jpg',
  )  # fmt: skip
  listing = listing_folder.list_folder(tmp_path)
  assert [i.video_id for i in listing.items] == [
    'a 1', 'b', 'x', 'y.z', 'über/c.v2',
  ]  # fmt: skip
  frames = {i.video_id: [f.name for f in i.frames] for i in listing.items}
  assert frames['x'] == ['f9.JPG', 'f10.png'] and frames['b'] == []
  assert listing.ignored == {
    '.db': 1, '.txt': 1, 'hidden files': 2, '.jpg': 1,
  }  # fmt: skip
  assert not listing.problems
  assert {(i.label, i.subject) for i in listing.items} == {(None, None)}


def test_ids_keep_the_suffix_where_needed(tmp_path):
  touch(tmp_path, 'a.mp4', 'a.avi', 'b.mp4', 'b/1.png', 'b/2.png')
  ids = [i.video_id for i in listing_folder.list_folder(tmp_path).items]
  assert len(set(ids)) == len(ids) == 4
  assert {'a.mp4', 'a.avi'} < set(ids)


def test_labels_and_people_from_folders(tmp_path):
  touch(tmp_path, 'happy/a.mp4', 'happy/b.mp4', 'sad/c.mp4', 'd.mp4')
  listing = listing_folder.list_folder(tmp_path, label_from='folder')
  assert summary(listing) == [
    ('happy/a', 'happy', None), ('happy/b', 'happy', None),
    ('sad/c', 'sad', None),
  ]  # fmt: skip
  assert [p.name for p in listing.problems] == ['d.mp4']
  listing = listing_folder.list_folder(tmp_path, subject_from='folder')
  assert summary(listing)[0] == ('happy/a', None, 'happy')


def test_labels_and_people_from_a_pattern(tmp_path):
  touch(tmp_path, 'P1/happy/a.mp4', 'P2/sad/x/1.png', 'P2/sad/x/2.png', 'q.mp4')
  listing = listing_folder.list_folder(tmp_path, pattern=NESTED)
  assert summary(listing) == [
    ('P1/happy/a', 'happy', 'P1'), ('P2/sad/x', 'sad', 'P2'),
  ]  # fmt: skip
  assert listing.problems[0].name == 'q.mp4'
  assert NESTED in listing.problems[0].reason


def test_an_empty_group_names_nothing(tmp_path):
  touch(tmp_path, 'P1_.mp4', 'P2_sad.mp4', '_sad.mp4')
  listing = listing_folder.list_folder(
    tmp_path, pattern='(?P<subject>[^_/]*)_(?P<label>[a-z]*)'
  )
  assert {i.video_id: (i.label, i.subject) for i in listing.items} == {
    'P1_': (None, 'P1'), 'P2_sad': ('sad', 'P2'), '_sad': ('sad', None),
  }  # fmt: skip


def test_links_are_followed_but_not_in_circles(tmp_path):
  touch(tmp_path, 'all/a/b/c.mp4', 'elsewhere/d.mp4')
  (tmp_path / 'all/latest').symlink_to('.')
  (tmp_path / 'all/a/b/up').symlink_to(tmp_path / 'all' / 'a')
  (tmp_path / 'all/a/more').symlink_to(tmp_path / 'elsewhere')
  # One into a folder of one's own above it, and back again.
  (tmp_path / 'elsewhere/back').symlink_to(tmp_path / 'all' / 'a' / 'b')
  listing = listing_folder.list_folder(tmp_path / 'all')
  assert [i.video_id for i in listing.items] == [
    'a/b/c', 'a/more/d',
  ]  # fmt: skip
  assert sum(listing.ignored.values()) == 3
  assert not listing.problems


def refuse_to_list(monkeypatch, *refused):
  scandir = os.scandir  # whoever runs the tests may be allowed everything

  def scan(path):
    if os.path.basename(path) in refused:
      raise PermissionError(13, 'Permission denied', path)
    return scandir(path)

  monkeypatch.setattr(os, 'scandir', scan)


def test_folders_that_cannot_be_listed_are_problems(tmp_path, monkeypatch):
  touch(tmp_path, 'a.mp4', 'x/b.mp4', 'x/secret/c.mp4')
  refuse_to_list(monkeypatch, 'secret')
  listing = listing_folder.list_folder(tmp_path)
  assert [i.video_id for i in listing.items] == ['a', 'x/b']
  assert listing.problems == [
    ('x/secret', 'cannot be listed: Permission denied')
  ]
  refuse_to_list(monkeypatch, tmp_path.name)
  listing = listing_folder.list_folder(tmp_path)
  assert not listing.items and listing.problems[0].name == '.'


def test_names_that_are_not_utf_8_can_be_printed(tmp_path):
  names = [b'\xfc/a.mp4', b'\xfc/b.\xff', b'sad/\xe9/1.png', b'sad/\xe9/2.png']
  for name in names:
    path = os.path.join(os.fsencode(tmp_path), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
      file.write(b'x')
  listing = listing_folder.list_folder(tmp_path, subject_from='folder')
  shown = [*summary(listing), listing.ignored, listing.problems]
  assert str(shown).encode('utf-8')
  assert {i.video_id for i in listing.items} == {'\\xfc/a', 'sad/\\xe9'}
  assert all(i.path.exists() for i in listing.items)
  unmatched = listing_folder.list_folder(
    tmp_path, pattern='(?P<label>none)'
  ).problems
  assert {p.name for p in unmatched} == {'\\xfc/a.mp4', 'sad/\\xe9'}


def test_names_of_videos_are_different_whatever_the_suffixes():
  names = ['a.mp4', 'a.avi', 'a.mp4.mov', 'b.mp4', 'b.mp4.mov', 'c', 'c.d']
  paths = [pathlib.PurePath(name) for name in names]
  ids = listings.name_videos(paths)
  assert len(set(ids)) == len(names)
  assert ids[3] == 'b'


def test_bad_patterns_are_refused(subtests, tmp_path):
  for pattern, message in [
    ('(', 'no regular expression'),
    ('abc', 'names none'),
    ('(?P<emotion>a)', 'names emotion'),
  ]:
    with subtests.test(pattern=pattern, message=message):
      touch(tmp_path, 'a.mp4')
      with pytest.raises(ValueError, match=message):
        listing_folder.list_folder(tmp_path, pattern=pattern)


def test_one_folder_cannot_name_both(tmp_path):
  with pytest.raises(ValueError, match='both the label and the subject'):
    listing_folder.list_folder(
      tmp_path, label_from='folder', subject_from='folder'
    )


def test_nothing_there(tmp_path):
  with pytest.raises(FileNotFoundError, match='no folder .*absent'):
    listing_folder.list_folder(tmp_path / 'absent')
  touch(tmp_path, 'a.txt', 'b/c.txt', 'Makefile')
  with pytest.raises(FileNotFoundError, match='2 .txt, 1 Makefile'):
    listing_folder.list_folder(tmp_path)
  with pytest.raises(NotADirectoryError, match='a.txt is a file'):
    listing_folder.list_folder(tmp_path / 'a.txt')


def read_csv(tmp_path, text, encoding='utf-8'):
  (tmp_path / 'v.csv').write_bytes(text.encode(encoding))
  return listing_csv.list_csv(tmp_path / 'v.csv')


def test_csv_as_programs_write_it(subtests, tmp_path):
  touch(tmp_path, 'ü 1.mp4', 'f/1.png', 'f/2.png')
  rows = [
    ['Path', '"subject"', 'label'], ['ü 1.mp4', 'Zoë', ' happy '],
    ['', '', ''], ['f', '7', ''],
  ]  # fmt: skip
  for case in itertools.product(
    (',', ';', '\t'), ('\n', '\r\n'), ('utf-8', 'utf-8-sig')
  ):
    with subtests.test(case=case):
      delimiter, newline, encoding = case
      text = newline.join(delimiter.join(row) for row in rows)
      listing = read_csv(tmp_path, text, encoding)
      assert summary(listing) == [('ü 1', 'happy', 'Zoë'), ('f', None, '7')]
      assert len(listing.items[1].frames) == 2
      assert not listing.problems and not listing.notes


def test_csv_parts_of_one_video_are_one_person(tmp_path):
  touch(tmp_path, 'a.mp4')
  listing = read_csv(tmp_path, 'path,start,end\na.mp4,1,2.5\na.mp4,3,\n')
  first, second = listing.items
  assert (first.video_id, first.start, first.end) == ('a@1-2.5', 1, 2.5)
  assert (second.video_id, second.start, second.end) == ('a@3-', 3, None)
  assert first.recording == second.recording == 'a'
  assert first.subject is None and second.subject is None


def test_csv_columns_passed_over_are_told(tmp_path):
  touch(tmp_path, 'a.mp4')
  listing = read_csv(tmp_path, 'path,lable\na.mp4,happy\n')
  assert listing.notes == [
    'columns passed over: lable; those read are called path, label, subject, '
    'start, end'
  ]
  assert listing.items[0].label is None


def test_csv_problems_are_all_listed(tmp_path):
  touch(tmp_path, 'a.mp4', 'b, c.mp4')
  (tmp_path / 'empty').mkdir()
  listing = read_csv(
    tmp_path,
    'path,label,start,end\n'
    'a.mp4,x,0,1\n'
    'gone.mp4,x,,\n'
    'a.mp4,x,2,1\n'
    'a.mp4,x,soon,\n'
    'a.mp4,x,0,1\n'
    ',x,,\n'
    'empty,x,,\n'
    'b, c.mp4,x,,\n'
    'a.mp4,x,-1,\n'
    'a.mp4,x,nan,\n',
  )
  assert [i.video_id for i in listing.items] == ['a@0-1']
  reasons = [problem.reason for problem in listing.problems]
  for number, (reason, expected) in enumerate(
    zip(
      reasons,
      ['there is no', 'not after 2 s', 'start .=soon', 'as line 2',
       'no path', 'without images', 'a comma in a path needs quotes',
       'start .=-1', 'start .=nan'],
      strict=True,
    ),
    3,
  ):  # fmt: skip
    assert 'v.csv' in listing.problems[number - 3].name
    assert f'line {number} ' in listing.problems[number - 3].name
    assert re.search(expected, reason), (expected, reason)


def test_csv_files_of_another_kind_are_refused(subtests, tmp_path):
  for text, message in [
    ('file,label\na.mp4,x\n', 'no column `path`.*file,label'),
    ('', 'no column `path`'),
    ('path,path\na,b\n', 'twice'),
    ('path,label\n', 'names no video'),
  ]:
    with subtests.test(text=text, message=message):
      with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_csv(tmp_path, text)


def test_csv_that_is_absent_or_of_another_encoding(tmp_path):
  with pytest.raises(FileNotFoundError, match='no file .*absent.csv'):
    listing_csv.list_csv(tmp_path / 'absent.csv')
  with pytest.raises(ValueError, match='not UTF-8'):
    read_csv(tmp_path, 'path\nü.mp4\n', 'latin-1')
