"""300 damaged trees: an error that names its cause, or a full account.

Nothing may crash otherwise, and no file may be lost silently: each is used,
skipped or ignored, with a reason.
"""

import collections
import os
import random
import shutil
import zipfile

import oulu_trees
import pytest

from stclr_jax.files import file_names
from tfds_oulu import integrity
from tfds_oulu import integrity_table
from tfds_oulu.scan import source_files
from tfds_oulu.scan import survey

NUM_CASES = [pytest.param(300, marks=pytest.mark.slow), 40]
VIDEOS = oulu_trees.make_videos(
  ('vl_strong', 'vl_strong_cropped'),
  people=(1, 2),
  expressions=('Anger', 'Fear', 'Surprise'),
)
ROOTS = ('OriginalImg', 'B_OriginalImg/OriginalImg', 'Ölu Casia', '')


def pick(draw, folder, *, directory=False):
  """A random file or folder below a folder; None if there is none."""
  found = sorted(
    path
    for path in folder.rglob('*')
    if not path.is_symlink() and path.is_dir() == directory
  )
  return draw.choice(found) if found else None


def remove(draw, folder):
  for _ in range(draw.randint(1, 20)):
    if path := pick(draw, folder):
      path.unlink()


def remove_folder(draw, folder):
  if path := pick(draw, folder, directory=True):
    shutil.rmtree(path)


def truncate(draw, folder):
  if path := pick(draw, folder):
    content = path.read_bytes()
    path.write_bytes(content[: draw.randint(0, max(0, len(content) - 1))])


def flip(draw, folder):
  path = pick(draw, folder)
  if path and path.stat().st_size:
    content = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 30)):
      content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content)


def replace(draw, folder):
  if path := pick(draw, folder):
    content = draw.choice(
      [
        b'',
        b'not a picture',
        draw.randbytes(200),
        oulu_trees.encode(1, 'GIF'),
        oulu_trees.encode(2, 'PNG'),
        oulu_trees.encode(3, 'BMP'),
        oulu_trees.encode(4, 'PNG')[:-12],
        oulu_trees.encode(5, 'BMP')[:-7],
      ]
    )
    path.write_bytes(content)


def rename(draw, folder):
  if path := pick(draw, folder, directory=draw.random() < 0.3):
    name = draw.choice(
      [
        'FirstF_001.jpeg', '1.png', 'p001', 'P001', 'P081', 'P1', 'anger',
        'Happy', 'Strong', 'dark', 'VL_Acropped', 'NI', 'x y é.jpeg', '.hidden',
        '002 (1).jpeg', 'a\nb', 'VL_P001_S_S1.avi', 'data.rar', 'broken.zip',
      ]
    )  # fmt: skip
    target = path.with_name(name)
    if not target.exists():
      path.rename(target)


def add_stray(draw, folder):
  where = pick(draw, folder, directory=True) or folder
  name = draw.choice([b'Thumbs.db', b'._000.jpeg', b'notes', b'\xff\xfe.jpeg'])
  path = os.path.join(os.fsencode(where), name)
  if not os.path.exists(path):
    with open(path, 'wb') as file:
      file.write(b'stray')


def copy_folder(draw, folder):
  path = pick(draw, folder, directory=True)
  target = folder / draw.choice(
    ['VL', 'copy', 'OriginalImg_2', 'VL/Strong/p001']
  )
  if path and not target.exists() and path not in target.parents:
    shutil.copytree(path, target, symlinks=True)


def file_for_folder(draw, folder):
  if path := pick(draw, folder, directory=True):
    shutil.rmtree(path)
    path.write_bytes(b'a file in place of a folder')


def folder_for_file(draw, folder):
  if path := pick(draw, folder):
    path.unlink()
    path.mkdir()
    (path / '000.jpeg').write_bytes(oulu_trees.encode(7))


def link(draw, folder):
  where = pick(draw, folder, directory=True) or folder
  path = where / draw.choice(['000.jpeg', '009.jpeg', 'link'])
  if not path.exists() and not path.is_symlink():
    path.symlink_to(draw.choice([where, folder / 'absent']))


def pack(draw, folder):
  path = pick(draw, folder, directory=True)
  if path and not path.with_suffix('.zip').exists():
    files = {
      str(file.relative_to(path.parent)): file.read_bytes()
      for file in sorted(path.rglob('*'))
      if file.is_file() and '\udcff' not in str(file)
    }
    content = oulu_trees.pack(files)
    if draw.random() < 0.3:
      content = oulu_trees.pack({f'{path.name}.zip': content})
    if draw.random() < 0.2:
      content = content[: draw.randrange(len(content))]
    path.with_suffix('.zip').write_bytes(content)
    if draw.random() < 0.6:
      shutil.rmtree(path)


