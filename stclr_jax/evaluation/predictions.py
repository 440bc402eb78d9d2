"""The table of what was predicted for each video."""

from typing import NamedTuple

from stclr_jax.errors import UserError
from stclr_jax.files import csv_tables
from stclr_jax.files import whole


class Prediction(NamedTuple):
  """A video that was tested, by the names that the table gives.

  Attributes:
    video_id: its id.
    subject: the person shown.
    label: the true class.
    prediction: the class it was named.
  """

  video_id: str
  subject: str
  label: str
  prediction: str


def write_predictions(path, store, indices, probabilities, *, seen=None):
  """Writes a line per video, all of them or none.

  Args:
    path: CSV file to write.
    store: the `VideoStore`.
    indices: its videos that were predicted, int [n].
    probabilities: float [n, num_classes].
    seen: whether each shows a person trained on, bool [n]; None for none.
  """
  names, people = store.label_names, store.subject_name
  marks = [()] * len(indices) if seen is None else [(int(s),) for s in seen]
  header = ['video_id', 'subject', 'label', 'prediction', 'correct']
  header += ['seen'] if seen is not None else []
  rows = [[*header, *(f'p_{name}' for name in names)]]
  for i, row, mark in zip(indices, probabilities, marks, strict=True):
    label, prediction = names[store.label[i]], names[row.argmax()]
    rows.append(
      [store.video_id[i], people[i], label, prediction]
      + [int(label == prediction), *mark]
      + [f'{p:.6f}' for p in row]
    )
  with whole.writing(path, newline='', encoding='utf-8') as file:
    csv_tables.write(file, rows)


def read_predictions(path):
  """Reads a table that `write_predictions` wrote.

  Args:
    path: CSV file.

  Returns:
    A list of `Prediction`.

  Raises:
    UserError: if it lacks a column or a cell, or holds no video.
  """
  with open(path, newline='', encoding='utf-8') as file:
    names, *rows = [*csv_tables.read(file)] or [[]]
  missing = [name for name in Prediction._fields if name not in names]
  if missing:
    raise UserError(
      f'{path} must have the columns {", ".join(Prediction._fields)}; it lacks '
      f'{", ".join(missing)}.'
    )
  if not rows:
    raise UserError(f'{path} holds no video; was the run interrupted?')
  if uneven := [row for row in rows if len(row) != len(names)]:
    raise UserError(
      f'{path} must have {len(names)} cells in each row, not {len(uneven[0])} '
      f'as in {uneven[0]}; bring it back as it was written.'
    )
  places = [names.index(name) for name in Prediction._fields]
  return [Prediction(*(row[i] for i in places)) for row in rows]
