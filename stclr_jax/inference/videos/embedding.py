"""Representations of recordings: what an encoder makes of their windows."""

import dataclasses
import pathlib

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.files import whole
from stclr_jax.files.unreadable import UnreadableError
from stclr_jax.files.unreadable import naming_errors
from stclr_jax.inference.tables import parquet_files
from stclr_jax.inference.videos import looking
from stclr_jax.inference.videos import prediction
from stclr_jax.inference.videos import results_folder

SUFFIXES = ('.npz', '.parquet')


@dataclasses.dataclass(frozen=True)
class Embedded:
  """Representations of clips, and what they are of.

  Attributes:
    embeddings: float32 [n, d].
    id: of the video, or recording, n strings.
    face: number of the face; 0 for whole frames; int [n].
    subject: name of the person; '' where nobody named one; n strings.
    label: name of the class; '' without one; n strings.
    start_s: first moment of the clip, float [n]; NaN where it is not known.
    end_s: end of its last frame, float [n]; NaN likewise.
  """

  embeddings: np.ndarray
  id: tuple[str, ...]
  face: np.ndarray
  subject: tuple[str, ...]
  label: tuple[str, ...]
  start_s: np.ndarray
  end_s: np.ndarray

  def write(self, path):
    """Writes a file whole: .npz, arrays by name, or .parquet, a row a clip.

    Args:
      path: of the file; its suffix is one of `SUFFIXES`.
    """
    columns = {
      field.name: np.asarray(getattr(self, field.name))
      for field in dataclasses.fields(self)
    }
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with whole.writing(path, 'wb') as file:
      if pathlib.PurePath(path).suffix == '.npz':
        np.savez(file, allow_pickle=False, **columns)
        return
      pa, pq = parquet_files.import_parquet()
      columns['embeddings'] = list(columns['embeddings'])
      pq.write_table(pa.table(columns), file)


def check_path(path):
  """Refuses a file that cannot be written, before anything is computed.

  Args:
    path: of the file.

  Raises:
    UserError: unless its suffix is one of `SUFFIXES`, and a file can be
      written there.
    MissingPackageError: where its package is not installed.
  """
  suffix = pathlib.PurePath(path).suffix
  if suffix not in SUFFIXES:
    raise UserError(
      f'`--out` (={path}) must end in one of {", ".join(SUFFIXES)}, which say '
      'what is written.'
    )
  if pathlib.Path(path).is_dir():
    raise UserError(f'`--out` (={path}) is a folder; give the name of a file.')
  results_folder.check_folder(pathlib.Path(path).parent)
  if suffix == '.parquet':
    parquet_files.import_parquet()


class _Encoder:
  """The encoder of a model, as `looking.look` asks a network."""

  def __init__(self, model):
    self.batch_size = model.batch_size
    self.frames_of = model.encode.indices
    self.of_taken = model.encode.of_taken

  def name_taken(self, found, face):
    del face
    return found


def embed(model, item, settings, report=lambda text, share: None):
  """Computes representations of the windows of a recording.

  Args:
    model: an `inference.model.Model`.
    item: a `listing.Item`.
    settings: `settings.Settings`.
    report: see `predicting.predict`.

  Returns:
    `Embedded`, of the windows that can be looked at.

  Raises:
    UnreadableError: if the recording cannot be read, or has no such window.
  """
  video = prediction.Video(name=item.video_id, path=str(item.path))
  with naming_errors():
    looked = looking.look(_Encoder(model), item, settings, video, report)
  rows = [row for row in looked.rows if row.key in looked.answers]
  if not rows:
    words = sorted({row.status for row in looked.rows}) or ['no_face']
    raise UnreadableError(f'no window can be looked at ({", ".join(words)})')
  stops = np.array([row.stop for row in rows])
  return Embedded(
    embeddings=np.stack([looked.answers[row.key] for row in rows]),
    id=(item.video_id,) * len(rows),
    face=np.array([row.face for row in rows]),
    subject=(item.subject or '',) * len(rows),
    label=(item.label or '',) * len(rows),
    start_s=looked.times[np.array([row.start for row in rows])],
    end_s=looked.times[stops - 1] + 1 / settings.fps,
  )


def embed_store(model, store):
  """Computes representations of the videos of a data set, as evaluation does.

  Args:
    model: an `inference.model.Model`.
    store: a `VideoStore`.

  Returns:
    `Embedded`, a row a video; when a clip was recorded is not known.
  """
  found, size = [], model.batch_size
  for first in range(0, store.num_videos, size):
    videos = range(first, min(first + size, store.num_videos))
    found.append(model.encode.of_taken(np.stack([
      store.read_clip(i, model.encode.indices(int(store.length[i])))
      for i in videos
    ])))  # fmt: skip
  number = store.num_videos
  return Embedded(
    embeddings=np.concatenate(found),
    id=store.video_id,
    face=np.zeros(number, int),
    subject=store.subject_name,
    label=tuple(
      store.label_names[i] if i >= 0 else '' for i in store.label.tolist()
    ),
    start_s=np.full(number, np.nan),
    end_s=np.full(number, np.nan),
  )


def join(parts):
  """Joins `Embedded`s, at least one, one after another."""
  columns = {}
  for field in dataclasses.fields(Embedded):
    values = [getattr(part, field.name) for part in parts]
    joined = np.concatenate(values)
    columns[field.name] = joined
    if isinstance(values[0], tuple):
      columns[field.name] = tuple(joined.tolist())
  return Embedded(**columns)
