"""Every shape in which Oulu-CASIA was seen builds to the same data set."""

import pathlib
import zipfile

import oulu_trees
import pytest
import tensorflow_datasets as tfds

from tfds_oulu import integrity
from tfds_oulu import tfds_oulu_dataset_builder as oulu

ORIGINALS = oulu_trees.make_videos(('vl_strong', 'ni_dark'))
CROPPED = oulu_trees.make_videos(('vl_strong_cropped',))
PLAIN = oulu_trees.lay_out(ORIGINALS)
IN_ORIGINAL_IMG = oulu_trees.lay_out(ORIGINALS, 'OriginalImg')
JUNK = {
  'OriginalImg/VL/Strong/P001/Anger/Thumbs.db': b'thumbnails',
  'OriginalImg/VL/.DS_Store': b'finder',
  'OriginalImg/VL/Strong/P001/Anger/._000.jpeg': b'resource fork',
  '__MACOSX/OriginalImg/VL/Strong/P001/Anger/000.jpeg': b'resource fork',
  'OriginalImg/readme.txt': b'stray',
}


def below(root, name='{:03d}.jpeg'):
  return oulu_trees.lay_out(ORIGINALS, root, name)


def cropped_below(root, cropped='VL_Acropped/Strong'):
  return oulu_trees.lay_out(
    CROPPED, root, condition_folders={'vl_strong_cropped': cropped}
  )


def backslashed(files):
  return {path.replace('/', '\\'): content for path, content in files.items()}


# Name: (files, where in them --manual_dir points).
# Comments name the section of the reference on which each rests.
LAYOUTS = {
  'OriginalImg': (IN_ORIGINAL_IMG, ''),
  'manual_dir is OriginalImg': (IN_ORIGINAL_IMG, 'OriginalImg'),
  'manual_dir is VL': (
    {p: c for p, c in IN_ORIGINAL_IMG.items() if '/VL/' in p},
    'OriginalImg/VL',
  ),
  'manual_dir is VL/Strong': (
    {p: c for p, c in IN_ORIGINAL_IMG.items() if '/VL/' in p},
    'OriginalImg/VL/Strong',
  ),
  'VL and NI directly': (PLAIN, ''),
  'VL_Strong directly': (
    oulu_trees.lay_out(
      ORIGINALS,
      condition_folders={'vl_strong': 'VL_Strong', 'ni_dark': 'NI_Dark'},
    ),
    '',
  ),
  'data/OriginalImg': (below('data/OriginalImg'), ''),
  'B_OriginalImg': (below('B_OriginalImg'), ''),
  'B_OriginalImg/OriginalImg': (below('B_OriginalImg/OriginalImg'), ''),
  'B_OriginalImg/B_OriginalImg/OriginalImg': (
    below('B_OriginalImg/B_OriginalImg/OriginalImg'),
    '',
  ),
  'Oulu_CASIA_NIR_VIS': (below('Oulu_CASIA_NIR_VIS'), ''),
  'small letters': (
    oulu_trees.lay_out(ORIGINALS, 'originalimg', case=str.lower),
    '',
  ),
  'capital letters': (
    oulu_trees.lay_out(ORIGINALS, 'ORIGINALIMG', case=str.upper),
    '',
  ),
  'FirstF_000.jpeg': (below('OriginalImg', 'FirstF_{:03d}.jpeg'), ''),
  'P022_Happiness_023.jpg': (below('OriginalImg', 'P9_Fear_{:03d}.jpg'), ''),
  'numbered from 1, unpadded': (
    {
      str(pathlib.PurePosixPath(p).parent / f'{int(p[-8:-5]) + 1}.jpg'): c
      for p, c in IN_ORIGINAL_IMG.items()
    },
    '',
  ),
  'with stray files': ({**IN_ORIGINAL_IMG, **JUNK}, ''),
  'spaces and ü in the path': (below('Meine Daten ü 表情/OriginalImg'), ''),
  'B_OriginalImg.zip': (
    {'B_OriginalImg.zip': oulu_trees.pack({**IN_ORIGINAL_IMG, **JUNK})},
    '',
  ),
  'B_OriginalImg.zip, stored': (
    {'B.ZIP': oulu_trees.pack(IN_ORIGINAL_IMG, zipfile.ZIP_STORED)},
    '',
  ),
  'manual_dir is the .zip': (
    {'B_OriginalImg.zip': oulu_trees.pack(IN_ORIGINAL_IMG)},
    'B_OriginalImg.zip',
  ),
  '.zip with backslashes': (
    {'archive.zip': oulu_trees.pack(backslashed(IN_ORIGINAL_IMG))},
    '',
  ),
  '.zip in a .zip': (
    {
      'Oulu-CASIA.zip': oulu_trees.pack(
        {'Oulu-CASIA/B_OriginalImg.zip': oulu_trees.pack(IN_ORIGINAL_IMG)}
      )
    },
    '',
  ),
  'packed and unpacked': (
    {'B.zip': oulu_trees.pack(IN_ORIGINAL_IMG), **IN_ORIGINAL_IMG},
    '',
  ),
  'half unpacked': (
    {
      'B.zip': oulu_trees.pack(IN_ORIGINAL_IMG),
      **{p: c for p, c in IN_ORIGINAL_IMG.items() if '/P001/' in p},
    },
    '',
  ),
  'PreProcessImg': (cropped_below('Oulu-Casia/PreProcessImg'), ''),
  'PreProcess_Img': (cropped_below('PreProcess_Img'), ''),
  'PreProcess Img': (cropped_below('PreProcess Img'), ''),
  'PreProcess Img.zip': (
    {'PreProcess Img.zip': oulu_trees.pack(cropped_below(''))},
    '',
  ),
  'PreProcess/change_log.txt': (
    {
      **cropped_below('OULU/PreProcess'),
      'OULU/PreProcess/change_log.txt': b'1.1',
    },
    '',
  ),
  'PreProcess, with a plain VL': (
    cropped_below('OULU/PreProcess', 'VL/Strong'),
    '',
  ),
  'manual_dir is VL_Acropped': (
    cropped_below('PreProcessImg'),
    'PreProcessImg/VL_Acropped',
  ),
  'originals and cropped': (
    {**below('B_OriginalImg/OriginalImg'), **cropped_below('PreProcess Img')},
    '',
  ),
}


