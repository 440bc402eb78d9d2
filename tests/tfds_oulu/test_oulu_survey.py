"""Duplicates, damage and gaps: named, never mixed, never lost."""

import io
import os
import pathlib
import zipfile

import making_videos
import oulu_trees
import pytest

from tfds_oulu import integrity
from tfds_oulu.scan import frame_check
from tfds_oulu.scan import source_files
from tfds_oulu.scan import survey

VIDEOS = oulu_trees.make_videos(people=(1,), expressions=('Anger', 'Fear'))
ANGER = VIDEOS['vl_strong', 'P001/Anger']
FEAR = VIDEOS['vl_strong', 'P001/Fear']
FILES = oulu_trees.lay_out(VIDEOS, 'OriginalImg')
IN_ANGER = 'OriginalImg/VL/Strong/P001/Anger'
LABELS = {'S1': 'Surprise', 'S2': 'Sadness'}


def look(folder, files=None, **options):
  oulu_trees.write_files(folder, files or {})
  with source_files.FileTree(folder) as tree:
    found = survey.survey(tree, **options)
    contents = {
      (condition, video.video_id): tuple(video.read())
      for condition, videos in found.videos.items()
      for video in videos
    }
  return found, contents


def refusal(folder, files, **options):
  with pytest.raises(ValueError, match='Nothing was built') as error:
    look(folder, files, **options)
  return str(error.value)


def test_capitalised_twice_with_different_frames_is_refused(tmp_path):
  message = refusal(
    tmp_path, {**FILES, 'OriginalImg/VL/Strong/p001/Anger/000.jpeg': FEAR[0]}
  )
  assert '1 videos of vl_strong are more than once, and different' in message
  assert f'{len(ANGER)} frames in {IN_ANGER}' in message
  assert '1 frames in OriginalImg/VL/Strong/p001/Anger' in message


def test_members_of_archives_are_read_within_a_limit(tmp_path, monkeypatch):
  """Whatever size the table of contents names."""
  monkeypatch.setattr(source_files, 'MAX_BYTES', 2**21)
  large = f'{IN_ANGER}/000.jpeg'
  honest = oulu_trees.pack({**FILES, large: bytes(2**21 + 1)})
  message = refusal(tmp_path / 'a', {'a.zip': honest})
  assert f'a.zip/{large}: cannot be read: more than 2 MiB' in message
  # Both of its headers, in the file and in the table, say that it is small.
  size = (2**21 + 1).to_bytes(4, 'little')
  assert honest.count(size) == 2
  lying = honest.replace(size, (99).to_bytes(4, 'little'))
  message = refusal(tmp_path / 'b', {'a.zip': lying})
  assert f'a.zip/{large}: cannot be read: the archive is damaged' in message


def test_a_person_may_be_spread_over_two_folders(tmp_path):
  apart = {p.replace('P001/Fear', 'p001/Fear'): c for p, c in FILES.items()}
  assert look(tmp_path, apart)[1] == VIDEOS


def test_two_roots_with_the_same_frames_are_one(tmp_path):
  again = oulu_trees.lay_out(VIDEOS, 'Another/OriginalImg', 'FirstF_{:03d}.jpg')
  found, contents = look(tmp_path, {**FILES, **again})
  assert contents == VIDEOS
  assert [path for path, _ in found.skipped] == sorted(FILES)
  reason = dict(found.skipped)[f'{IN_ANGER}/000.jpeg']
  assert reason == 'the same video as Another/OriginalImg/VL/Strong/P001/Anger'


def test_folders_come_before_archives(tmp_path):
  found, _ = look(tmp_path, {'A.zip': oulu_trees.pack(FILES), **FILES})
  assert {video.root for video in found.videos['vl_strong']} == {
    'OriginalImg/VL/Strong'
  }
  assert {path for path, _ in found.skipped} == {f'A.zip/{p}' for p in FILES}


@pytest.mark.parametrize('change', ['fewer', 'other', 'reversed'])
def test_two_roots_that_differ_are_refused(tmp_path, change):
  frames = {
    'fewer': ANGER[:-1],
    'other': (*ANGER[:-1], FEAR[0]),
    'reversed': ANGER[::-1],
  }[change]
  again = oulu_trees.lay_out({('vl_strong', 'P001/Anger'): frames}, 'Resized')
  for policy in survey.POLICIES:
    message = refusal(tmp_path, {**FILES, **again}, on_corrupt=policy)
    assert 'in OriginalImg/VL/Strong and in Resized/VL/Strong' in message
    assert 'Move what is not wanted' in message


