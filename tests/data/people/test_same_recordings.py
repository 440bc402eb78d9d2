"""What is the same: recordings that occur twice, labels read elsewhere."""

import dataclasses
import shutil

import av
import cv2
import making_videos
import numpy as np
import pytest

from stclr_jax.data import folds
from stclr_jax.data import imported
from stclr_jax.data import sources
from stclr_jax.data.imports import import_writer
from stclr_jax.data.imports import importing
from stclr_jax.data.imports import recordings
from stclr_jax.data.listings import labels as label_maps
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Listing
from stclr_jax.data.people import listed_people
from stclr_jax.data.people import same_recordings


def import_items(
  items, data_dir, *, classes=None, overwrite=False, on_error='stop'
):
  if classes is None:
    classes = sorted({item.label for item in items} - {None})
  return importing.import_items(
    Listing(list(items), [], {}),
    import_writer.Target('mine', tuple(classes), data_dir, overwrite),
    origin=importing.Origin('here'),
    options=recordings.Options(),
    on_error=on_error,
    progress=False,
  )


def folder_items(folder, lengths):
  paths = [
    making_videos.write_frames(folder / f'v{i:02d}', length)
    for i, length in enumerate(lengths)
  ]
  return [
    Item(path.name, path, tuple(sorted(path.iterdir()))) for path in paths
  ]


def video_of(folder, name, *, first, num_frames=10, suffix='.mp4'):
  frames = making_videos.level_frames(num_frames, first=first)
  return making_videos.write_video(folder / f'{name}{suffix}', frames)


def people_read(report, data_dir):
  """Number of each video's person, as TFDS alone reads it, checked."""
  import tensorflow_datasets as tfds

  source = tfds.builder_from_directory(
    imported.directory(report.name, data_dir)
  ).as_data_source('videos')
  numbers = {
    example['video_id'].decode(): int(example['subject']) for example in source
  }
  for video in report.videos:
    number = report.subjects[video.subject]
    assert numbers[video.video_id] == number
  assert report.num_subjects == len(set(numbers.values()))
  return numbers


def test_a_recording_that_occurs_twice_is_of_one_person(tmp_path):
  path = video_of(tmp_path, 'a', first=20)
  shutil.copy(path, tmp_path / 'a (1).mp4')
  (tmp_path / 'link.mp4').symlink_to(path)
  # The same pictures in another container: known only once it is decoded.
  with av.open(str(path)) as source:
    with av.open(str(tmp_path / 'again.mkv'), 'w') as target:
      stream = target.add_stream_from_template(source.streams.video[0])
      for packet in source.demux(video=0):
        if packet.dts is not None:
          packet.stream = stream
          target.mux(packet)
  names = ('b.mp4', 'a.mp4', 'a (1).mp4', 'link.mp4', 'again.mkv')
  video_of(tmp_path, 'b', first=100)
  # Frames that are told apart by their encoding alone.
  frames = [np.full((12, 16, 3), 10 * i, np.uint8) for i in range(3)]
  for folder, level in (('png', 1), ('png2', 9)):
    (tmp_path / folder).mkdir()
    for i, frame in enumerate(frames):
      cv2.imwrite(
        str(tmp_path / folder / f'{i}.png'),
        frame,
        [cv2.IMWRITE_PNG_COMPRESSION, level],
      )
  items = [Item(n, tmp_path / n, label='happy') for n in names]
  items += [
    Item(n, tmp_path / n, tuple(sorted((tmp_path / n).iterdir())), 'happy')
    for n in ('png', 'png2')
  ]
  items[2] = dataclasses.replace(items[2], label='sad')
  report = import_items(items, tmp_path / 'data')
  number = people_read(report, tmp_path / 'data')
  assert report.num_subjects == 3
  assert len({number[name] for name in names[1:]}) == 1
  assert number['png'] == number['png2'] != number['b.mp4'] != number['a.mp4']
  lines = report.notes
  assert len(lines) == 2 and 'happy and sad' in lines[0]
  assert all(name in lines[0] for name in names[1:])
  for video in report.videos:
    noted = [note for note in video.notes if 'same frames as' in note]
    assert len(noted) == (video.video_id != 'b.mp4')
  store = sources.load_videos(
    'mine', split='', frame_size=(12, 16), data_dir=tmp_path / 'data'
  )
  dealt = folds.make_folds(store.subject, num_folds=3)
  for i in range(3):
    tested = {store.video_id[j] for j in dealt.fold(i).test}
    assert tested in ({'b.mp4'}, {'png', 'png2'}, set(names[1:]))


def test_a_black_screen_is_nobodys_recording(tmp_path):
  items = []
  for name, last in (('black', 0), ('other', 9)):
    frames = [np.zeros((12, 16, 3), np.uint8)] * 3
    frames.append(np.full((12, 16, 3), last, np.uint8))
    # Of other encodings, so that only what is seen can join them.
    for level in (1, 9):
      folder = tmp_path / f'{name}{level}'
      folder.mkdir()
      options = [cv2.IMWRITE_PNG_COMPRESSION, level]
      for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f'{i}.png'), frame, options)
      items.append(Item(folder.name, folder, tuple(sorted(folder.iterdir()))))
  report = import_items(items, tmp_path / 'data')
  number = people_read(report, tmp_path / 'data')
  assert number['black1'] != number['black9']
  assert number['other1'] == number['other9']


