import csv
import dataclasses
import json

import pytest
from fake_models import LABELS
from fake_models import make_settings
from made_predictions import make_prediction

from stclr_jax.inference.tables import tables
from stclr_jax.inference.videos.results_folder import ResultsFolder


@dataclasses.dataclass(frozen=True)
class Info:
  labels: tuple = LABELS
  checksum: str = 'c0'
  source: str = 'runs/x'
  caveats: tuple = ('It is made up.',)


def open_folder(path, *, checksum='c0', overwrite=False, **settings):
  return ResultsFolder(
    path, Info(checksum=checksum), make_settings(**settings),
    overwrite=overwrite,
  )  # fmt: skip


def rows_of(path):
  with path.open(newline='') as file:
    return list(csv.DictReader(file))


def test_parts_are_joined_in_order_and_again_after_a_stop(tmp_path):
  out = tmp_path / 'out'
  with open_folder(out) as results:
    results.add(make_prediction('b'), frames=True)
    results.add(make_prediction('a/1', faces=2), frames=True)
    rows = results.join(['a/1', 'b', 'not yet'])
  assert [row['video'] for row in rows] == ['a/1', 'a/1', 'b']
  assert rows == tables.read(out / 'videos.csv')
  assert [r['video'] for r in rows_of(out / 'windows.csv')] == (
    ['a/1'] * 6 + ['b'] * 3
  )
  with open_folder(out) as results:  # goes on
    assert results.find('b', 'ab') and results.find('a/1', 'ab')
    assert not results.find('b', 'cd')  # the file is another now
    assert not results.find('c', 'ab')
    results.add(make_prediction('c'), frames=False)
    rows = results.join(['a/1', 'b', 'c'])
  assert [row['video'] for row in rows] == ['a/1', 'a/1', 'b', 'c']
  description = json.loads((out / 'prediction.json').read_text())
  assert description['model']['checksum'] == 'c0'
  said = description['settings']
  assert said['window_s'] == said['window_used_s'] == 1.0
  assert (said['step_s'], said['step_used_s']) == (0.5, 0.5)
  assert description['warnings'] == ['It is made up.']
  assert not list(out.rglob('*.partial'))


def test_a_name_that_spreadsheets_would_run_stays_in_the_tables(tmp_path):
  for name in ('-anna', 'b'):  # two calls
    with open_folder(tmp_path) as results:
      results.add(make_prediction(name), frames=False)
      rows = results.join([name])
  assert [row['video'] for row in rows] == ['-anna', 'b']


def test_seconds_that_are_no_whole_frames_are_said(tmp_path):
  with open_folder(tmp_path, window_s=0.97, step_s=0.26):
    pass
  said = json.loads((tmp_path / 'prediction.json').read_text())['settings']
  assert (said['window_s'], said['window_used_s']) == (0.97, 1.0)
  assert (said['step_s'], said['step_used_s']) == (0.26, 0.3)


def test_what_could_not_be_read_is_tried_again(tmp_path):
  with open_folder(tmp_path) as results:
    lost = dataclasses.replace(
      make_prediction('a'), faces=(), status='unreadable'
    )
    results.add(lost, frames=False)
    assert not results.find('a', 'ab')
    assert len(results.join(['a'])) == 1


@pytest.mark.parametrize(
  'changes,words',
  [
    ({'checksum': 'c1'}, 'of the model in runs/x'),
    ({'window_s': 2.0}, '`window_s` there 1.0, here 2.0'),
    ({'unsure_below': 0.1}, 'unsure_below'),
  ],
)
def test_results_of_other_kind_are_refused(tmp_path, changes, words):
  with open_folder(tmp_path) as results:
    results.add(make_prediction('a'), frames=False)
    results.join(['a'])
  with pytest.raises(ValueError, match=words), open_folder(tmp_path, **changes):
    pass
  assert len(rows_of(tmp_path / 'videos.csv')) == 1
  with open_folder(tmp_path, overwrite=True, **changes) as results:
    assert not results.find('a', 'ab')
  assert not (tmp_path / 'videos.csv').exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
  (tmp_path / 'thesis.txt').write_text('mine')
  for overwrite in (False, True):
    with (
      pytest.raises(ValueError, match='thesis.txt.*new or empty folder'),
      open_folder(tmp_path, overwrite=overwrite),
    ):
      pass
  assert (tmp_path / 'thesis.txt').read_text() == 'mine'


@pytest.mark.parametrize(
  'name', ['../../etc/x', '.hidden', 'a b/ü', 'x' * 300, 'a\nb', 'CON:*?', '..']
)
def test_no_name_leads_out_of_the_folder(tmp_path, name):
  with open_folder(tmp_path) as results:
    part = results.part(name)
    assert part.parent == tmp_path / 'videos' and part.name[0] != '.'
    assert results.part(name + 'x') != part
    results.add(make_prediction(name), frames=False)
    assert results.find(name, 'ab')


def test_one_process_at_a_time(tmp_path):
  with open_folder(tmp_path):
    with pytest.raises(OSError, match='Wait until it has ended|another --out'):
      open_folder(tmp_path).__enter__()
  with open_folder(tmp_path):
    pass


def test_parquet_has_what_the_tables_have(tmp_path):
  pq = pytest.importorskip('pyarrow.parquet')
  with open_folder(tmp_path) as results:
    results.add(make_prediction('a'), frames=False)
    results.join(['a'], parquet=True)
  for name in ('windows', 'videos', 'segments'):
    table = pq.read_table(tmp_path / f'{name}.parquet').to_pylist()
    rows = rows_of(tmp_path / f'{name}.csv')
    assert [list(row) for row in table] == [list(row) for row in rows]
  assert isinstance(table[0]['duration_s'], float)
  assert not (tmp_path / 'frames.parquet').exists()
