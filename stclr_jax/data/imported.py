"""Data sets that users made of their own videos, as TFDS keeps them.

DATA_DIR/imported_videos/NAME/1.0.0/ holds the records (ArrayRecord, one a
video), TFDS's descriptions, and what went in: `import.json`, and the same in
words, `report.txt`.
"""

import re

import numpy as np

from stclr_jax import oulu_casia
from stclr_jax.data import data_folder
from stclr_jax.data import imported_report
from stclr_jax.data import record_files
from stclr_jax.data.imported_report import NAME as REPORT
from stclr_jax.data.imported_report import REMEDY
from stclr_jax.errors import UserError

BUILDER = 'imported_videos'
VERSION = '1.0.0'
SPLIT = 'videos'


def check_name(name):
  """Refuses names that a data set cannot have.

  Args:
    name: of a data set.

  Raises:
    ValueError: naming the rule.
  """
  if not re.fullmatch(r'[a-z][a-z0-9_]{0,63}', name):
    raise UserError(
      f'The name (={name!r}) must be small letters, digits and underscores, '
      'beginning with a letter, as in my_videos.'
    )
  if name.startswith(oulu_casia.FAMILIES):
    raise UserError(
      f'The name (={name!r}) must not begin with '
      f'{" or ".join(oulu_casia.FAMILIES)}: the data sets that come with this '
      f'project do; my_{name} would do.'
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
  """Reads the `imported_report.Report` of a data set; see its `read`."""
  return imported_report.read(directory(name, data_dir))


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
  classes, number = report.classes, report.num_videos
  path = directory(name, data_dir)
  try:
    records = open_source(path)
    found = len(records)
  except (ValueError, RuntimeError, OSError) as error:
    raise record_files.damaged(path, str(error), REMEDY) from error
  if found != number:
    reason = f'{found} of {number} videos are there'
    raise record_files.damaged(path, reason, REMEDY)
  records = record_files.CheckedRecords(
    records,
    directory=path,
    remedy=REMEDY,
    parse=features(classes, as_bytes=True).deserialize_example_np,
  )
  return records, classes


def root(data_dir=None):
  """Says where the imported data sets are kept; see `directory`."""
  return data_folder.find(data_dir) / BUILDER


def open_source(path):
  """Opens the records in a folder.

  Args:
    path: of the folder that holds them.

  Returns:
    By number, each as the bytes that were written.
  """
  import tensorflow_datasets as tfds

  return tfds.builder_from_directory(path).as_data_source(
    split=SPLIT,
    deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
  )


def features(classes, *, as_bytes=False):
  """Describes a record to TFDS.

  Args:
    classes: names of the classes, in order.
    as_bytes: whether images are read as the bytes that they came in.

  Returns:
    A `tfds.features.FeaturesDict`.
  """
  import tensorflow_datasets as tfds

  image = tfds.features.Image
  if as_bytes:
    from stclr_jax.data import encoded_images

    image = encoded_images.EncodedImage
  return tfds.features.FeaturesDict(
    {
      'video_id': tfds.features.Text(),
      'frames': tfds.features.Sequence(image(shape=(None, None, 3))),
      'label': tfds.features.ClassLabel(names=list(classes)),
      'subject': tfds.features.Scalar(np.int32),
      'subject_name': tfds.features.Text(),
    }
  )
