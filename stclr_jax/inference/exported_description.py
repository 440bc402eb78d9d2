"""The description of an exported network, `config.json`, checked when read."""

import dataclasses
import importlib.metadata
import json
import math
import types
import typing

import jax.numpy as jnp

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import json_records
from stclr_jax.files import regular_files
from stclr_jax.files import whole
from stclr_jax.inference import trained_network
from stclr_jax.making import COLOURS
from stclr_jax.making import FRAMINGS
from stclr_jax.making import Making
from stclr_jax.models import architectures
from stclr_jax.models import encoders
from stclr_jax.models import heads

# Counted up whenever `config.json` changes its meaning.
FORMAT_VERSION = 1

DTYPES = ('float32', 'bfloat16')
# chosen: far beyond what anybody trains; a folder that asks for more would take
# memory before anything is computed.
_MAX_CONFIG_BYTES = 1 << 20
_MAX_WIDTH = 4
_MAX_FRAMES = 1024
_MAX_SIZE = 2048
_MAX_LABELS = 10_000
_MAX_LETTERS = 200
_MANY = 1e6  # frames, pixels
_KINDS = (trained_network.CLASSIFIER, trained_network.ENCODER)
_REMEDY = 'give a folder as this version of stclr_jax.export writes it'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Views(json_records.Record):
  """The view that the network is shown of a clip.

  Attributes:
    num_frames: taken at equal distances from first to last.
    size: height and width, in pixels.
    mean: of each colour, in [0, 1].
    std: of each colour.
  """

  num_frames: int
  size: int
  mean: tuple[float, ...]
  std: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description(json_records.Record):
  """Fields of `config.json`.

  Attributes:
    kind: 'classifier' or 'encoder'.
    architecture: of `architectures.ARCHITECTURES`.
    width: factor on its numbers of features.
    epsilon: of its batch norms.
    dtype: of its arithmetic, of `DTYPES`.
    labels: names of the classes, in order; None of an encoder.
    input: what the classifier reads, of `heads.INPUTS`.
    rest: what it takes for rest, of `heads.RESTS`.
    views: a `Views`.
    video: how the videos trained on were made, as far as known.
    calibration: a `trained_network.Calibration`, or None.
    trained_on: a `trained_network.TrainedOn`.
    stclr_jax: the version that wrote it.
    jax: the version beside it.
    created: when, ISO 8601.
  """

  kind: str
  architecture: str
  width: float
  epsilon: float
  dtype: str
  labels: tuple[str, ...] | None
  input: str
  rest: str
  views: Views
  video: Making
  calibration: trained_network.Calibration | None
  trained_on: trained_network.TrainedOn
  stclr_jax: str
  jax: str
  created: str

  @property
  def encoder(self):
    """The `Encoder`, not its variables."""
    return encoders.Encoder(
      architecture=self.architecture,
      width=self.width,
      dtype=jnp.dtype(self.dtype),
      epsilon=self.epsilon,
    )


def describe(trained, *, created):
  """Describes a network as `config.json` does.

  Args:
    trained: a `trained_network.Trained`.
    created: when, ISO 8601.

  Returns:
    A `Description`.
  """
  encoder, options = trained.encoder, trained.view_options
  return Description(
    kind=trained.kind,
    architecture=encoder.architecture,
    width=float(encoder.width),
    epsilon=float(encoder.epsilon),
    dtype=jnp.dtype(encoder.dtype).name,
    labels=trained.labels,
    input=trained.input,
    rest=trained.rest,
    views=Views(
      num_frames=options.num_frames,
      size=options.size,
      mean=tuple(options.mean),
      std=tuple(options.std),
    ),
    video=trained.making,
    calibration=trained.calibration,
    trained_on=trained.trained_on,
    stclr_jax=_version('stclr_jax'),
    jax=_version('jax'),
    created=created,
  )


def write(path, description):
  """Writes `config.json`, whole or not at all.

  Args:
    path: of the file.
    description: a `Description`.
  """
  written = {'format_version': FORMAT_VERSION, **description.as_dict()}
  whole.write_text(path, json.dumps(written, indent=2) + '\n')


def read(path):
  """Reads and checks `config.json`.

  Args:
    path: of the file.

  Returns:
    A `Description`.

  Raises:
    FileNotFoundError: if there is none.
    UserError: if it is damaged, of another version, or if a field is unknown,
      missing, or nothing that `stclr_jax.export` writes there.
  """
  written = _read_object(path)
  version = written.pop('format_version', None)
  if type(version) is not int or version != FORMAT_VERSION:
    raise UserError(
      f'`format_version` of {path} (={version!r:.40}) must be '
      f'{FORMAT_VERSION}, that of this version; {_REMEDY}.'
    )
  try:
    described = Description.from_dict(written)
    _check_kind(Description, described, 'config.json')
    _check_values(described)
  except UserError as error:
    raise UserError(f'{path}: {error}') from error
  return described


