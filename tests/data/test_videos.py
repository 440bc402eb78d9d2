import cv2
import numpy as np
import pytest

from stclr_jax.data import videos


def make_picture(height, width, seed=0):
  small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
  return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(rgb, extension='.jpg', quality=100):
  ok, encoded = cv2.imencode(
    extension, rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
  )
  assert ok
  return encoded.tobytes()


def make_store(records, frame_size=(24, 32)):
  return videos.make_store(
    records,
    frame_size=frame_size,
    label_names=('a', 'b'),
    name='test:split',
    synthetic=True,
    progress=False,
  )


def test_videos_are_decoded_sorted_and_found_again():
  pictures = {
    f'P{i:03d}/a': [make_picture(24, 32, 10 * i + t) for t in range(2 + i)]
    for i in range(5)
  }
  records = [
    videos.Record(name, int(name[1:4]), 1, [encode(p) for p in frames])
    for name, frames in reversed(pictures.items())
  ]
  store = make_store(records)
  assert store.video_id == tuple(pictures)
  assert store.num_videos == 5
  assert store.subject.tolist() == [0, 1, 2, 3, 4]
  assert store.length.tolist() == [2, 3, 4, 5, 6]
  assert store.frames.dtype == np.uint8 and len(store.frames) == 20
  for i, frames in enumerate(pictures.values()):
    part = store.frames[store.first[i] :][: store.length[i]]
    # RGB, not BGR; a JPEG halves the resolution of colour.
    assert np.abs(part.astype(int) - np.stack(frames)).mean() < 6


def test_grey_images_have_three_equal_channels():
  grey = make_picture(24, 32)[..., 0]
  ok, encoded = cv2.imencode('.jpg', grey)
  assert ok
  store = make_store([videos.Record('v', 0, 0, [encoded.tobytes()])])
  assert (store.frames[..., 0] == store.frames[..., 2]).all()


def test_arrays_are_taken_as_they_are():
  picture = make_picture(24, 32)
  store = make_store([videos.Record('v', 0, 0, [picture])])
  np.testing.assert_array_equal(store.frames[0], picture)


def test_frames_are_cut_to_the_aspect_around_their_centre():
  # 240x320 to a square: 40 columns go on both sides; areas are averaged.
  picture = make_picture(240, 320)
  expected = picture[:, 40:280].reshape(60, 4, 60, 4, 3).mean((1, 3))
  fitted = videos.fit(picture, (60, 60))
  assert np.abs(fitted - expected).max() <= 0.51
  assert videos.fit(picture, (120, 160)).shape == (120, 160, 3)
  assert videos.fit(picture, (480, 640)).shape == (480, 640, 3)


@pytest.mark.parametrize('size', [(1, 1), (17, 31), (31, 17), (300, 10)])
def test_any_size_fits(size):
  for frame in (make_picture(24, 32), make_picture(3, 200)):
    assert videos.fit(frame, size).shape == (*size, 3)


def test_corrupt_frames_are_named():
  good = encode(make_picture(24, 32))
  record = videos.Record('P001/Fear', 1, 0, [good, b'not a picture'])
  with pytest.raises(ValueError, match='Frame 1 of the video P001/Fear'):
    make_store([record])


def test_impossible_sets_are_refused():
  frame = make_picture(24, 32)
  with pytest.raises(ValueError, match='test:split holds no videos'):
    make_store([])
  with pytest.raises(ValueError, match='The video v has no frames'):
    make_store([videos.Record('v', 0, 0, [])])
  with pytest.raises(ValueError, match=r"twice: \['v'\]"):
    make_store([videos.Record('v', 0, 0, [frame])] * 2)