def test_one_number_twice(tmp_path):
  first = f'{IN_ANGER}/000.jpeg'
  twice = {**FILES, f'{IN_ANGER}/FirstF_000.jpeg': FILES[first]}
  found, contents = look(tmp_path / 'same', twice)
  assert contents == VIDEOS
  assert found.skipped == [
    (f'{IN_ANGER}/FirstF_000.jpeg', 'the same as 000.jpeg')
  ]
  twice[f'{IN_ANGER}/FirstF_000.jpeg'] = FEAR[0]
  message = refusal(tmp_path / 'other', twice)
  assert '000.jpeg, FirstF_000.jpeg differ and are all frame 0' in message


def test_all_that_is_wrong_is_said_at_once(tmp_path):
  message = refusal(
    tmp_path,
    {
      **FILES,
      f'{IN_ANGER}/000.jpeg': ANGER[0][:-1],
      f'{IN_ANGER}/001.jpeg': b'',
      'OriginalImg/VL/Strong/P001/Fear/000.jpeg': b'a text',
      'OriginalImg/VL/Strong/P001/Fear/1.png': b'a text',
      'half.zip': oulu_trees.pack(FILES)[:-100],
    },
  )
  for words in (
    str(tmp_path),
    '4 frames cannot be decoded',
    f'{IN_ANGER}/000.jpeg: truncated',
    f'{IN_ANGER}/001.jpeg: an empty file',
    'P001/Fear/000.jpeg: not an image',
    'half.zip is no whole zip archive',
    '001.jpeg, 1.png differ',
    '"on_corrupt": "skip"',
  ):
    assert words in message


def test_skipping_leaves_out_frames_and_says_so(tmp_path):
  bad = {
    f'{IN_ANGER}/001.jpeg': ANGER[1][:-30],
    **{p: b'?' for p in FILES if '/Fear/' in p},
  }
  found, contents = look(tmp_path, {**FILES, **bad}, on_corrupt='skip')
  assert contents == {('vl_strong', 'P001/Anger'): (ANGER[0], *ANGER[2:])}
  assert [path for path, _ in found.skipped] == sorted(bad)
  description = integrity.summarize(found)['conditions']['vl_strong']
  assert 'P001/Fear' in description['missing']
  assert any('no frames numbered 1 ' in note for note in description['notes'])


@pytest.mark.parametrize('image_format', frame_check.FORMATS)
def test_every_truncated_image_is_found(image_format):
  encoded = oulu_trees.encode(5, image_format)
  assert frame_check.check_frame(encoded) == (16, 12)
  for size in range(len(encoded)):
    assert isinstance(frame_check.check_frame(encoded[:size]), str), size


def test_other_formats_are_named():
  reason = frame_check.check_frame(oulu_trees.encode(5, 'GIF'))
  assert reason == 'a GIF image, not one of JPEG, PNG, BMP'


def test_damage_in_an_archive_is_found(tmp_path):
  content = bytearray(oulu_trees.pack(FILES, zipfile.ZIP_STORED))
  content[content.index(ANGER[1]) + 50] ^= 1  # a pixel more or less
  message = refusal(tmp_path, {'B.zip': bytes(content)})
  assert f'B.zip/{IN_ANGER}/001.jpeg: cannot be read' in message
  assert 'CRC' in message


def test_archives_that_python_cannot_read_are_named(tmp_path):
  content = bytearray(oulu_trees.pack(FILES))
  start = content.index(b'PK\x01\x02')
  encrypted, deflate64 = content[:], content[:]
  encrypted[start + 8] |= 1
  deflate64[start + 10] = 9
  message = refusal(
    tmp_path, {'A.zip': bytes(encrypted), 'B.zip': bytes(deflate64)}
  )
  assert 'A.zip is encrypted' in message
  assert 'B.zip is packed in a way that Python cannot read' in message


def test_an_archive_in_an_archive_needs_room(tmp_path, monkeypatch):
  nested = {'outer.zip': oulu_trees.pack({'B.zip': oulu_trees.pack(FILES)})}
  monkeypatch.setattr('shutil.disk_usage', lambda _: Usage(free=1000))
  with pytest.raises(OSError, match='needed to unpack outer.zip/B.zip'):
    look(tmp_path, nested)


class Usage:
  def __init__(self, free):
    self.free = free


