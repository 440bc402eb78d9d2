"""Description of a build: counts, missing videos, checksums.

A checksum depends on the frames' bytes, as they came, and their order alone:
not on folders, names, times or archives, and not on a decoder. Of a video it
is the SHA-256 of its frames' SHA-256s, in order; of a condition, that of the
lines 'P001/Anger CHECKSUM\\n' of its videos, sorted by id; of the whole, that
of the lines 'vl_strong CHECKSUM\\n' of its conditions, sorted by name. An
original video counts as one frame, its file.
"""

import collections
import hashlib
import itertools
import json
import pathlib
import statistics

from stclr_jax.files import json_records
from stclr_jax.files import whole
from stclr_jax.oulu_casia import EXPRESSIONS
from stclr_jax.oulu_casia import NUM_PEOPLE

FILE_NAME = 'integrity.json'
FORMAT = 2  # of this file, and of what lies beside it

# Source: the frame lists of two public repositories (HuiDingUMD/ExprGAN,
# oulu_anno.pickle; Firesontang/Geometric-Convolutional_for_fera,
# Oulu_CASIA_Ten_group.txt), which agree in 473 of the 475 videos in both.
EXPECTED = {
  'vl_strong': {
    'people': 80,
    'videos': 480,
    'frames': 10379,
    'frames_min': 9,
    'frames_median': 21,
    'frames_max': 72,
  }
}
_VIDEO_IDS = tuple(
  f'P{subject:03d}/{expression}'
  for subject in range(1, NUM_PEOPLE + 1)
  for expression in EXPRESSIONS
)


def summarize(survey):
  """Lists what a survey found.

  Args:
    survey: a `survey.Survey`.

  Returns:
    A dict that JSON can hold; the same for the same files, wherever and
    whenever.
  """
  conditions = {
    name: _summarize_condition(name, videos)
    for name, videos in survey.videos.items()
  }
  _note_equal_conditions(conditions)
  used = sum(len(v.frames) for vs in survey.videos.values() for v in vs)
  return {
    'format': FORMAT,
    'checksums': (__doc__ or '').split('\n\n')[1].replace('\n', ' ').strip(),
    'checksum': _checksum_lines(
      (name, conditions[name]['checksum']) for name in sorted(conditions)
    ),
    'files': {
      'found': survey.num_files,
      'used': used,
      'skipped': len(survey.skipped),
      'ignored': sum(number for number, _ in survey.ignored.values()),
    },
    'conditions': conditions,
    'skipped': [
      {'file': path, 'reason': reason} for path, reason in survey.skipped
    ],
    'ignored': [
      {'folder': folder, 'files': number, 'reason': reason, 'names': names}
      for (folder, reason), (number, names) in sorted(survey.ignored.items())
    ],
  }


def write(description, directory):
  """Writes a description beside the records.

  Args:
    description: as `summarize` gives it.
    directory: path of a folder that is there.
  """
  text = json.dumps(description, indent=1)
  whole.write_text(pathlib.Path(directory, FILE_NAME), text + '\n')


def read(directory):
  """Reads what `write` wrote.

  Args:
    directory: path of the folder of the records.

  Returns:
    A dict; None if there is none, as beside the drawn data sets.

  Raises:
    UserError: if it is of another format.
  """
  file = pathlib.Path(directory, FILE_NAME)
  if not file.exists():
    return None
  description = json.loads(file.read_text())
  json_records.check_format(
    description,
    source=f'The data set in {directory}',
    remedy='delete that folder and build it again: tfds build tfds_oulu '
    '--manual_dir=FOLDER',
    expected=FORMAT,
  )
  return description


def checksum_video(video):
  """Computes the checksum of a video.

  Args:
    video: a `videos.Video`.

  Returns:
    64 hexadecimal digits.
  """
  return hashlib.sha256(b''.join(video.digests)).hexdigest()


def _summarize_condition(name, videos):
  lengths = [video.num_frames for video in videos]
  sizes = collections.Counter()
  for video in videos:
    for frame in video.frames:
      sizes['{}x{}'.format(*frame.size)] += frame.count
  checksums = {video.video_id: checksum_video(video) for video in videos}
  by_checksum = collections.defaultdict(list)
  for video_id, checksum in checksums.items():
    by_checksum[checksum].append(video_id)
  description = {
    'people': len({video.place.subject for video in videos}),
    'expressions': len({video.place.expression for video in videos}),
    'videos': len(videos),
    'frames': sum(lengths),
    'frames_min': min(lengths),
    'frames_median': _median(lengths),
    'frames_max': max(lengths),
    'frame_sizes': dict(sorted(sizes.items())),
    'checksum': _checksum_lines(sorted(checksums.items())),
    'missing': [i for i in _VIDEO_IDS if i not in checksums],
    'notes': [],
    'folders': dict(
      sorted(collections.Counter(video.root for video in videos).items())
    ),
    'each_video': {
      video.video_id: {
        'frames': video.num_frames,
        'checksum': checksums[video.video_id],
      }
      for video in videos
    },
  }
  differences = _compare(description, EXPECTED.get(name, {}))
  # None: nothing is known of it.
  description['counts_as_known'] = not differences if name in EXPECTED else None
  description['notes'] = [
    *differences,
    *(
      f'{" and ".join(ids)} hold the same frames'
      for ids in by_checksum.values()
      if len(ids) > 1
    ),
    *filter(None, map(_find_gaps, videos)),
  ]
  return description


def _median(lengths):
  median = statistics.median(lengths)
  return int(median) if median == int(median) else median


def _compare(description, expected):
  """Names what differs from the counts that are known."""
  return [
    f'{name.replace("_", ", ")}: {description[name]:,} found, {value:,} '
    'expected'
    for name, value in expected.items()
    if description[name] != value
  ]


def _find_gaps(video):
  """Says which frames should be there by the others' numbers."""
  numbers = sorted({frame.number for frame in video.frames})
  # Counted from 0 as the originals are, or from 1.
  first = min(1, numbers[0])
  # Counted, not listed: a clock in the names leaves millions out.
  absent = numbers[-1] + 1 - first - len(numbers)
  if not absent:
    return None
  holes = (
    number
    for a, b in itertools.pairwise([first - 1, *numbers])
    for number in range(a + 1, b)
  )
  shown = ', '.join(map(str, itertools.islice(holes, 5)))
  more = ', …' if absent > 5 else ''
  return f'{video.video_id}: no frames numbered {shown}{more} ({absent} absent)'


def _note_equal_conditions(conditions):
  names = collections.defaultdict(list)
  for name, description in conditions.items():
    names[description['checksum']].append(name)
  for equal in names.values():
    for name in equal[1:]:
      conditions[name]['notes'].append(f'the same videos as {equal[0]}')


def _checksum_lines(items):
  text = ''.join(f'{name} {checksum}\n' for name, checksum in items)
  return hashlib.sha256(text.encode()).hexdigest()
