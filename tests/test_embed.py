"""Representations of videos and of data sets, as the model gives them."""

import re
import types

import making_videos
import numpy as np
import pytest
from fake_models import make_trained
from tiny_runs import make_tiny_store

from stclr_jax import embed
from stclr_jax import making
from stclr_jax.data import sources
from stclr_jax.inference import loading

MAKING = making.Making(fps=10.0, clip_frames=10.0, framing='as_recorded')


class Encode:
  """Mean colour of a clip, of three frames of it."""

  batch_size = 4

  def indices(self, num_frames):
    return np.linspace(0, num_frames - 1, 3).round().astype(int)

  def of_taken(self, taken):
    return taken.mean((1, 2, 3)).astype(np.float32)


@pytest.fixture
def model(monkeypatch):
  made = types.SimpleNamespace(
    encode=Encode(),
    batch_size=4,
    trained=make_trained(making=MAKING, labels=None),
  )
  monkeypatch.setattr(loading, 'load', lambda *_, **__: made)


def call(*arguments):
  try:
    embed.main([*map(str, arguments), '--model=runs/x'])
  except SystemExit as end:
    return end.code
  return 0


def write_video(path, level):
  frames = [np.full((48, 64, 3), level, np.uint8)] * 20
  making_videos.write_video(path, frames, rate=10)


def test_windows_of_videos_are_rows(model, tmp_path, capsys):
  write_video(tmp_path / 'v' / 'a.mp4', 50)
  write_video(tmp_path / 'v' / 'b.mp4', 200)
  (tmp_path / 'v' / 'c.mp4').write_text('none')
  out = tmp_path / 'x.npz'
  assert call(tmp_path / 'v', f'--out={out}', '--step=0.5') == 1
  assert 'c: cannot be read' in capsys.readouterr().out
  with np.load(out) as found:
    assert found['id'].tolist() == ['a'] * 3 + ['b'] * 3
    np.testing.assert_allclose(found['embeddings'][:3], 50, atol=3)
    np.testing.assert_allclose(found['embeddings'][3:], 200, atol=3)
    np.testing.assert_allclose(found['start_s'][:3], [0, 0.5, 1], atol=1e-6)
    assert found['embeddings'].dtype == np.float32
    assert found['face'].tolist() == [0] * 6  # whole frames


def test_a_data_set_has_a_row_a_video(model, tmp_path, monkeypatch):
  store = make_tiny_store()
  monkeypatch.setattr(sources, 'load_videos', lambda *_, **__: store)
  out = tmp_path / 'x.npz'
  assert call('tiny:vl_strong', f'--out={out}') == 0
  encode = Encode()
  with np.load(out) as found:
    assert tuple(found['id']) == store.video_id
    assert found['label'][0] == store.label_names[store.label[0]]
    for i in (0, 17, 59):
      frames = store.frames[store.first[i] :][: store.length[i]]
      expected = frames[encode.indices(len(frames))].mean((0, 1, 2))
      np.testing.assert_allclose(found['embeddings'][i], expected, rtol=1e-5)


def test_parquet_has_the_same_columns(model, tmp_path):
  pq = pytest.importorskip('pyarrow.parquet')
  write_video(tmp_path / 'a.mp4', 50)
  assert call(tmp_path / 'a.mp4', f'--out={tmp_path / "x.parquet"}') == 0
  table = pq.read_table(tmp_path / 'x.parquet').to_pydict()
  assert set(table) == {
    'embeddings', 'id', 'face', 'subject', 'label', 'start_s', 'end_s',
  }  # fmt: skip
  assert len(table['embeddings'][0]) == 3


def test_a_place_that_cannot_be_written_is_refused_at_once(model, tmp_path):
  write_video(tmp_path / 'a.mp4', 50)
  (tmp_path / 'x.npz').mkdir()
  (tmp_path / 'file').touch()
  for place, words in (
    ('x.npz', 'is a folder; give the name of a file'),
    ('file/x.npz', 'as .*file is a file'),
  ):
    code = call(tmp_path / 'a.mp4', f'--out={tmp_path / place}')
    assert re.search(words, code), code
  assert call(tmp_path / 'a.mp4', f'--out={tmp_path / "new" / "x.npz"}') == 0
  assert (tmp_path / 'new' / 'x.npz').exists()


def test_what_cannot_be_written_or_found_is_refused(model, tmp_path):
  write_video(tmp_path / 'a.mp4', 50)
  assert '.npz, .parquet' in call(tmp_path / 'a.mp4', '--out=x.csv')
  assert 'is not there' in call(tmp_path / 'b.mp4', '--out=x.npz')
  (tmp_path / 'c.mp4').write_text('none')
  code = call(tmp_path / 'c.mp4', f'--out={tmp_path / "x.npz"}')
  assert 'None of the 1' in code and not (tmp_path / 'x.npz').exists()
