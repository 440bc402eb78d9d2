"""Finds all videos below a folder and reads every frame of them once.

Every file has one of three fates, and `Survey` says which: it is used, skipped
(a frame, but not used) or ignored (no frame).
"""

import collections
import concurrent.futures
import dataclasses
import os

import tqdm

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from tfds_oulu.scan import checked_videos as videos_lib
from tfds_oulu.scan import duplicates
from tfds_oulu.scan import layout
from tfds_oulu.scan import original_videos

POLICIES = ('stop', 'skip')
_UNLABELLED = (
  'an original video, and which of S1 and S2 is sadness is not said '
  '(`video_labels`, docs/oulu_casia.md)'
)
# chosen: enough to recognise what is in a folder that is not looked for.
_NAMES_PER_FOLDER = 20
_KINDS = ('', '_cropped', '_video')
CONDITIONS = tuple(
  f'{spectrum}_{illumination}{kind}'.lower()
  for kind in _KINDS
  for spectrum in layout.SPECTRA
  for illumination in layout.ILLUMINATIONS
)


@dataclasses.dataclass(frozen=True)
class Survey:
  """Videos found, with the fate of every other file.

  Attributes:
    videos: dict from condition to its `videos.Video`s, sorted by id.
    skipped: list of (path, reason), one a file.
    ignored: dict from (folder, reason) to (number of files, names of some).
    num_files: how many files there are.
    num_bytes: dict from condition to what its frames take, at most.
  """

  videos: dict
  skipped: list
  ignored: dict
  num_files: int
  num_bytes: dict


def survey(tree, *, on_corrupt='stop', video_labels=None, context=''):
  """Finds and checks.

  Args:
    tree: an entered `source_files.FileTree`.
    on_corrupt: 'stop' refuses frames that cannot be decoded, 'skip' leaves
      them out.
    video_labels: see `original_videos.complete_labels`.
    context: see `layout.find_place`.

  Returns:
    A `Survey`; without videos if there are none.

  Raises:
    ValueError: for an unknown policy or label map, and for all that stands
      against building, at once: archives that cannot be read, frames that
      cannot be decoded, different frames or videos that claim one place.
  """
  check_one_of('on_corrupt', on_corrupt, POLICIES)
  labels = original_videos.complete_labels(video_labels)
  folders, ignored, num_files = _sort(tree, labels, context)
  checked = _check(folders)
  skipped, clashes = [], []
  videos = [duplicates.keep_one_a_number(v, skipped, clashes) for v in checked]
  videos = duplicates.keep_one_a_place(videos, skipped, clashes)
  unusable = [f for video in videos for f in video.frames if f.unusable]
  if on_corrupt == 'skip':
    skipped += [(f.file.path, f.unusable) for f in unusable]
    videos = [
      video
      for video in map(videos_lib.Video.without_unusable, videos)
      if video.frames
    ]
    unusable = []
  _refuse(tree, unusable, clashes)
  by_condition = {
    condition: sorted(
      (v for v in videos if v.place.condition == condition),
      key=lambda video: video.video_id,
    )
    for condition in CONDITIONS
  }
  result = Survey(
    videos={name: found for name, found in by_condition.items() if found},
    skipped=sorted(skipped),
    ignored=ignored,
    num_files=num_files,
    num_bytes={
      name: sum(f.stored_bytes for video in found for f in video.frames)
      for name, found in by_condition.items()
    },
  )
  _check_accounts(result)
  return result


def _sort(tree, labels, context):
  """Sorts files into folders of videos, and into those that are no frames."""
  folders = collections.defaultdict(list)
  ignored = {}
  num_files = 0
  for file in tree.files():
    num_files += 1
    place = layout.find_place(file.path, context=context)
    if isinstance(place, layout.Place) and place.number is None:
      if labels is None:
        place = _UNLABELLED
      else:
        place = place._replace(expression=labels[place.expression])
    if isinstance(place, str):
      number, names = ignored.get((file.folder, place), (0, ()))
      if number < _NAMES_PER_FOLDER:
        names = (*names, file.name)
      ignored[file.folder, place] = (number + 1, names)
      continue
    # Each original video stands for a folder of frames.
    folder = file.folder if place.number is not None else file.path
    key = (place.condition, layout.find_video_id(place), folder)
    folders[key].append((place, file))
  return folders, ignored, num_files


def _check(folders):
  """Reads and decodes all frames, in threads: the decoders leave Python."""
  if not folders:
    return []
  items = [(folder, files) for (_, _, folder), files in sorted(folders.items())]
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    return list(
      tqdm.tqdm(
        pool.map(videos_lib.check_video, *zip(*items, strict=True)),
        total=len(items),
        desc='Checking every frame',
        unit=' videos',
        leave=False,
        disable=None,  # unless on a terminal
      )
    )


def _refuse(tree, unusable, clashes):
  parts = []
  if tree.problems:
    parts.append(f'{len(tree.problems)} folders or archives cannot be read:')
    parts += [f'  {path} {reason}' for path, reason in tree.problems]
  if unusable:
    parts.append(f'{len(unusable)} frames cannot be decoded:')
    parts += [f'  {frame.file.path}: {frame.unusable}' for frame in unusable]
  if clashes:
    parts.append(f'{len(clashes)} times it is not clear which files to take:')
    parts += [f'  {clash}' for clash in clashes]
  if not parts:
    return
  remedies = []
  if unusable:
    remedies.append(
      'Unpack the frames again, or leave them out:\n'
      '  tfds build tfds_oulu --manual_dir=FOLDER --config='
      '\'{"name": "oulu_casia_readable", "on_corrupt": "skip"}\'\n'
      'and then train with --config.data.name=oulu_casia_readable'
    )
  if clashes:
    remedies.append(
      'Move what is not wanted out of the folder; nothing is mixed.'
    )
  raise UserError(
    '\n'.join(
      [
        f'Nothing was built, because of what is in {tree.root}:',
        *parts,
        *remedies,
      ]
    )
  )


def _check_accounts(result):
  used = sum(len(v.frames) for vs in result.videos.values() for v in vs)
  ignored = sum(number for number, _ in result.ignored.values())
  if used + len(result.skipped) + ignored != result.num_files:
    raise RuntimeError(
      f'{result.num_files} files were found, but {used} are used, '
      f'{len(result.skipped)} skipped and {ignored} ignored. This is a fault '
      'of the program.'
    )
