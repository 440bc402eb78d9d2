"""Class names of a data set, from the words and codes of other data sets."""

import collections
import dataclasses
import difflib
import itertools

from stclr_jax.data.listings import listing as listings
from stclr_jax.data.people import spelling
from stclr_jax.errors import UserError
from stclr_jax.oulu_casia import EXPRESSIONS

# The six of Oulu-CASIA, by the words and codes of other data sets. Source: the
# folders of CK+ and its emotion codes, MMI's and RAVDESS's words, CREMA-D's
# three letters.
_OULU_CASIA = {
  'Anger': 'anger angry ang an',
  'Disgust': 'disgust disgusted dis di',
  'Fear': 'fear fearful afraid scared fea fe',
  'Happiness': 'happiness happy joy joyful smile hap ha',
  'Sadness': 'sadness sad sa',
  'Surprise': 'surprise surprised sur su',
}
_NO_COUNTERPART = 'neutral neu ne contempt contemptuous calm bored sleepy other'

PRESETS = {
  'oulu_casia': {
    **{word: name for name, words in _OULU_CASIA.items()
       for word in words.split()},
    **dict.fromkeys(_NO_COUNTERPART.split()),
  },
}  # fmt: skip
PRESET_CLASSES = {'oulu_casia': EXPRESSIONS}


@dataclasses.dataclass(frozen=True)
class LabelMap:
  """From the labels of a source to the classes of a data set.

  Attributes:
    names: from a label's `spelling.key` to a class; to None where there is no
      such class and the video becomes unlabelled.
    classes: the classes in order, if they are fixed, and others unknown; () for
      those that occur, sorted.
  """

  names: dict = dataclasses.field(default_factory=dict)
  classes: tuple[str, ...] = ()


def parse_label_map(text, classes=''):
  """Reads a label map as it is written on the command line.

  Args:
    text: comma separated: 'happy=Happiness' renames; 'neutral=' makes
      unlabelled; 'oulu_casia' is a preset, the six expressions of Oulu-CASIA in
      its order, from the words that other data sets have for them.
    classes: comma separated classes in order; '' for those that occur.

  Returns:
    A `LabelMap`.

  Raises:
    ValueError: for what is neither; for a class named twice.
  """
  named, preset, fixed = {}, {}, ()
  for source, target in spelling.parse_map(text, '--label_map'):
    if target is not None:
      if named.setdefault(spelling.key(source), target or None) != (
        target or None
      ):
        raise UserError(
          f'`--label_map` (={text}) maps {source!r} twice; give it one class.'
        )
    elif source in PRESETS:
      preset, fixed = PRESETS[source], PRESET_CLASSES[source]
    else:
      raise UserError(
        f'`--label_map` (={text}): {source!r} is neither label=class nor a '
        f'preset ({", ".join(PRESETS)}); as in happy=Happiness,neutral=.'
      )
  if classes:
    fixed = spelling.parse_list(classes, '--labels')
    fixed = tuple(map(listings.as_text, fixed))
  keys = collections.Counter(map(spelling.key, fixed))
  repeated = [name for name in fixed if keys[spelling.key(name)] > 1]
  if repeated or '' in fixed:
    raise UserError(
      f'`--labels` (={classes}) must name each class once; '
      f'{", ".join(repeated) or "an empty name"} is not.'
    )
  names = preset | named
  return LabelMap(names, tuple(fixed))


def apply(listing, label_map):
  """Gives items the classes of the data set.

  Blanks around labels do not count; numbers are what they are worth, 1 and
  1.0 one class called by its shortest spelling.

  Args:
    listing: an `listing.Listing`; changed in place: items with unknown
      labels become problems, and what became unlabelled is noted.
    label_map: a `LabelMap`.

  Returns:
    The classes in order: numbers by value, then words.

  Raises:
    ValueError: if labels differ only in capitals, blanks or forms of letters.
  """
  numbers = _shortest_numbers(listing.items)
  kept, mapped, missing = [], collections.Counter(), collections.Counter()
  for item in listing.items:
    if item.label is None:
      kept.append(item)
      continue
    label = spelling.strip(item.label)
    name, known = _look_up(numbers.get(label, label), label_map)
    if not known and spelling.is_missing(label):
      missing[label.casefold()] += 1
      name, known = None, True
    elif known and name is None:
      mapped[label] += 1
    if not known:
      listing.problems.append(
        listings.Problem(item.video_id, _unknown(label, label_map))
      )
      continue
    kept.append(dataclasses.replace(item, label=name))
  found = {item.label for item in kept if item.label is not None}
  _refuse_alike(found)
  listing.items[:] = [
    item
    if item.label is None
    else dataclasses.replace(item, label=listings.as_text(item.label))
    for item in kept
  ]
  classes = label_map.classes or tuple(
    sorted(map(listings.as_text, found), key=spelling.sort_key)
  )
  listing.notes += _unlabelled_notes(mapped, missing)
  listing.notes += _number_notes(numbers, classes)
  return classes


