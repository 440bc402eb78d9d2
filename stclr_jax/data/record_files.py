"""Wraps records: damage is reported with the data set and a remedy."""

from stclr_jax.errors import UserError


def damaged(directory, reason, remedy):
  """Makes the error of a data set that cannot be read.

  Args:
    directory: where it is.
    reason: what is wrong with it.
    remedy: a sentence.

  Returns:
    A ValueError.
  """
  return UserError(
    f'The data set in {directory} is damaged ({reason}). {remedy}'
  )


class CheckedRecords:
  """Records by number, dicts of which every one is whole, or an error.

  ArrayRecord and protobuf raise errors of their own for damaged files, and a
  record that was cut off may come back as one without values.
  """

  def __init__(self, records, *, directory, remedy, parse=None):
    """Wraps a source of records.

    Args:
      records: by number.
      directory: where they are, for the message.
      remedy: what to do, a sentence.
      parse: from a record to a dict; None where it is one.
    """
    self._records, self._parse = records, parse
    self._directory, self._remedy = directory, remedy

  def __len__(self):
    return len(self._records)

  def __getitem__(self, index):
    try:
      record = self._records[index]
      record = self._parse(record) if self._parse else record
    except Exception as error:  # RuntimeError, DecodeError and others
      reason = f'record {index}: {error}'
      raise damaged(self._directory, reason, self._remedy) from error
    absent = [name for name, value in record.items() if value is None]
    if absent:
      reason = f'record {index} has no {", ".join(absent)}'
      raise damaged(self._directory, reason, self._remedy)
    return record
