"""The builder: TFDS's own checks, corrupt frames, and no TensorFlow to read."""

import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfds_oulu import layout
from tfds_oulu import tfds_oulu_dataset_builder as oulu

# Imported to be collected: TFDS's own checks of the builder.
from tfds_oulu.tfds_oulu_dataset_builder_test import BuilderTest  # noqa: F401

ROOT = pathlib.Path(__file__).parents[1]


def write_frame(path, value=100, size=(12, 16)):
  path.parent.mkdir(parents=True, exist_ok=True)
  ok, encoded = cv2.imencode('.jpg', np.full((*size, 3), value, np.uint8))
  assert ok
  path.write_bytes(encoded.tobytes())
  return path


def write_tree(folder, *, people=2, expressions=layout.EXPRESSIONS, frames=3):
  for p in range(1, people + 1):
    for expression in expressions:
      for t in range(frames):
        write_frame(
          folder / f'OriginalImg/VL/Strong/P{p:03d}/{expression}/{t:03d}.jpeg',
          value=10 * p + t,
        )


def build(tmp_path, on_corrupt=None):
  config = 'oulu_casia'
  if on_corrupt:
    config = oulu.FolderConfig(name='oulu_casia_mine', on_corrupt=on_corrupt)
  builder = oulu.Builder(config=config, data_dir=tmp_path / 'data')
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=tmp_path / 'manual')
  )
  return builder


def test_builds_what_is_there(tmp_path):
  write_tree(tmp_path / 'manual')
  write_frame(tmp_path / 'manual/OriginalImg/NI/Dark/P080/Fear/007.JPG')
  (tmp_path / 'manual/OriginalImg/VL/Strong/P001/Fear/Thumbs.db').touch()
  builder = build(tmp_path)
  assert set(builder.info.splits) == {'vl_strong', 'ni_dark'}
  source = builder.as_data_source(split='vl_strong')
  assert len(source) == 12
  example = next(
    e for e in source if e['video_id'] in ('P002/Fear', b'P002/Fear')
  )
  assert example['subject'] == 2 and example['label'] == 2
  stored = tmp_path / 'manual/OriginalImg/VL/Strong/P002/Fear/001.jpeg'
  # The bytes as they came, not decoded and encoded again.
  assert bytes(example['frames'][1]) == stored.read_bytes()


def test_frames_are_sorted_by_number(tmp_path):
  folder = tmp_path / 'VL/Strong/P001/Anger'
  for name in ('10.jpeg', '9.jpeg', '011.jpeg', 'FirstF_8.jpeg', 'notes.txt'):
    write_frame(folder / name)
  videos = layout.find_videos(layout.find_root(tmp_path))['vl_strong']
  assert [f.name for f in videos[0].frames] == [
    'FirstF_8.jpeg', '9.jpeg', '10.jpeg', '011.jpeg',
  ]  # fmt: skip


@pytest.mark.parametrize('top', ['', 'OriginalImg', 'originalimg'])
def test_root_is_found(tmp_path, top):
  write_frame(tmp_path / 'OriginalImg/vl/STRONG/p003/happiness/000.jpeg')
  root = layout.find_root(tmp_path / ('OriginalImg' if top else ''))
  video = layout.find_videos(root)['vl_strong'][0]
  assert video[:5] == ('P003/Happiness', 3, 'Happiness', 'VL', 'Strong')


def test_corrupt_frames_stop_before_anything_is_written(tmp_path):
  write_tree(tmp_path / 'manual')
  folder = tmp_path / 'manual/OriginalImg/VL/Strong'
  truncated = folder / 'P001/Anger/001.jpeg'
  truncated.write_bytes(truncated.read_bytes()[:-20])
  (folder / 'P002/Fear/000.jpeg').write_bytes(b'not a picture')
  with pytest.raises(ValueError, match='2 frames cannot be decoded') as error:
    build(tmp_path)
  for name in ('P001/Anger/001.jpeg', 'P002/Fear/000.jpeg', '"skip"'):
    assert name in str(error.value)
  assert not list((tmp_path / 'data').rglob('*.array_record*'))


def test_corrupt_frames_are_left_out_where_told(tmp_path, capsys):
  write_tree(tmp_path / 'manual')
  bad = tmp_path / 'manual/OriginalImg/VL/Strong/P001/Anger/001.jpeg'
  bad.write_bytes(b'')
  builder = build(tmp_path, on_corrupt='skip')
  source = builder.as_data_source(split='vl_strong')
  assert sorted(len(e['frames']) for e in source) == [2] + [3] * 11
  assert 'P001/Anger/001.jpeg' in capsys.readouterr().out


@pytest.mark.parametrize('make', ['nothing', 'empty', 'elsewhere'])
def test_missing_data_says_where_and_how(tmp_path, make):
  if make != 'nothing':
    (tmp_path / 'manual').mkdir()
  if make == 'elsewhere':
    write_frame(tmp_path / 'manual/photos/000.jpeg')
  with pytest.raises(FileNotFoundError) as error:
    build(tmp_path)
  message = str(error.value)
  for word in (str(tmp_path / 'manual'), 'licence', 'OriginalImg/VL/Strong',
               'tfds build tfds_oulu --manual_dir'):  # fmt: skip
    assert word in message


def test_unknown_policy_is_refused(tmp_path):
  write_tree(tmp_path / 'manual', people=1)
  with pytest.raises(ValueError, match="on_corrupt.*'guess'.*'stop' or 'skip'"):
    build(tmp_path, on_corrupt='guess')


def test_drawing_and_reading_need_no_tensorflow(tmp_path):
  program = """
import sys
from tfds_oulu import tfds_oulu_dataset_builder as oulu
config = oulu.SyntheticConfig(
  name='synthetic_demo', height=32, width=32, framing='face', num_subjects=2)
oulu.Builder.BUILDER_CONFIGS = [config, *oulu.Builder.BUILDER_CONFIGS[1:]]
from stclr_jax.data import prepare
store = prepare.load_videos('synthetic_demo', split='vl_strong',
  frame_size=(32, 32), data_dir=sys.argv[1])
assert store.video_id[0] == 'P001/Anger' and store.num_videos == 12, store
assert store.synthetic and store.label_names[5] == 'Surprise'
assert 'tensorflow' not in sys.modules
"""
  subprocess.run(
    [sys.executable, '-c', program, str(tmp_path)], check=True, cwd=ROOT
  )