def test_temporary_files_are_removed(tmp_path, monkeypatch):
  monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'tmp'))
  (tmp_path / 'tmp').mkdir()
  nested = {'outer.zip': oulu_trees.pack({'B.zip': oulu_trees.pack(FILES)})}
  assert look(tmp_path / 'given', nested)[1] == VIDEOS
  assert not list((tmp_path / 'tmp').iterdir())


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
  scandir = os.scandir

  def refuse(path):
    if pathlib.Path(path).name == 'P001':
      raise PermissionError(13, 'Permission denied')
    return scandir(path)

  monkeypatch.setattr('tfds_oulu.scan.source_files.os.scandir', refuse)
  message = refusal(tmp_path, FILES)
  assert 'VL/Strong/P001 cannot be listed: Permission denied' in message


def test_links_that_lead_in_circles_end(tmp_path):
  oulu_trees.write_files(tmp_path, FILES)
  (tmp_path / 'OriginalImg/again').symlink_to(tmp_path)
  assert look(tmp_path)[1] == VIDEOS


def test_a_linked_folder_is_followed(tmp_path):
  oulu_trees.write_files(tmp_path / 'elsewhere', FILES)
  (tmp_path / 'given').mkdir()
  (tmp_path / 'given/Oulu').symlink_to(tmp_path / 'elsewhere')
  assert look(tmp_path / 'given')[1] == VIDEOS


def test_a_frame_that_changes_in_between_is_noticed(tmp_path):
  oulu_trees.write_files(tmp_path, FILES)
  with source_files.FileTree(tmp_path) as tree:
    found = survey.survey(tree)
    (tmp_path / IN_ANGER / '000.jpeg').write_bytes(FEAR[0])
    with pytest.raises(OSError, match='Anger/000.jpeg changed while'):
      found.videos['vl_strong'][0].read()


def write_originals(folder, codes=('A', 'S1')):
  frames = making_videos.level_frames(5)
  for code in codes:
    making_videos.write_video(
      folder / f'A_OriginalVideo/VL/Strong/VL_P058_S_{code}.avi', frames
    )


def test_originals_are_not_labelled_by_guessing(tmp_path):
  write_originals(tmp_path)
  found, contents = look(tmp_path, FILES)
  assert contents == VIDEOS
  ((_, reason),) = found.ignored
  assert 'which of S1 and S2 is sadness is not said' in reason


def test_originals_are_read_with_a_label_map(tmp_path):
  write_originals(tmp_path)
  found, contents = look(tmp_path, FILES, video_labels=LABELS)
  videos = found.videos['vl_strong_video']
  assert [v.video_id for v in videos] == ['P058/Anger', 'P058/Surprise']
  assert [v.num_frames for v in videos] == [5, 5]
  for video in videos:
    frames = contents['vl_strong_video', video.video_id]
    images = [making_videos.decode(frame) for frame in frames]
    assert making_videos.numbers_of(images) == list(range(5))
  description = integrity.summarize(found)['conditions']['vl_strong_video']
  assert description['frames'] == 10 and description['frame_sizes'] == {
    '64x48': 10
  }
  assert description['folders'] == {'A_OriginalVideo/VL/Strong': 2}


def test_originals_may_be_packed_and_may_be_damaged(tmp_path):
  write_originals(tmp_path / 'a', codes=('A',))
  whole = (
    tmp_path / 'a/A_OriginalVideo/VL/Strong/VL_P058_S_A.avi'
  ).read_bytes()
  packed = oulu_trees.pack({'VL/VL_P058_S_A.avi': whole})
  found, _ = look(tmp_path / 'b', {'A.zip': packed}, video_labels=LABELS)
  assert found.videos['vl_strong_video'][0].num_frames == 5
  message = refusal(
    tmp_path / 'c', {'VL_P058_S_A.avi': whole[:100]}, video_labels=LABELS
  )
  assert 'VL_P058_S_A.avi: ' in message


@pytest.mark.parametrize(
  'labels',
  [{}, {'S1': 'Sadness'}, {'S1': 'Sadness', 'S2': 'Sadness'}, 'S1',
   {'S1': 'Sadness', 'S2': 'Joy'}],
)  # fmt: skip
def test_a_label_map_must_be_whole(tmp_path, labels):
  with pytest.raises(ValueError, match='`video_labels`.*must map S1 and S2'):
    look(tmp_path, FILES, video_labels=labels)


def test_an_archive_that_is_only_an_end_is_named(tmp_path):
  buffer = io.BytesIO()
  zipfile.ZipFile(buffer, 'w').close()
  oulu_trees.write_files(tmp_path, {'empty.zip': buffer.getvalue()})
  found, _ = look(tmp_path, FILES)
  assert found.num_files == len(FILES)
