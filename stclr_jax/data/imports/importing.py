"""Makes a data set of listed recordings, and the report of what went in."""

import collections
import dataclasses
import datetime
import filecmp
import hashlib
import importlib.metadata
import platform
import sys
import time

from tqdm import tqdm

from stclr_jax.data import imported
from stclr_jax.data.imports import import_report
from stclr_jax.data.imports import import_writer
from stclr_jax.data.imports import recordings
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings.listing import Problem
from stclr_jax.data.people import listed_people
from stclr_jax.data.people import same_recordings
from stclr_jax.data.pictures import picture_files
from stclr_jax.errors import UserError
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors

ON_ERROR = ('stop', 'skip')
_PACKAGES = (
  'av', 'opencv-python-headless', 'pillow', 'numpy', 'tensorflow-datasets',
  'array-record',
)  # fmt: skip


def import_items(
  listing,
  *,
  name,
  classes,
  options,
  source,
  recipe='',
  data_dir=None,
  on_error='stop',
  overwrite=False,
  progress=True,
):
  """Reads recordings and writes them as a data set.

  Args:
    listing: a `listing.Listing` whose labels are among `classes`.
    name: of the new data set.
    classes: names of its classes, in order.
    options: a `recordings.Options`.
    source: where the listing came from, for the report.
    recipe: which known data set names the people, such as 'ck_plus'; '' where
      the user does.
    data_dir: where TFDS keeps its data; None for its own default.
    on_error: 'stop' goes through everything, lists all that cannot be read
      and writes nothing; 'skip' leaves those out and says so. Of recordings of
      one name it leaves all out, or all but the first where they are the same
      to the last byte.
    overwrite: whether a data set of this name may be replaced.
    progress: whether to show a progress bar on a terminal.

  Returns:
    The report, also written beside the records; JSON-able.

  Raises:
    ValueError: if something cannot be imported and `on_error` is 'stop'; if
      nothing can.
    FileExistsError: if the data set exists and `overwrite` is false.
    OSError: if the disk is full.
  """
  if on_error not in ON_ERROR:
    raise UserError(
      f'`on_error` (={on_error!r}) must be one of {", ".join(ON_ERROR)}.'
    )
  from stclr_jax.files import disk

  started = time.monotonic()
  items, repeated = set_repeated_apart(listing.items)
  checksums = same_recordings.source_checksums(
    items, lambda of: _show(of, f'Looking at {name}', progress)
  )
  same, unnamed = same_recordings.pair_sources(items, checksums)
  linked = same_recordings.names_of_pairs(same + unnamed, items)
  subjects = listed_people.number_people(listing.items, linked)
  problems, videos, places = list(listing.problems) + repeated, [], []
  names = set()
  with (
    disk.naming_full_disk(imported.directory(name, data_dir)),
    import_writer.Writer(
      name, classes=classes, data_dir=data_dir, overwrite=overwrite
    ) as writer,
  ):
    for place, item in enumerate(_show(items, f'Importing {name}', progress)):
      before = len(videos)
      try:
        for entry, window in _read(item, checksums[place], options):
          video_id = entry['video_id']
          if video_id in names:  # such as a#0001.mp4 beside a long a.mp4
            raise UnreadableError(
              f'another video is called {video_id}; rename one'
            )
          names.add(video_id)
          if window.frames and (not problems or on_error == 'skip'):
            writer.add(
              video_id=video_id,
              frames=window.frames,
              label=-1 if item.label is None else classes.index(item.label),
              subject=subjects[entry['subject']],
              subject_name=entry['subject'],
            )
          videos.append(entry)
          places.append(place)
      except UnreadableError as error:
        kept = len(videos) - before
        what = f' ({kept} windows before it are kept)' if kept else ''
        problems.append(Problem(item.video_id, f'{error}{what}'))
    # Names of files that are not UTF-8 are in them.
    problems = [Problem(*map(listings.as_text, each)) for each in problems]
    written = [video for video in videos if video['frames']]
    if problems and (on_error == 'stop' or not written):
      listed = len(listing.items) + len(listing.problems)
      raise UserError(_complain(problems, listed, on_error))
    if not written:
      raise UserError('No window has a face, so nothing is left to import.')
    twice = same_recordings.note_repeated(videos, places, same)
    # Copies in another container are seen only now that they are decoded.
    shared = same_recordings.names_of_pairs(twice.pairs, items)
    numbered = listed_people.number_people(listing.items, linked + shared)
    if numbered != subjects:
      subjects = numbered
      writer.renumber({v['video_id']: subjects[v['subject']] for v in written})
    notes = [*listing.notes, *twice.lines]
    report = {
      'format': 1,
      'name': name,
      'source': listings.as_text(source),
      'recipe': recipe,
      'created': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
      'options': dataclasses.asdict(options) | {'on_error': on_error},
      'versions': _versions(),
      'classes': list(classes),
      **import_report.summarize(videos, classes, subjects),
      **import_report.count_notes(notes, videos),
      'checksum': _checksum_of_set(written),
      'seconds': round(time.monotonic() - started, 2),
      'notes': notes,
      'ignored_files': listing.ignored,
      'skipped': [problem._asdict() for problem in problems],
      'subjects': subjects,
      'videos': videos,
    }
    writer.commit(report)
  return report


