"""Weights files that ask for more than they hold.

As a script this file reads such files under a limit on memory.
"""

import io
import json
import pathlib
import pickle
import random
import resource
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from stclr_jax.models.weights import torch_files

ROOT = pathlib.Path(__file__).parents[3]
FILES = pathlib.Path(__file__).parent / 'torchvision_files'
SPARE_BYTES = 64 << 20


def archived(pickled, *members):
  """A torch archive of a pickle and of (name, bytes) of storages."""
  kept = io.BytesIO()
  with zipfile.ZipFile(kept, 'w') as file:
    file.writestr('a/data.pkl', pickled)
    for name, data, *how in members:
      file.writestr(f'a/data/{name}', data, *how)
  return kept.getvalue()


def tensor(size=4, shape=(4,), strides=(1,), name="S'w'"):
  """The pickle of a dict of one tensor, as text."""

  def numbers(values):
    return '(' + ''.join(f'I{value}\n' for value in values) + 't'

  storage = f"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI{size}\ntQ"
  arguments = f'({storage}I0\n{numbers(shape)}{numbers(strides)}I00\nNt'
  entry = f'ctorch._utils\n_rebuild_tensor_v2\n{arguments}R'
  return f'(d{name}\n{entry}s.'.encode()


def overlapping():
  """A hundred members that are one and the same megabyte."""
  first = zipfile.ZipInfo('a/data/0')
  kept = io.BytesIO()
  with zipfile.ZipFile(kept, 'w') as file:
    file.writestr('a/data.pkl', tensor())
    file.writestr(first, bytes(1 << 20))
    for number in range(1, 100):
      again = zipfile.ZipInfo(f'a/data/{number}')
      for name in ('header_offset', 'CRC', 'file_size', 'compress_size'):
        setattr(again, name, getattr(first, name))
      file.filelist.append(again)
      file.NameToInfo[again.filename] = again
  return kept.getvalue()


def doubled(depth=64):
  """A tuple of 2**64 leaves in a few bytes, as the name of an entry."""
  pairs = b''.join(b'q%c' % i + b'h%c\x86' % i for i in range(depth))
  return b'\x80\x02}K\x01' + pairs + b'K\x01s.'


def sequence(size, pickled=None, begun=True):
  """A file of the older format, with one storage that says it has `size`."""
  start = (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True})
  head = b''.join(pickle.dumps(part, 2) for part in start) if begun else b''
  pickled = tensor(size) if pickled is None else pickled
  keys = pickle.dumps(['0'], 2)
  return head + pickled + keys + struct.pack('<q', size) + bytes(16)


def safetensors(header, data=b''):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  return struct.pack('<Q', len(text)) + text + data


def entry(**changes):
  described = {'dtype': 'F32', 'shape': [4], 'data_offsets': [0, 16]}
  return {'w': described | changes}