@pytest.mark.parametrize(
  'parts, num_people',
  [
    # (start, end, person) of one recording of 0.8 seconds.
    ([(0, 0.4, 'A'), (0.4, 0.8, 'B')], 2),  # two people take turns
    ([(0, 0.44, 'A'), (0.36, 0.8, 'B')], 1),
    ([(0, None, 'A'), (0.4, 0.6, 'B')], 1),
    ([(0, 0.2, 'A'), (0, 0.8, 'B'), (0.6, 0.8, 'C')], 1),
    ([(0, 0.4, None), (0.4, 0.8, None)], 1),  # nobody said that they are two
  ],
)
def test_parts_share_a_person_where_they_share_frames(
  tmp_path, parts, num_people
):
  path = video_of(tmp_path, 'a', first=20, num_frames=20)
  shutil.copy(path, tmp_path / 'copy.mp4')
  for paths in ((path,), (path, tmp_path / 'copy.mp4')):
    items = [
      Item(f'{i}', paths[i % len(paths)], (), None, person, start, end)
      for i, (start, end, person) in enumerate(parts)
    ]
    report = import_items(items, tmp_path / 'data', overwrite=True)
    people_read(report, tmp_path / 'data')
    assert report.num_subjects == num_people
    assert bool(report.num_notes) is (num_people == 1 and bool(parts[0][2]))


def test_parts_are_joined_as_all_pairs_that_overlap_would_join_them():
  rng = np.random.default_rng(0)
  for _ in range(50):
    starts = rng.integers(0, 20, rng.integers(1, 12))
    ends = starts + rng.integers(1, 7, len(starts))
    items = [
      Item(
        f'{i}', None, (), None, f'{i}', float(a), float(b) if b % 7 else None
      )
      for i, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]
    spans = [
      (item.start, np.inf if item.end is None else item.end) for item in items
    ]
    overlap = [
      (i, j)
      for i, (a, b) in enumerate(spans)
      for j, (c, d) in enumerate(spans[:i])
      if max(a, c) < min(b, d)
    ]
    found, _ = same_recordings.pair_sources(items, ['f'] * len(items))
    assert set(map(frozenset, found)) <= set(map(frozenset, overlap))
    numbers = [
      listed_people.number_people(
        items, same_recordings.names_of_pairs(pairs, items)
      )
      for pairs in (found, overlap)
    ]
    assert numbers[0] == numbers[1]


def test_a_part_of_nobody_named_is_of_the_only_person_named_there():
  table = [  # who is named in parts of one file, and the people counted
    (['Anna', None, None], 1),
    ([None, 'Anna', 'Anna'], 1),
    (['Anna', 'Ben', None], 3),
    ([None, None, None], 1),
  ]
  for subjects, number in table:
    items = [
      Item(f'a@{i}', None, (), None, who, i, i + 1.0, recording='a')
      for i, who in enumerate(subjects)
    ]
    _, pairs = same_recordings.pair_sources(items, ['f'] * 3)
    linked = same_recordings.names_of_pairs(pairs, items)
    assert (
      len(set(listed_people.number_people(items, linked).values())) == number
    )


def test_whatever_a_recording_causes_is_its_own_problem(tmp_path, monkeypatch):
  items = folder_items(tmp_path, [3, 4, 5])
  read = recordings.read_windows

  def stumble(item, options):
    yield from read(item, options)
    if item.video_id == 'v01':
      raise KeyError('nonsense')

  monkeypatch.setattr(recordings, 'read_windows', stumble)
  report = import_items(items, tmp_path / 'data', on_error='skip')
  (skipped,) = report.skipped
  assert skipped.name == 'v01' and "KeyError: 'nonsense'" in (skipped.reason)


def test_the_same_class_names_are_read_by_tfds_alone(tmp_path):
  import tensorflow_datasets as tfds

  labels = ['ha\nppy', '\x1b[31msad', 'so so', '\u2028odd', '10', '9', 'ü\r']
  items = folder_items(tmp_path, range(3, 3 + len(labels)))
  listing = Listing(
    [
      dataclasses.replace(item, label=label)
      for item, label in zip(items, labels, strict=True)
    ],
    [],
    {},
  )
  classes = label_maps.apply(listing, label_maps.LabelMap())
  report = import_items(listing.items, tmp_path / 'data', classes=classes)
  names = (
    tfds.builder_from_directory(imported.directory('mine', tmp_path / 'data'))
    .info.features['label']
    .names
  )
  assert names == list(report.classes) == list(classes)
  assert len(names) == 7 and names[:2] == ['9', '10']
  assert all(name.isprintable() for name in names)
