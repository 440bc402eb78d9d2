import contextlib
import json
import threading
import time

import cv2
import numpy as np
import pytest

from stclr_jax.data import clips
from stclr_jax.data import streaming
from stclr_jax.data import videos

LENGTHS = (5, 1, 9, 3)
FRAME_SIZE = (6, 8)


class Records(list):
  """Records that count how often they are read and break if told to."""

  def __init__(self, records):
    super().__init__(records)
    self.reads = []
    self.broken = None

  def __getitem__(self, index):
    self.reads.append(index)
    if index == self.broken:
      raise OSError('disk on fire')
    return super().__getitem__(index)


def encode(frame):
  ok, encoded = cv2.imencode('.png', frame[..., ::-1])
  assert ok
  return encoded.tobytes()


@pytest.fixture
def records():
  rng = np.random.default_rng(0)
  shape = (*FRAME_SIZE, 3)
  made = [
    videos.Record(
      f'v{i}',
      i,
      i % 2,
      [encode(rng.integers(0, 256, shape, np.uint8)) for _ in range(length)],
    )
    for i, length in enumerate(LENGTHS)
  ]
  return Records(reversed(made))  # ids are not in the records' order


COMMON = dict(
  frame_size=FRAME_SIZE, label_names=('a', 'b'), name='test', synthetic=True
)


def open_store(records, **changes):
  return streaming.open_store(records, **COMMON, **changes)


def make_requests(num, size=3):
  rng = np.random.default_rng(1)
  made = []
  for _ in range(num):
    shown = rng.integers(0, len(LENGTHS), size)
    frames = rng.random((size, 2, 4)) * np.array(LENGTHS)[shown, None, None]
    made.append(clips.Request(shown, frames.astype(np.int32)))
  return made


def test_streamed_clips_are_those_in_memory(records):
  in_memory = videos.make_store(records, **COMMON, progress=False)
  streamed = open_store(records)
  assert streamed.frames is None
  assert streamed.frame_bytes == in_memory.frames.nbytes
  assert streamed.frame_size == in_memory.frame_size
  for name in ('first', 'length', 'label', 'subject'):
    np.testing.assert_array_equal(
      getattr(streamed, name), getattr(in_memory, name)
    )
  assert streamed.video_id == in_memory.video_id
  requests = make_requests(7)
  read = [
    list(clips.read_clips(store, requests)) for store in (in_memory, streamed)
  ]
  assert read[0][0].shape == (3, 2, 4, *FRAME_SIZE, 3)
  np.testing.assert_array_equal(*read)


def test_only_frames_sampled_are_decoded(records, monkeypatch):
  store = open_store(records)
  decoded = []
  decode = videos.decode_frame
  monkeypatch.setattr(
    videos,
    'decode_frame',
    lambda record, i, size: decoded.append(i) or decode(record, i, size),
  )
  clip = store.records.read_clip(2, np.array([[8, 8, 3], [3, 0, 8]]))
  assert decoded == [0, 3, 8] and clip.shape == (2, 3, *FRAME_SIZE, 3)
  np.testing.assert_array_equal(clip[0, 0], clip[1, 2])


def test_some_videos_are_taken_into_memory(records):
  store = open_store(records)
  kept = store.only([2, 0])
  frames = store.records.read_clip(0, np.arange(LENGTHS[0]))
  first = kept.first[0]
  np.testing.assert_array_equal(kept.frames[first:][: LENGTHS[0]], frames)
  assert len(kept.frames) == LENGTHS[0] + LENGTHS[2]


def test_what_cannot_be_read_is_named_and_threads_end(records):
  store = open_store(records)
  before = threading.active_count()
  records.broken = 1  # of v2
  requests = [clips.Request(np.array([0, 2]), np.zeros((2, 1, 1), int))] * 5
  with pytest.raises(ValueError, match='video v2 cannot be read.*on fire'):
    list(clips.read_clips(store, requests))
  deadline = time.monotonic() + 20
  while threading.active_count() > before and time.monotonic() < deadline:
    time.sleep(0.01)
  assert threading.active_count() <= before


def test_a_frame_that_is_no_image_is_named(records):
  list.__getitem__(records, 0).frames[2] = b'nothing'
  with pytest.raises(ValueError, match='Frame 2 of the video v3'):
    open_store(records).records.read_clip(3, np.array([2]))


def test_records_that_changed_are_noticed(records):
  store = open_store(records)
  records.reverse()
  with pytest.raises(ValueError, match='v0 is now that of v3.*built again'):
    store.records.read_clip(0, np.array([0]))


def test_records_are_listed_once(records, tmp_path):
  index = tmp_path / 'index.json'
  first = open_store(records, index_file=index)
  assert sorted(records.reads) == [0, 1, 2, 3]
  again = open_store(records, index_file=index)
  assert len(records.reads) == 4  # none again
  np.testing.assert_array_equal(first.length, again.length)
  assert first.video_id == again.video_id
  kept = json.loads(index.read_text())
  index.write_text(json.dumps(kept | {'rows': kept['rows'][:2]}))
  open_store(records, index_file=index)
  assert len(records.reads) == 8  # a list of other records is made anew
  nowhere = tmp_path / 'absent' / 'index.json'
  assert open_store(records, index_file=nowhere).num_videos == 4


@pytest.mark.parametrize(
  'kept',
  [
    b'',
    b'{"format": 1, "rows": [["v0", 1',
    b'{"format": 1}',
    b'{"format": 1, "rows": [[1], [2], [3], [4]]}',
    # As an earlier version kept it.
    b'[["v0", 0, 0, 7], ["v1", 0, 0, 7], ["v2", 0, 0, 7], ["v3", 0, 0, 7]]',
    b'null',
    b'\xff\xfe',
  ],
)
def test_a_list_that_is_broken_is_made_anew(records, tmp_path, kept):
  index = tmp_path / 'index.json'
  expected = streaming.read_index(records, index)
  whole = index.read_bytes()
  index.write_bytes(kept)
  assert streaming.read_index(records, index) == expected
  assert index.read_bytes() == whole


def test_requests_are_read_ahead_but_not_all(records):
  requests = iter(make_requests(1000))
  store = open_store(records)
  with contextlib.closing(clips.read_clips(store, requests)) as read:
    next(read)
    time.sleep(0.1)
  assert 800 < len(list(requests)) < 1000
  assert list(clips.read_clips(store, [])) == []
