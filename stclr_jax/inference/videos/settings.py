"""Settings of a prediction: what was asked, the model's own for the rest."""

import dataclasses
import math
from typing import Any

from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.imports import recordings
from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.making import FaceCrop

FACES = ('one', 'all')
UNSURE_BELOW = 0.5  # chosen: rather right than wrong, if it were calibrated
MIN_COVERAGE = 0.5  # chosen: the face is seen more often than not
_OVERLAP = 4  # chosen: windows that show a moment; a curve without steps
_SEEN = 0.0005  # seconds; what the tables' three decimals show
_SLACK = 1.5  # chosen: how much longer or shorter than the model's is noted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
  """Settings that a user may give; None for the model's.

  Attributes:
    window: seconds of a window.
    step: seconds from one window to the next.
    start: of the part of the recording, in seconds.
    end: of the part; None for the recording's.
    faces: 'one', or 'all' for a track each.
    face_detector: name of a face detector.
    face_which: of several faces, with `faces` = 'one'.
    face_margin: on each side of the face's box, as a share of it.
    min_face: smallest face looked for, as a share of the shorter side.
    whole_frames: whether frames are looked at whole, whatever the model.
    unsure_below: confidence below which the label is 'unsure'; 0 for never.
    min_coverage: share of a window's frames in which the face must be seen.
  """

  window: float | None = None
  step: float | None = None
  start: float = 0.0
  end: float | None = None
  faces: str = 'one'
  face_detector: str | None = None
  face_which: str | None = None
  face_margin: float | None = None
  min_face: float | None = None
  whole_frames: bool = False
  unsure_below: float | None = None
  min_coverage: float = MIN_COVERAGE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
  """Settings of a prediction, complete.

  Attributes:
    fps: frames a second at which a recording is looked at.
    window_s: seconds of a window, as asked for.
    step_s: seconds from one window to the next, as asked for.
    start_s: of the part of the recording.
    end_s: of the part; None for the recording's end.
    faces: see `Asked`.
    face_crop: a `making.FaceCrop`; None for whole frames.
    max_size: of the shorter side of frames before they get their size, pixels.
    jpeg_quality: of frames on the way, as those trained on had; None for none.
    frame_size: (height, width) of the frames of a clip, in pixels.
    unsure_below: see `Asked`.
    min_coverage: see `Asked`.
    notes: sentences on what was assumed, or is not as the model has it.
  """

  fps: float
  window_s: float
  step_s: float
  start_s: float
  end_s: float | None
  faces: str
  face_crop: FaceCrop | None
  max_size: int
  jpeg_quality: int | None
  frame_size: tuple[int, int]
  unsure_below: float
  min_coverage: float
  notes: tuple[str, ...]

  @property
  def window_length(self):
    """Frames of a window."""
    return max(1, round(self.window_s * self.fps))

  @property
  def step_length(self):
    """Frames from one window to the next."""
    return max(1, round(self.step_s * self.fps))

  @property
  def window_used_s(self):
    """Seconds that the frames of a window last."""
    return self.window_length / self.fps

  @property
  def step_used_s(self):
    """Seconds from one window to the next, in whole frames."""
    return self.step_length / self.fps

  def describe_windows(self):
    """Says in a line how long windows are, and how far apart."""
    said = (
      f'Windows of {self.window_used_s:.3f} s ({self.window_length} frames at '
      f'{self.fps:g} a second), one each {self.step_used_s:.3f} s'
    )
    asked = [
      f'{name} {value:.3f} s'
      for name, value, used in (
        ('window', self.window_s, self.window_used_s),
        ('step', self.step_s, self.step_used_s),
      )
      if abs(value - used) >= _SEEN
    ]
    if asked:
      said += f' ({", ".join(asked)} made whole frames)'
    return f'{said}.'

  def read_options(self):
    """Returns the `recordings.Options` by which an import would read."""
    return recordings.Options(
      fps=self.fps,
      source_fps=self.fps,
      window_seconds=0,
      max_size=self.max_size,
      min_frames=1,
    )


def resolve(trained, asked):
  """Completes what was asked by what the model knows.

  Args:
    trained: a `trained_network.Trained`.
    asked: an `Asked`.

  Returns:
    `Settings`.

  Raises:
    UserError: for values that cannot be meant, where the model does not know
      how long its clips were and nobody says, and where the face detector lacks
      something.
  """
  _check(asked)
  made, notes = trained.making, []
  usual = recordings.Options()
  fps = made.fps
  if fps is None:
    fps = usual.fps
    notes.append(
      'At which rate the videos trained on were recorded nobody knows; these '
      f'are looked at {fps:g} times a second.'
    )
  window = _window(trained, asked, notes)
  step = window / _OVERLAP if asked.step is None else asked.step
  calibration = trained.calibration
  unsure_below = asked.unsure_below
  if unsure_below is None:
    unsure_below = UNSURE_BELOW
    if calibration is not None:
      unsure_below = calibration.unsure_below
    elif trained.labels is not None:
      notes.append(
        f'Labels less sure than {UNSURE_BELOW} are called unsure '
        '(--unsure_below): a guess, as nobody calibrated this model.'
      )
  size = trained.view_options.size
  found = Settings(
    fps=fps,
    window_s=window,
    step_s=step,
    start_s=asked.start,
    end_s=asked.end,
    faces=asked.faces,
    face_crop=_face_crop(trained, asked, notes),
    max_size=made.max_size or usual.max_size,
    jpeg_quality=made.jpeg_quality,
    frame_size=tuple(made.frame_size or (size, size)),
    unsure_below=unsure_below,
    min_coverage=asked.min_coverage,
    notes=tuple(notes),
  )
  _check_lengths(found, asked)
  return found


