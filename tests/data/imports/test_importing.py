import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import making_videos
import numpy as np
import pytest
from small_imports import folder_items
from small_imports import import_items
from small_imports import tree

from stclr_jax import oulu_casia
from stclr_jax.data import data_folder
from stclr_jax.data import imported
from stclr_jax.data import imported_report
from stclr_jax.data import sources
from stclr_jax.data.imports import import_report
from stclr_jax.data.imports.importing import Origin
from stclr_jax.data.imports.recordings import Options
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.listings.listing import Item
from stclr_jax.errors import UserError

ROOT = pathlib.Path(__file__).parents[3]


def test_what_goes_in_comes_out(tmp_path):
  items = folder_items(tmp_path, [3, 5, 4])
  items = [
    Item(i.video_id, i.path, i.frames, label, subject)
    for i, label, subject in zip(
      items, ('ü', None, 'a'), ('P10', 'P9', None), strict=True
    )
  ]
  report = import_items(items, tmp_path / 'data')
  store = sources.load_videos(
    'mine', split='vl_strong', frame_size=(12, 16), data_dir=tmp_path / 'data'
  )
  assert store.name == 'mine:videos' and not store.synthetic
  assert store.video_id == ('v00', 'v01', 'v02')
  assert store.label_names == ('a', 'ü')
  assert store.label.tolist() == [1, -1, 0]
  assert store.length.tolist() == [3, 5, 4]
  # In natural order: P9, P10, then the one called by its video.
  assert store.subject.tolist() == [2, 1, 3]
  assert report.subjects == {'P9': 1, 'P10': 2, 'v02': 3}
  shown = store.frames[store.first[1] :][:5]
  assert making_videos.numbers_of(shown) == [0, 1, 2, 3, 4]
  assert report.labels == {'a': 1, 'ü': 1} and report.unlabelled == 1
  assert report.frames_min_median_max == (3, 4, 5)
  assert report == imported.read_report('mine', tmp_path / 'data')
  assert imported.list_names(tmp_path / 'data') == ['mine']


def test_records_hold_the_bytes_that_came(tmp_path):
  (item,) = folder_items(tmp_path, [3])
  import_items([item], tmp_path / 'data')
  source = sources.open_source(
    'mine', split='videos', data_dir=tmp_path / 'data'
  )
  (record,) = sources.read_records(source)
  assert record.frames == [path.read_bytes() for path in item.frames]
  assert source.examples[0]['subject_name'] in ('v00', b'v00')


def test_others_read_it_by_tfds_alone(tmp_path):
  items = folder_items(tmp_path, [3], label='a')
  import_items(items, tmp_path / 'data')
  program = """
import sys
import tensorflow_datasets as tfds
builder = tfds.builder('imported_videos/mine', data_dir=sys.argv[1])
(example,) = builder.as_data_source(split='videos')
assert [f.shape for f in example['frames']] == [(12, 16, 3)] * 3
assert builder.info.features['label'].names == ['a'], builder.info
assert not any(name.startswith('stclr_jax') for name in sys.modules)
"""
  subprocess.run(
    [sys.executable, '-c', program, tmp_path / 'data'],
    check=True,
    cwd=tmp_path,
  )


def test_importing_and_reading_need_no_tensorflow(tmp_path):
  folder_items(tmp_path / 'videos', [3, 4])
  program = """
import sys
from stclr_jax import import_videos
from stclr_jax.data import sources
import_videos.main([sys.argv[1], '--out=mine', '--data_dir=' + sys.argv[2]])
store = sources.load_videos('mine', split='', frame_size=(12, 16),
  data_dir=sys.argv[2])
assert store.num_videos == 2 and store.label.tolist() == [-1, -1]
assert 'tensorflow' not in sys.modules
"""
  subprocess.run(
    [sys.executable, '-c', program, tmp_path / 'videos', tmp_path / 'data'],
    check=True,
    cwd=ROOT,
  )


def test_checksums_tell_sets_apart_and_alike(tmp_path):
  items = folder_items(tmp_path, [3, 4], label='a')
  first = import_items(items, tmp_path / 'one')
  again = import_items(items[::-1], tmp_path / 'two')
  assert first.checksum == again.checksum
  sums = [video.checksum for video in first.videos]
  making_videos.write_image(items[0].frames[1], np.zeros((12, 16, 3), np.uint8))
  changed = import_items(items, tmp_path / 'three')
  assert changed.checksum != first.checksum
  assert changed.videos[0].checksum != sums[0]
  assert changed.videos[1].checksum == sums[1]


