"""Files that are several files, one after the other (`cat a.flv b.flv`).

Of some formats FFmpeg, and most players, read the first alone, or the first
two; of .avi all, but as if they were one, of the first one's codec. In streams
it reads on by itself, and they are found by their clock; here are the others.
"""

import io
import mmap
import os
import re

# How a file of the format begins. Sources: Adobe's Flash video file format
# 10.1, annex E.2 (version 1, header of 9 bytes, then a size of 0); Microsoft's
# ASF specification, the GUID of the header object; RFC 8794, an EBML header
# with its DocType; SMPTE 377-1, the key of a header partition; NUT's and IVF's
# signatures, as in FFmpeg; RFC 3533, a page that begins a stream.
_FLV = re.compile(rb'FLV\x01[\x01\x04\x05]\0\0\0\x09\0\0\0\0')
_EBML = re.compile(rb'\x1a\x45\xdf\xa3.{1,40}?\x42\x82.(?:matroska|webm)', re.S)
_ASF = re.compile(re.escape(bytes.fromhex('3026b2758e66cf11a6d900aa0062ce6c')))
_MXF = re.compile(re.escape(bytes.fromhex('060e2b34020501010d0102010102')))
_NUT = re.compile(rb'nut/multimedia container\0')
_IVF = re.compile(rb'DKIF\0\0\x20\0')
_OGG = re.compile(rb'OggS\0[\x02\x06]')


def find_parts(path):
  """Finds the files of which a file consists.

  Args:
    path: of a regular file.

  Returns:
    A list of (first byte, byte after the last); one for most files.
  """
  size = os.path.getsize(path)
  if not size:
    return [(0, 0)]
  with open(path, 'rb') as file:
    head = file.read(64)
    for pattern in (_FLV, _ASF, _EBML, _MXF, _NUT, _IVF, _OGG):
      if pattern.match(head):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
          begins = [found.start() for found in pattern.finditer(data)]
          if pattern is _OGG:
            begins = _first_pages(begins, data)
        break
    else:
      if head[4:8] == b'ftyp':
        begins = _find_movies(file, size)
      elif head[:4] == b'RIFF' and head[8:12] == b'AVI ':
        begins = _find_riffs(file, size)
      else:
        begins = [0]
  return list(zip(begins, [*begins[1:], size], strict=True))


def _first_pages(begins, data):
  """Of pages that begin Ogg's streams, those that follow another page.

  Picture and sound that are shown together begin one right after the other.
  """
  first, after = [], None
  for at in begins:
    if at != after:
      first.append(at)
    count = sum(data[at + 26 : at + 27])  # of a page that is cut off, 0
    after = at + 27 + count + sum(data[at + 27 : at + 27 + count])
  return first


def _find_riffs(file, size):
  """Finds where an .avi begins anew; long ones go on in RIFFs named AVIX."""
  begins, at = [], 0
  while at + 12 <= size:
    file.seek(at)
    head = file.read(12)
    if head[:4] != b'RIFF':
      break
    if head[8:] == b'AVI ':
      begins.append(at)
    length = int.from_bytes(head[4:8], 'little')
    at += 8 + length + length % 2
  return begins


def _find_movies(file, size):
  """Finds where an .mp4 begins anew: a box ftyp after one with tracks."""
  begins, at, described = [0], 0, False
  while at + 8 <= size:
    file.seek(at)
    head = file.read(16)
    length = int.from_bytes(head[:4], 'big')
    if length == 1:
      length = int.from_bytes(head[8:16], 'big')
    if head[4:8] == b'ftyp' and described:
      begins.append(at)
      described = False
    described |= head[4:8] == b'moov'
    if length < 8:
      break
    at += length
  return begins


class PartOfFile(io.RawIOBase):
  """A part of a file that looks like a file."""

  def __init__(self, path, first, stop):
    """Opens it.

    Args:
      path: of the whole.
      first: its first byte.
      stop: the byte after its last.
    """
    super().__init__()
    self._file = open(path, 'rb')
    self._first, self._stop = first, stop
    self._file.seek(first)

  def readable(self):
    """True."""
    return True

  def seekable(self):
    """True."""
    return True

  def read(self, size=-1):
    """Returns up to `size` bytes, less at the end."""
    left = max(0, self._stop - self._file.tell())
    return self._file.read(left if size < 0 else min(size, left))

  def seek(self, offset, whence=os.SEEK_SET):
    """Goes to a byte of the part; returns which."""
    base = {
      os.SEEK_SET: self._first,
      os.SEEK_CUR: self._file.tell(),
      os.SEEK_END: self._stop,
    }[whence]
    self._file.seek(max(self._first, base + offset))
    return self.tell()

  def tell(self):
    """Returns at which byte of the part it is."""
    return self._file.tell() - self._first

  def close(self):
    """Closes the file."""
    self._file.close()
    super().close()
