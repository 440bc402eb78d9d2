"""The folder of all data sets, and the report in the folder of one."""

import os
import pathlib

from stclr_jax.errors import UserError
from stclr_jax.files import whole

REPORT = 'report.txt'


def find(data_dir=None):
  """Finds the folder of all data sets.

  Args:
    data_dir: path; None for TFDS's own default, `TFDS_DATA_DIR` or a folder in
      the user's home.

  Returns:
    Its path, whether or not it is there.

  Raises:
    ValueError: if it is in the home of a user who has none.
  """
  from tensorflow_datasets.core import constants

  folder = os.path.expanduser(data_dir or constants.DATA_DIR)
  in_home = not (data_dir or os.environ.get('TFDS_DATA_DIR'))
  # What cannot be expanded is left as it is; an empty HOME gives the root.
  if folder.startswith('~') or (in_home and os.environ.get('HOME') == ''):
    raise UserError(
      f'The data folder (={folder}) lies in a home folder, and this user has '
      'none; say where data is kept: --data_dir=DIR in an import and in `tfds '
      'build`, --config.data.data_dir=DIR in all other commands, or '
      'TFDS_DATA_DIR=DIR.'
    )
  return pathlib.Path(folder)


def write_report(directory, text):
  """Writes beside the records of a data set what went into it.

  Args:
    directory: path of the folder of the records.
    text: lines for people.
  """
  whole.write_text(pathlib.Path(directory, REPORT), text + '\n')


def read_report(directory):
  """Reads what `write_report` wrote.

  Args:
    directory: path of the folder of the records.

  Returns:
    Lines; '' where there is none, as beside the drawn data sets.
  """
  path = pathlib.Path(directory, REPORT)
  return path.read_text('utf-8').rstrip() if path.exists() else ''
