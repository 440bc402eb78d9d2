import csv
import dataclasses
import math

import numpy as np
import pytest
from fake_models import LABELS
from made_predictions import make_prediction

from stclr_jax.inference.tables import columns
from stclr_jax.inference.tables import tables
from stclr_jax.inference.tables import words
from stclr_jax.inference.videos import prediction


def read(path):
  with path.open(encoding='utf-8', newline='') as file:
    return list(csv.DictReader(file))


def test_each_column_of_each_table_is_in_the_codebook(tmp_path):
  paths = make_prediction().write(tmp_path)
  explained = [(r['file'], r['column']) for r in read(paths['codebook.csv'])]
  assert len(set(explained)) == len(explained)
  written = []
  for name, path in paths.items():
    if name != 'codebook.csv':
      with path.open() as file:
        written += [(name, column) for column in next(csv.reader(file))]
  assert set(written) == set(explained) and len(written) == len(explained)
  assert all(row['meaning'] for row in read(paths['codebook.csv']))


def test_windows_have_numbers_or_nothing(tmp_path):
  one = make_prediction(status=(words.OK, words.NO_FACE, words.FACE_SMALL))
  rows = read(one.write(tmp_path)['windows.csv'])
  assert [row['valid'] for row in rows] == ['1', '0', '1']
  assert [row['status'] for row in rows] == ['ok', 'no_face', 'face_small']
  for row in rows:
    shares = [row['p_dark'], row['p_bright']]
    if row['valid'] == '1':
      assert sum(map(float, shares)) == pytest.approx(1, abs=1e-3)
      assert float(row['confidence']) == pytest.approx(max(map(float, shares)))
    else:
      assert shares == ['', ''] and row['confidence'] == row['unsure'] == ''
  assert [row['mid_s'] for row in rows] == ['0.500', '1.000', '1.500']
  assert [row['label'] for row in rows] == ['dark', '', 'bright']


def test_a_dataframe_has_the_columns_of_the_table():
  pytest.importorskip('pandas')
  one = make_prediction(status=(words.OK, words.NO_FACE, words.OK))
  frame = one.to_dataframe()
  assert list(frame.columns) == columns.header(columns.WINDOWS, LABELS)
  assert frame['p_dark'].isna().tolist() == [False, True, False]
  assert frame['p_dark'][0] == pytest.approx(0.8)  # a number already
  assert frame['frames'].sum() == 75
  assert frame['start_s'].diff()[1] == pytest.approx(0.5)


def test_a_video_is_the_mean_of_its_valid_windows(tmp_path):
  one = make_prediction(
    status=(words.OK, words.FEW_FACES, words.OK, words.OK), faces=2
  )
  rows = read(one.write(tmp_path)['videos.csv'])
  assert [row['face'] for row in rows] == ['1', '2']
  row = rows[0]
  valid = one.windows.valid[:4]
  mean = one.windows.probabilities[:4][valid].mean(0)
  found = [float(row['p_dark']), float(row['p_bright'])]
  np.testing.assert_allclose(found, mean, atol=1e-4)
  assert (row['windows'], row['windows_valid']) == ('4', '3')
  # 0.8 dark; 0.67 and 0.9 bright: all of them surer than 0.6.
  shares = [float(row[f'share_{name}']) for name in (*LABELS, 'unsure')]
  np.testing.assert_allclose(shares, [1 / 3, 2 / 3, 0], atol=1e-4)
  assert row['label'] == 'unsure' and row['unsure'] == '1'  # of the mean
  assert row['times_real_time'] == '4.000'
  assert row['note'] == "'=1+1"  # no spreadsheet runs it


def test_a_video_without_a_face_or_that_cannot_be_read_is_a_row(tmp_path):
  one = make_prediction()
  names = [field.name for field in dataclasses.fields(one.windows)]
  empty = prediction.Windows(**{n: getattr(one.windows, n)[:0] for n in names})
  for status, coverage in (('no_face', '0.0000'), ('unreadable', '')):
    nobody = dataclasses.replace(
      one, faces=(), windows=empty, status=status, note='why'
    )
    (row,) = read(nobody.write(tmp_path / status)['videos.csv'])
    assert row['status'] == status and row['coverage'] == coverage
    assert row['face'] == row['label'] == row['p_dark'] == ''
    assert row['note'] == 'why' and row['sha256'] == 'ab'


def test_segments_and_frames_are_rows(tmp_path):
  paths = make_prediction().write(tmp_path)
  segments = read(paths['segments.csv'])
  assert [row['label'] for row in segments] == ['dark', 'unsure', 'bright']
  assert [row['duration_s'] for row in segments] == ['0.750', '0.500', '0.750']
  frames = read(paths['frames.csv'])
  assert [row['status'] for row in frames] == ['ok', 'ok', 'no_face']
  assert [row['interpolated'] for row in frames] == ['0', '1', '0']
  assert frames[0]['left_px'] == '1.0' and frames[2]['left_px'] == ''
  assert [row['face_score'] for row in frames] == ['0.8000', '', '']


def test_what_is_read_back_are_numbers_texts_and_nothing(tmp_path):
  one = make_prediction('-1', status=(words.OK, words.NO_FACE, words.OK))
  paths = one.write(tmp_path)
  (row,) = tables.read(paths['videos.csv'])
  # What looks like a number, or was kept from spreadsheets, stays a text.
  assert (row['video'], row['note']) == ('-1', '=1+1')
  assert (row['frames'], row['fps_varies']) == (50, 0)
  assert (row['duration_s'], row['rotation_deg']) == (2.0, 0)
  assert row['p_dark'] == pytest.approx(0.45)
  first, second, _ = tables.read(paths['windows.csv'])
  assert first['confidence'] == pytest.approx(0.8)
  assert second['confidence'] is None and second['label'] is None
  for path in paths.values():
    if path.name != tables.CODEBOOK:
      for row in tables.read(path):
        for name in row:
          kind = {n: k for n, _, k, _ in columns.COLUMNS[path.name]}.get(name)
          if kind not in ('text', 'word', '64 digits'):
            assert not isinstance(row[name], str), (path.name, name)


def test_what_is_no_number_is_null_in_json():
  made = tables.as_json(make_prediction().video)
  assert made['frames'] == 50 and made['name'] == 'anna'
  lost = dataclasses.replace(make_prediction().video, frames=math.nan)
  assert tables.as_json(lost)['frames'] is None
