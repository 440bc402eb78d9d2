"""Writes a data set of imported videos, whole or not at all."""

import contextlib
import dataclasses
import io
import os
import shutil
import socket

from stclr_jax.data import data_folder
from stclr_jax.data import imported
from stclr_jax.data import imported_report
from stclr_jax.files import locks

# chosen: of windows of four seconds at 240 pixels, half a gigabyte.
_VIDEOS_PER_FILE = 256
_INCOMPLETE = '.incomplete'
_REPLACED = '.replaced' + _INCOMPLETE


@dataclasses.dataclass(frozen=True)
class Target:
  """The data set that an import makes.

  Attributes:
    name: of the data set.
    classes: names of its classes, in order; may be none.
    data_dir: where TFDS keeps its data; None for its own default.
    overwrite: whether a data set of this name may be replaced.
  """

  name: str
  classes: tuple[str, ...] = ()
  data_dir: str | os.PathLike | None = None
  overwrite: bool = False

  @property
  def path(self):
    """Folder of the records, whether or not anything is there."""
    return imported.directory(self.name, self.data_dir)

  def check(self):
    """Refuses what cannot be made.

    Raises:
      UserError: for a name that cannot be used.
      FileExistsError: if there is such a data set that may not be replaced.
    """
    imported.check_name(self.name)
    if self.path.parent.exists() and not self.overwrite:
      raise FileExistsError(
        f'There is a data set {self.name} already, in {self.path}; choose '
        'another --out, or replace it by --overwrite.'
      )


class Writer:
  """Writes a data set that is there at its end, or not at all.

  A context; without `commit` it leaves nothing behind. What a killed process
  left is removed when the same data set is written again, and a data set that
  it was about to replace is put back.
  """

  def __init__(self, target):
    """Begins.

    Args:
      target: a `Target`.

    Raises:
      UserError: see `Target.check`.
      FileExistsError: see `Target.check`.
      locks.OwnedError: if another process writes a data set of this name.
      OSError: if nothing can be written there.
    """
    imported.check_name(target.name)
    self._target, folder = target, target.path.parent
    self._partial = _partial(folder)
    with contextlib.ExitStack() as opened:
      if opened.enter_context(_owned(folder)):
        _clear_abandoned(folder)
      target.check()
      version = self._partial / imported.VERSION
      with _naming(folder):
        version.mkdir(parents=True)
      self._writer = _make_writer(version, target)
      self._opened = opened.pop_all()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    shutil.rmtree(self._partial, ignore_errors=True)
    self._opened.close()

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
    self._writer.add_examples({imported.SPLIT: [example]})

  def renumber(self, subjects):
    """Writes the records again, with other numbers for people.

    Args:
      subjects: number of the person by video id, of all videos.
    """
    self._writer.close_all()
    written = self._partial / imported.VERSION
    earlier = self._partial / 'earlier'
    written.rename(earlier)
    written.mkdir()
    self._writer = _make_writer(written, self._target)
    features = imported.features(self._target.classes, as_bytes=True)
    for record in imported.open_source(earlier):
      example = features.deserialize_example_np(record)
      video_id = example['video_id'].decode()
      self.add(
        video_id=video_id,
        frames=list(example['frames']),
        label=int(example['label']),
        subject=subjects[video_id],
        subject_name=example['subject_name'].decode(),
      )
    shutil.rmtree(earlier)

  def commit(self, report, text):
    """Puts the finished data set in its place.

    Args:
      report: an `imported_report.Report`.
      text: the same in words.

    Raises:
      FileExistsError: if such a data set has come in the meantime.
    """
    self._writer.close_all()
    # Again: on a file system without locks another import may have come first.
    self._target.check()
    imported_report.write(self._partial / imported.VERSION, report)
    data_folder.write_report(self._partial / imported.VERSION, text)
    target = self._target.path.parent
    replaced = self._partial.with_suffix(_REPLACED)
    try:
      if target.exists():
        target.rename(replaced)
      self._partial.rename(target)
    except BaseException:  # Ctrl-C as well
      _put_back(replaced, target)
      raise
    shutil.rmtree(replaced, ignore_errors=True)


def _make_writer(path, target):
  import tensorflow_datasets as tfds

  writer = tfds.core.SequentialWriter(
    tfds.core.DatasetInfo(
      builder=tfds.core.dataset_info.DatasetIdentity(
        name=imported.BUILDER,
        version=tfds.core.Version(imported.VERSION),
        data_dir=str(path),
        module_name=imported.__name__,
        config_name=target.name,
      ),
      description=f'Videos imported by stclr_jax as {target.name}; '
      f'see {imported_report.NAME}.',
      features=imported.features(target.classes),
    ),
    max_examples_per_shard=_VIDEOS_PER_FILE,
    file_format='array_record',
  )
  writer.initialize_splits([imported.SPLIT])
  return writer


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
  """Clears away what killed imports left; this one owns the name now."""
  for path in target.parent.glob(f'.{target.name}.*{_INCOMPLETE}'):
    if path.name.endswith(_REPLACED):
      _put_back(path, target)
    shutil.rmtree(path, ignore_errors=True)
