import io
import json

import numpy as np
import oulu_trees
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from stclr_jax.data.faces import face_crops
from stclr_jax.data.faces import face_detection
from stclr_jax.data.pictures import frame_images
from tfds_oulu import face_cropping
from tfds_oulu import integrity
from tfds_oulu import tfds_oulu_dataset_builder as oulu

VIDEOS = oulu_trees.make_videos(people=(1, 2), expressions=('Anger', 'Fear'))
BOX = face_detection.Detection(2.0, 3.0, 6.0)  # in frames of 12 by 16


@pytest.fixture
def detector(monkeypatch):
  """Finds a face at BOX, but none in the frames of P002/Fear."""
  blank = {_pixels(frame) for frame in VIDEOS['vl_strong', 'P002/Fear']}
  monkeypatch.setattr(
    face_detection,
    'make_detector',
    lambda *_, **__: lambda f: [] if f.tobytes() in blank else [BOX],
  )


def _decode(encoded):
  return np.asarray(Image.open(io.BytesIO(encoded)).convert('RGB'))


def _pixels(encoded):
  return frame_images.decode(encoded).tobytes()


def build(folder, **options):
  oulu_trees.write_files(folder / 'manual', oulu_trees.lay_out(VIDEOS))
  config = oulu.FolderConfig(name='oulu_casia_faces', **options)
  builder = oulu.Builder(config=config, data_dir=folder / 'data')
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=folder / 'manual')
  )
  return builder


def read(builder):
  return {
    example['video_id'].decode(): [bytes(frame) for frame in example['frames']]
    for example in builder.as_data_source(split='vl_strong')
  }


def test_one_square_is_cut_out_of_every_video(tmp_path, detector, capsys):
  builder = build(tmp_path, face_crop={'margin': 0.0})
  read_back = read(builder)
  assert len(read_back) == 4
  for video_id, frames in read_back.items():
    came = VIDEOS['vl_strong', video_id]
    if video_id == 'P002/Fear':
      assert frames == list(came)
      continue
    assert len(frames) == len(came)
    for frame, before in zip(frames, came, strict=True):
      expected = _decode(before)[2:8, 3:9].astype(int)
      # JPEG of noise, at quality 95.
      assert np.abs(_decode(frame) - expected).mean() < 6
  tracks = json.loads((builder.data_path / face_cropping.FILE_NAME).read_text())
  assert tracks['vl_strong']['P001/Anger']['coverage'] == 1
  assert tracks['vl_strong']['P002/Fear']['square'] is None
  printed = capsys.readouterr().out
  assert 'vl_strong: faces found in 75.0% of the frames' in printed
  assert 'whole frames, as none was found: P002/Fear' in printed
  # What came is told all the same.
  report = integrity.read(builder.data_dir)['conditions']['vl_strong']
  assert report['checksum'] == oulu_trees.checksum(VIDEOS, 'vl_strong')


def test_whole_frames_are_the_default(tmp_path, detector):
  builder = build(tmp_path)
  assert read(builder) == {v: list(f) for (_, v), f in VIDEOS.items()}
  assert not (builder.data_path / face_cropping.FILE_NAME).exists()


def test_frames_of_several_sizes_stay_whole():
  frames = [oulu_trees.encode(1), oulu_trees.encode(2, size=(20, 20))]
  cropper = face_cropping.FaceCropper({})
  assert cropper.crop('vl_strong', 'P001/Anger', frames) == frames
  assert 'P001/Anger' in cropper.describe()[0]


@pytest.mark.parametrize(
  'options, message',
  [({'size': 3}, 'FaceCropOptions.*size'), ({'margin': -1}, '`margin`')],
)
def test_impossible_options_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    face_cropping.FaceCropper(options)


def test_the_defaults_are_those_of_imports():
  assert face_cropping.FaceCropper({}).options == face_crops.FaceCropOptions()
