"""What the classes of a data set are called, here and elsewhere."""

import collections
import dataclasses
import difflib

from stclr_jax.data import listing as listings
from stclr_jax.data.performances import EXPRESSIONS

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
    names: from a label in small letters to a class; to None where there is no
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
  names, fixed = {}, ()
  for entry in filter(None, (e.strip() for e in text.split(','))):
    if '=' in entry:
      source, _, target = (part.strip() for part in entry.partition('='))
      names[source.lower()] = target or None
    elif entry in PRESETS:
      names = PRESETS[entry] | names
      fixed = PRESET_CLASSES[entry]
    else:
      raise ValueError(
        f'`--label_map` (={text}): {entry!r} is neither label=class nor a '
        f'preset ({", ".join(PRESETS)}); as in happy=Happiness,neutral=.'
      )
  if classes:
    fixed = tuple(name.strip() for name in classes.split(','))
  repeated = [n for n, count in collections.Counter(fixed).items() if count > 1]
  if repeated or '' in fixed:
    raise ValueError(
      f'`--labels` (={classes}) must name each class once; '
      f'{", ".join(repeated) or "an empty name"} is not.'
    )
  return LabelMap(names, tuple(fixed))


def apply(listing, label_map):
  """Gives items the classes of the data set.

  Args:
    listing: an `listing.Listing`; changed in place: items with unknown
      labels become problems.
    label_map: a `LabelMap`.

  Returns:
    (classes, unlabelled): the classes in order, and how many items lost which
    label, by label.

  Raises:
    ValueError: if two labels differ only in capitals.
  """
  kept, unlabelled = [], collections.Counter()
  for item in listing.items:
    if item.label is None:
      kept.append(item)
      continue
    name, known = _look_up(item.label, label_map)
    if not known:
      listing.problems.append(
        listings.Problem(item.video_id, _unknown(item.label, label_map))
      )
      continue
    if name is None:
      unlabelled[item.label] += 1
    kept.append(dataclasses.replace(item, label=name))
  listing.items[:] = kept
  found = sorted({item.label for item in kept if item.label is not None})
  alike = [a for a in found for b in found if a != b and a.lower() == b.lower()]
  if alike:
    raise ValueError(
      f'The labels {", ".join(map(repr, alike))} differ only in capitals; make '
      f'them one class by --label_map={alike[0].lower()}={alike[0]}, or name '
      'the classes in order by --labels.'
    )
  return label_map.classes or tuple(found), dict(unlabelled)


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
      raise ValueError(f'The data has an {_unknown(name, label_map)}.')
    classes = [known.lower() for known in label_map.classes]
    places.append(None if target is None else classes.index(target.lower()))
  return places


def _look_up(label, label_map):
  """Returns (class or None, whether the label is known)."""
  name = label_map.names.get(label.lower(), label)
  if name is None or not label_map.classes:
    return name, True
  classes = {known.lower(): known for known in label_map.classes}
  return classes.get(name.lower()), name.lower() in classes


def _unknown(label, label_map):
  name = label_map.names.get(label.lower(), label)
  words = {known.lower() for known in label_map.classes}
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