def test_windows_have_names_and_one_person(tmp_path):
  frames = making_videos.level_frames(34)
  path = making_videos.write_video(tmp_path / 'a.mp4', frames)
  report = import_items(
    [Item('a', path)], tmp_path, options=Options(window_seconds=0.4)
  )
  assert [v.video_id for v in report.videos] == [
    'a#0000', 'a#0001', 'a#0002',
  ]  # fmt: skip
  assert [v.start for v in report.videos] == [0, 0.4, 0.8]
  assert report.num_subjects == 1


def broken_items(tmp_path):
  items = folder_items(tmp_path, [3, 3, 1, 3])
  items[1].frames[2].write_bytes(b'no picture')
  return items


def test_everything_bad_is_listed_and_nothing_written(tmp_path):
  problems = [listings.Problem('list.csv, line 7', 'there is no x.mp4')]
  with pytest.raises(ValueError) as error:
    import_items(broken_items(tmp_path), tmp_path / 'data', problems=problems)
  message = str(error.value)
  for words in ('3 of 5 recordings', 'line 7: there is no x.mp4',
                'v01: 002.jpg: ', 'v02: 1 different',
                '--on_error=skip'):  # fmt: skip
    assert words in message
  assert tree(tmp_path / 'data') == ['imported_videos']


def test_bad_ones_are_left_out_where_told(tmp_path):
  report = import_items(
    broken_items(tmp_path), tmp_path / 'data', on_error='skip'
  )
  assert [v.video_id for v in report.videos] == ['v00', 'v03']
  assert [s.name for s in report.skipped] == ['v01', 'v02']
  text = import_report.describe(report, 'somewhere')
  assert '2 videos' in text and 'v02: 1 different' in text
  with pytest.raises(ValueError, match='Nothing is left to import'):
    import_items(
      broken_items(tmp_path)[1:3], tmp_path / 'data', name='other',
      on_error='skip',
    )  # fmt: skip
  with pytest.raises(ValueError, match="on_error.*'guess'"):
    import_items([], tmp_path, on_error='guess')


def test_windows_before_the_damage_are_kept_and_told(tmp_path):
  noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), np.uint8)
  path = making_videos.write_video(tmp_path / 'a.mkv', list(noise), gop=5)
  data = path.read_bytes()
  path.write_bytes(data[: int(0.7 * len(data))])
  report = import_items(
    [Item('a', path)], tmp_path, options=Options(window_seconds=0.4),
    on_error='skip',
  )  # fmt: skip
  (skipped,) = report.skipped
  assert 'cut off' in skipped.reason and 'are kept)' in skipped.reason
  assert report.num_videos >= 2


def test_names_that_occur_twice_are_problems(tmp_path):
  (item,) = folder_items(tmp_path, [3])
  with pytest.raises(ValueError, match='2 recordings have this name'):
    import_items([item, item], tmp_path / 'data')


def test_of_one_name_the_first_or_none_is_kept(tmp_path):
  here = folder_items(tmp_path / 'here', [3, 4, 5, 6])
  there = folder_items(tmp_path / 'there', [3, 4, 5, 7])
  there[1] = dataclasses.replace(there[1], label='sad')
  making_videos.write_image(there[2].frames[4], np.ones((12, 16), np.uint8))
  # v00 is the same twice; labels, pixels and lengths of the others differ.
  (other,) = folder_items(tmp_path / 'other', [3])
  items = [*here, *there, dataclasses.replace(other, video_id='other')]
  report = import_items(items, tmp_path / 'data', on_error='skip')
  assert [v.video_id for v in report.videos] == ['v00', 'other']
  assert [s.name for s in report.skipped] == ['v00', 'v01', 'v02', 'v03']
  for i, entry in enumerate(report.skipped):
    assert ('the same' if i == 0 else 'different') in entry.reason
    assert str(here[i].path) in entry.reason
    assert str(there[i].path) in entry.reason
  store = sources.load_videos(
    'mine', split='', frame_size=(12, 16), data_dir=tmp_path / 'data'
  )
  assert store.video_id == ('other', 'v00')


