"""Data sets that users made of their own videos, as TFDS keeps them.

DATA_DIR/imported_videos/NAME/1.0.0/ holds the records (ArrayRecord, one a
video), TFDS's descriptions, and `import.json`, which says what went in.
"""

import contextlib
import io
import json
import os
import re
import shutil
import socket

import numpy as np

from stclr_jax.data import checked_records
from stclr_jax.data import data_folder
from stclr_jax.files import locks

BUILDER = 'imported_videos'
VERSION = '1.0.0'
SPLIT = 'videos'
REPORT = 'import.json'
RESERVED = ('oulu_casia', 'synthetic')  # names of the builder's own begin so
# chosen: of windows of four seconds at 240 pixels, half a gigabyte.
_VIDEOS_PER_FILE = 256
_INCOMPLETE = '.incomplete'
_REPLACED = '.replaced' + _INCOMPLETE
REMEDY = 'Import the videos again, with --overwrite.'


def check_name(name):
  """Refuses names that a data set cannot have.

  Args:
    name: of a data set.

  Raises:
    ValueError: naming the rule.
  """
  if not re.fullmatch(r'[a-z][a-z0-9_]{0,63}', name):
    raise ValueError(
      f'The name (={name!r}) must be small letters, digits and underscores, '
      'beginning with a letter, as in my_videos.'
    )
  if name.startswith(RESERVED):
    raise ValueError(
      f'The name (={name!r}) must not begin with {" or ".join(RESERVED)}: the '
      f'data sets that come with this project do; my_{name} would do.'
    )


def directory(name, data_dir=None):
  """Says where a data set is kept.

  Args:
    name: of the data set.
    data_dir: where TFDS keeps its data; None for its own default.

  Returns:
    A path, whether or not anything is there.
  """
  return root(data_dir) / name / VERSION


def list_names(data_dir=None):
  """Lists the imported data sets.

  Args:
    data_dir: see `directory`.

  Returns:
    Names, sorted.
  """
  names = (p.parts[-3] for p in root(data_dir).glob(f'*/*/{REPORT}'))
  return sorted(name for name in names if not name.startswith('.'))


def read_report(name, data_dir=None):
  """Reads what went into a data set.

  Args:
    name: see `directory`.
    data_dir: see `directory`.

  Returns:
    The dict that `importing.import_items` made.

  Raises:
    ValueError: if it is damaged.
  """
  path = directory(name, data_dir)
  try:
    return json.loads((path / REPORT).read_text('utf-8'))
  except ValueError as error:  # JSON's, or bytes that are no text
    raise checked_records.damaged(path, f'{REPORT}: {error}', REMEDY) from error


def open_records(name, data_dir=None):
  """Opens the records of a data set.

  Args:
    name: see `directory`.
    data_dir: see `directory`.

  Returns:
    (records, classes): the videos by number, dicts in which images are their
    bytes, and the names of the classes, in order.

  Raises:
    ValueError: if files are missing or damaged.
  """
  report = read_report(name, data_dir)
  classes, number = tuple(report['classes']), report['num_videos']
  path = directory(name, data_dir)
  try:
    records = _open_source(path)
    found = len(records)
  except (ValueError, RuntimeError, OSError) as error:
    raise checked_records.damaged(path, str(error), REMEDY) from error
  if found != number:
    reason = f'{found} of {number} videos are there'
    raise checked_records.damaged(path, reason, REMEDY)
  records = checked_records.CheckedRecords(
    records,
    directory=path,
    remedy=REMEDY,
    parse=_features(classes, as_bytes=True).deserialize_example_np,
  )
  return records, classes