def set_repeated_apart(items):
  """Leaves out recordings of one name, as a video is known by its name.

  Args:
    items: list of `listing.Item`.

  Returns:
    (kept, problems): of those of one name the first is kept where they are the
    same to the last byte, and none where they differ; a `Problem` for each name
    that occurs more than once.
  """
  groups = collections.defaultdict(list)
  for item in items:
    groups[item.video_id].append(item)
  kept, problems = [], []
  for video_id, group in groups.items():
    if len(group) > 1:
      same = all(_are_the_same(group[0], other) for other in group[1:])
      fate = 'the same, so one counts' if same else 'different, so none counts'
      paths = ', '.join(str(item.path) for item in group)
      reason = f'{len(group)} recordings have this name, {fate}: {paths}'
      problems.append(Problem(video_id, reason))
      group = group[:1] if same else []
    kept += group
  return kept, problems


def _are_the_same(a, b):
  if dataclasses.replace(a, path=b.path, frames=b.frames) != b:
    return False  # in label, person or part
  pairs = [(a.path, b.path)]
  if a.frames or b.frames:
    if len(a.frames) != len(b.frames):
      return False
    pairs = zip(a.frames, b.frames, strict=True)
  try:
    return all(filecmp.cmp(*pair, shallow=False) for pair in pairs)
  except OSError:
    return False


def _named_windows(item, options):
  """Yields (video_id, window); a number is added where there are several."""
  previous, count = None, 0
  for window in recordings.read_windows(item, options):
    if previous is not None:
      yield f'{item.video_id}#{count:04d}', previous
      count += 1
    previous = window
  if previous is not None:
    yield (f'{item.video_id}#{count:04d}' if count else item.video_id), previous


def _read(item, source_checksum, options):
  """Yields (the report's entry, window); whatever goes wrong is the item's."""
  windows = _named_windows(item, options)
  while True:
    # The last net: nothing that a file holds ends the import of the others.
    with naming_errors():
      video_id, window = next(windows, (None, None))
      if window is None:
        return
      entry = _describe(item, video_id, window, source_checksum, options)
    yield entry, window


def _describe(item, video_id, window, source_checksum, options):
  return {
    'video_id': video_id,
    'label': item.label,
    'subject': listed_people.person_of(item),
    'subject_named': item.subject is not None,
    'frames': len(window.frames),
    'frame_size': _size_of(window.frames),
    'fps': options.fps,
    'start': round(window.start, 3),
    'seconds': round(len(window.frames) / options.fps, 3),
    'bytes': sum(map(len, window.frames)),
    'coverage': window.coverage,
    'checksum': _checksum(window.frames),
    'picture_checksum': same_recordings.picture_checksum(window.frames),
    'source_checksum': source_checksum,
    'notes': window.notes,
    **({'attributes': item.attributes} if item.attributes else {}),
  }


def _size_of(frames):
  """[height, width] of the first, in pixels; None where there is none."""
  if not frames:
    return None
  with picture_files.open_picture(frames[0]) as image:  # its header only
    return [image.height, image.width]


def _show(items, words, progress):
  return tqdm(
    items,
    desc=words,
    unit='recording',
    disable=not (progress and sys.stderr.isatty()),
  )


def _checksum(frames):
  digest = hashlib.sha256()
  for frame in frames:
    digest.update(len(frame).to_bytes(8, 'little') + frame)
  return digest.hexdigest()


def _checksum_of_set(videos):
  """One number for ids, labels, people and frames, in any order of files."""
  lines = sorted(
    repr([v['video_id'], v['label'], v['subject'], v['checksum']])
    for v in videos
  )
  return hashlib.sha256('\n'.join(lines).encode()).hexdigest()


def _complain(problems, total, on_error):
  listed = '\n'.join(f'  {name}: {reason}' for name, reason in problems)
  remedy = (
    'Mend them, or leave them out: --on_error=skip.'
    if on_error == 'stop'
    else 'Nothing is left to import.'
  )
  return (
    f'{len(problems)} of {max(total, len(problems))} recordings cannot be '
    f'imported, so nothing was written:\n{listed}\n{remedy}'
  )


def _versions():
  versions = {'python': platform.python_version()}
  for package in _PACKAGES:
    try:
      versions[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      versions[package] = None
  return versions
