"""What integrity.json says, and the table."""

import hashlib
import json

import pytest

from stclr_jax import oulu_casia
from tfds_oulu import integrity
from tfds_oulu import integrity_table
from tfds_oulu.scan import checked_videos as videos_lib
from tfds_oulu.scan import layout
from tfds_oulu.scan import source_files
from tfds_oulu.scan import survey as survey_lib

# Source: HuiDingUMD/ExprGAN's list, number of videos by number of frames.
HISTOGRAM = {
  9: 2, 10: 2, 11: 6, 12: 5, 13: 7, 14: 13, 15: 13, 16: 21, 17: 35, 18: 31,
  19: 46, 20: 35, 21: 38, 22: 43, 23: 45, 24: 35, 25: 28, 26: 24, 27: 6, 28: 4,
  29: 4, 30: 3, 31: 8, 32: 5, 33: 6, 34: 1, 36: 3, 39: 3, 41: 1, 43: 1, 45: 2,
  46: 1, 52: 2, 72: 1,
}  # fmt: skip


def full_size(condition='vl_strong'):
  """Oulu-CASIA as it should be; nothing of it is on a disk."""
  lengths = [n for n, videos in HISTOGRAM.items() for _ in range(videos)]
  found = []
  for person in range(1, 81):
    for expression in oulu_casia.EXPRESSIONS:
      place = layout.Place(condition, person, expression, 'VL', 'Strong', 0)
      video_id = layout.find_video_id(place)
      frames = []
      for number in range(lengths[len(found)]):
        path = f'OriginalImg/VL/Strong/{video_id}/{number:03d}.jpeg'
        file = source_files.File(path, 9, False, path.encode)
        digest = hashlib.sha256(path.encode()).digest()
        frames.append(
          videos_lib.Frame(number, file, digest, None, (320, 240), 1)
        )
      folder = f'OriginalImg/VL/Strong/{video_id}'
      found.append(videos_lib.Video(place, video_id, folder, tuple(frames)))
  return found


def describe(videos, **others):
  by_condition = {}
  for video in videos:
    by_condition.setdefault(video.place.condition, []).append(video)
  survey = survey_lib.Survey(
    **{
      'videos': by_condition,
      'skipped': [],
      'ignored': {},
      'num_files': 0,
      'num_bytes': {},
      **others,
    }
  )
  return integrity.summarize(survey)


def test_the_whole_set_differs_in_nothing():
  described = describe(full_size())['conditions']['vl_strong']
  assert described['notes'] == [] and described['missing'] == []
  assert described['videos'] == 480 and described['frames'] == 10379
  assert described['frame_sizes'] == {'320x240': 10379}
  table = integrity_table.format_table(describe(full_size()), 'integrity.json')
  row = table.splitlines()[1].split()
  assert row == ['vl_strong', '80', '6', '480', '0', '10,379', '9', '21', '72']
  assert 'are those of the whole' in table and len(table.splitlines()) == 7


def test_what_is_known_of_vl_strong_is_not_asked_of_others():
  videos = full_size('vl_strong_cropped')[:-1]
  described = describe(videos)['conditions']['vl_strong_cropped']
  assert described['missing'] == ['P080/Surprise'] and not described['notes']
  assert described['counts_as_known'] is None


def test_differences_are_named():
  videos = full_size()
  del videos[6 * 40 : 6 * 42], videos[0]
  report = describe(videos)
  notes = report['conditions']['vl_strong']['notes']
  assert report['conditions']['vl_strong']['counts_as_known'] is False
  assert 'videos: 467 found, 480 expected' in notes
  assert 'people: 78 found, 80 expected' in notes
  table = integrity_table.format_table(report, 'x')
  assert 'vl_strong: nothing of P041 to P042\n' in table
  assert 'vl_strong: no P001/Anger\n' in table


def test_a_missing_frame_is_named():
  videos = full_size()
  for index, lost in ((0, 4), (1, 0), (2, -1)):
    frames = list(videos[index].frames)
    del frames[lost]
    videos[index] = videos_lib.Video(
      videos[index].place, videos[index].video_id, 'x/y', tuple(frames)
    )
  notes = describe(videos)['conditions']['vl_strong']['notes']
  # That the last is missing only the sum can tell.
  assert 'frames: 10,376 found, 10,379 expected' in notes
  assert 'P001/Anger: no frames numbered 4 (1 absent)' in notes
  assert not any(note.startswith('P001/Fear: no frames') for note in notes)


