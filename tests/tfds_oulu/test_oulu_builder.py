"""The builder: TFDS's own checks, what stops it, what it leaves behind."""

import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import oulu_trees
import pytest
import tensorflow_datasets as tfds

from stclr_jax.data import data_folder
from stclr_jax.data import imported_report
from stclr_jax.data import sources
from stclr_jax.data.drawn import synthetic_faces
from stclr_jax.errors import UserError
from stclr_jax.files import disk
from tfds_oulu import integrity
from tfds_oulu import tfds_oulu_dataset_builder as oulu

# Imported to be collected: TFDS's own checks of the builder.
from tfds_oulu.tfds_oulu_dataset_builder_test import BuilderTest  # noqa: F401

ROOT = pathlib.Path(__file__).parents[2]
VIDEOS = oulu_trees.make_videos(('vl_strong', 'ni_dark'), people=(1, 2))
FILES = oulu_trees.lay_out(VIDEOS, 'OriginalImg')
ANGER = 'OriginalImg/VL/Strong/P001/Anger'


def build(folder, *, name='oulu_casia', given='manual', **options):
  config = oulu.FolderConfig(name=name, **options) if options else name
  builder = oulu.Builder(config=config, data_dir=folder / 'data')
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=folder / given)
  )
  return builder


def checksums(builder):
  report = integrity.read(builder.data_dir)
  return {name: c['checksum'] for name, c in report['conditions'].items()}


EXPECTED = {
  name: oulu_trees.checksum(VIDEOS, name) for name in ('vl_strong', 'ni_dark')
}


def test_builds_what_is_there(tmp_path, capsys):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  builder = build(tmp_path)
  assert set(builder.info.splits) == {'vl_strong', 'ni_dark'}
  source = builder.as_data_source(split='vl_strong')
  assert len(source) == 12
  example = next(
    e for e in source if e['video_id'] in ('P002/Fear', b'P002/Fear')
  )
  assert example['subject'] == 2 and example['label'] == 2
  # The bytes as they came, not decoded and encoded again.
  assert (
    tuple(map(bytes, example['frames'])) == VIDEOS['vl_strong', 'P002/Fear']
  )
  # The table, last.
  printed = capsys.readouterr().out
  row = next(x for x in printed.splitlines() if x.startswith('vl_strong '))
  frames = [len(f) for (c, _), f in VIDEOS.items() if c == 'vl_strong']
  assert row.split()[1:6] == ['2', '6', '12', '468', str(sum(frames))]
  assert 'vl_strong: nothing of P003 to P080' in printed
  assert EXPECTED['vl_strong'] in printed
  assert printed.rstrip().endswith(integrity.FILE_NAME)


@pytest.mark.parametrize('image_format', ['PNG', 'BMP'])
def test_frames_of_other_formats_are_stored_and_read(tmp_path, image_format):
  frames = [oulu_trees.encode(i, image_format) for i in range(3)]
  oulu_trees.write_files(
    tmp_path / 'manual',
    {
      f'VL/Strong/P001/Anger/{i}.{image_format.lower()}': frame
      for i, frame in enumerate(frames)
    },
  )
  build(tmp_path)
  store = sources.load_videos(
    'oulu_casia',
    split='vl_strong',
    frame_size=(12, 16),
    data_dir=tmp_path / 'data',
  )
  # What a page of it shows beside the videos.
  assert 'vl_strong is ' in data_folder.read_report(store.directory)
  assert imported_report.read_coverage(store.directory) == {}
  made = store.making  # as those who recorded it say
  assert (made.fps, made.framing, made.synthetic) == (25, 'as_recorded', False)
  assert store.length.tolist() == [3] and store.frames.shape == (3, 12, 16, 3)
  for stored, frame in zip(store.frames, frames, strict=True):
    assert (stored == oulu_trees.decode(frame)).all()


