"""Kinds of files, by their names and where needed by their bytes."""

import pathlib

from stclr_jax.files import regular_files

VIDEO_SUFFIXES = (
  '.mp4', '.avi', '.mov', '.mkv', '.gif', '.webm', '.m4v', '.flv', '.f4v',
  '.wmv', '.asf', '.mpg', '.mpeg', '.mpe', '.mpv', '.m2v', '.vob', '.mts',
  '.m2ts', '.m2t', '.ts', '.3gp', '.3g2', '.ogv', '.ogm', '.mxf', '.qt',
  '.divx', '.rm', '.rmvb', '.wtv', '.dv', '.ivf', '.nut', '.y4m', '.h264',
  '.264', '.hevc', '.265', '.mjpeg', '.mjpg',
)  # fmt: skip
# .ts and .mts are TypeScript's, and .ts Qt's translations, as well.
_TRANSPORT_STREAMS = ('.ts', '.mts', '.m2ts', '.m2t')
# Source: ISO/IEC 13818-1 and the Blu-ray and DVB forms of it: each packet of
# as many bytes begins with this one, behind 4 of its time in the second.
_PACKETS = (188, 192, 204)
_SYNC = 0x47
_IN_A_ROW = 4  # chosen: of letters, one in 10^9 has so many at one distance


def is_video(path):
  """Says whether a file is to be read as a video.

  Args:
    path: of a file. Only one whose suffix means several things is opened.

  Returns:
    Whether its suffix is one of `VIDEO_SUFFIXES`, and its beginning that of a
    transport stream where the suffix may be of a text as well.
  """
  suffix = pathlib.PurePath(path).suffix.lower()
  if suffix not in VIDEO_SUFFIXES:
    return False
  return suffix not in _TRANSPORT_STREAMS or _is_transport_stream(path)


def _is_transport_stream(path):
  if regular_files.find_fault(path):
    return True  # reading it will say so
  try:
    with open(path, 'rb') as file:
      start = file.read(max(_PACKETS) * (_IN_A_ROW + 1))
  except OSError:
    return True
  # A recording may begin inside of a packet.
  return any(
    len(start) > first + (_IN_A_ROW - 1) * size
    and all(start[first + i * size] == _SYNC for i in range(_IN_A_ROW))
    for size in _PACKETS
    for first in range(size)
  )