class Writer:
  """Writes a data set that is there at its end, or not at all.

  A context; without `commit` it leaves nothing behind. What a killed process
  left is removed when the same data set is written again, and a data set that
  it was about to replace is put back.
  """

  def __init__(self, name, *, classes, data_dir=None, overwrite=False):
    """Begins.

    Args:
      name: of the data set.
      classes: names of the classes, in order; may be none.
      data_dir: see `directory`.
      overwrite: whether a data set of this name may be replaced.

    Raises:
      ValueError: for a name that cannot be used.
      FileExistsError: if there is such a data set and `overwrite` is false.
      locks.OwnedError: if another process writes a data set of this name.
      OSError: if nothing can be written there.
    """
    check_name(name)
    self.path = directory(name, data_dir)
    self._overwrite = overwrite
    self._partial = _partial(self.path.parent)
    self._name, self._classes = name, tuple(classes)
    with contextlib.ExitStack() as opened:
      opened.enter_context(_owned(self.path.parent))
      _clear_abandoned(self.path.parent)
      self._refuse_to_replace()
      version = self._partial / VERSION
      with _naming(self.path.parent):
        version.mkdir(parents=True)
      self._writer = _make_writer(version, name, classes)
      self._opened = opened.pop_all()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    shutil.rmtree(self._partial, ignore_errors=True)
    self._opened.close()

  def _refuse_to_replace(self):
    if self.path.parent.exists() and not self._overwrite:
      raise FileExistsError(
        f'There is a data set {self._name} already, in {self.path}; choose '
        'another --out, or replace it by --overwrite.'
      )

  def add(self, *, video_id, frames, label, subject, subject_name):
    """Writes a video.

    Args:
      video_id: unique name.
      frames: encoded images, list of bytes.
      label: class; -1 for unlabelled.
      subject: number of the person.
      subject_name: name of the person.
    """
    example = dict(
      video_id=video_id,
      frames=[io.BytesIO(frame) for frame in frames],
      label=label,
      subject=subject,
      subject_name=subject_name,
    )
    self._writer.add_examples({SPLIT: [example]})

  def renumber(self, subjects):
    """Writes the records again, with other numbers for people.

    Args:
      subjects: number of the person by video id, of all videos.
    """
    self._writer.close_all()
    written = self._partial / VERSION
    earlier = self._partial / 'earlier'
    written.rename(earlier)
    written.mkdir()
    self._writer = _make_writer(written, self._name, self._classes)
    parse = _features(self._classes, as_bytes=True).deserialize_example_np
    for record in _open_source(earlier):
      example = parse(record)
      video_id = example['video_id'].decode()
      self.add(
        video_id=video_id,
        frames=list(example['frames']),
        label=int(example['label']),
        subject=subjects[video_id],
        subject_name=example['subject_name'].decode(),
      )
    shutil.rmtree(earlier)

  def commit(self, report):
    """Puts the finished data set in its place.

    Args:
      report: JSON-able dict.

    Raises:
      FileExistsError: if such a data set has come in the meantime.
    """
    self._writer.close_all()
    # Again: on a file system without locks another import may have come first.
    self._refuse_to_replace()
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (self._partial / VERSION / REPORT).write_text(text + '\n', 'utf-8')
    target = self.path.parent
    replaced = self._partial.with_suffix(_REPLACED)
    try:
      if target.exists():
        target.rename(replaced)
      self._partial.rename(target)
    except BaseException:  # Ctrl-C as well
      _put_back(replaced, target)
      raise
    shutil.rmtree(replaced, ignore_errors=True)


def root(data_dir=None):
  """Says where the imported data sets are kept; see `directory`."""
  return data_folder.find(data_dir) / BUILDER


def _open_source(path):
  """The records in a folder, each as the bytes that were written."""
  import tensorflow_datasets as tfds

  return tfds.builder_from_directory(path).as_data_source(
    split=SPLIT,
    deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
  )


def _make_writer(path, name, classes):
  import tensorflow_datasets as tfds

  writer = tfds.core.SequentialWriter(
    tfds.core.DatasetInfo(
      builder=tfds.core.dataset_info.DatasetIdentity(
        name=BUILDER,
        version=tfds.core.Version(VERSION),
        data_dir=str(path),
        module_name=__name__,
        config_name=name,
      ),
      description=f'Videos imported by stclr_jax as {name}; see {REPORT}.',
      features=_features(classes),
    ),
    max_examples_per_shard=_VIDEOS_PER_FILE,
    file_format='array_record',
  )
  writer.initialize_splits([SPLIT])
  return writer


def _features(classes, *, as_bytes=False):
  import tensorflow_datasets as tfds

  image = tfds.features.Image
  if as_bytes:
    from tfds_oulu import tfds_oulu_dataset_builder as oulu

    image = oulu.EncodedImage
  return tfds.features.FeaturesDict(
    {
      'video_id': tfds.features.Text(),
      'frames': tfds.features.Sequence(image(shape=(None, None, 3))),
      'label': tfds.features.ClassLabel(names=list(classes)),
      'subject': tfds.features.Scalar(np.int32),
      'subject_name': tfds.features.Text(),
    }
  )


@contextlib.contextmanager
def _naming(folder):
  """Says which folder it is that cannot be made, and what to do."""
  try:
    yield
  except OSError as error:
    raise type(error)(
      error.errno,
      f'{folder} cannot be made ({error.strerror}); choose another place: '
      '--data_dir=…',
    ) from error


def _owned(target):
  """Owns the name of a data set: one process at a time writes it."""
  with _naming(target):
    target.parent.mkdir(parents=True, exist_ok=True)
  return locks.own(
    target.with_name(f'.{target.name}.lock'),
    what=f'The data set {target}',
    remedy='Another import writes it: wait until that has ended, or choose '
    'another --out.',
  )


def _partial(target):
  owner = f'{socket.gethostname()}-{os.getpid()}'
  return target.with_name(f'.{target.name}.{owner}{_INCOMPLETE}')


def _put_back(replaced, target):
  """Puts a data set back that another should have replaced, and did not."""
  if replaced.exists() and not target.exists():
    replaced.rename(target)


def _clear_abandoned(target):
  """Clears away what processes of this machine left that are no more."""
  pattern = f'.{target.name}.{socket.gethostname()}-*{_INCOMPLETE}'
  for path in target.parent.glob(pattern):
    process = re.search(rf'-(\d+)(\.replaced)?{_INCOMPLETE}$', path.name)
    if process and not _is_alive(int(process[1])):
      if path.name.endswith(_REPLACED):
        _put_back(path, target)
      shutil.rmtree(path, ignore_errors=True)


def _is_alive(process):
  if process == os.getpid():
    return False  # its number was used before
  try:
    os.kill(process, 0)
  except ProcessLookupError:
    return False
  except PermissionError:
    return True
  return True
