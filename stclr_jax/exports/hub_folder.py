"""Exported folders, written: what a hub takes as it is.

The description is written last, so that a folder that was not finished is none.
Whatever is written for others is run before, and compared with our own network;
what does not agree is not kept.
"""

import dataclasses
import datetime
import pathlib
import re

from stclr_jax.errors import UserError
from stclr_jax.exports import agreement
from stclr_jax.exports import card_evaluation
from stclr_jax.exports import model_card
from stclr_jax.exports import network_onnx
from stclr_jax.exports import stablehlo
from stclr_jax.files import disk
from stclr_jax.files import regular_files
from stclr_jax.files import whole
from stclr_jax.inference import exported_description
from stclr_jax.inference import exported_folder
from stclr_jax.inference import network
from stclr_jax.learning.saved import checkpoints
from stclr_jax.models.weights import safetensors_files
from stclr_jax.models.weights import torchvision_arrays

_HEAD = 'projection_head'
_LICENSE = re.compile(r'[a-z0-9][a-z0-9.-]{0,59}')
_MAX_LICENSE_BYTES = 1 << 20  # chosen: the longest known ones have 50 kB


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """Settings of an export, beyond weights, description and card.

  Attributes:
    onnx: whether the network as an ONNX graph.
    stablehlo: whether as a StableHLO program.
    projection_head: whether the projection head of a pretraining.
    overwrite: whether an earlier export may be replaced.
    name: of the model; '' for that of the folder.
    license: of the weights, an identifier of the hub's; '' for none said.
    license_file: path of its text, or None.
  """

  onnx: bool = False
  stablehlo: bool = False
  projection_head: bool = False
  overwrite: bool = False
  name: str = ''
  license: str = ''
  license_file: str | None = None


@dataclasses.dataclass(frozen=True)
class Written:
  """Account of an export.

  Attributes:
    folder: its path.
    files: sizes in bytes by name, in the order of `exported_folder.FILES`.
    differences: of what was written for others from our own network, the
      largest by name of the file; see `agreement.largest_difference`.
    refused: likewise, of what was not kept because it was larger than
      `agreement.TOLERANCE`.
  """

  folder: pathlib.Path
  files: dict[str, int]
  differences: dict[str, float]
  refused: dict[str, float]


def write(model, out, options, *, now=None):
  """Exports the network of a run.

  Args:
    model: workdir of a run, or an exported folder.
    out: path of the folder to write: new, empty, or an earlier export that may
      be overwritten.
    options: an `Options`.
    now: a `datetime.datetime`, for the description and the card; None for now.

  Returns:
    A `Written`.

  Raises:
    FileNotFoundError: if there is no network, or no `license_file`.
    UserError: if the folder holds anything else, or an option has no meaning
      for this network.
    MissingPackageError: if a format needs a package that is not installed.
  """
  now = now or datetime.datetime.now(datetime.UTC)
  out = pathlib.Path(out)
  _check_out(model, out, options.overwrite)
  trained = network.read(model)
  evaluated = card_evaluation.read(model)
  # All that may fail, before anything that was there is gone.
  described = exported_description.describe(
    trained, created=now.isoformat(timespec='seconds')
  )
  contents = _read_asked(model, options)
  made, differences, refused = _make_programs(trained, options)
  contents |= made

  arrays = exported_folder.arrays(trained)
  disk.check_space(
    sum(array.nbytes for array in arrays.values())
    + sum(map(len, contents.values())),
    out,
    'for the exported folder',
    otherwise='choose another disk (--out=DIR)',
  )
  out.mkdir(parents=True, exist_ok=True)
  for name in (exported_folder.CONFIG, *exported_folder.FILES):
    (out / name).unlink(missing_ok=True)
  safetensors_files.write(out / exported_folder.WEIGHTS, arrays)
  for name, content in contents.items():
    with whole.writing(out / name, 'wb') as file:
      file.write(content)
  card = model_card.write(
    trained,
    evaluated,
    name=options.name or out.absolute().name,
    files=tuple(contents),
    written=now.date(),
    license=model_card.License(
      options.license, exported_folder.LICENSE in contents
    ),
  )
  whole.write_text(out / exported_folder.CARD, card)
  exported_description.write(out / exported_folder.CONFIG, described)
  _read_back(trained, out)
  sizes = {
    name: (out / name).stat().st_size
    for name in exported_folder.FILES
    if (out / name).exists()
  }
  return Written(out, sizes, differences, refused)


