"""MMI's videos: from XML files beside each to a label and the apex."""

import os
import re
from xml.etree import ElementTree

from stclr_jax.data.listings import folder_walk
from stclr_jax.data.listings import listing as listings
from stclr_jax.data.listings.listing import Item
from stclr_jax.data.listings.listing import Problem
from stclr_jax.data.video import video_files
from stclr_jax.errors import UserError
from stclr_jax.files import regular_files

# Source: MMI's Metatag "Emotion", 1 to 6; further codes are no expressions.
CODES = ('anger', 'disgust', 'fear', 'happy', 'sadness', 'surprise')
_MAX_XML_BYTES = 2**26  # chosen: an annotation has some kilobytes
_PROFILE = '1'  # 0 is frontal, 2 both side by side
_APEX = '2'  # of a Marker's Type: 0 neutral, 1 onset, 2 apex, 3 offset


def list_items(source):
  """Lists the videos of MMI from their beginning to the apex.

  `Sessions/1767/S001-102.avi` with, in the same folder, `S001-102.xml` (its
  Metatag "Emotion" is the label), `session.xml` (its view) and, for some,
  `S001-102-oao_aucs.xml` (onset, apex and offset of each action unit). A video
  ends with the first frame in which the most action units are at their apex.
  Where that is not annotated it ends in its middle, as these videos go from
  neutral to apex and back. Profile views are passed over.

  Args:
    source: folder.

  Returns:
    A `Listing`; each item's attribute `apex` says 'annotated' or 'middle'.

  Raises:
    FileNotFoundError: if no video is found.
    NotADirectoryError: if source is a file.
  """
  source, found, result = folder_walk.begin(source)
  ignored = result.ignored
  described = set()
  for path, frames in found.videos.items():
    name = listings.as_text(path.relative_to(source).as_posix())
    match = re.fullmatch(r'(S\d+)-\d+', path.stem, re.IGNORECASE | re.ASCII)
    if frames or not match:
      kind = 'folders of pictures' if frames else 'videos of other names'
      listings.count(ignored, kind)
      continue
    session, emotion = path.with_name('session.xml'), path.with_suffix('.xml')
    units = path.with_name(f'{path.stem}-oao_aucs.xml')
    described.update(p for p in (session, emotion, units) if p.exists())
    try:
      view = _attributes(session, 'track')
      if view and view[0].get('view') == _PROFILE:
        listings.count(ignored, 'profile views')
        continue
      label = _read_mmi_label(emotion)
      frame = _read_apex(units)
      end = _apex_seconds(path, frame)
    except ValueError as error:
      result.problems.append(Problem(name, str(error)))
      continue
    result.items.append(
      Item(
        video_id=listings.as_text(f'{path.parent.name}/{path.stem}'),
        path=path,
        label=label,
        subject=match[1].upper(),
        end=end,
        attributes={'apex': 'middle' if frame is None else 'annotated'},
      )
    )
  if not result.items and not result.problems:
    raise FileNotFoundError(
      f'{source} holds no MMI video, such as Sessions/1767/S001-102.avi; '
      f'passed over: {listings.describe_counts(ignored) or "nothing"}.'
    )
  listings.discount(ignored, '.xml', len(described))
  middle = sum(i.attributes['apex'] == 'middle' for i in result.items)
  if middle:
    result.notes.append(
      f'{middle} videos without an annotated apex end in their middle'
    )
  return result


def find_apex(action_units):
  """Finds the first frame in which the most action units are at their apex.

  Args:
    action_units: for each a list of (frame, type), type '2' for the beginning
      of the apex and any other for its end.

  Returns:
    The frame's number, or None if no apex is marked.
  """
  spans = []
  for markers in action_units:
    markers = sorted(markers)
    for i, (first, kind) in enumerate(markers):
      if kind == _APEX:
        later = (f for f, other in markers[i + 1 :] if other != _APEX)
        spans.append((first, next(later, float('inf'))))
  starts = sorted(first for first, _ in spans)
  if not starts:
    return None
  return max(starts, key=lambda f: sum(a <= f < b for a, b in spans))


def _read_mmi_label(path):
  for tag in _attributes(path, 'Metatag'):
    if tag.get('Name') == 'Emotion':
      code = tag.get('Value', '')
      known = code.isdecimal() and 1 <= int(code) <= len(CODES)
      return CODES[int(code) - 1] if known else None
  return None


def _read_apex(path):
  """Reads the apex's frame, counted from 1; None where none is annotated."""
  units = []
  for unit in _elements(path, 'ActionUnit'):
    markers = [m.attrib for m in unit.iter() if _name(m) == 'Marker']
    try:
      units.append([(int(m['Frame']), m['Type']) for m in markers])
    except (KeyError, ValueError) as error:
      raise UserError(f'{path.name}: a Marker without {error}') from error
  return find_apex(units)


def _apex_seconds(path, frame):
  """Says when the apex's frame has been shown; None for an unreadable file."""
  try:
    if frame is not None:
      end = video_files.find_frame_end(path, frame)
      if end is not None:
        return end
    header = video_files.read_header(path)
  except video_files.UnreadableError:
    return None  # told when it is read
  if frame is None:
    return header.start + header.seconds / 2 if header.seconds else None
  # Behind the end, which is told when it is read.
  return header.start + frame / (header.rate or 25)


def _attributes(path, name):
  return [element.attrib for element in _elements(path, name)]


def _elements(path, name):
  if not os.path.lexists(path):
    return []
  try:
    root = ElementTree.fromstring(
      regular_files.read_bytes(path, _MAX_XML_BYTES)
    )
  except OSError as error:
    raise UserError(f'{path.name}: {error.strerror or error}') from error
  # Besides ParseError: an encoding that nobody knows.
  except (ElementTree.ParseError, ValueError, LookupError) as error:
    raise UserError(f'{path.name} is no XML: {error}') from error
  return [element for element in root.iter() if _name(element) == name]


def _name(element):
  return element.tag.rpartition('}')[2]
