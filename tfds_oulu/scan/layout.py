"""Tells from a file's path which video of Oulu-CASIA it belongs to.

OriginalImg/VL/Strong/P001/Anger/000.jpeg
            |  |      |    |     frame
            |  |      |    expression
            |  |      person
            |  illumination
            spectrum; VL_Acropped and NI_Acropped where faces were cut out

Only the part from the spectrum on decides, so that it does not matter in which
folders or archives that lies (docs/oulu_casia.md).
"""

import re
from typing import NamedTuple

from stclr_jax import oulu_casia
from stclr_jax.oulu_casia import EXPRESSIONS
from stclr_jax.oulu_casia import NUM_PEOPLE
from tfds_oulu.scan import source_files

SPECTRA = ('VL', 'NI')
ILLUMINATIONS = ('Strong', 'Weak', 'Dark')

_CONDITION = re.compile(
  r'(?:^|(?<=/))(VL|NI)([ _-]?A?cropped)?[/ _-](Strong|Weak|Dark)(?=/)',
  re.IGNORECASE,
)
# The archive of cropped faces, C, and that of the originals, B.
_CROPPED_ROOT = re.compile(
  r'(?:[A-C]_)?PreProcess[ _-]?(?:Img.*)?', re.IGNORECASE
)
_ORIGINAL_ROOT = re.compile(r'(?:[A-C]_)?Original[ _-]?Img.*', re.IGNORECASE)
_SUBJECT = re.compile(r'P(\d{1,3})', re.IGNORECASE)
# 000.jpeg, FirstF_000.jpeg, P022_Happiness_023.png
_FRAME = re.compile(r'(?:.*\D)?(\d{1,9})\.(?:jpe?g|png|bmp)', re.IGNORECASE)
_IMAGE = re.compile(r'.*\.(?:jpe?g|png|bmp)', re.IGNORECASE)
# VL_P058_S_A.avi, VL_P058_S_S1.avi
_VIDEO = re.compile(
  r'(VL|NI)_P(\d{1,3})_([SWD])[a-z]*_(?:([ADFH])|S?([12]))\.avi', re.IGNORECASE
)
_PACKED = re.compile(r'.*\.(?:rar|7z|tar|t?gz|tgz|bz2|xz|z\d\d)', re.IGNORECASE)


class Place(NamedTuple):
  """Place of a file: person, expression and light.

  Attributes:
    condition: such as 'vl_strong', 'vl_strong_cropped', 'vl_strong_video'.
    subject: its person, 1 to 80.
    expression: one of `EXPRESSIONS`; of an original video its code.
    spectrum: one of `SPECTRA`.
    illumination: one of `ILLUMINATIONS`.
    number: that of the frame; None for a whole video.
  """

  condition: str
  subject: int
  expression: str
  spectrum: str
  illumination: str
  number: int | None


def find_place(path, *, context=''):
  """Reads a path.

  Args:
    path: of a file, with '/', relative to the folder that the user gave.
    context: the last folders of the path to that folder, with '/', should it
      be inside of what is looked for.

  Returns:
    A `Place`; or why the file has none, a string.
  """
  if source_files.is_system_file(path):
    return 'left by an operating system'
  whole = f'{context}/{path}' if context else path
  if video := _VIDEO.fullmatch(whole.rpartition('/')[2]):
    return _place_video(video)
  conditions = list(_CONDITION.finditer(whole))
  if not conditions:
    if _PACKED.fullmatch(path):
      return 'an archive that is not read; unpack it, or pack it as .zip'
    return 'outside of VL and NI, Strong, Weak and Dark'
  found = conditions[-1]
  spectrum = found[1].upper()
  illumination = found[3].capitalize()
  cropped = bool(found[2]) or _is_below_cropped(whole[: found.start()])
  folders = whole[found.end() + 1 :].split('/')
  name = folders.pop()
  if len(folders) < 2:
    return 'outside of the folders of people and expressions'
  subject = _read_subject(_SUBJECT.fullmatch(folders[0]))
  if subject is None:
    return 'in a folder that is none of P001 to P080'
  expression = folders[1].capitalize()
  if expression not in EXPRESSIONS:
    return f'in a folder that is none of {", ".join(EXPRESSIONS)}'
  if len(folders) > 2:
    return 'in a folder below that of the frames'
  frame = _FRAME.fullmatch(name)
  if not frame:
    image = _IMAGE.fullmatch(name)
    return 'an image without a frame number' if image else 'not an image'
  condition = f'{spectrum}_{illumination}'.lower()
  return Place(
    condition=condition + oulu_casia.CROPPED if cropped else condition,
    subject=subject,
    expression=expression,
    spectrum=spectrum,
    illumination=illumination,
    number=int(frame[1]),
  )


def find_video_id(place):
  """Names a video within its condition.

  Args:
    place: a `Place`.

  Returns:
    Such as 'P001/Anger'.
  """
  return f'P{place.subject:03d}/{place.expression}'


def _place_video(match):
  subject = _read_subject(match)
  if subject is None:
    return 'a video of none of P001 to P080'
  spectrum = match[1].upper()
  illumination = next(
    name for name in ILLUMINATIONS if name[0] == match[3].upper()
  )
  return Place(
    condition=f'{spectrum}_{illumination}_video'.lower(),
    subject=subject,
    expression=match[4].upper() if match[4] else f'S{match[5]}',
    spectrum=spectrum,
    illumination=illumination,
    number=None,
  )


def _read_subject(match):
  if not match:
    return None
  subject = int(match[2] if match.re is _VIDEO else match[1])
  return subject if 1 <= subject <= NUM_PEOPLE else None


def _is_below_cropped(path):
  """Says whether the nearest root above is that of the cropped faces."""
  for name in reversed(path.split('/')):
    name = re.sub(r'\.zip$', '', name, flags=re.IGNORECASE)
    if _CROPPED_ROOT.fullmatch(name):
      return True
    if _ORIGINAL_ROOT.fullmatch(name):
      return False
  return False