def test_the_report_does_not_tell_where_or_when(tmp_path, capsys):
  texts, reports = [], []
  for name in ('a', 'b ü'):
    oulu_trees.write_files(tmp_path / name / 'manual', FILES)
    builder = build(tmp_path / name)
    texts.append((builder.data_path / integrity.FILE_NAME).read_text())
    reports.append(data_folder.read_report(builder.data_path))
    assert checksums(builder) == EXPECTED
  assert texts[0] == texts[1] and str(tmp_path) not in texts[0]
  # The words are those that the build has printed, but for the folder.
  assert reports[0] == reports[1] and str(tmp_path) not in reports[0]
  *lines, last = capsys.readouterr().out.rstrip().splitlines()
  *words, where = reports[1].splitlines()
  assert lines[-len(words) :] == words
  assert last == where.replace(
    integrity.FILE_NAME, str(builder.data_path / integrity.FILE_NAME)
  )


def test_a_set_of_another_format_is_named_with_what_to_do(tmp_path):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  file = build(tmp_path).data_path / integrity.FILE_NAME
  description = json.loads(file.read_text()) | {'format': 1}
  file.write_text(json.dumps(description))
  remedy = f'{file.parent} is of an earlier format.*delete.*tfds build'
  with pytest.raises(UserError, match=remedy):
    sources.open_source(
      'oulu_casia', split='vl_strong', data_dir=tmp_path / 'data'
    )
  with pytest.raises(UserError, match=remedy):
    build(tmp_path)  # finds it built


def test_corrupt_frames_stop_before_anything_is_written(tmp_path):
  truncated = FILES[f'{ANGER}/001.jpeg'][:-20]
  oulu_trees.write_files(
    tmp_path / 'manual',
    {**FILES, f'{ANGER}/001.jpeg': truncated, f'{ANGER}/002.jpeg': b'no'},
  )
  with pytest.raises(ValueError, match='2 frames cannot be decoded') as error:
    build(tmp_path)
  for name in ('P001/Anger/001.jpeg', 'P001/Anger/002.jpeg', '"skip"'):
    assert name in str(error.value)
  assert not files_below(tmp_path / 'data')


def files_below(folder):
  return [
    path
    for path in pathlib.Path(folder).rglob('*')
    if path.is_file() and path.name not in ('metadata.json', '.build_lock')
  ]


def test_corrupt_frames_are_left_out_where_told(tmp_path, capsys):
  bad = {f'{ANGER}/001.jpeg': b''}
  oulu_trees.write_files(tmp_path / 'manual', {**FILES, **bad})
  builder = build(tmp_path, name='oulu_casia_mine', on_corrupt='skip')
  (entry,) = integrity.read(builder.data_dir)['skipped']
  assert entry == {'file': f'{ANGER}/001.jpeg', 'reason': 'an empty file'}
  source = builder.as_data_source(split='vl_strong')
  expected = [len(f) for (c, _), f in VIDEOS.items() if c == 'vl_strong']
  assert sum(len(e['frames']) for e in source) == sum(expected) - 1
  assert f'skipped {ANGER}/001.jpeg: an empty file' in capsys.readouterr().out


@pytest.mark.parametrize(
  'make', ['nothing', 'empty', 'elsewhere', 'a file', 'only a packed one']
)
def test_missing_data_says_where_and_how(tmp_path, make):
  given = tmp_path / 'manual'
  if make == 'a file':
    given.write_text('data')
  elif make != 'nothing':
    given.mkdir()
  if make == 'elsewhere':
    oulu_trees.write_files(given, {'photos/000.jpeg': oulu_trees.encode(1)})
  if make == 'only a packed one':
    (given / 'B_OriginalImg.rar').touch()
  with pytest.raises(FileNotFoundError) as error:
    build(tmp_path)
  message = str(error.value)
  for word in (str(given), 'licence', 'OriginalImg/VL/Strong',
               'tfds build tfds_oulu --manual_dir'):  # fmt: skip
    assert word in message
  found = {
    'nothing': '(absent)',
    'empty': '(an empty folder)',
    'a file': 'a file, no folder',
    'elsewhere': 'outside of VL and NI, Strong, Weak and Dark: photos/000.jpeg',
    'only a packed one': 'unpack it, or pack it as .zip: B_OriginalImg.rar',
  }
  assert found[make] in message