def _window(trained, asked, notes):
  usual = trained.making.clip_seconds
  if asked.window is None:
    if usual is None:
      raise UserError(
        f'How many seconds the clips of the model in {trained.source} last is '
        'not known, as nobody told the rate of the videos that it was trained '
        'on; say how long a window is to be: --window=SECONDS.'
      )
    return usual
  if usual is not None and not (1 / _SLACK <= asked.window / usual <= _SLACK):
    notes.append(
      f'Windows of {asked.window:g} s are not as long as what the model was '
      f'trained on ({usual:.2f} s): it may take a slow change for a fast one.'
    )
  return asked.window


def _face_crop(trained, asked, notes):
  made = trained.making
  given = {
    'detector': asked.face_detector,
    'which': asked.face_which,
    'margin': asked.face_margin,
    'min_face': asked.min_face,
  }
  given = {name: value for name, value in given.items() if value is not None}
  if asked.whole_frames:
    if given or asked.faces == 'all':
      raise UserError(
        '`whole_frames` (=True) looks for no face; leave it out, or the '
        'settings of faces.'
      )
    if made.framing == 'face':
      notes.append(
        'The model was trained on faces cut out and is shown whole frames here '
        '(--whole_frames).'
      )
    return None
  if made.framing != 'face' and not given and asked.faces != 'all':
    if made.framing is None:
      notes.append(
        'Whether the videos trained on show faces cut out or whole frames '
        'nobody knows; these are looked at whole. --face_detector=… cuts out.'
      )
    return None
  usual = made.face_crop
  if usual is None and made.synthetic and not given and asked.faces != 'all':
    notes.append(
      'The model was trained on drawn faces that fill the frame, and is shown '
      'whole frames, as of such drawings; --face_detector=… cuts faces out.'
    )
    return None
  if usual is None:
    options = face_crops.FaceCropOptions()
    usual = FaceCrop(**_fields(options))
    how = 'not cut out'
    if made.framing == 'face':
      how = 'cut out by others, nobody knows how closely'
    if made.synthetic:
      how = 'drawn to fill the frame'
    notes.append(
      f'The faces of the videos trained on were {how}; these are cut out as an '
      f'import does (detector {usual.detector}, margin {usual.margin:g}).'
    )
  else:
    notes += [
      f'`{name}` (={value!r}) is not what the model was trained with '
      f'({getattr(usual, name)!r}).'
      for name, value in given.items()
      if value != getattr(usual, name)
    ]
  crop = dataclasses.replace(usual, **given)
  face_crops.FaceCropOptions(**_fields(crop))  # refuses what cannot be
  # What a detector lacks is said once, not of each recording.
  face_detection.make_detector(crop.detector, min_face=crop.min_face)
  return crop


def _fields(of: Any):
  return {
    field.name: getattr(of, field.name) for field in dataclasses.fields(of)
  }


def _check_lengths(settings, asked):
  """Refuses what rounds to fewer frames than can be meant."""
  fps = settings.fps
  if settings.window_length < 2:
    raise UserError(
      f'`window` (={settings.window_s:g} s) is shorter than two frames, which '
      f'are looked at {fps:g} times a second, and one frame shows no change; '
      f'give {2 / fps:.3g} s or more.'
    )
  if asked.step is not None and round(asked.step * fps) < 1:
    raise UserError(
      f'`step` (={asked.step:g} s) is shorter than a frame, which are looked '
      f'at {fps:g} times a second; give {1 / fps:.3g} s or more.'
    )


def _check(asked):
  check_one_of('faces', asked.faces, FACES)
  for name in ('window', 'step'):
    value = getattr(asked, name)
    if value is not None and not 0 < value < math.inf:
      raise UserError(f'`{name}` (={value}) must be more than 0 seconds.')
  if not 0 <= asked.start < math.inf:
    raise UserError(f'`start` (={asked.start}) must be 0 or more seconds.')
  if asked.end is not None and asked.end <= asked.start:
    raise UserError(
      f'`end` (={asked.end}) must be more than `start` (={asked.start}), both '
      'seconds.'
    )
  for name in ('unsure_below', 'min_coverage'):
    value = getattr(asked, name)
    if value is not None and not 0 <= value <= 1:
      raise UserError(f'`{name}` (={value}) must be between 0 and 1.')
