"""Makes sure that a data set is there, and reads it."""

import dataclasses
import functools
import importlib.util
import pathlib
import sys
from typing import Any
from typing import NamedTuple

from stclr_jax import making
from stclr_jax import oulu_casia
from stclr_jax.data import data_folder
from stclr_jax.data import imported
from stclr_jax.data import imported_report
from stclr_jax.data import record_files
from stclr_jax.data import streaming
from stclr_jax.data import videos
from stclr_jax.errors import UserError


class Source(NamedTuple):
  """The records of a split, not yet decoded.

  Attributes:
    examples: by number, dicts with `video_id`, `subject`, `label` and `frames`
      (encoded images).
    label_names: the classes, in order.
    name: which data this is, such as 'oulu_casia:vl_strong'.
    synthetic: whether the faces are drawn.
    directory: path of the records.
    find_who: makes an `identity.Who` of a store of these records; None where
      the people are called by their numbers.
    making: a `making.Making`.
  """

  examples: Any
  label_names: tuple[str, ...]
  name: str
  synthetic: bool
  directory: Any
  find_who: Any = None
  making: Any = None


def load_videos(name, *, split, frame_size, data_dir=None):
  """Reads a data set; an embedded one is built on first use.

  Args:
    name: a config of the `tfds_oulu` builder, or the name of a data set that
      `stclr_jax.import_videos` made.
    split: a condition, such as 'vl_strong'; an imported set is one split.
    frame_size: (height, width) of the stored frames, in pixels.
    data_dir: where TFDS keeps its data; None for its own default.

  Returns:
    A `videos.VideoStore`; videos without a label have label -1.

  Raises:
    ValueError: for an unknown name or split.
    FileNotFoundError: if the licensed data has not been built; it is never
      replaced by anything else.
  """
  if must_draw(name, split):
    reason = 'this light is not built' if has_tfds() else 'TFDS is missing'
    print(f'{name}:{split}: {reason}, so the faces are drawn anew.', flush=True)
    records, label_names = _drawn_records(name, split)
    store = videos.make_store(
      records,
      frame_size=frame_size,
      label_names=label_names,
      name=f'{name}:{split}',
      synthetic=True,
    )
    return dataclasses.replace(store, making=_making_of_built(name, split))
  source = open_source(name, split=split, data_dir=data_dir)
  store = videos.make_store(
    read_records(source),
    frame_size=frame_size,
    label_names=source.label_names,
    name=source.name,
    synthetic=source.synthetic,
  )
  return tell(store, source)


def tell(store, source):
  """Tells a store what its source knows: names, place, how videos were made.

  Args:
    store: a `videos.VideoStore`.
    source: the `Source` that it was read from.

  Returns:
    The store with its `who`, `directory` and `making`.
  """
  who = source.find_who(store) if source.find_who else None
  return dataclasses.replace(
    store, who=who, directory=source.directory, making=source.making
  )


def open_source(name, *, split, data_dir=None):
  """Opens the records of a data set; an embedded one is built on first use.

  Args:
    name: see `load_videos`, as all arguments.
    split: a condition.
    data_dir: where TFDS keeps its data.

  Returns:
    A `Source`.

  Raises:
    ValueError: for an unknown name or split, or records of another format.
    FileNotFoundError: if the licensed data has not been built, or TFDS is not
      installed.
  """
  if not has_tfds():
    raise FileNotFoundError(
      f'Reading {name} needs tensorflow-datasets, which is not installed: '
      'pip install -r requirements.txt.'
    )
  if oulu_casia.is_built(name):
    return _open_built(name, split, data_dir)
  return _open_imported(name, split, data_dir)


def read_records(source):
  """Reads the records of a source one after another.

  Args:
    source: a `Source`.

  Yields:
    `videos.Record`.
  """
  records = streaming.TfdsRecords(source.examples)
  for i in range(len(records)):
    yield records[i]


def must_draw(name, split):
  """Says if faces are drawn instead of read: of the embedded sets the builder
  packages one condition, and without TFDS none.

  Args:
    name: of a data set.
    split: a condition.
  """
  return name in oulu_casia.DRAWN_SETS and (
    not has_tfds() or _is_never_built(split)
  )


def has_tfds():
  """Says whether the package tensorflow-datasets is installed."""
  return importlib.util.find_spec('tensorflow_datasets') is not None


