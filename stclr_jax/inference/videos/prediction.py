"""A prediction: what a model says of one recording, as arrays."""

import dataclasses
import functools

import numpy as np

from stclr_jax.inference.tables import columns
from stclr_jax.inference.tables import tables
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import annotated
from stclr_jax.inference.videos import windows as windows_of
from stclr_jax.inference.videos.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
  """Windows of all faces, one face after another, in order of time.

  Attributes:
    face: number of the face, from 1; 0 for whole frames; int [n].
    window: number of the window in the video, from 0; int [n].
    start_s: in seconds of the video's clock, float [n].
    end_s: likewise, float [n].
    frames: looked at, int [n].
    coverage: share of them in which the face was found; NaN where nobody
      looked; float [n].
    status: one of `words` each, n strings.
    probabilities: float [n, num_classes], rows adding up to 1; NaN where there
      is no answer.
    label: a class, 'unsure', or '' where there is no answer; n strings.
  """

  face: np.ndarray
  window: np.ndarray
  start_s: np.ndarray
  end_s: np.ndarray
  frames: np.ndarray
  coverage: np.ndarray
  status: tuple[str, ...]
  probabilities: np.ndarray
  label: tuple[str, ...]

  def __len__(self):
    return len(self.face)

  @property
  def mid_s(self):
    """Middles, float [n]."""
    return (self.start_s + self.end_s) / 2

  @property
  def valid(self):
    """True where there is an answer, bool [n]."""
    return np.array([word in words.VALID for word in self.status], bool)

  @functools.cached_property
  def confidence(self):
    """Probability of the most probable class, NaN without one; float [n]."""
    return self.probabilities.max(1)

  @property
  def unsure(self):
    """True where the most probable class is not named, bool [n]."""
    return np.array([one == words.UNSURE for one in self.label], bool)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boxes:
  """The place of each face in each frame, one face after another.

  Attributes:
    frame: number of the frame among those looked at, from 0; int [m].
    time_s: seconds of the video's clock, float [m].
    face: number of the face, int [m].
    box: left, top, width and height in pixels of the upright picture; NaN
      where the face is not seen; float [m, 4].
    score: the detector's, a probability of blaze, of hog a number above 0; NaN
      where the face was not found in this frame, and of haar_tilted; float [m].
    interpolated: whether the box lies between those of other frames, bool [m].
  """

  frame: np.ndarray
  time_s: np.ndarray
  face: np.ndarray
  box: np.ndarray
  score: np.ndarray
  interpolated: np.ndarray

  def __len__(self):
    return len(self.frame)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Face:
  """One face over the whole recording.

  Attributes:
    face: its number, from 1; 0 for whole frames.
    coverage: share of the recording's frames in which it was found; NaN where
      nobody looked.
    status: 'ok', or why it has no answer, of `words`.
    label: the most probable class of the mean, 'unsure', or ''.
    probabilities: mean over the windows with an answer, float [num_classes].
    share: of these windows, those that are named each class, float
      [num_classes].
    share_unsure: of these windows, those that are named none.
    windows: how many there are.
    windows_valid: how many have an answer.
  """

  face: int
  coverage: float
  status: str
  label: str
  probabilities: np.ndarray
  share: np.ndarray
  share_unsure: float
  windows: int
  windows_valid: int

  @property
  def confidence(self):
    """Probability of the most probable class; NaN without one."""
    return float(self.probabilities.max())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Video:
  """Facts of a recording.

  Attributes:
    name: what it is called in the tables.
    path: of the file, or of the folder of frames.
    part_s: seconds of the clock from which on, and up to which, it was looked
      at; the second is None for its end.
    duration_s: seconds of the part looked at, to the end of its last frame.
    frames: pictures in it; NaN where that was not read.
    fps_mean: of these pictures, a second; NaN likewise.
    fps_varies: whether the times between them differ; None likewise.
    width_px: of the upright picture.
    height_px: of the same.
    rotation_deg: by which the file says its pictures are to be turned.
    sha256: of the file, in hexadecimal; '' of a folder.
    seconds_taken: to predict.
  """

  name: str
  path: str
  part_s: tuple[float, float | None] = (0.0, None)
  duration_s: float = np.nan
  frames: float = np.nan
  fps_mean: float = np.nan
  fps_varies: bool | None = None
  width_px: float = np.nan
  height_px: float = np.nan
  rotation_deg: float = np.nan
  sha256: str = ''
  seconds_taken: float = np.nan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
  """A prediction of one recording.

  Attributes:
    labels: names of the classes, in order.
    video: a `Video`.
    status: 'ok' if a face has an answer, else why there is none.
    note: what the user should know of it, or why it could not be read; ''.
    faces: a `Face` each.
    windows: `Windows`.
    boxes: `Boxes`.
    settings: `Settings`.
    caveats: sentences that must stand beside it.
  """

  labels: tuple[str, ...]
  video: Video
  status: str
  note: str
  faces: tuple[Face, ...]
  windows: Windows
  boxes: Boxes
  settings: Settings
  caveats: tuple[str, ...]

  @functools.cached_property
  def segments(self):
    """A tuple of `windows.Segment`s."""
    return tuple(windows_of.segments(self.windows))

  @property
  def face(self):
    """The `Face` that is seen longest, the first of equals; None without."""
    return max(self.faces, key=lambda face: face.coverage, default=None)

  @property
  def label(self):
    """Of the face that is seen longest; '' without an answer."""
    return self.face.label if self.face else ''

  @property
  def coverage(self):
    """Of the face that is seen longest; NaN without one."""
    return self.face.coverage if self.face else np.nan

  def to_dataframe(self):
    """Returns the windows as a pandas DataFrame, columns of `windows.csv`."""
    import pandas as pd

    header, *rows = tables.window_table(self)
    values = columns.as_values(columns.WINDOWS, [header, *rows])
    return pd.DataFrame(values, columns=header)

  def render(self, path):
    """Writes the recording with boxes and labels drawn into it.

    Args:
      path: of the video, .mp4; one that is there is replaced. Its times are
        the recording's; it has no sound.

    Raises:
      UserError: if `path` is no .mp4 or the recording itself, and for a folder
        of pictures or what cannot be read: there is no video to draw into.
    """
    annotated.write(self, path)

  def write(self, directory):
    """Writes the tables of this recording into a folder.

    Args:
      directory: path; made if need be.

    Returns:
      The paths of the files, by name.
    """
    return tables.write(directory, self)


