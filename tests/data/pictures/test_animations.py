import io

import numpy as np
import pytest
from PIL import Image

from stclr_jax.data.listings import listing_csv
from stclr_jax.data.listings import listing_folder
from stclr_jax.data.listings import picture_folders
from stclr_jax.data.pictures import animations
from stclr_jax.files.unreadable import UnreadableError

LEVELS = (40, 90, 200)


def write(path, levels=LEVELS, mode='RGB', **options):
  """Writes pictures of one level each, which a reader must give in order."""
  path.parent.mkdir(parents=True, exist_ok=True)
  color = {'RGB': lambda v: (v,) * 3, 'RGBA': lambda v: (v, v, v, 102)}[mode]
  first, *rest = (Image.new(mode, (16, 12), color(level)) for level in levels)
  first.save(path, save_all=bool(rest), append_images=rest, **options)
  return path


def read(path, remarks=None):
  found = list(animations.read_animation(path, remarks=remarks))
  assert all(picture.shape == (12, 16, 3) for _, _, picture in found)
  times = [(time, duration) for time, duration, _ in found]
  return [round(float(p.mean())) for _, _, p in found], times


def test_every_picture_is_read_with_its_time(subtests, tmp_path):
  for suffix in ['webp', 'png', 'apng']:
    with subtests.test(suffix=suffix):
      options = {'lossless': True} if suffix == 'webp' else {}
      path = write(tmp_path / f'a.{suffix}', duration=[40, 80, 120], **options)
      levels, times = read(path)
      assert animations.is_animation(path)
      assert levels == list(LEVELS)
      np.testing.assert_allclose(times, [(0, 0.04), (0.04, 0.08), (0.12, 0.12)])


def test_pages_have_no_times_and_thumbnails_are_no_pages(tmp_path):
  path = write(tmp_path / 'a.tif')
  assert animations.is_animation(path)
  assert read(path) == (list(LEVELS), [(None, None)] * 3)
  thumbnail = {254: 1}  # NewSubfileType: of reduced size
  with io.BytesIO() as data:
    large, small = Image.new('RGB', (16, 12)), Image.new('RGB', (4, 3))
    small.encoderinfo = {'tiffinfo': thumbnail}
    large.save(data, 'TIFF', save_all=True, append_images=[small])
    (tmp_path / 'one.tif').write_bytes(data.getvalue())
  assert not animations.is_animation(tmp_path / 'one.tif')


def test_deep_pages_share_one_shift(tmp_path):
  pages = [
    Image.fromarray(np.full((12, 16), level, np.uint16))
    for level in (100, 1000, 4000)  # a camera of 12 bits
  ]
  path = tmp_path / 'a.tif'
  pages[0].save(path, save_all=True, append_images=pages[1:])
  assert read(path)[0] == [100 >> 4, 1000 >> 4, 4000 >> 4]


def test_pictures_are_composed_as_they_are_shown(tmp_path):
  """The second covers the left half alone, and the first shines through."""
  first = Image.new('RGBA', (16, 12), (100, 100, 100, 255))
  second = Image.new('RGBA', (16, 12), (0, 0, 0, 0))
  second.paste((200, 200, 200, 255), (0, 0, 8, 12))
  path = tmp_path / 'a.png'
  first.save(path, save_all=True, append_images=[second], blend=1)
  assert read(path)[0] == [100, 150]


def test_what_is_to_be_known_is_said(tmp_path):
  remarks = []
  path = write(tmp_path / 'a.png', mode='RGBA', duration=[0, 200, 0])
  levels, times = read(path, remarks)
  assert levels == [round(level * 0.4) for level in LEVELS]
  np.testing.assert_allclose(times, [(0, 0.1), (0.1, 0.2), (0.3, 0.1)])
  assert 'laid on black' in remarks[0] and '2 pictures with a' in remarks[1]
  remarks = []
  for suffix in ('png', 'webp', 'tif'):
    path = write(tmp_path / f'a.{suffix}')
    assert read(path, remarks)[1] == [(None, None)] * 3
  assert len(remarks) == 3 and 'names no times' in remarks[2]
  # The picture for readers that know no APNG is none of it.
  path = write(tmp_path / 'b.png', default_image=True, duration=40)
  assert read(path)[0] == list(LEVELS[1:])


def test_stills_are_no_animations(tmp_path):
  for suffix in ('webp', 'png', 'tif', 'jpg', 'bmp'):
    path = write(tmp_path / f'still.{suffix}', LEVELS[:1])
    assert not animations.is_animation(path), suffix
  (tmp_path / 'text.png').write_bytes(b'x')
  assert not animations.is_animation(tmp_path / 'text.png')


def test_damage_and_bombs_are_named(tmp_path, monkeypatch):
  path = write(tmp_path / 'a.webp')
  path.write_bytes(path.read_bytes()[:-30])
  assert animations.is_animation(path)
  with pytest.raises(UnreadableError, match=r'a\.webp: '):
    read(path)
  path = write(tmp_path / 'b.png')
  monkeypatch.setattr(animations, 'MAX_PIXELS', 2 * 12 * 16)
  with pytest.raises(UnreadableError, match='b.png: 3 pictures of 16x12'):
    read(path)


def test_each_animated_file_is_a_video(tmp_path):
  for name in 'ab':
    write(tmp_path / 'clips' / f'{name}.webp')
  write(tmp_path / 'mixed' / 'c.png')
  write(tmp_path / 'mixed' / 'poster.png', LEVELS[:1])
  (tmp_path / 'films').mkdir()
  (tmp_path / 'films' / 'd.mp4').write_bytes(b'x')
  write(tmp_path / 'films' / 'd.webp')
  write(tmp_path / 'films' / 'preview.webp', LEVELS[:1])
  listing = listing_folder.list_folder(tmp_path, label_from='folder')
  found = {item.video_id: item for item in listing.items}
  assert set(found) == {
    'clips/a', 'clips/b', 'mixed/c', 'films/d.mp4', 'films/d.webp',
  }  # fmt: skip
  assert all(item.frames == () for item in listing.items)
  assert found['clips/a'].path == tmp_path / 'clips' / 'a.webp'
  assert found['clips/a'].label == 'clips' and not found['clips/a'].notes
  assert 'poster.png' in str(found['mixed/c'].notes)
  assert 'beside videos' in str(found['films/d.webp'].notes)
  assert sum(listing.ignored.values()) == 2
  (tmp_path / 'v.csv').write_text('path\nclips/a.webp\nmixed\nclips\n')
  rows = listing_csv.list_csv(tmp_path / 'v.csv')
  assert [item.path.name for item in rows.items] == ['a.webp', 'c.png']
  assert 'clips/a.webp, clips/b.webp' in rows.problems[0].reason


def test_sequences_beside_animations_are_videos_too(tmp_path):
  write(tmp_path / 'a.webp')
  stills = [write(tmp_path / f'f{i}.png', LEVELS[:1]) for i in range(3)]
  pictures = [*stills, tmp_path / 'a.webp']
  parts = picture_folders.split(tmp_path, pictures)
  assert [part.frames for part in parts.found] == [(), tuple(stills)]
  assert all('still and animated' in str(part.notes) for part in parts.found)
