"""A folder of predictions: a part for each recording, joined into tables.

A recording that is finished is not predicted again, so that an interrupted call
goes on. What a folder is of, the model and the settings, it says in
`prediction.json`, and results of another model or other settings are refused.
"""

import datetime
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil

from stclr_jax.errors import UserError
from stclr_jax.files import json_files
from stclr_jax.files import json_records
from stclr_jax.files import locks
from stclr_jax.files import whole
from stclr_jax.inference.tables import columns
from stclr_jax.inference.tables import parquet_files
from stclr_jax.inference.tables import tables
from stclr_jax.inference.tables import words

DESCRIPTION = 'prediction.json'
PARTS = 'videos'
_LOCK = '.lock'
_PACKAGES = ('stclr_jax', 'jax', 'numpy', 'av', 'opencv-python-headless')
_LONGEST_NAME = 80  # chosen: of a folder; file systems take 255 bytes


def holds(path):
  """Says whether a file lies in a folder of results.

  Args:
    path: of the file.
  """
  above = pathlib.Path(path).resolve().parents
  return any((folder / DESCRIPTION).is_file() for folder in above)


def check_folder(path):
  """Refuses a folder that cannot be one, before anything is computed.

  Args:
    path: of the folder, which need not be there.

  Raises:
    UserError: if a file is there, or nothing can be written there.
  """
  path = pathlib.Path(path)
  there = next(one for one in (path, *path.absolute().parents) if one.exists())
  if not there.is_dir():
    raise UserError(
      f'`--out` (={path}) cannot be a folder, as {there} is a file; give '
      'another name.'
    )
  if not os.access(there, os.W_OK | os.X_OK):
    raise UserError(
      f'`--out` (={path}): nothing can be written in {there}; give another '
      'place.'
    )


def count_finished(directory):
  """Counts the recordings of which a folder holds all tables.

  Args:
    directory: path of the folder.
  """
  parts = pathlib.Path(directory, PARTS)
  return len(list(parts.glob(f'*/{columns.VIDEOS}')))


