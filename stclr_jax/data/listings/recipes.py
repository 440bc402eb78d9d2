"""Recipes: places of labels and people in data sets that the field uses.

Each lists the recordings of one data set as it is unpacked. None of them is
licensed to come with this project, so that all is tested on generated trees.
"""

import dataclasses
import pathlib
import re
from collections.abc import Callable

from stclr_jax.data.listings import folder_walk
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings import picture_folders
from stclr_jax.data.listings import recipe_mmi
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Listing
from stclr_jax.data.listings.listing import Problem
from stclr_jax.errors import UserError
from stclr_jax.files import regular_files

# Source: ReadMe of CK+'s Emotion labels; 0 is neutral, which none has.
CK_PLUS_CODES = (
  'neutral', 'anger', 'contempt', 'disgust', 'fear', 'happy', 'sadness',
  'surprise',
)  # fmt: skip
# Source: CREMA-D's README.
CREMA_D_CODES = {
  'ANG': 'anger',
  'DIS': 'disgust',
  'FEA': 'fear',
  'HAP': 'happy',
  'NEU': 'neutral',
  'SAD': 'sad',
}
CREMA_D_INTENSITIES = {
  'LO': 'low',
  'MD': 'medium',
  'HI': 'high',
  'XX': 'unspecified',
  'X': 'unspecified',  # 1040_ITH_SAD_X, as it is published
}
_MAX_LABEL_BYTES = 2**20  # chosen: a label file holds one number
_CK_PLUS_SEQUENCES = (593, 327, 123)  # Lucey et al. 2010


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Recipe by which a known data set is imported.

  Attributes:
    list_items: from its folder to a `Listing`.
    classes: its classes, in its own order.
    window_seconds: as in `recordings.Options`; 0, as one performance is one
      video.
  """

  list_items: Callable[[pathlib.Path], Listing]
  classes: tuple[str, ...]
  window_seconds: float = 0.0


def list_ck_plus(source):
  """Lists the sequences of CK+, neutral to apex.

  `.../S005/001/S005_001_00000011.png`, with labels of some of them in
  `.../S005/001/S005_001_00000011_emotion.txt`, wherever the two trees lie
  below source. Sequences without one are unlabelled.

  Args:
    source: folder.

  Returns:
    A `Listing`.

  Raises:
    FileNotFoundError: if no sequence is found.
    NotADirectoryError: if source is a file.
  """
  source, found, result = folder_walk.begin(source)
  labels = _read_ck_plus_labels(source, found.others, result)
  seen = set()
  for folder, frames in found.videos.items():
    match = re.fullmatch(
      r'(S\d+)/(\d+)', '/'.join(folder.parts[-2:]).upper(), re.ASCII
    )
    prefix = f'{match[1]}_{match[2]}' if match else None
    names = {frame.name.upper()[: len(prefix or '')] for frame in frames}
    if prefix not in names:
      listings.count(result.ignored, 'images elsewhere')
      continue
    seen.add(prefix)
    sequence, problem = _find_ck_plus_sequence(folder, frames, prefix)
    if problem:
      name = listings.as_text(folder.relative_to(source).as_posix())
      result.problems.append(Problem(name, problem))
      continue
    label = labels.get(prefix)
    result.items.append(
      Item(
        f'{match[1]}/{match[2]}',
        folder,
        sequence.frames,
        None if label == 'neutral' else label,
        match[1],
        notes=sequence.notes,
      )
    )
  if not result.items and not result.problems:
    raise FileNotFoundError(
      f'{source} holds no CK+ sequence, such as cohn-kanade-images/S005/001/'
      'S005_001_00000011.png. The cropped last frames known as CK+48 are '
      'photographs, not videos.'
    )
  result.problems += [
    Problem(f'{name}_emotion.txt', 'labels a sequence that is not there')
    for name in labels
    if name not in seen
  ]
  counts = (
    len(result.items),
    sum(item.label is not None for item in result.items),
    len({item.subject for item in result.items}),
  )
  if counts != _CK_PLUS_SEQUENCES:
    result.notes.append(
      'CK+ has 593 sequences, 327 of them labelled, of 123 people; here are '
      f'{counts[0]}, {counts[1]} and {counts[2]}'
    )
  return result


def _find_ck_plus_sequence(folder, frames, prefix):
  """Returns (the folder's sequence of a prefix, None), or (None, why not)."""
  parts = picture_folders.split(folder, frames)
  found = [
    part
    for part in parts.found
    if part.frames and part.frames[0].name.upper().startswith(prefix)
  ]
  if len(found) == 1:
    return found[0], None
  return None, parts.problem or f'{len(found)} sequences named {prefix}'


def _read_ck_plus_labels(source, files, result):
  """Reads the labels among files: a dict from 'S005_001' to a word, or to None
  where files contradict each other. What is none becomes a problem."""
  labels = {}
  for file in files:
    match = re.fullmatch(
      r'(S\d+_\d+)_\d+_emotion\.txt', file.name, re.IGNORECASE | re.ASCII
    )
    if not match:
      continue
    listings.discount(result.ignored, '.txt')  # read, not passed over
    sequence = match[1].upper()
    try:
      label = _read_ck_plus_label(file)
      if labels.setdefault(sequence, label) != label:
        labels[sequence] = None
        raise UserError(
          f'says {label}, another file of {sequence} does not: unlabelled'
        )
    except (ValueError, OSError) as error:
      name = listings.as_text(file.relative_to(source).as_posix())
      reason = getattr(error, 'strerror', None) or str(error)
      result.problems.append(Problem(name, reason))
  return labels


def _read_ck_plus_label(file):
  text = regular_files.read_bytes(file, _MAX_LABEL_BYTES).decode(
    errors='replace'
  )
  try:
    code = float(text.split()[0])
  except (ValueError, IndexError):
    code = None
  if code not in range(len(CK_PLUS_CODES)):
    raise UserError(
      f'holds {text[:20]!r}, not a code from 0 to {len(CK_PLUS_CODES) - 1}'
    )
  return CK_PLUS_CODES[int(code)]


def list_crema_d(source):
  """Lists the videos of CREMA-D.

  `VideoFlash/1001_DFA_ANG_XX.flv`: actor, sentence, emotion, intensity.

  Args:
    source: folder.

  Returns:
    A `Listing`; attributes name sentence and intensity.

  Raises:
    FileNotFoundError: if no video is found.
    NotADirectoryError: if source is a file.
  """
  source, found, result = folder_walk.begin(source)
  ids = {}
  for path, frames in found.videos.items():
    if frames:
      listings.count(result.ignored, 'folders of pictures')
      continue
    name = listings.as_text(path.relative_to(source).as_posix())
    video_id = listings.as_text(path.stem)
    actor, sentence, emotion, intensity, *rest = (
      video_id.upper().split('_') + [''] * 4
    )
    if (
      any(rest)
      or not re.fullmatch(r'\d{4}', actor, re.ASCII)
      or emotion not in CREMA_D_CODES
      or intensity not in CREMA_D_INTENSITIES
    ):
      result.problems.append(Problem(name, 'is not named like 1001_DFA_ANG_XX'))
      continue
    if video_id in ids:
      result.problems.append(Problem(name, f'is there as {ids[video_id]}, too'))
      continue
    ids[video_id] = name
    result.items.append(
      Item(
        video_id,
        path,
        label=CREMA_D_CODES[emotion],
        subject=actor,
        attributes={
          'sentence': sentence,
          'intensity': CREMA_D_INTENSITIES[intensity],
        },
      )
    )
  if not result.items and not result.problems:
    raise FileNotFoundError(
      f'{source} holds no CREMA-D video, such as 1001_DFA_ANG_XX.flv.'
    )
  return result


RECIPES = {
  'ck_plus': Recipe(list_ck_plus, CK_PLUS_CODES[1:]),
  'mmi': Recipe(recipe_mmi.list_items, recipe_mmi.CODES),
  'crema_d': Recipe(list_crema_d, tuple(CREMA_D_CODES.values())),
}