HUGE = 1 << 40
EIGHT_GB = struct.pack('<Q', 1 << 33)
HOSTILE = {
  'memo.pth': archived(b'\x80\x02Nr\xff\xff\xff\x1f.'),
  'memo_text.pth': archived(b'Np4000000000\n.'),
  'bytearray.pth': archived(b'\x80\x05\x96' + EIGHT_GB + b'.'),
  'bytes.pth': archived(b'\x80\x04\x8e' + EIGHT_GB + b'.'),
  'text.pth': archived(b'X\xff\xff\xff\x7fa.'),
  'long.pth': archived(b'\x80\x02\x8b\xff\xff\xff\x7f.'),
  'frame.pth': archived(b'\x80\x04\x95' + struct.pack('<Q', 1 << 40) + b'N.'),
  'hash.pth': archived(doubled()),
  'deflated.pth': archived(
    tensor(1 << 27), ('0', bytes(1 << 28), zipfile.ZIP_DEFLATED, 9)
  ),
  'overlapping.pth': overlapping(),
  'outside.pth': archived(tensor(4, (HUGE,), (0,)), ('0', bytes(16))),
  'negative.pth': archived(tensor(4, (-1,), (1,)), ('0', bytes(16))),
  'dimensions.pth': archived(tensor(4, (1,) * 99, (1,) * 99), ('0', bytes(16))),
  'numbers.pth': archived(tensor(4, ('9' * 5000,), (1,)), ('0', bytes(16))),
  'no_storage.pth': archived(tensor(4)),
  'escapes.pth': archived(tensor(name="S'\\x1b[2J'"), ('0', bytes(16))),
  'old_memo.pth': b'\x80\x02Nr\xff\xff\xff\x1f.',
  'old_storage.pth': sequence(HUGE),
  'old_negative.pth': sequence(-4),
  'old_text.pth': sequence(4, b'X\xff\xff\xff\x7fa.'),
  'header.safetensors': struct.pack('<Q', HUGE) + b'{}',
  'cut.safetensors': safetensors(entry(), bytes(8)),
  'outside.safetensors': safetensors(
    entry(shape=[HUGE], data_offsets=[0, 4 * HUGE]), bytes(16)
  ),
  'product.safetensors': safetensors(
    entry(shape=[1 << 33, 1 << 33]), bytes(16)
  ),
  'backwards.safetensors': safetensors(entry(data_offsets=[16, 0]), bytes(16)),
  'nested.safetensors': safetensors(b'[' * 100_000),
  'no_text.safetensors': safetensors(b'\xff\xfe'),
  'escapes.safetensors': safetensors({'\x1b[2J': entry()['w']}, bytes(16)),
}


def test_no_file_takes_more_than_it_has(tmp_path):
  """Within seconds and 64 MB, each ends in a line that names the file."""
  for name, content in HOSTILE.items():
    (tmp_path / name).write_bytes(content)
  ended = subprocess.run(
    [sys.executable, __file__, str(tmp_path)],
    cwd=ROOT,
    env={'PYTHONPATH': str(ROOT), 'OPENBLAS_NUM_THREADS': '1'},
    capture_output=True,
    text=True,
    timeout=120,
  )
  assert ended.returncode == 0, ended.stderr[-2000:]
  said = json.loads(ended.stdout)
  assert said.keys() == HOSTILE.keys()
  for name, words in said.items():
    assert words.startswith(f'UserError: {tmp_path / name} '), (name, words)
    assert 'MemoryError' not in words, words
    assert len(words) < 700 and words.isprintable(), words


def test_tensors_that_share_a_storage_share_its_memory(tmp_path):
  pickled = b'(d' + b''.join(
    tensor(1 << 20, (1 << 20,), name=f"S'{i}'")[2:-1] for i in range(500)
  )
  path = tmp_path / 'w.pth'
  path.write_bytes(archived(pickled + b'.', ('0', bytes(4 << 20))))
  found = list(torch_files.read_tensors(path).values())
  assert len(found) == 500
  assert all(np.shares_memory(found[0], other) for other in found)


@pytest.mark.parametrize('name', ['archive.pth', 'sequence.pth'])
def test_whatever_byte_is_wrong_it_is_read_or_named(name, tmp_path):
  whole, draw = (FILES / name).read_bytes(), random.Random(0)
  path = tmp_path / name
  for _ in range(300):
    broken = bytearray(whole)
    for _ in range(draw.choice((1, 1, 4))):
      broken[draw.randrange(len(whole))] = draw.randrange(256)
    path.write_bytes(broken)
    try:
      torch_files.read_tensors(path)
    except ValueError as error:
      assert str(path) in str(error)


def read_under_a_limit(folder):
  for name in ('safetensors.numpy', 'ml_dtypes'):  # loaded once, not counted
    __import__(name)
  used = int(pathlib.Path('/proc/self/statm').read_text().split()[0])
  limit = used * resource.getpagesize() + SPARE_BYTES
  resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
  said = {}
  for path in sorted(folder.iterdir()):
    try:
      torch_files.read_tensors(path)
      said[path.name] = 'read'
    except Exception as error:
      said[path.name] = f'{type(error).__name__}: {error}'
  print(json.dumps(said))


if __name__ == '__main__':
  read_under_a_limit(pathlib.Path(sys.argv[1]))
