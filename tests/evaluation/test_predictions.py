import csv
import types

import numpy as np
import pytest

from stclr_jax.evaluation import predictions

STORE = types.SimpleNamespace(
  label_names=('a', 'b'),
  label=np.array([0, 1, 1]),
  video_id=('x', 'y', 'z'),
  subject_name=('Anna', 'Anna', 'Ben'),
)


def test_a_table_is_written_whole_or_not_at_all(tmp_path):
  path = tmp_path / 'predictions.csv'
  probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
  predictions.write_predictions(path, STORE, [0, 1, 2], probabilities)
  with path.open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['video_id'] for row in rows] == ['x', 'y', 'z']
  assert [row['correct'] for row in rows] == ['1', '1', '0']
  before = path.read_bytes()
  with pytest.raises(ValueError):  # after two rows
    predictions.write_predictions(path, STORE, [0, 1, 2], probabilities[:2])
  assert path.read_bytes() == before
  predictions.write_predictions(path, STORE, [2, 1, 0], probabilities)
  assert list(tmp_path.iterdir()) == [path]


def test_no_cell_is_a_formula_to_a_spreadsheet_and_readers_see_the_names(
  tmp_path,
):
  names = (
    '=1+1',
    '+a',
    '-a',
    '@a',
    '\tx',
    '\rx',
    "'=x",
    "'x",
    '-1',
    '＝1',
    'a',
  )
  store = types.SimpleNamespace(
    label_names=names,
    label=np.arange(len(names)),
    video_id=names,
    subject_name=names,
  )
  path = tmp_path / 'predictions.csv'
  predictions.write_predictions(
    path, store, range(len(names)), np.eye(len(names))
  )
  with path.open(newline='', encoding='utf-8') as file:
    cells = [cell for row in csv.reader(file) for cell in row]
  runs = [
    cell for cell in cells if cell[:1] in ('=', '+', '-', '@', '\t', '\r')
  ]
  assert set(runs) == {'-1'}  # a number
  rows = predictions.read_predictions(path)
  assert rows == [predictions.Prediction(*[name] * 4) for name in names]
  with path.open('a') as file:
    file.write('cut off')
  with pytest.raises(ValueError, match='cells in each row, not 1'):
    predictions.read_predictions(path)
