"""Makes a data set of listed recordings, and the report of what went in."""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import platform
import sys
import time

from tqdm import tqdm

from stclr_jax.data import imported_report
from stclr_jax.data.imports import import_report
from stclr_jax.data.imports import import_writer
from stclr_jax.data.imports import recordings
from stclr_jax.data.imports import repeated_names
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings.listing import Problem
from stclr_jax.data.people import listed_people
from stclr_jax.data.people import same_recordings
from stclr_jax.data.pictures import picture_files
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import disk
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors

ON_ERROR = ('stop', 'skip')
_PACKAGES = (
  'av', 'opencv-python-headless', 'pillow', 'numpy', 'tensorflow-datasets',
  'array-record',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Origin:
  """Origin of recordings, for the report.

  Attributes:
    source: the folder or the file that lists them, as the user named it.
    recipe: which known data set names the people, such as 'ck_plus'; '' where
      the user does.
  """

  source: str
  recipe: str = ''


def import_items(
  listing, target, *, origin, options, on_error='stop', progress=True
):
  """Reads recordings and writes them as a data set.

  Args:
    listing: a `listing.Listing` whose labels are among the target's classes.
    target: an `import_writer.Target`.
    origin: an `Origin`.
    options: a `recordings.Options`.
    on_error: 'stop' goes through everything, lists all that cannot be read
      and writes nothing; 'skip' leaves those out and says so. Of recordings of
      one name it leaves all out, or all but the first where they are the same
      to the last byte.
    progress: whether to show a progress bar on a terminal.

  Returns:
    An `imported_report.Report`, also written beside the records.

  Raises:
    UserError: if something cannot be imported and `on_error` is 'stop'; if
      nothing can.
    FileExistsError: if the data set exists and may not be replaced.
    OSError: if the disk is full.
  """
  check_one_of('on_error', on_error, ON_ERROR)
  started = time.monotonic()
  items, problems = repeated_names.set_apart(listing.items)
  problems = [*listing.problems, *problems]
  checksums = same_recordings.source_checksums(
    items, lambda of: _show(of, f'Looking at {target.name}', progress)
  )
  same, unnamed = same_recordings.pair_sources(items, checksums)
  linked = same_recordings.names_of_pairs(same + unnamed, items)
  subjects = listed_people.number_people(listing.items, linked)
  videos, places = [], []
  shown = _show(items, f'Importing {target.name}', progress)
  with (
    disk.naming_full_disk(target.path),
    import_writer.Writer(target) as writer,
  ):
    for place, video, window in _read_all(shown, checksums, options, problems):
      label = items[place].label
      if window.frames and (not problems or on_error == 'skip'):
        writer.add(
          video_id=video.video_id,
          frames=window.frames,
          label=-1 if label is None else target.classes.index(label),
          subject=subjects[video.subject],
          subject_name=video.subject,
        )
      videos.append(video)
      places.append(place)
    # Names of files that are not UTF-8 are in them.
    problems = [Problem(*map(listings.as_text, each)) for each in problems]
    written = [video for video in videos if video.frames]
    if problems and (on_error == 'stop' or not written):
      listed = len(listing.items) + len(listing.problems)
      raise UserError(_complain(problems, listed, on_error))
    if not written:
      raise UserError('No window has a face, so nothing is left to import.')
    twice = same_recordings.find_repeated(videos, places, same)
    for i, note in twice.of_videos.items():
      notes = (*videos[i].notes, note)
      videos[i] = dataclasses.replace(videos[i], notes=notes)
    # Copies in another container are seen only now that they are decoded.
    shared = same_recordings.names_of_pairs(twice.pairs, items)
    numbered = listed_people.number_people(listing.items, linked + shared)
    if numbered != subjects:
      subjects = numbered
      writer.renumber({v.video_id: subjects[v.subject] for v in written})
    notes = (*listing.notes, *twice.lines)
    totals = import_report.summarize(videos, notes, target.classes, subjects)
    report = imported_report.Report(
      name=target.name,
      source=listings.as_text(origin.source),
      recipe=origin.recipe,
      created=datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
      options=dataclasses.asdict(options) | {'on_error': on_error},
      versions=_versions(),
      classes=tuple(target.classes),
      **vars(totals),
      checksum=_checksum_of_set(written),
      seconds=round(time.monotonic() - started, 2),
      notes=notes,
      ignored_files=listing.ignored,
      skipped=tuple(imported_report.Skipped(*each) for each in problems),
      subjects=subjects,
      videos=tuple(videos),
    )
    writer.commit(report, import_report.describe(report, target.path))
  return report


def _read_all(items, checksums, options, problems):
  """Yields (place of the item, `imported_report.Video`, window).

  What cannot be read is added to `problems`.
  """
  names = set()
  for place, item in enumerate(items):
    kept = 0
    try:
      for video, window in _read(item, checksums[place], options):
        if video.video_id in names:  # such as a#0001.mp4 beside a long a.mp4
          raise UnreadableError(
            f'another video is called {video.video_id}; rename one'
          )
        names.add(video.video_id)
        yield place, video, window
        kept += 1
    except UnreadableError as error:
      what = f' ({kept} windows before it are kept)' if kept else ''
      problems.append(Problem(item.video_id, f'{error}{what}'))


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
  """Yields (`imported_report.Video`, window); what goes wrong is the item's."""
  windows = _named_windows(item, options)
  while True:
    # The last net: nothing that a file holds ends the import of the others.
    with naming_errors():
      video_id, window = next(windows, (None, None))
      if window is None:
        return
      video = _report_video(item, video_id, window, source_checksum, options)
    yield video, window


def _report_video(item, video_id, window, source_checksum, options):
  return imported_report.Video(
    video_id=video_id,
    label=item.label,
    subject=listed_people.person_of(item),
    subject_named=item.subject is not None,
    frames=len(window.frames),
    frame_size=_size_of(window.frames),
    fps=options.fps,
    fps_known=window.fps_known,
    start=round(window.start, 3),
    seconds=round(len(window.frames) / options.fps, 3),
    bytes=sum(map(len, window.frames)),
    coverage=window.coverage,
    checksum=_checksum(window.frames),
    picture_checksum=same_recordings.picture_checksum(window.frames),
    source_checksum=source_checksum,
    notes=tuple(window.notes),
    attributes=item.attributes,
  )


def _size_of(frames):
  """(height, width) of the first, in pixels; None where there is none."""
  if not frames:
    return None
  with picture_files.open_picture(frames[0]) as image:  # its header only
    return image.height, image.width


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
    repr([v.video_id, v.label, v.subject, v.checksum]) for v in videos
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