def summarize(windows, face, coverage, labels, unsure_below):
  """Says what the windows of a face say together.

  Args:
    windows: `Windows`.
    face: number of the face.
    coverage: see `Face`.
    labels: names of the classes.
    unsure_below: see `settings.Asked`.

  Returns:
    A `Face`.
  """
  own = windows.face == face
  valid = own & windows.valid
  nothing = np.full(len(labels), np.nan)
  if not valid.any():
    status = next(
      (s for s, mine in zip(windows.status, own, strict=True) if mine),
      words.NO_FACE,
    )
    return Face(
      face=face,
      coverage=coverage,
      status=status,
      label='',
      probabilities=nothing,
      share=nothing,
      share_unsure=np.nan,
      windows=int(own.sum()),
      windows_valid=0,
    )
  of_valid = windows.probabilities[valid]
  sure = ~windows.unsure[valid]
  named = of_valid.argmax(1)[sure]
  mean = of_valid.mean(0)
  (label,) = name_classes(mean[None], labels, unsure_below)
  return Face(
    face=face,
    coverage=coverage,
    status=words.OK,
    label=label,
    probabilities=mean,
    share=np.bincount(named, minlength=len(labels)) / len(of_valid),
    share_unsure=float(1 - sure.mean()),
    windows=int(own.sum()),
    windows_valid=int(valid.sum()),
  )


def name_classes(probabilities, labels, unsure_below):
  """Names the most probable classes.

  Args:
    probabilities: float [n, num_classes]; NaN without an answer.
    labels: names of the classes.
    unsure_below: confidence below which none is named.

  Returns:
    n strings: a class, 'unsure', or '' without an answer.
  """
  named = []
  for row in probabilities:
    if np.isnan(row).any():
      named.append('')
    elif row.max() < unsure_below:
      named.append(words.UNSURE)
    else:
      named.append(labels[int(row.argmax())])
  return tuple(named)