def test_frames_numbered_from_one_miss_none():
  videos = full_size()
  assert numbered_from(videos[0], 1)['notes'] == []
  (note,) = numbered_from(videos[0], 2)['notes']
  assert note == 'P001/Anger: no frames numbered 1 (1 absent)'
  # A clock in the names: counted, as a list of them would fill the memory.
  (note,) = numbered_from(videos[0], 10**18)['notes']
  assert f'1, 2, 3, 4, 5, … ({10**18 - 1} absent)' in note


def numbered_from(video, first):
  place = video.place._replace(condition='vl_weak')
  frames = tuple(f._replace(number=f.number + first) for f in video.frames)
  moved = videos_lib.Video(place, video.video_id, video.folder, frames)
  return describe([moved])['conditions']['vl_weak']


def test_the_same_frames_under_two_names_are_named():
  videos = full_size()
  videos[7] = videos_lib.Video(
    videos[7].place, videos[7].video_id, 'x/y', videos[0].frames
  )
  notes = describe(videos)['conditions']['vl_strong']['notes']
  assert 'P001/Anger and P002/Disgust hold the same frames' in notes


def test_the_same_condition_twice_is_named():
  videos = full_size() + full_size('vl_strong_cropped')
  cropped = describe(videos)['conditions']['vl_strong_cropped']
  assert cropped['notes'] == ['the same videos as vl_strong']


def test_checksums_are_what_the_report_says_of_them():
  videos = full_size()[:2]
  described = describe(videos)
  # Written out in other words than in the code.
  lines = []
  for video in videos:
    frames = [f.file.read() for f in video.frames]
    digests = b''.join(hashlib.sha256(frame).digest() for frame in frames)
    lines.append(f'{video.video_id} {hashlib.sha256(digests).hexdigest()}\n')
  condition = hashlib.sha256(''.join(lines).encode()).hexdigest()
  assert described['conditions']['vl_strong']['checksum'] == condition
  whole = hashlib.sha256(f'vl_strong {condition}\n'.encode()).hexdigest()
  assert described['checksum'] == whole


@pytest.mark.parametrize('change', ['order', 'frame', 'label', 'video'])
def test_checksums_tell_data_apart(change):
  videos = full_size()[:3]
  before = describe(videos)['checksum']
  first = videos[0]
  if change == 'order':
    frames = (first.frames[1], first.frames[0], *first.frames[2:])
  elif change == 'frame':
    frames = first.frames[:-1]
  else:
    frames = first.frames
  video_id = 'P001/Sadness' if change == 'label' else first.video_id
  videos[0] = videos_lib.Video(first.place, video_id, first.folder, frames)
  if change == 'video':
    videos.pop()
  assert describe(videos)['checksum'] != before


def test_checksums_do_not_depend_on_the_order_of_videos():
  videos = full_size()[:3]
  assert describe(videos)['checksum'] == describe(videos[::-1])['checksum']


def test_long_lists_are_cut_in_the_table_and_whole_in_the_report(tmp_path):
  skipped = [(f'VL/{i}.jpeg', 'an empty file') for i in range(50)]
  ignored = {
    ('VL/Strong', 'not an image'): (3, ('a.txt', 'b.txt', 'c.txt')),
    ('', 'left by an operating system'): (1, ('Thumbs.db',)),
  }
  report = describe(full_size(), skipped=skipped, ignored=ignored)
  integrity.write(report, tmp_path)
  stored = json.loads((tmp_path / integrity.FILE_NAME).read_text())
  assert len(stored['skipped']) == 50
  assert stored['files']['ignored'] == 4 and stored['files']['skipped'] == 50
  table = integrity_table.format_table(report, 'x')
  assert table.count('an empty file') == 10 and '… and 40 more' in table
  assert 'ignored 3 files, not an image: VL/Strong/a.txt, …\n' in table
  assert 'ignored 1 file, left by an operating system: Thumbs.db\n' in table


def test_there_is_no_report_beside_other_data(tmp_path):
  assert integrity.read(tmp_path) is None