class ResultsFolder:
  """The folder; a context, in which one process writes."""

  def __init__(self, directory, info, settings, *, overwrite=False):
    """Opens nothing yet.

    Args:
      directory: path.
      info: the `model.ModelInfo` of the model that predicts.
      settings: `settings.Settings`.
      overwrite: whether results of another model may be removed.
    """
    self._path = pathlib.Path(directory)
    self._info, self._settings = info, settings
    self._overwrite = overwrite
    self._before = []

  def __enter__(self):
    """Owns the folder, and begins it or goes on in it.

    Raises:
      UserError: if it holds other results, or something else.
      locks.OwnedError: if another process writes there.
      OSError: if it cannot be made.
    """
    self._path.mkdir(parents=True, exist_ok=True)
    self._lock = locks.own(
      self._path / _LOCK,
      what=f'The folder {self._path}',
      remedy='Wait until it has ended, or give another --out.',
    )
    self._lock.__enter__()
    try:
      self._open()
    except BaseException:
      self._lock.__exit__(None, None, None)
      raise
    return self

  def __exit__(self, *error):
    self._lock.__exit__(*error)

  def find(self, name, sha256):
    """Says whether a recording is finished.

    Args:
      name: of the recording.
      sha256: of its file, '' for a folder.

    Returns:
      Whether it is: read to its end, with these very bytes.
    """
    path = self.part(name) / columns.VIDEOS
    if not path.exists():
      return False
    rows = tables.read(path)
    return rows[0]['status'] != words.UNREADABLE and rows[0]['sha256'] == sha256

  def add(self, one, *, frames):
    """Writes the part of a recording, whole.

    Args:
      one: a `prediction.Prediction`.
      frames: whether its boxes are written as well.
    """
    part = self.part(one.video.name)
    (part / columns.VIDEOS).unlink(missing_ok=True)
    tables.write(part, one, frames=frames)

  def part(self, name):
    """Returns the path of a recording's part."""
    clean = re.sub(r'[^\w.-]', '_', name, flags=re.ASCII).lstrip('.')
    clean = clean[:_LONGEST_NAME]
    if clean != name:
      clean += '-' + hashlib.sha256(name.encode()).hexdigest()[:8]
    return self._path / PARTS / clean

  def join(self, names, *, parquet=False):
    """Joins the parts of recordings into the tables.

    Args:
      names: of the recordings, in order; those without a part are left out.
        Those that the folder held and that could be read stand before them.
      parquet: whether Parquet files are written beside the tables.

    Returns:
      Rows of `videos.csv`, dicts of text, numbers, and None for none.
    """
    names = list(dict.fromkeys([*self._before, *names]))
    whole_rows = []
    for table in tables.MAKERS:
      parts = [self.part(name) / table for name in names]
      parts = [path for path in parts if path.exists()]
      if not parts:
        (self._path / table).unlink(missing_ok=True)
        continue
      with whole.writing(self._path / table, 'wb') as joined:
        for i, path in enumerate(parts):
          with path.open('rb') as part:
            head = part.readline()
            if not i:
              joined.write(head)
            shutil.copyfileobj(part, joined)
      if parquet:
        parquet_files.copy_as_parquet(self._path / table)
      if table == columns.VIDEOS:
        whole_rows = tables.read(self._path / table)
    labels = self._info.labels
    tables.write_table(self._path / tables.CODEBOOK, columns.codebook(labels))
    return whole_rows

  def _open(self):
    path = self._path / DESCRIPTION
    others = [
      one.name for one in self._path.iterdir() if one.name not in (_LOCK,)
    ]
    if path.exists():
      written = json_files.read(path)
      differs = _differences(written, self._describe())
      if differs and not self._overwrite:
        raise UserError(
          f'The folder {self._path} holds results of other kind '
          f'({"; ".join(differs)}); give another --out, or --overwrite.'
        )
      if not self._overwrite:
        whole.clear(self._path)
        if (self._path / columns.VIDEOS).exists():
          rows = tables.read(self._path / columns.VIDEOS)
          self._before = [
            row['video'] for row in rows if row['status'] != words.UNREADABLE
          ]
        return
      self._clear()
    elif others:
      raise UserError(
        f'The folder {self._path} holds {others[0]} and no {DESCRIPTION}, so '
        'that it holds no predictions; give a new or empty folder as --out.'
      )
    text = json.dumps(self._describe(), indent=2, ensure_ascii=False)
    whole.write_text(path, text + '\n')

  def _clear(self):
    """Removes what this module writes, and nothing else."""
    shutil.rmtree(self._path / PARTS, ignore_errors=True)
    for name in (DESCRIPTION, tables.CODEBOOK, *tables.MAKERS):
      path = self._path / name
      path.unlink(missing_ok=True)
      path.with_suffix('.parquet').unlink(missing_ok=True)

  def _describe(self):
    return {
      'format': json_records.FORMAT,
      'created': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
      'model': tables.as_json(self._info),
      'settings': tables.as_json(self._settings)
      | {
        'window_used_s': self._settings.window_used_s,
        'step_used_s': self._settings.step_used_s,
      },
      'warnings': [*self._info.caveats, *self._settings.notes],
      'versions': _versions(),
    }


def _differences(written, now):
  """Names what sets results apart: format, model, settings."""
  found = []
  if written.get('format') != now['format']:
    return ['another format']
  if written['model']['checksum'] != now['model']['checksum']:
    found.append(f'of the model in {written["model"]["source"]}')
  then, here = written['settings'], json.loads(json.dumps(now['settings']))
  found += [
    f'`{name}` there {then.get(name)}, here {value}'
    for name, value in here.items()
    if name != 'notes' and then.get(name) != value
  ]
  return found


def _versions():
  found = {}
  for package in _PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      found[package] = None
  return found
