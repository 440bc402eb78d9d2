"""A data set knows how its videos were made, and nothing beyond that."""

import dataclasses

import making_videos
import numpy as np
import pytest
from small_imports import folder_items
from small_imports import import_items

from stclr_jax import making
from stclr_jax.data import imported
from stclr_jax.data import imported_report
from stclr_jax.data import sources
from stclr_jax.data.imports.recordings import Options
from stclr_jax.data.listings.listing import Item


def load(data_dir):
  return sources.load_videos(
    'mine', split='videos', frame_size=(12, 16), data_dir=data_dir
  )


def test_a_rate_is_known_only_where_recordings_tell_it(tmp_path):
  video = tmp_path / 'a.mp4'
  frames = making_videos.level_frames(6)
  making_videos.write_video(video, frames, rate=10)
  of_file = Item('a', video)
  (folder,) = folder_items(tmp_path, [4])
  told = Options(fps=10, source_fps=10)
  for items, options, fps in (
    ([of_file], Options(fps=10), 10),
    ([folder], Options(fps=10), None),
    ([folder], told, 10),
    ([folder, of_file], Options(fps=10), None),
    ([folder, of_file], told, 10),
  ):
    import_items(items, tmp_path / 'data', options=options, overwrite=True)
    made = load(tmp_path / 'data').making
    assert made.fps == fps and made.framing == 'as_recorded'
    assert made.face_crop is None and made.colour is None
    assert (made.max_size, made.jpeg_quality) == (240, 95)


def test_the_clips_of_a_run_are_those_of_the_videos_it_sees(tmp_path):
  items = folder_items(tmp_path, [3, 5, 4, 9])
  import_items(items, tmp_path / 'data', options=Options(fps=10, source_fps=10))
  store = load(tmp_path / 'data')
  made = making.of_videos(store, np.array([0, 1, 3]))
  assert made.clip_frames == 5 and made.clip_seconds == 0.5
  assert made.num_videos == 3 and made.frame_size == (12, 16)
  assert made.synthetic is False
  assert '5 frames at the median (0.50 s)' in made.describe()
  unknown = making.of_videos(dataclasses.replace(store, making=None), [0])
  assert unknown.fps is None and unknown.clip_seconds is None
  assert 'unknown frame rate' in unknown.describe()


def test_a_square_around_a_face_is_that_of_the_import(tmp_path):
  report = import_items(folder_items(tmp_path, [3]), tmp_path / 'data')
  crop = making.FaceCrop(
    detector='haar_tilted',
    which='central',
    margin=0.25,
    smoothing=3,
    min_support=2,
    min_face=0.1,
  )
  options = report.options | {'face_crop': dataclasses.asdict(crop)}
  report = dataclasses.replace(report, options=options)
  path = imported.directory('mine', tmp_path / 'data')
  imported_report.write(path, report)
  made = load(tmp_path / 'data').making
  assert made.framing == 'face' and made.face_crop == crop
  assert 'central face (detector haar_tilted, margin 0.25)' in made.describe()


@pytest.mark.parametrize(
  'name,split,framing,colour',
  [
    ('synthetic_demo', 'vl_weak', 'face', 'visible'),
    ('synthetic', 'ni_strong', 'as_recorded', 'near_infrared'),
  ],
)
def test_drawn_sets_know_how_they_are_drawn(
  monkeypatch, name, split, framing, colour
):
  from stclr_jax.data.drawn import synthetic_faces

  few = synthetic_faces.SIZES[name] | {'num_subjects': 1}
  monkeypatch.setitem(synthetic_faces.SIZES, name, few)
  made = sources.load_videos(name, split=split, frame_size=(12, 16)).making
  assert (made.framing, made.colour, made.fps) == (framing, colour, 25)
  assert made.synthetic and made.face_crop is None