DAMAGES = (
  remove, remove_folder, truncate, flip, replace, rename, add_stray,
  copy_folder, file_for_folder, folder_for_file, link, pack,
)  # fmt: skip


def list_all(folder, shown='', above=()):
  """What is there, by other means: files, and members of archives."""
  found = collections.Counter()
  above = (*above, os.path.realpath(folder))
  for name in os.listdir(folder):
    path = os.path.join(folder, name)
    here = shown + file_names.to_printable(name)
    if os.path.isdir(path):
      if os.path.realpath(path) not in above:
        found += list_all(path, f'{here}/', above)
    elif name.lower().endswith('.zip'):
      found.update(list_archive(path, here))
    else:
      found[here] += 1
  return found


def list_archive(file, shown):
  with zipfile.ZipFile(file) as archive:
    for name in archive.namelist():
      if name.endswith('.zip'):
        with archive.open(name) as inner:
          yield from list_archive(inner, f'{shown}/{name}')
      elif not name.endswith('/'):
        yield f'{shown}/{name}'


def accounted(result):
  """The files of which a survey says what became of them."""
  found = collections.Counter()
  for videos in result.videos.values():
    found.update(f.file.path for video in videos for f in video.frames)
  found.update(path for path, _ in result.skipped)
  for (folder, reason), (number, ignored) in result.ignored.items():
    assert reason and number == len(ignored)
    found.update(f'{folder}/{name}' if folder else name for name in ignored)
  return found


def run_case(case, folder):
  draw = random.Random(case)
  files = oulu_trees.lay_out(VIDEOS, draw.choice(ROOTS))
  oulu_trees.write_files(folder, files)
  for _ in range(draw.randint(0, 4)):
    draw.choice(DAMAGES)(draw, folder)
  policy = draw.choice(survey.POLICIES)
  try:
    with source_files.FileTree(folder) as tree:
      result = survey.survey(tree, on_corrupt=policy)
  except ValueError as error:
    return check_error(str(error), folder)
  return check_account(result, folder, files)


def check_error(message, folder):
  """A named error names the folder and something that is in it."""
  assert message.startswith(
    f'Nothing was built, because of what is in {folder}'
  )
  found = message.partition(':\n')[2]
  inside = [
    file_names.to_printable(str(path.relative_to(folder)))
    for path in folder.rglob('*')
  ]
  assert any(path in found for path in inside), message
  return 'named error'


def check_account(result, folder, files):
  assert accounted(result) == list_all(folder)
  used = {
    frame.file.path
    for videos in result.videos.values()
    for video in videos
    for frame in video.frames
  }
  for path, content in files.items():
    left_alone = (folder / path).is_file() and content == (
      folder / path
    ).read_bytes()
    # Only a second copy, named as such, can keep it out.
    assert path in used or not left_alone or (path in dict(result.skipped))
  description = integrity.summarize(result)
  assert description['files']['found'] == sum(list_all(folder).values())
  if result.videos:
    integrity_table.format_table(description, 'integrity.json')
    integrity.write(description, folder)
    assert integrity.read(folder)['checksum'] == description['checksum']
  else:
    integrity_table.format_unused(description)
  for videos in result.videos.values():
    for video in videos:
      assert all(frame.size and not frame.unusable for frame in video.frames)
  return 'accounted' if result.videos else 'nothing found'


@pytest.mark.parametrize('cases', NUM_CASES)
def test_no_nameless_crash_and_no_silent_loss(cases, tmp_path):
  outcomes, failures = collections.Counter(), []
  for case in range(cases):
    folder = tmp_path / f'case {case}'
    folder.mkdir()
    try:
      outcomes[run_case(case, folder)] += 1
    except Exception as error:
      failures.append(f'{case}: {type(error).__name__}: {error}')
    shutil.rmtree(folder)
  assert not failures, '\n'.join(failures)
  # It is no test if all of them end alike.
  assert min(outcomes['named error'], outcomes['accounted']) > cases / 10


@pytest.mark.parametrize('damage', DAMAGES, ids=lambda d: d.__name__)
def test_each_damage_happens(damage, tmp_path):
  """A damage that changes nothing would test nothing."""
  oulu_trees.write_files(tmp_path, oulu_trees.lay_out(VIDEOS, 'OriginalImg'))
  before = snapshot(tmp_path)
  for seed in range(5):
    damage(random.Random(seed), tmp_path)
  assert snapshot(tmp_path) != before


def snapshot(folder):
  return {
    path: path.read_bytes() if path.is_file() else path.is_symlink()
    for path in folder.rglob('*')
  }