def _check_out(model, out, overwrite):
  if out.exists() and not out.is_dir():
    raise UserError(f'`out` (={out}) must be a folder; give another --out=DIR.')
  if out.resolve() == pathlib.Path(model).resolve():
    raise UserError(
      f'`out` (={out}) must be another folder than `model`; give --out=DIR.'
    )
  # Hidden ones are a hub's own, such as .git and .gitattributes.
  found = [one.name for one in out.glob('*') if not one.name.startswith('.')]
  if others := sorted({*found} - {*exported_folder.FILES}):
    raise UserError(
      f'`out` (={out}) must be a new or empty folder, or an earlier export, '
      f'and holds {", ".join(others[:3])}; give another --out=DIR.'
    )
  if found and not overwrite:
    raise UserError(
      f'`out` (={out}) holds an earlier export; give another --out=DIR, or '
      'replace it by --overwrite.'
    )


def _read_asked(model, options):
  """Reads what is to be in the folder and is not made of the network."""
  contents = {}
  if options.projection_head:
    contents[exported_folder.PROJECTION_HEAD] = _read_head(model)
  if options.license and not _LICENSE.fullmatch(options.license):
    raise UserError(
      f'`license` (={options.license!r:.80}) must be an identifier such as '
      'apache-2.0, cc-by-nc-4.0 or other, as the hub lists them.'
    )
  if options.license_file is not None:
    try:
      content = regular_files.read_bytes(
        options.license_file, _MAX_LICENSE_BYTES
      )
    except OSError as error:
      raise UserError(
        f'`license_file` (={options.license_file}) must be a text file '
        f'({error.strerror}); give the path of the licence.'
      ) from error
    contents[exported_folder.LICENSE] = content
  return contents


def _read_head(model):
  if exported_folder.is_one(model):
    raise UserError(
      f'`model` (={model}) is an exported folder; give the workdir of the '
      'pretraining to export its projection head.'
    )
  params = checkpoints.read(model).state['params']
  if _HEAD not in params:
    raise UserError(
      f'`model` (={model}) is no pretraining and has no projection head; leave '
      'out --projection_head.'
    )
  arrays = {}
  for name, layer in params[_HEAD].items():
    arrays |= torchvision_arrays.from_dense(layer, name)
  return safetensors_files.dump(arrays)


def _make_programs(trained, options):
  """Writes the network as programs, and runs them.

  Returns:
    (contents, differences, refused): bytes by name of the file of those that
    agree; see `Written`.
  """
  writers = {}
  if options.onnx:
    network_onnx.import_onnx()
    writers[exported_folder.ONNX] = network_onnx
  if options.stablehlo:
    stablehlo.check_packages()
    writers[exported_folder.STABLEHLO] = stablehlo
  contents, differences, refused = {}, {}, {}
  tried = agreement.try_ours(trained) if writers else None
  for name, writer in writers.items():
    written = writer.build(trained)
    outputs = writer.run(written, tried.inputs)
    difference = agreement.largest_difference(tried, outputs)
    if difference <= agreement.TOLERANCE:  # not so if it is no number
      contents[name], differences[name] = written, difference
    else:
      refused[name] = difference
  return contents, differences, refused


def _read_back(trained, out):
  """Makes sure that the folder holds the network, bit for bit."""
  try:
    read = exported_folder.read(out)
    if read.checksum != trained.checksum:
      raise ValueError(f'{out} holds other arrays than {trained.source}.')
  except BaseException:
    (out / exported_folder.CONFIG).unlink()
    raise
