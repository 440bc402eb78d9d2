"""Parquet files, which pyarrow writes where it is installed."""

from stclr_jax.errors import MissingPackageError
from stclr_jax.files import whole


def import_parquet():
  """Imports what writes Parquet files.

  Returns:
    (pyarrow, pyarrow.parquet).

  Raises:
    MissingPackageError: where it is not installed.
  """
  try:
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet
  except ImportError as error:
    raise MissingPackageError(
      'Parquet files are written by pyarrow, which is not installed: pip '
      'install pyarrow.'
    ) from error
  return pyarrow, pyarrow.parquet


def copy_as_parquet(path):
  """Writes a table as a Parquet file beside it, of the same columns.

  Args:
    path: of a .csv file of `tables`, which is read at once.
  """
  pa, pq = import_parquet()
  options = pa.csv.ConvertOptions(strings_can_be_null=True)
  table = pa.csv.read_csv(path, convert_options=options)
  with whole.writing(path.with_suffix('.parquet'), 'wb') as file:
    pq.write_table(table, file)