def build(data_dir, manual_dir, **options):
  config = oulu.FolderConfig(name='oulu_casia_layout', **options)
  builder = oulu.Builder(config=config, data_dir=data_dir)
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
  )
  return builder


@pytest.mark.parametrize('name', LAYOUTS)
def test_every_layout_builds_the_same(name, tmp_path):
  files, manual_dir = LAYOUTS[name]
  oulu_trees.write_files(tmp_path / 'given', files)
  builder = build(tmp_path / 'data', tmp_path / 'given' / manual_dir)
  videos = {**ORIGINALS, **CROPPED}
  expected = {}
  if 'PreProcess' not in name and name != 'manual_dir is VL_Acropped':
    conditions = ['vl_strong'] if 'is VL' in name else ['vl_strong', 'ni_dark']
  else:
    conditions = ['vl_strong_cropped']
  if name == 'originals and cropped':
    conditions = ['vl_strong', 'ni_dark', 'vl_strong_cropped']
  expected = {c: oulu_trees.checksum(videos, c) for c in conditions}
  report = integrity.read(builder.data_dir)
  assert {
    c: described['checksum'] for c, described in report['conditions'].items()
  } == expected
  for condition in conditions:
    read = {
      (condition, _text(example['video_id'])): tuple(
        bytes(frame) for frame in example['frames']
      )
      for example in builder.as_data_source(split=condition)
    }
    assert read == {k: v for k, v in videos.items() if k[0] == condition}


def _text(value):
  return value.decode() if isinstance(value, bytes) else value