def test_a_folder_that_is_not_there_is_told_before_anything_is_drawn(
  tmp_path, monkeypatch
):
  # `tfds build` hands it to all configs, the drawn ones first.
  monkeypatch.setattr(synthetic_faces, 'write_folder', lambda *_, **__: 1 / 0)
  with pytest.raises(FileNotFoundError, match=r'nowhere \(absent\)'):
    build(tmp_path, given='nowhere', name='synthetic_demo')
  assert not list(tmp_path.rglob('*synthetic*'))


ASKED = ['/usr/bin/tfds', 'build', 'tfds_oulu']


@pytest.mark.parametrize('arguments', [ASKED, [*ASKED, '--data_dir=DIR']])
def test_all_configs_without_a_licence_are_no_failure(
  tmp_path, monkeypatch, capsys, arguments
):
  monkeypatch.setattr(sys, 'argv', arguments)
  builder = oulu.Builder(config='oulu_casia', data_dir=tmp_path)
  with pytest.raises(SystemExit) as ended:
    builder.download_and_prepare()
  assert ended.value.code == 0
  said = capsys.readouterr().out
  assert 'Oulu-CASIA was not found' in said and '--manual_dir=FOLDER' in said
  assert not builder.data_path.exists()


@pytest.mark.parametrize(
  'arguments',
  [
    [*ASKED, '--config=oulu_casia'],
    [*ASKED, '--config', 'oulu_casia'],
    [*ASKED, '--manual_dir', 'FOLDER'],
    ['tfds', 'build', 'tfds_oulu/oulu_casia'],
    ['pytest'],
    ['main.py', '--config=configs/pretrain.py:paper'],
  ],
)
def test_who_asks_for_the_licensed_data_is_refused(
  tmp_path, monkeypatch, arguments
):
  monkeypatch.setattr(sys, 'argv', arguments)
  builder = oulu.Builder(config='oulu_casia', data_dir=tmp_path)
  with pytest.raises(FileNotFoundError, match='Oulu-CASIA was not found'):
    builder.download_and_prepare()


def test_unknown_policy_is_refused(tmp_path):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  with pytest.raises(ValueError, match="on_corrupt.*'guess'.*stop, skip"):
    build(tmp_path, name='oulu_casia_mine', on_corrupt='guess')


def test_a_config_can_be_given_as_json():
  # `tfds build --config='{…}'` calls this class.
  config = oulu.Builder.builder_config_cls(
    **json.loads('{"name": "oulu_casia_readable", "on_corrupt": "skip"}')
  )
  assert isinstance(config, oulu.FolderConfig) and config.on_corrupt == 'skip'


def test_no_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  usage = type('Usage', (), {'free': 1 << 20})
  monkeypatch.setattr('stclr_jax.files.disk.shutil.disk_usage', lambda _: usage)
  with pytest.raises(
    OSError, match='GB are needed to build tfds_oulu'
  ) as error:
    build(tmp_path)
  assert error.value.errno == errno.ENOSPC
  assert str(tmp_path / 'data') in str(error.value)
  assert not files_below(tmp_path / 'data')


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.ENOSPC, 'No space left on device', 'x.array_record'),
    # What ArrayRecord raised on a full disk.
    RuntimeError('write() failed: No space left on device; writing x'),
  ],
)
def test_a_disk_that_becomes_full_is_named(tmp_path, monkeypatch, error):
  oulu_trees.write_files(tmp_path / 'manual', FILES)

  def write(*_):
    raise error

  monkeypatch.setattr(integrity, 'write', write)
  with pytest.raises(disk.FullDiskError, match='became full while.*1.0.0 was'):
    build(tmp_path)
  assert not files_below(tmp_path / 'data')