def _read_object(path):
  if fault := regular_files.find_fault(path):
    kind = FileNotFoundError if fault == 'not there' else UserError
    raise kind(
      f'{path} must describe the weights beside it, and is {fault}; {_REMEDY}.'
    )
  try:
    found = json.loads(regular_files.read_bytes(path, _MAX_CONFIG_BYTES))
  # Text that is no JSON, or no text; nested without end; too large.
  except (ValueError, RecursionError, OSError) as error:
    found, reason = None, str(error)[:200]
  else:
    reason = f'it holds a {type(found).__name__}'
  if not isinstance(found, dict):
    raise UserError(f'{path} must be a JSON object ({reason}); {_REMEDY}.')
  return found


def _check_kind(hint, value, name):
  """Refuses what is not of the kind that a field has."""
  origin, inner = typing.get_origin(hint), typing.get_args(hint)
  if origin in (typing.Union, types.UnionType):
    if value is None:
      return
    (hint,) = (one for one in inner if one is not types.NoneType)
    _check_kind(hint, value, name)
  elif dataclasses.is_dataclass(hint):
    if not isinstance(value, hint):
      _refuse(name, value, f'have the fields of {hint.__name__}')
    for field, kind in typing.get_type_hints(hint).items():
      _check_kind(kind, getattr(value, field), field)
  elif origin is tuple:
    if not isinstance(value, tuple):
      _refuse(name, value, 'be a list')
    for one in value:
      _check_kind(inner[0], one, name)
  elif hint is float:
    if type(value) not in (int, float) or not math.isfinite(value):
      _refuse(name, value, 'be a finite number')
  elif type(value) is not hint:
    _refuse(name, value, f'be of type {hint.__name__}')
  elif hint is str and not value.replace('\n', '').isprintable():
    _refuse(name, value, 'be printable')  # no commands to a terminal


def _check_values(described):
  check_one_of('kind', described.kind, _KINDS)
  check_one_of(
    'architecture', described.architecture, architectures.ARCHITECTURES
  )
  check_one_of('dtype', described.dtype, DTYPES)
  heads.shows_first_frame(described.input, described.rest)  # refuses others
  for name in ('mean', 'std'):
    if len(getattr(described.views, name)) != 3:
      _refuse(name, getattr(described.views, name), 'be three numbers')
  for name, value, low, high in _bounded(described):
    if value is not None and not low <= value <= high:
      _refuse(name, value, f'be from {low:g} to {high:g}')
  _check_labels(described)
  video, facts = described.video, described.trained_on
  check_one_of('framing', video.framing, (None, *FRAMINGS))
  check_one_of('colour', video.colour, (None, *COLOURS))
  if (facts.correct is None) != (facts.total is None):
    _refuse('correct', facts.correct, 'be known where `total` is')


def _bounded(described):
  """Lists numbers with the least and the most that they may be."""
  looked, video, facts = described.views, described.video, described.trained_on
  yield from (
    ('width', described.width, 1e-3, _MAX_WIDTH),
    ('epsilon', described.epsilon, 1e-12, 1),
    ('num_frames', looked.num_frames, 1, _MAX_FRAMES),
    ('size', looked.size, encoders.MIN_IMAGE_SIZE, _MAX_SIZE),
    *(('mean', one, 0, 1) for one in looked.mean),
    *(('std', one, 1e-6, _MANY) for one in looked.std),
    ('fps', video.fps, 1e-3, _MANY),
    ('max_size', video.max_size, 1, _MANY),
    ('jpeg_quality', video.jpeg_quality, 1, 100),
    *(('frame_size', side, 1, _MANY) for side in video.frame_size or ()),
    ('clip_frames', video.clip_frames, 1, _MANY),
    ('num_videos', video.num_videos, 0, math.inf),
    ('people', facts.people, 0, math.inf),
    ('clips', facts.clips, 0, math.inf),
    ('epochs', facts.epochs, 0, math.inf),
    ('total', facts.total, 0, math.inf),
    ('correct', facts.correct, 0, facts.total or 0),
  )
  if (crop := video.face_crop) is not None:
    yield from (
      ('margin', crop.margin, 0, 10),
      ('smoothing', crop.smoothing, 1, _MAX_FRAMES),
      ('min_support', crop.min_support, 0, _MAX_FRAMES),
      ('min_face', crop.min_face, 0, 1),
    )
  if (known := described.calibration) is not None:
    yield from (
      ('temperature', known.temperature, 1e-6, _MANY),
      ('unsure_below', known.unsure_below, 0, 1),
      ('calibration_error', known.calibration_error, 0, 1),
    )


def _check_labels(described):
  labels = described.labels
  if (labels is not None) != (described.kind == trained_network.CLASSIFIER):
    _refuse('labels', labels, f'be those of a kind {described.kind}')
  if labels is None:
    return
  if not 0 < len(labels) <= _MAX_LABELS or len(set(labels)) != len(labels):
    rule = f'be 1 to {_MAX_LABELS} different names'
    _refuse('labels', labels, rule)
  for label in labels:
    if not label.isprintable() or not 0 < len(label) <= _MAX_LETTERS:
      _refuse('labels', label, f'be 1 to {_MAX_LETTERS} letters, printable')


def _refuse(name, value, rule):
  raise UserError(f'`{name}` (={value!r:.60}) must {rule}; {_REMEDY}.')


def _version(package):
  """The version of an installed package; of ours in a clone there is none."""
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return 'of a clone'
