"""Finds the videos in a folder laid out as Oulu-CASIA's own.

OriginalImg/VL/Strong/P001/Anger/000.jpeg
            |  |      |    |     frame
            |  |      |    expression
            |  |      person
            |  illumination
            spectrum
"""

import re
from typing import NamedTuple

from etils import epath

EXPRESSIONS = ('Anger', 'Disgust', 'Fear', 'Happiness', 'Sadness', 'Surprise')
SPECTRA = ('VL', 'NI')
ILLUMINATIONS = ('Strong', 'Weak', 'Dark')

_FRAME = re.compile(r'^(?:.*_)?(\d+)\.jpe?g$', re.IGNORECASE)
_SUBJECT = re.compile(r'^P(\d{3})$', re.IGNORECASE)


class VideoFolder(NamedTuple):
  """One video on disk.

  Attributes:
    video_id: such as 'P001/Anger'.
    subject: its person, 1 to 80.
    expression: one of `EXPRESSIONS`.
    spectrum: one of `SPECTRA`.
    illumination: one of `ILLUMINATIONS`.
    frames: its frames' files, in order of their numbers.
  """

  video_id: str
  subject: int
  expression: str
  spectrum: str
  illumination: str
  frames: tuple[epath.Path, ...]


def find_root(folder):
  """Finds the folder that holds the spectra.

  Args:
    folder: path given by the user.

  Returns:
    `folder` itself or its `OriginalImg`, whichever holds `VL` or `NI`; None
    if neither does.
  """
  folder = epath.Path(folder)
  for candidate in (folder, folder / 'OriginalImg'):
    if candidate.is_dir() and _children(candidate, SPECTRA):
      return candidate
  return None


def find_videos(root):
  """Lists the videos by condition.

  Args:
    root: path, see `find_root`.

  Returns:
    A dict from condition, such as 'vl_strong', to its videos sorted by id;
    conditions without a video are left out. Files that are no frames
    (Thumbs.db and the like) are passed over.
  """
  conditions = {}
  for spectrum, spectrum_dir in _children(root, SPECTRA).items():
    for light, light_dir in _children(spectrum_dir, ILLUMINATIONS).items():
      videos = []
      for subject_dir in light_dir.iterdir():
        match = _SUBJECT.match(subject_dir.name)
        if not match:
          continue
        subject = int(match[1])
        for name, folder in _children(subject_dir, EXPRESSIONS).items():
          if frames := _frames(folder):
            videos.append(
              VideoFolder(
                f'P{subject:03d}/{name}', subject, name, spectrum, light, frames
              )
            )
      if videos:
        condition = f'{spectrum}_{light}'.lower()
        conditions[condition] = sorted(videos, key=lambda v: v.video_id)
  return conditions


def _children(folder, names):
  """Maps those names that occur in a folder, in any case, to their paths."""
  found = {}
  for child in folder.iterdir():
    for name in names:
      if child.name.lower() == name.lower() and child.is_dir():
        found[name] = child
  return found


def _frames(folder):
  numbered = []
  for file in folder.iterdir():
    if match := _FRAME.match(file.name):
      numbered.append((int(match[1]), file.name, file))
  return tuple(file for _, _, file in sorted(numbered))