def _open_built(name, split, data_dir):
  from tfds_oulu import integrity
  from tfds_oulu import tfds_oulu_dataset_builder as oulu

  if name in oulu_casia.DRAWN_SETS and _is_never_built(split):
    raise UserError(
      f'`data.split` (={split!r}) of {name} is drawn when it is asked for and '
      'has no records, so that it cannot be streamed: `data.placement` must be '
      f"'auto', 'device' or 'host'; or stream "
      f'{oulu_casia.DEFAULT_CONDITION!r}.'
    )
  own = name not in oulu_casia.BUILT_SETS
  config = oulu.FolderConfig(name=name) if own else name
  # Where there is no such folder, TFDS would make one up.
  folder = data_folder.find(data_dir) / oulu.Builder.name / name
  try:
    builder = oulu.Builder(config=config, data_dir=data_dir)
  except ValueError as error:
    raise UserError(
      f'The data set in {folder} cannot be opened ({error}). It must be built '
      'as ArrayRecord, as it is without --file_format: delete that folder and '
      f'build it again: {_build_command(name)}'
    ) from error
  if not builder.is_prepared():
    if oulu_casia.family(name) == oulu_casia.LICENSED:
      raise FileNotFoundError(
        oulu.missing_data_message(f'{builder.data_dir} (no built data set)')
      )
    print(f'Building the embedded data set {name} in {builder.data_dir} ...')
    sys.stdout.flush()
    builder.download_and_prepare()
  integrity.read(builder.data_dir)  # names one of another format
  if split not in builder.info.splits:
    raise UserError(
      f'`data.split` (={split!r}) must be one of those built of {name}: '
      f'{", ".join(builder.info.splits)}.'
    )
  return Source(
    examples=record_files.CheckedRecords(
      builder.as_data_source(split=split),
      directory=builder.data_dir,
      remedy=f'Delete that folder and build it again: {_build_command(name)}',
    ),
    label_names=tuple(builder.info.features['label'].names),
    name=f'{name}:{split}',
    synthetic=oulu_casia.family(name) == oulu_casia.DRAWN,
    directory=pathlib.Path(builder.data_dir),
    making=_making_of_built(name, split),
  )


def _is_never_built(split):
  """Says if the drawn sets are drawn in this light when it is asked for."""
  built = oulu_casia.DEFAULT_CONDITION
  return split in oulu_casia.DRAWN_CONDITIONS and split != built


def _build_command(name):
  if oulu_casia.family(name) == oulu_casia.LICENSED:
    return 'tfds build tfds_oulu --manual_dir=FOLDER'
  return 'the same command does so.'


def _open_imported(name, split, data_dir):
  names = imported.list_names(data_dir)
  if name not in names:
    raise UserError(
      f'`data.name` (={name!r}) must be one of '
      f'{", ".join(oulu_casia.BUILT_SETS)}; the name, oulu_casia_..., that you '
      'gave a builder config of your own; or a data set made by '
      f'`python -m stclr_jax.import_videos`: '
      f'{", ".join(names) or f"there is none in {imported.root(data_dir)}"}.'
    )
  # The default is of the configs, where nobody chose one.
  if split not in ('', imported.SPLIT, oulu_casia.DEFAULT_CONDITION):
    raise UserError(
      f'`data.split` (={split!r}) must be {imported.SPLIT!r} for {name}, as an '
      'imported data set is not divided.'
    )
  examples, label_names = imported.open_records(name, data_dir)
  report = imported.read_report(name, data_dir)
  return Source(
    examples=examples,
    label_names=label_names,
    name=f'{name}:{imported.SPLIT}',
    synthetic=False,
    directory=imported.directory(name, data_dir),
    find_who=functools.partial(imported_report.find_who, report),
    making=imported_report.find_making(report),
  )


def _making_of_built(name, split):
  """Says how the builder's videos were made, by their set and condition."""
  drawn = oulu_casia.family(name) == oulu_casia.DRAWN
  if drawn:
    from stclr_jax.data.drawn import synthetic_faces

    in_face = synthetic_faces.SIZES[name]['framing'] == 'face'
  else:
    in_face = split.endswith(oulu_casia.CROPPED)
  near_infrared = split.startswith('ni_')
  return making.Making(
    fps=oulu_casia.FPS,
    framing='face' if in_face else 'as_recorded',
    colour='near_infrared' if near_infrared else 'visible',
    synthetic=drawn,
  )


def _drawn_records(name, split):
  from stclr_jax.data.drawn import synthetic_faces

  drawn = synthetic_faces.draw_videos(
    condition=split, **synthetic_faces.SIZES[name]
  )
  records = (
    videos.Record(video.video_id, video.subject, video.label, video.frames)
    for video in drawn
  )
  return records, oulu_casia.EXPRESSIONS