def test_a_name_may_not_be_that_of_a_window(tmp_path):
  path = making_videos.write_video(
    tmp_path / 'a.mp4', making_videos.level_frames(24)
  )
  (other,) = folder_items(tmp_path, [3])
  items = [Item('a', path), dataclasses.replace(other, video_id='a#0001')]
  options = {'options': Options(window_seconds=0.4), 'on_error': 'skip'}
  report = import_items(items, tmp_path / 'data', **options)
  assert [v.video_id for v in report.videos] == ['a#0000', 'a#0001']
  assert report.skipped[0].name == 'a#0001'
  assert 'rename one' in report.skipped[0].reason


def test_names_that_are_not_utf_8_are_imported_and_told(tmp_path, capsys):
  folder = os.fsencode(tmp_path / 'videos')
  for name, length in ((b'\xfc', 4), (b'\xe9', 1), (b'bad', 3)):
    path = pathlib.Path(os.fsdecode(folder + b'/' + name))
    making_videos.write_frames(path, length, name='{:d}\udcff.png')
  (path / '0\udcff.png').write_bytes(b'x')
  making_videos.write_video(
    tmp_path / 'v.mp4', making_videos.level_frames(6)
  ).rename(os.fsdecode(folder + b'/\xff.mp4'))
  listing = listing_folder.list_folder(tmp_path / 'videos')
  report = import_items(
    listing.items, tmp_path / 'data', on_error='skip',
    origin=Origin(os.fsdecode(folder + b'/\xff')),
  )  # fmt: skip
  assert [v.video_id for v in report.videos] == ['\\xfc', '\\xff']
  assert [s.name for s in report.skipped] == ['bad', '\\xe9']
  assert r'0\xff.png' in report.skipped[0].reason
  assert import_report.describe(report, 'here').encode('utf-8')
  store = sources.load_videos(
    'mine', split='', frame_size=(12, 16), data_dir=tmp_path / 'data'
  )
  assert store.num_videos == 2


@pytest.mark.parametrize(
  'name',
  ['', 'My Videos', '1st', 'a/b', '..', 'oulu_casia', 'synthetic_x', 'ü'],
)
def test_names_that_clash_or_cannot_be_are_refused(tmp_path, name):
  with pytest.raises(ValueError, match='The name'):
    import_items([], tmp_path, name=name)


def test_every_builtin_name_is_reserved():
  for name in oulu_casia.BUILT_SETS:
    with pytest.raises(ValueError, match='must not begin'):
      imported.check_name(name)


def test_unknown_data_sets_are_told_what_there_is(tmp_path):
  def load(name, split='vl_strong'):
    sources.load_videos(
      name, split=split, frame_size=(12, 16), data_dir=tmp_path / 'data'
    )

  with pytest.raises(ValueError, match='there is none in'):
    load('min')
  import_items(folder_items(tmp_path, [3]), tmp_path / 'data')
  with pytest.raises(ValueError, match="'min'.*synthetic_demo.*: mine\\."):
    load('min')
  with pytest.raises(ValueError, match="data.split.*'ni_dark'.*'videos'"):
    load('mine', 'ni_dark')


def test_the_report_is_readable_and_complete(tmp_path):
  items = folder_items(tmp_path, [3], attributes={'intensity': 'high'})
  import_items(items, tmp_path / 'data')
  path = imported.directory('mine', tmp_path / 'data')
  report = imported_report.read(path)
  assert data_folder.read_report(path) == import_report.describe(report, path)
  assert imported_report.read_coverage(path) == {'v00': None}
  assert report.videos[0].attributes == {'intensity': 'high'}
  assert report.versions['av'] and report.options['fps'] == 25


@pytest.mark.parametrize('found', [None, 1, imported_report.FORMAT + 1])
def test_a_set_of_another_format_is_named_with_what_to_do(tmp_path, found):
  items = folder_items(tmp_path, [3])
  import_items(items, tmp_path / 'data')
  path = imported.directory('mine', tmp_path / 'data') / imported_report.NAME
  report = json.loads(path.read_text()) | {'format': found}
  if found is None:  # as nobody wrote it yet
    del report['format']
  path.write_text(json.dumps(report))
  with pytest.raises(UserError, match=rf'format.*{found}.*--overwrite'):
    sources.open_source('mine', split='', data_dir=tmp_path / 'data')
  path.write_text('[]')
  with pytest.raises(UserError, match='damaged.*holds a list.*--overwrite'):
    sources.open_source('mine', split='', data_dir=tmp_path / 'data')
  import_items(items, tmp_path / 'data', overwrite=True)
  sources.open_source('mine', split='', data_dir=tmp_path / 'data')