def class_indices(names, label_map):
  """Finds the classes of a data set among those of a label map.

  Args:
    names: of the data set's classes.
    label_map: a `LabelMap` with `classes`.

  Returns:
    For each name its index in `classes`, or None where the map makes it
    unlabelled.

  Raises:
    ValueError: for a name that is neither a class nor mapped.
  """
  places = []
  for name in names:
    target, known = _look_up(name, label_map)
    if not known:
      raise UserError(f'The data has an {_unknown(name, label_map)}.')
    classes = [spelling.key(known) for known in label_map.classes]
    places.append(
      None if target is None else classes.index(spelling.key(target))
    )
  return places


def _look_up(label, label_map):
  """Returns (class or None, whether the label is known)."""
  key = spelling.key(label)
  if key in label_map.names:
    label = label_map.names[key]
    if label is None:
      return None, True
    mapped = True
  else:
    mapped = False
  if not label_map.classes:
    return label, mapped or not spelling.is_missing(label)
  classes = {spelling.key(known): known for known in label_map.classes}
  key = spelling.key(label)
  return classes.get(key), key in classes


def _shortest_numbers(items):
  """Finds the shortest spelling that occurs of each number, by spelling."""
  labels = {spelling.strip(item.label) for item in items if item.label}
  numbers = [label for label in labels if spelling.as_number(label) is not None]
  numbers.sort(key=spelling.key)
  return {
    label: min(group, key=lambda name: (len(name), name))
    for _, same in itertools.groupby(numbers, key=spelling.key)
    for group in [list(same)]
    for label in group
  }


def _refuse_alike(found):
  alike = spelling.find_alike(found)
  if not alike:
    return
  first, *others = alike[0]
  remedy = spelling.write_map(
    '--label_map', *((name, first) for name in others)
  )
  raise UserError(
    f'The labels {"; ".join(map(spelling.quote, alike))} differ only in '
    'capitals, blanks, zeros or the form of letters; make them one class by '
    f'{remedy}, or name the classes in order by --labels.'
  )


def _number_notes(numbers, classes):
  """Says what became of numbers, which are no words for anything."""
  spellings = collections.defaultdict(list)
  for label, shortest in numbers.items():
    spellings[shortest].append(label)
  notes = [
    f'the labels {spelling.quote(sorted(same))} are one number, and one class'
    for same in spellings.values()
    if len(same) > 1
  ]
  if any(spelling.as_number(name) is not None for name in classes):
    remedy = spelling.write_map('--label_map', (classes[0], 'NAME'))
    notes.append(
      f'classes are numbers, in this order: {", ".join(classes)}; to give them '
      f'names: {remedy}'
    )
  return notes


def _unlabelled_notes(mapped, missing):
  def remedy(label):
    return spelling.write_map('--label_map', (label, label))

  def say(count, label):
    videos = f'{count} {"video" if count == 1 else "videos"}'
    return f'{videos} of {label!r} {"is" if count == 1 else "are"} unlabelled'

  return [
    f'{say(count, label)}, as --label_map says'
    for label, count in mapped.items()
  ] + [
    f'{say(count, label)}, which is no class'
    + (f'; if one is called so: {remedy(label)}' if label else '')
    for label, count in missing.items()
  ]


def _unknown(label, label_map):
  name = label_map.names.get(spelling.key(label), label)
  words = {known.casefold() for known in label_map.classes}
  origin = f' (of {label!r}, by --label_map)'
  if name == label:
    words, origin = words | {*label_map.names}, ''
  near = difflib.get_close_matches(name.lower(), sorted(words), n=1)
  hint = f'; did it mean {near[0]}?' if near else '.'
  return (
    f'unknown label {name!r}{origin}{hint} The classes are '
    f'{", ".join(label_map.classes)}; name it by --label_map={label}=CLASS, or '
    f'--label_map={label}= for unlabelled'
  )
