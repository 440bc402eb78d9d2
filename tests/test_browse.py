import base64
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from configs import pretrain
from stclr_jax import browse
from stclr_jax.data.imports import import_writer
from stclr_jax.data.imports import importing
from stclr_jax.data.imports import recordings
from stclr_jax.data.listings import labels
from stclr_jax.data.listings import listing_folder
from stclr_jax.reports.browsing import contact_page
from stclr_jax.reports.browsing import contact_sheet
from stclr_jax.runs import build
from stclr_jax.views import view_parameters
from stclr_jax.views import views


@pytest.fixture
def config(tmp_path):
  """Four videos, two of them happy, of folders of frames."""
  rng = np.random.default_rng(0)
  for name, length in (('happy/a', 5), ('happy/b <&', 3), ('sad/c', 9)):
    folder = tmp_path / 'faces' / name
    folder.mkdir(parents=True)
    for i in range(length):
      frame = rng.integers(0, 256, (24, 32, 3), np.uint8)
      cv2.imwrite(str(folder / f'{i:03d}.png'), frame)
  found = listing_folder.list_folder(tmp_path / 'faces', label_from='folder')
  classes = labels.apply(found, labels.parse_label_map('', ''))
  importing.import_items(
    found,
    import_writer.Target('mine', tuple(classes), tmp_path / 'data'),
    origin=importing.Origin(str(tmp_path / 'faces')),
    options=recordings.Options(),
  )
  config = pretrain.get_config('demo')
  config.data.name = 'mine'
  config.data.data_dir = str(tmp_path / 'data')
  config.data.frame_size = (24, 32)
  return config


def images(page):
  for data in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page):
    yield cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 1)


def test_page_shows_counts_videos_and_views(config, tmp_path):
  out = tmp_path / 'page.html'
  config.data.with_faces = True
  said = browse.browse(config, out, num_shown=3)
  assert '3 of 3 videos' in said
  page = out.read_text()
  counts = re.findall(
    r'<tr><td>(\w+)</td><td>(\d+)</td><td>(?:<span .*?width:([\d.]+)rem)?', page
  )
  assert counts == [
    ('all', '3', ''),
    ('happy', '2', '10.00'),
    ('sad', '1', '5.00'),
  ]
  assert 'b &lt;&amp;' in page and 'b <&' not in page
  assert re.search('<details open>.*Checksum.*</details>', page, re.DOTALL)
  assert 'drawn' not in page  # these faces are not
  assert len(re.findall('<h2>', page)) == 3
  shapes = [image.shape for image in images(page)]
  # Three frames and the crops, 128 pixels wide each; two views of four.
  assert shapes == [(96, 4 * 128, 3), (96, 4 * 96, 3), (96, 4 * 96, 3)] * 3
  assert not re.search(r'(src|href)="(?!data:)', page)  # nothing from elsewhere
  assert [path.name for path in tmp_path.glob('page*')] == ['page.html']


def test_people_are_left_out_and_what_is_known_of_them_stays(config, tmp_path):
  out = tmp_path / 'page.html'
  said = browse.browse(config, out, num_shown=3)
  assert '3 of 3 videos' in said and 'left out; --with_faces shows' in said
  page = out.read_text()
  assert '<img' not in page and 'left out; --with_faces shows' in page
  assert 'first row' not in page and 'person' in page
  assert len(re.findall('<p>view [12]: frames', page)) == 6


@pytest.mark.slow
def test_views_shown_are_those_a_run_draws(config):
  options = build.make_view_options(config.views)
  store = contact_sheet.open_videos(config.data)
  row, *_ = contact_sheet.make_rows(store, [2], options, seed=5, num_shown=4)
  kept = store.only([2])
  for view in row.pair:
    drawn = views.draw_views(
      views.Frames(kept.frames, kept.first, kept.length),
      np.array([2]), seed=5, epoch=0, view=view.number, options=options,
    )[0]  # fmt: skip
    pixels = 255 * (np.asarray(drawn) * options.std + options.mean)
    assert np.abs(pixels - view.frames).max() < 0.51
    # The first epoch's parameters, in words.
    parameters = view_parameters.draw_parameters(
      view_parameters.view_key(5, 0, 2, view.number),
      kept.length[2], kept.frames.shape[1:3], options=options,
    )  # fmt: skip
    numbers = ' '.join(map(str, parameters.indices.tolist()))
    assert f'frames {numbers} (' in view.drawn
    assert ('not mirrored' in view.drawn) == (not parameters.flip)
    assert view.box == parameters.box


def test_the_middle_frame_is_marked_in_its_copy_only(config):
  options = build.make_view_options(config.views)
  store = contact_sheet.open_videos(config.data)
  row, *_ = contact_sheet.make_rows(store, [0], options, seed=0, num_shown=3)
  before = row.frames.copy()
  marked = contact_page.mark_crops(row)
  assert (marked != before[1]).any()
  np.testing.assert_array_equal(row.frames, before)


def test_classes_without_videos_and_videos_without_classes_are_counted(config):
  store = contact_sheet.open_videos(config.data)
  store.label[:] = [-1, 0, 0]
  counts = {c.name: c.videos for c in contact_sheet.count_videos(store)}
  assert counts == {'all': 3, 'happy': 2, 'sad': 0, 'unlabelled': 1}
  assert len(contact_sheet.choose_videos(store, 2)) == 2


def test_what_is_wrong_is_named(config, tmp_path):
  with pytest.raises(FileNotFoundError, match='--out.*folder that is there'):
    browse.browse(config, tmp_path / 'nowhere' / 'page.html')
  for arguments in ({'num_videos': 0}, {'num_shown': 0}):
    with pytest.raises(ValueError, match='=0.*at least 1'):
      browse.browse(config, tmp_path / 'page.html', **arguments)
  config.data.name = 'yours'
  with pytest.raises(ValueError, match="'yours'.*mine"):
    browse.browse(config, tmp_path / 'page.html')


def test_command_line(config, tmp_path):
  done = subprocess.run(
    [
      sys.executable, '-m', 'stclr_jax.browse', 'mine',
      f'--out={tmp_path / "page.html"}', '--videos=1',
      f'--config.data.data_dir={config.data.data_dir}',
      '--config.views.size=16', '--config.views.num_frames=2', '--with_faces',
    ],
    capture_output=True, text=True,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert done.stdout.startswith('mine:videos: 1 of 3 videos')
  assert 'People can be recognised' in done.stdout
  assert len(list(images((tmp_path / 'page.html').read_text()))) == 3


@pytest.mark.parametrize(
  'split,read', [('vl_dark', 'load_videos'), ('vl_strong', 'list_videos')]
)
def test_drawn_lights_are_drawn_and_others_stay_in_their_records(
  split, read, monkeypatch
):
  for name in ('load_videos', 'list_videos'):
    monkeypatch.setattr(
      contact_sheet.run_videos, name, lambda data, name=name: name
    )
  config = pretrain.get_config('demo')
  config.data.split = split
  assert contact_sheet.open_videos(config.data) == read
