import os

import pytest

from stclr_jax.data.listings import folder_walk
from stclr_jax.data.listings import listing
from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.listings import recipes
from tfds_oulu.scan import source_files


def touch(folder, *names, data=b'x'):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_no_pipe_no_device_and_no_broken_link_is_opened(tmp_path):
  touch(tmp_path, 'a.mp4', 'f/1.png', 'f/2.png')
  for name in ('pipe.mp4', 'f/3.png', 'labels.txt', 'p.csv', 'clip.ts'):
    os.mkfifo(tmp_path / name)
  (tmp_path / 'zero.avi').symlink_to('/dev/zero')
  (tmp_path / 'gone.mov').symlink_to('nowhere')
  (tmp_path / 'loop').symlink_to('loop')
  found = listing_folder.list_folder(tmp_path)
  assert [item.video_id for item in found.items] == ['a', 'f']
  assert len(found.items[1].frames) == 2
  assert {p.name: p.reason for p in found.problems} == {
    'pipe.mp4': 'a named pipe, not a file: never opened',
    'clip.ts': 'a named pipe, not a file: never opened',
    'f/3.png': 'a named pipe, not a file: never opened',
    'zero.avi': 'a device, not a file: never opened',
    'gone.mov': 'a link to nowhere, which is not there: never opened',
  }
  assert sum(found.ignored.values()) == 3
  with pytest.raises(ValueError, match=r'p\.csv is a named pipe'):
    listing_csv.list_csv(tmp_path / 'p.csv')
  with pytest.raises(FileNotFoundError, match='a named pipe'):
    listing_folder.list_folder(tmp_path / 'p.csv')
  (tmp_path / 'v.csv').write_text('path\npipe.mp4\nzero.avi\nf\na.mp4\n')
  rows = listing_csv.list_csv(tmp_path / 'v.csv')
  assert [item.video_id for item in rows.items] == ['a']
  reasons = [problem.reason for problem in rows.problems]
  for reason, word in zip(reasons, ('pipe', 'device', '3.png'), strict=True):
    assert word in reason
  with source_files.FileTree(tmp_path) as tree:
    for file in tree.files():
      if file.name in ('pipe.mp4', '3.png', 'zero.avi', 'gone.mov', 'loop'):
        with pytest.raises(OSError, match='not a file|not there|Too many'):
          file.read()


def test_label_files_of_a_recipe_are_regular_files(tmp_path):
  folder = tmp_path / 'images' / 'S005' / '001'
  touch(folder, 'S005_001_00000001.png', 'S005_001_00000002.png')
  touch(folder, 'thumbnail.png')
  labels = tmp_path / 'Emotion' / 'S005' / '001'
  labels.mkdir(parents=True)
  os.mkfifo(labels / 'S005_001_00000002_emotion.txt')
  (labels / 'S006_001_00000002_emotion.txt').symlink_to('/dev/zero')
  found = recipes.list_ck_plus(tmp_path)
  (item,) = found.items
  assert item.label is None and len(item.frames) == 2
  assert 'thumbnail.png' in str(item.notes)
  assert found.ignored['names of no regular file'] == 2


def test_each_folder_is_entered_once(tmp_path):
  """Sixteen diamonds, one on the other, are 65536 paths to one video."""
  folder = tmp_path / 'z'
  for _ in range(16):
    (folder / 'below').mkdir(parents=True)
    for name in ('a', 'b'):
      (folder / name).symlink_to('below')
    folder = folder / 'below'
  touch(folder, '000.mp4')
  (tmp_path / 'early').symlink_to('z')
  found = folder_walk.walk(tmp_path)
  real = 'z' + 16 * '/below' + '/000.mp4'  # not by way of a link
  assert list(found.videos) == [tmp_path / real]
  assert found.ignored == {'links to a folder that is read elsewhere': 33}
  with source_files.FileTree(tmp_path) as tree:
    assert [file.path for file in tree.files()] == [real]
    assert [file.path for file in tree.files()] == [real]


def test_a_suffix_of_several_meanings_is_looked_into(tmp_path):
  packets = b''.join(b'\x47' + bytes(187) for _ in range(6))
  timed = b''.join(bytes(4) + b'\x47' + bytes(187) for _ in range(6))
  touch(tmp_path, 'a.ts', data=packets)
  touch(tmp_path, 'b.MTS', 'c.m2ts', data=timed)
  touch(tmp_path, 'cut.ts', data=packets[100:])
  touch(tmp_path, 'code.ts', data=b'export const G = 1;\n' * 99)
  touch(tmp_path, 'empty.ts', data=b'')
  touch(tmp_path, 'd.3GP', 'e.vob', 'f.qt', 'g.ogv')
  found = folder_walk.walk(tmp_path)
  assert [path.name for path in found.videos] == [
    'a.ts', 'b.MTS', 'c.m2ts', 'cut.ts', 'd.3GP', 'e.vob', 'f.qt', 'g.ogv',
  ]  # fmt: skip
  assert found.ignored == {'.ts': 2}


ESCAPED = {
  'plain 1.mp4': 'plain 1.mp4',
  'Zoë 日本 👩‍👧.mp4': 'Zoë 日本 👩‍👧.mp4',
  'e\u0301.mp4': 'é.mp4',
  '\x1b[2Jgone.mp4': r'\x1b[2Jgone.mp4',
  'a\nb\r\t\x7f.mp4': r'a\nb\r\t\x7f.mp4',
  'c1\x9b31m.mp4': r'c1\x9b31m.mp4',
  'turned\u202e4pm.mp4': r'turned\u202e4pm.mp4',
  'isolated\u2066.mp4': r'isolated\u2066.mp4',
  'lines\u2028\u2029\x85.mp4': r'lines\u2028\u2029\x85.mp4',
  os.fsdecode(b'\xff.mp4'): r'\xff.mp4',
}


def test_names_command_no_terminal(subtests):
  for name, escaped in ESCAPED.items():
    with subtests.test(name=name):
      assert listing.as_text(name) == escaped
      assert listing.as_text(escaped) == escaped


def test_escaped_names_stay_different(tmp_path):
  touch(tmp_path, '\x1b.mp4', r'\x1b.mp4', 'é.mp4', 'e\u0301.mp4')
  found = listing_folder.list_folder(tmp_path)
  ids = [item.video_id for item in found.items]
  assert len(set(ids)) == 4 and all(name.isprintable() for name in ids)


def test_labels_and_people_are_escaped_wherever_they_stand(tmp_path):
  evil = 'x\x1b]0;\u202e'
  touch(tmp_path, f'{evil}/{evil}1.png', f'{evil}/{evil}2.png')
  touch(tmp_path, f'{evil}/{evil}.png')
  touch(tmp_path, 'a.mp4')
  (tmp_path / 'v.csv').write_text(
    f'path,label,subject,{evil}\na.mp4,{evil},{evil},\n{evil}.mp4,,,\n'
  )
  rows = listing_csv.list_csv(tmp_path / 'v.csv')
  found = listing_folder.list_folder(tmp_path, pattern='(?P<label>x.*)/')
  shown = [
    *(t for i in rows.items for t in (i.video_id, i.label, i.subject)),
    *(t for i in found.items for t in (i.video_id, i.label, *i.notes)),
    *(t for problem in rows.problems for t in problem),
    *(problem.name for problem in found.problems),
    *rows.notes,
  ]
  assert len(found.items) == 1 and len(rows.items) == 1
  assert all(text.isprintable() for text in shown), shown
  assert r'\x1b' in found.items[0].notes[0]