def test_a_killed_build_leaves_nothing_to_the_next(tmp_path, capsys):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  program = f"""
import os, pathlib, signal
import tensorflow_datasets as tfds
from tfds_oulu import tfds_oulu_dataset_builder as oulu
from tfds_oulu.scan import checked_videos
read, count = checked_videos.Video.read, []
def read_some(self):
  count.append(0)
  if len(count) == 15:
    os.kill(os.getpid(), signal.SIGKILL)
  return read(self)
checked_videos.Video.read = read_some
folder = pathlib.Path({str(tmp_path)!r})
builder = oulu.Builder(config='oulu_casia', data_dir=folder / 'data')
builder.download_and_prepare(
  download_config=tfds.download.DownloadConfig(manual_dir=folder / 'manual'))
"""
  killed = subprocess.run([sys.executable, '-c', program], cwd=ROOT)
  assert killed.returncode == -signal.SIGKILL
  left = next((tmp_path / 'data').rglob('incomplete.*_1.0.0'))
  assert files_below(left)
  builder = build(tmp_path)
  assert not left.exists() and f'Removing {left}' in capsys.readouterr().out
  assert checksums(builder) == EXPECTED
  assert [p.name for p in builder.data_path.parent.iterdir() if p.is_dir()] == [
    '1.0.0'
  ]


def test_builds_at_the_same_time_are_one(tmp_path, monkeypatch):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  under_way, builders, reads = threading.Event(), [], []
  write = integrity.write

  def write_slowly(*args):
    reads.append(args)
    under_way.set()
    assert not waited.wait(0.3)  # the second is not let in meanwhile
    write(*args)

  waited = threading.Event()
  monkeypatch.setattr(integrity, 'write', write_slowly)

  def build_second():
    under_way.wait()
    builders.append(build(tmp_path))
    waited.set()

  second = threading.Thread(target=build_second)
  second.start()
  builders.append(build(tmp_path))
  second.join()
  assert len(reads) == 1 and len(builders) == 2
  for builder in builders:
    assert checksums(builder) == EXPECTED
    assert builder.info.splits['vl_strong'].num_examples == 12
    assert len(builder.as_data_source(split='vl_strong')) == 12


def test_a_finished_build_is_told_again_and_not_touched(tmp_path, capsys):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  builder = build(tmp_path)
  before = {p: p.stat().st_mtime_ns for p in files_below(builder.data_path)}
  os.rename(tmp_path / 'manual', tmp_path / 'gone')
  capsys.readouterr()
  build(tmp_path)
  assert EXPECTED['vl_strong'] in capsys.readouterr().out
  assert before == {
    p: p.stat().st_mtime_ns for p in files_below(builder.data_path)
  }


def test_overwriting_builds_anew(tmp_path):
  oulu_trees.write_files(tmp_path / 'manual', FILES)
  build(tmp_path)
  (tmp_path / 'manual' / f'{ANGER}/000.jpeg').unlink()
  builder = oulu.Builder(config='oulu_casia', data_dir=tmp_path / 'data')
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(
      manual_dir=tmp_path / 'manual',
      download_mode=tfds.download.GenerateMode.REUSE_CACHE_IF_EXISTS,
    )
  )
  changed = {
    **VIDEOS,
    ('vl_strong', 'P001/Anger'): VIDEOS['vl_strong', 'P001/Anger'][1:],
  }
  assert checksums(builder)['vl_strong'] == oulu_trees.checksum(
    changed, 'vl_strong'
  )


def test_drawing_and_reading_need_no_tensorflow(tmp_path):
  program = """
import sys
from tfds_oulu import tfds_oulu_dataset_builder as oulu
config = oulu.SyntheticConfig(
  name='synthetic_demo', height=32, width=32, framing='face', num_subjects=2)
oulu.Builder.BUILDER_CONFIGS = [config, *oulu.Builder.BUILDER_CONFIGS[1:]]
from stclr_jax.data import sources
store = sources.load_videos('synthetic_demo', split='vl_strong',
  frame_size=(32, 32), data_dir=sys.argv[1])
assert store.video_id[0] == 'P001/Anger' and store.num_videos == 12, store
assert store.synthetic and store.label_names[5] == 'Surprise'
assert 'tensorflow' not in sys.modules
"""
  subprocess.run(
    [sys.executable, '-c', program, str(tmp_path)], check=True, cwd=ROOT
  )
