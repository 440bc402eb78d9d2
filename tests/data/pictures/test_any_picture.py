"""Pictures in which anything was changed: decoded, or refused in words."""

import contextlib
import io

import numpy as np
import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stclr_jax.data.pictures import animations
from stclr_jax.data.pictures import frame_images
from stclr_jax.files.unreadable import UnreadableError

pytestmark = [
  pytest.mark.properties,
  # What Pillow says of a damaged file before it reads or refuses it.
  pytest.mark.filterwarnings('ignore::UserWarning:PIL'),
]


def encoded(kind, **options):
  random = np.random.default_rng(0)
  pictures = [
    Image.fromarray(random.integers(0, 255, (9, 12, 3), np.uint8))
    for _ in range(3 if kind == 'GIF' else 1)
  ]
  kept = io.BytesIO()
  pictures[0].save(
    kept, kind, **options | ({'save_all': True} if len(pictures) > 1 else {})
  )
  return kept.getvalue()


STILLS = [encoded('JPEG'), encoded('PNG'), encoded('BMP'), encoded('TIFF')]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp('any_picture')


@given(data=st.data(), keep_bytes=st.booleans())
def test_stills(data, keep_bytes, folder):
  path = folder / 'frame.png'
  path.write_bytes(data.draw(damaged(data.draw(st.sampled_from(STILLS)))))
  with contextlib.suppress(UnreadableError):
    for frame in frame_images.read_frames([path], keep_bytes=keep_bytes):
      picture = frame
      if isinstance(frame, bytes):  # which training decodes later
        picture = frame_images.decode(frame)
      assert picture.dtype == np.uint8
      assert picture.ndim == 3 and picture.shape[2] == 3


@given(content=damaged(encoded('GIF', duration=40)))
def test_pictures_that_move(content, folder):
  path = folder / 'moving.gif'
  path.write_bytes(content)
  assert animations.is_animation(path) in (True, False)
  with contextlib.suppress(UnreadableError):
    for _, _, picture in animations.read_animation(path):
      assert picture.dtype == np.uint8 and picture.shape[2] == 3
