"""Damaged folders of videos: an error that names its cause, or an account.

Whatever is done to a folder, each file in it is imported, refused with a
reason or counted as passed over, and what was not touched comes out whole.
"""

import collections
import pathlib
import random
import shutil

import making_videos
import numpy as np
import pytest

from stclr_jax import import_videos
from stclr_jax.data import sources
from stclr_jax.data.imports import import_arguments
from stclr_jax.data.listings import file_kinds
from stclr_jax.data.pictures import frame_images

NUM_CASES = [pytest.param(40, marks=pytest.mark.slow), 10]
VIDEOS = {'a b/smile.mp4': 14, 'c.avi': 9, 'd/ü.gif': 7, 'd/e.mkv': 30}
FOLDERS = {'frames/P1': 5, 'frames/P2': 4, 'f/g.h': 6}


@pytest.fixture(scope='module')
def pristine(tmp_path_factory):
  """A folder of videos and of frame folders."""
  root = tmp_path_factory.mktemp('pristine')
  generator = np.random.default_rng(0)
  for name, length in VIDEOS.items():
    frames = generator.integers(0, 256, (length, 32, 48, 3), np.uint8)
    making_videos.write_video(root / name, list(frames), gop=4)
  for i, (name, length) in enumerate(FOLDERS.items()):
    suffix = ('png', 'jpg', 'bmp')[i % 3]
    making_videos.write_frames(root / name, length, name=f'{{:03d}}.{suffix}')
  return root


def files_below(root):
  return sorted(path for path in root.rglob('*') if path.is_file())


def remove(draw, root):
  draw.choice(files_below(root)).unlink()


def remove_folder(draw, root):
  shutil.rmtree(draw.choice(files_below(root)).parent)
  root.mkdir(exist_ok=True)


def truncate(draw, root):
  path = draw.choice(files_below(root))
  data = path.read_bytes()
  path.write_bytes(data[: draw.randrange(len(data))] if data else b'')


def flip(draw, root):
  path = draw.choice(files_below(root))
  data = bytearray(path.read_bytes())
  for _ in range(min(len(data), draw.randint(1, 40))):
    data[draw.randrange(len(data))] = draw.randrange(256)
  path.write_bytes(data)


def replace(draw, root):
  content = (b'', b'no picture', draw.randbytes(300), b'\xff\xd8\xff\xe0')
  draw.choice(files_below(root)).write_bytes(draw.choice(content))


def rename(draw, root):
  path = draw.choice(files_below(root))
  names = ('x.mp4', '001.png', '.hidden', 'a\nb.jpg', 'Thumbs.db', '9.MKV')
  target = path.with_name(draw.choice(names))
  if not target.exists():
    path.rename(target)


def add_stray(draw, root):
  path = draw.choice(files_below(root)).parent
  (path / draw.choice(('notes.txt', '._v.mp4', 'more.png'))).write_bytes(b'x')


def folder_for_file(draw, root):
  path = draw.choice(files_below(root))
  path.unlink()
  making_videos.write_frames(path, 3)


DAMAGES = (
  remove, remove_folder, truncate, flip, replace, rename, add_stray,
  folder_for_file,
)  # fmt: skip


def snapshot(root):
  return {path: path.read_bytes() for path in files_below(root)}


def candidates(root):
  """What should be imported, found by other means: {path: its files}."""
  found, others = {}, 0
  for folder in sorted({root, *(p for p in root.rglob('*') if p.is_dir())}):
    inside = [p for p in folder.iterdir() if p.is_file()]
    visible = [p for p in inside if not p.name.startswith('.')]
    videos = [
      p for p in visible if p.suffix.lower() in file_kinds.VIDEO_SUFFIXES
    ]
    images = [p for p in visible if p.suffix.lower() in frame_images.SUFFIXES]
    found.update({video: [video] for video in videos})
    if images and not videos:
      found[folder] = images
    others += len(inside) - len(videos) - (0 if videos else len(images))
  return found, others


def same_name(root, path):
  """The names that a report may have for a path."""
  relative = path.relative_to(root).as_posix()
  return {relative, relative.removesuffix(path.suffix)}


def run_case(case, pristine, folder):
  draw = random.Random(case)
  root = folder / 'my videos'
  shutil.copytree(pristine, root)
  for _ in range(draw.randint(0, 4)):
    if files_below(root):
      draw.choice(DAMAGES)(draw, root)
  policy = draw.choice(('stop', 'skip'))
  arguments = [str(root), '--out=mine', f'--data_dir={folder / "data"}']
  args = import_arguments.make_parser('').parse_args(
    [*arguments, f'--on_error={policy}']
  )
  found, others = candidates(root)
  try:
    report = import_videos.run(args)
  except (ValueError, OSError) as error:
    check_error(str(error), root, found)
    assert not list((folder / 'data').rglob('import.json'))
    return 'named error'
  check_account(report, root, found, others, pristine)
  store = sources.load_videos(
    'mine', split='', frame_size=(16, 24), data_dir=folder / 'data'
  )
  assert store.num_videos == report.num_videos
  assert len(store.frames) == report.num_frames
  return 'accounted'


def check_error(message, root, found):
  """An error names the folder, or each recording that stands against it."""
  named = [p for p in found if any(n in message for n in same_name(root, p))]
  assert str(root) in message if not found else named, message


def check_account(report, root, found, others, pristine):
  imported = {video.video_id: video.frames for video in report.videos}
  notes = {video.video_id: video.notes for video in report.videos}
  skipped = {entry.name for entry in report.skipped}
  assert all(entry.reason for entry in report.skipped)
  ignored = dict(report.ignored_files)
  left_out = ignored.pop('pictures left out of sequences', 0)
  assert sum(ignored.values()) == others
  assert len(found) == len(imported) + len(skipped)
  before, now = snapshot(pristine), snapshot(root)
  for path, files in found.items():
    names = same_name(root, path)
    ids = [video_id for video_id in imported if video_id in names]
    assert ids or names & skipped, f'{path} is lost'
    original = pathlib.Path(pristine, path.relative_to(root))
    whole = original.exists() and all(
      before.get(pristine / f.relative_to(root)) == now[f] for f in files
    )
    if not ids:
      assert not whole or len(files) < 2 and path.is_dir(), f'{path} refused'
    elif path.is_dir():
      left_out -= len(files) - imported[ids[0]]
      assert imported[ids[0]] == len(files) or notes[ids[0]], f'{path} shrank'
    elif original.exists():
      length = VIDEOS[original.relative_to(pristine).as_posix()]
      assert imported[ids[0]] >= length - 2 or notes[ids[0]], f'{path} shrank'
      assert imported[ids[0]] == length or not whole
  assert left_out >= 0
  assert left_out == 0 or skipped


@pytest.mark.parametrize('cases', NUM_CASES)
def test_no_nameless_crash_and_no_silent_loss(cases, pristine, tmp_path):
  outcomes, failures = collections.Counter(), []
  for case in range(cases):
    folder = tmp_path / f'case {case}'
    folder.mkdir()
    try:
      outcomes[run_case(case, pristine, folder)] += 1
    except Exception as error:
      failures.append(f'{case}: {type(error).__name__}: {error}')
    shutil.rmtree(folder)
  assert not failures, '\n'.join(failures)
  # It is no test if all of them end alike.
  assert min(outcomes['named error'], outcomes['accounted']) > cases / 10
